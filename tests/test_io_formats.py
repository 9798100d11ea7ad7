"""Formats of image files: compressions, pictures, positions in several files, and units of the metadata."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfmkit.cli import main
from tfmkit.io import open_images
from tfmkit.simulate import BeadSimulator

SHAPE = (24, 31)


@pytest.fixture
def image() -> np.ndarray:
    """Return a grey image of 8 bit with long runs of one value, as compressions like them."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 255, SHAPE) * (rng.random(SHAPE) > 0.7)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("n_pages", [1, 3])
def test_packbits(tmp_path, image, dtype, n_pages):
    pages = [Image.fromarray(np.roll(image, number).astype(dtype)) for number in range(n_pages)]
    pages[0].save(tmp_path / "a.tif", compression="packbits", save_all=True, append_images=pages[1:])
    with open_images(tmp_path / "a.tif") as images:
        assert images.n_frames == n_pages
        for number in range(n_pages):
            np.testing.assert_array_equal(images.read(number), np.roll(image, number))


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
def test_lzw_names_the_extra(tmp_path, image):
    Image.fromarray(image).save(tmp_path / "a.tif", compression="tiff_lzw")
    with pytest.raises(ValueError, match=r"a.tif.*LZW.*tfmkit\[codecs\]"):
        open_images(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_bmp(tmp_path, image, mode):
    picture = Image.fromarray(image > 0) if mode == "1" else Image.fromarray(image).convert(mode)
    picture.save(tmp_path / "a.bmp")
    with open_images(tmp_path / "a.bmp") as images:
        assert (images.n_frames, images.shape, images.pixel_size) == (1, SHAPE, None)
        np.testing.assert_array_equal(images.read(0) > 0, image > 0)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_is_read_with_a_warning(tmp_path, image, mode):
    Image.fromarray(image).convert(mode).save(tmp_path / "a.jpg", quality=95)
    with pytest.warns(UserWarning, match="a.jpg is a JPEG"), open_images(tmp_path / "a.jpg") as images:
        assert np.abs(images.read(0, 0).astype(float) - image).mean() < 8


def test_other_microscopes_are_told_what_to_do(tmp_path, monkeypatch):
    for package in ("czifile", "liffile"):
        monkeypatch.setitem(sys.modules, package, None)
    for name, start in (("a.czi", b"ZISRAWFILE"), ("a.lif", b"p\0\0\0\x10\0\0\0*")):
        (tmp_path / name).write_bytes(start + bytes(100))
        with pytest.raises(ValueError, match=f"{name}.*save it as OME-TIFF"):
            open_images(tmp_path / name)


def ome_xml(names, sizes, order="XYCZT", pixel_sizes=None):
    """Return OME-XML of one image in each file, planes listed one by one."""
    n_planes = sizes["T"] * sizes["Z"] * sizes["C"]
    size = " ".join(f'Size{axis}="{number}"' for axis, number in sizes.items())
    images = []
    for number, name in enumerate(names):
        blocks = ""
        for plane in range(n_planes):
            rest, at = plane, {}
            for axis in order[2:]:
                rest, at[axis] = divmod(rest, sizes[axis])
            first = " ".join(f'First{axis}="{at[axis]}"' for axis in "TZC")
            home = f'<UUID FileName="{name}">urn:uuid:{number}</UUID>'
            blocks += f'<TiffData {first} IFD="{plane}" PlaneCount="1">{home}</TiffData>'
        side = 0.1 if pixel_sizes is None else pixel_sizes[number]
        channels = "".join(f'<Channel ID="Channel:{number}:{c}" Name="c{c}"/>' for c in range(sizes["C"]))
        images.append(
            f'<Image ID="Image:{number}"><Pixels DimensionOrder="{order}" Type="uint16" SizeX="{SHAPE[1]}" '
            f'SizeY="{SHAPE[0]}" {size} PhysicalSizeX="{side}" PhysicalSizeY="{side}">{channels}{blocks}'
            "</Pixels></Image>"
        )
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{"".join(images)}</OME>'


@pytest.mark.parametrize("order", ["XYCZT", "XYZCT", "XYTCZ", "XYTZC"])
@pytest.mark.parametrize("own", [0, 1, 2])
def test_one_position_that_names_the_others(tmp_path, order, own):
    sizes = {"T": 3, "Z": 1, "C": 2}
    names = [f"exp_MMStack_Pos{number}.ome.tif" for number in range(3)]
    path = tmp_path / names[own]
    planes = np.arange(6, dtype=np.uint16)[:, None, None] * 10 + np.zeros(SHAPE, dtype=np.uint16)
    xml = ome_xml(names, sizes, order, [0.1, 0.2, 0.3])
    tifffile.imwrite(path, planes, description=xml, metadata=None, photometric="minisblack")
    with open_images(path) as images:
        assert (images.n_frames, images.channels) == (3, ("c0", "c1"))
        assert images.pixel_size == pytest.approx([0.1, 0.2, 0.3][own])
        for t in range(3):
            for c in range(2):
                plane = c + 2 * t if order.index("C") < order.index("T") else t + 3 * c
                assert images.read(t, c)[0, 0] == 10 * plane
    # Renamed, it is still one position, but nothing says which, nor its pixel size.
    path.rename(tmp_path / "relaxed.tif")
    with open_images(tmp_path / "relaxed.tif") as images:
        assert (images.n_frames, images.n_channels, images.pixel_size) == (3, 2, None)


def test_a_position_in_several_files_is_refused(tmp_path):
    xml = ome_xml(["a.ome.tif", "b.ome.tif"], {"T": 2, "Z": 1, "C": 1})
    first = tmp_path / "a.ome.tif"
    tifffile.imwrite(first, np.zeros((1, *SHAPE), np.uint16), description=xml, metadata=None, photometric="minisblack")
    with pytest.raises(ValueError, match="a.ome.tif.*save them as one"):
        open_images(first)


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("metre", 2e-7),
        ("Meter", 2e-7),
        ("millimeter", 2e-4),
        ("UM", 0.2),
        ("Micrometer", 0.2),
        ("MM", 2e-4),
        ("nanometre", 200),
    ],
)
def test_units_of_length(tmp_path, image, unit, size):
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(1 / size,) * 2, metadata={"unit": unit})
    with open_images(tmp_path / "a.tif") as images:
        assert images.pixel_size == pytest.approx(0.2)


@pytest.mark.parametrize(("rate", "interval"), [(7.0, None), (2.0, 0.5), (0.01, 100.0)])
def test_frames_per_second(tmp_path, image, rate, interval):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([image] * 2), imagej=True, metadata={"axes": "TYX", "fps": rate})
    with open_images(tmp_path / "a.tif") as images:
        assert images.interval == (interval if interval is None else pytest.approx(interval))


def test_the_pixel_of_a_camera_is_doubted(tmp_path, capsys):
    pair = BeadSimulator(64, peak=1.0, spacing=8, random_state=0).sample().pairs[0].astype(np.uint16)
    for name, picture in zip(("relaxed.tif", "deformed.tif"), pair, strict=True):
        tifffile.imwrite(tmp_path / name, picture, imagej=True, resolution=(1 / 6.5,) * 2, metadata={"unit": "um"})
    files = [str(tmp_path / name) for name in ("relaxed.tif", "deformed.tif")]
    arguments = ["displacement", *files, "--no-drift", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "6.5 um is as large as that of a camera" in capsys.readouterr().err
    assert main([*arguments, "--pixel-size", "0.16"]) == 0
    assert "camera" not in capsys.readouterr().err


def test_good_files_cause_no_warning(tmp_path, image):
    tifffile.imwrite(tmp_path / "a.tif", image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_images(tmp_path / "a.tif").close()
