"""Images of microscopes: frames, channels, scale, one at a time."""

from __future__ import annotations

import sys
import tracemalloc
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from image_files import HEIGHT, N_CHANNELS, N_FRAMES, WIDTH, imagej, ome, plain, random_stack
from PIL import Image
from skimage.io import imsave

from tfmkit.io import open_images, write_ome_tiff


@pytest.fixture
def stack() -> np.ndarray:
    return random_stack()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "write",
    [
        imagej,
        ome,
        lambda path, stack: write_ome_tiff(path, stack, channels=("a", "b")),
        lambda path, stack: tifffile.imwrite(path, stack, imagej=True, truncate=True, metadata={"axes": "TCYX"}),
        lambda path, stack: tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "TCYX"}),
        lambda path, stack: tifffile.imwrite(
            path, stack, photometric="minisblack", metadata={"axes": "TCYX"}, compression="zlib", tile=(16, 16)
        ),
        lambda path, stack: tifffile.imwrite(
            path, stack, photometric="minisblack", metadata={"axes": "TCYX"}, bigtiff=True, byteorder=">"
        ),
    ],
    ids=["imagej", "ome", "own", "one-directory", "shaped", "tiles", "bigtiff"],
)
def test_every_image_comes_back(tmp_path, stack, write, dtype):
    write(tmp_path / "a.tif", stack.astype(dtype))
    with open_images(tmp_path / "a.tif") as images:
        assert (images.n_frames, images.n_channels, images.shape) == (N_FRAMES, N_CHANNELS, (HEIGHT, WIDTH))
        assert images.dtype == dtype
        for frame in range(N_FRAMES):
            for channel in range(N_CHANNELS):
                image = images.read(frame, channel)
                np.testing.assert_array_equal(image, stack[frame, channel].astype(dtype))
                assert image.dtype == dtype


def test_pages_without_a_name_are_frames(tmp_path, stack):
    plain(tmp_path / "a.tif", stack[:, 0])
    with open_images(tmp_path / "a.tif") as images:
        assert (images.n_frames, images.n_channels) == (N_FRAMES, 1)
        np.testing.assert_array_equal(images.read(4), stack[4, 0])


def test_z_stacks_need_a_choice(tmp_path, stack):
    tifffile.imwrite(tmp_path / "tz.tif", stack, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ValueError, match="2 planes along Z: give z.*z='time'"):
        open_images(tmp_path / "tz.tif")
    with open_images(tmp_path / "tz.tif", z=1) as images:
        np.testing.assert_array_equal(images.read(3), stack[3, 1])
    with pytest.raises(ValueError, match="z=2 is asked for"):
        open_images(tmp_path / "tz.tif", z=2)
    with pytest.raises(ValueError, match="not one each of time"):
        open_images(tmp_path / "tz.tif", z="time")
    tifffile.imwrite(tmp_path / "z.tif", stack[:, 0], imagej=True, metadata={"axes": "ZYX"})
    with open_images(tmp_path / "z.tif", z="time") as images:
        np.testing.assert_array_equal(images.read(4), stack[4, 0])


@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_colours_are_channels(tmp_path, stack, layout):
    colours = np.stack([stack[0, 0], stack[0, 1], stack[1, 0]])
    pixels = np.moveaxis(colours, 0, -1) if layout == "contig" else colours
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=layout, metadata=None)
    with open_images(tmp_path / "a.tif", z=None if layout == "contig" else "channel") as images:
        assert images.channels == ("red", "green", "blue")
        for channel in range(3):
            np.testing.assert_array_equal(images.read(0, channel), colours[channel])


@pytest.mark.parametrize("n_frames", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "write",
    [
        tifffile.imwrite,
        lambda path, stack: imsave(path, stack, check_contrast=False),
        lambda path, stack: tifffile.imwrite(path, stack, photometric="minisblack"),
        lambda path, stack: tifffile.imwrite(path, stack, metadata={"axes": "TYX"}),
    ],
    ids=["tifffile", "scikit-image", "grey", "named"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # older versions of tifffile guess colours and say so
def test_a_short_movie_is_no_colour_image(tmp_path, stack, write, dtype, n_frames):
    movie = stack[:n_frames, 0]
    write(tmp_path / "a.tif", movie.astype(dtype))
    with open_images(tmp_path / "a.tif") as images:
        assert (images.n_frames, images.n_channels) == (n_frames, 1)
        for frame in range(n_frames):
            np.testing.assert_array_equal(images.read(frame), movie[frame].astype(dtype))


@pytest.mark.parametrize("n_planes", [3, 4])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_planes_without_a_description_are_asked_for(tmp_path, stack, n_planes):
    tifffile.imwrite(tmp_path / "a.tif", stack[:n_planes, 0], metadata=None)
    with pytest.raises(ValueError, match=f"{n_planes} planes that are either frames or colours.*z='time'"):
        open_images(tmp_path / "a.tif")
    with open_images(tmp_path / "a.tif", z="time") as images:
        assert (images.n_frames, images.n_channels) == (n_planes, 1)
        np.testing.assert_array_equal(images.read(2), stack[2, 0])
    with open_images(tmp_path / "a.tif", z="channel") as images:
        assert (images.n_frames, images.n_channels) == (1, n_planes)


@pytest.mark.parametrize("n_channels", [2, 3, 4])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_second_axis_without_a_name_is_channels(tmp_path, n_channels):
    stack = np.random.default_rng(1).integers(0, 99, (6, n_channels, HEIGHT, WIDTH)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack)
    with open_images(tmp_path / "a.tif") as images:
        assert (images.n_frames, images.n_channels) == (6, n_channels)
        np.testing.assert_array_equal(images.read(5, n_channels - 1), stack[5, -1])


def test_channels_that_differ_are_asked_for(tmp_path, stack):
    imagej(tmp_path / "a.tif", stack)
    with open_images(tmp_path / "a.tif") as images, pytest.raises(ValueError, match=r"a.tif, which holds 2 channels"):
        images.read(1)
    # ImageJ calls the frames of a movie channels if nobody told it.
    tifffile.imwrite(tmp_path / "b.tif", stack[:, 0], imagej=True)
    with open_images(tmp_path / "b.tif") as images, pytest.raises(ValueError, match="z='time' if they are frames"):
        images.read(0)
    with open_images(tmp_path / "b.tif", z="time") as images:
        assert (images.n_frames, images.n_channels) == (N_FRAMES, 1)
    # A grey image that was saved in colour has only one channel.
    grey = (stack[0, 0] % 256).astype(np.uint8)
    for mode in ("RGB", "RGBA"):
        Image.fromarray(grey).convert(mode).save(tmp_path / "c.tif")
        with open_images(tmp_path / "c.tif") as images:
            np.testing.assert_array_equal(images.read(0), grey)


@pytest.mark.parametrize("axes", ["ZYX", "TZYX", "TZCYX"])
def test_maximum_of_a_z_stack(tmp_path, stack, axes):
    stack = np.stack([stack, stack[::-1]], axis=1)[:, :, :, :8] if axes == "TZCYX" else stack
    stack = stack[:, 0] if axes == "ZYX" else stack
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})
    expected = stack.max(axis=axes.index("Z"))
    with open_images(tmp_path / "a.tif", z="max") as images:
        for frame in range(images.n_frames):
            at = expected if axes == "ZYX" else expected[frame]
            np.testing.assert_array_equal(images.read(frame, 0), at[0] if axes == "TZCYX" else at)
    with pytest.raises(ValueError, match="Expected z to be one of"):
        open_images(tmp_path / "a.tif", z="mean")


def test_positions_need_a_choice(tmp_path, stack):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for number in range(2):
            writer.write(
                stack[number], photometric="minisblack", metadata={"axes": "CYX", "PhysicalSizeX": 1.0 + number}
            )
    with pytest.raises(ValueError, match="2 positions"):
        open_images(tmp_path / "a.ome.tif")
    with open_images(tmp_path / "a.ome.tif", position=1) as images:
        np.testing.assert_array_equal(images.read(0, 1), stack[1, 1])


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA", "LA", "P"])
def test_png(tmp_path, stack, mode):
    grey = (stack[0, 0] % 256).astype(np.uint8)
    image = Image.fromarray(stack[0, 0]) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / "a.png")
    with open_images(tmp_path / "a.png") as images:
        assert images.n_channels == (3 if mode in ("RGB", "RGBA", "P") else 1)
        assert images.pixel_size is None
        for channel in range(images.n_channels):
            np.testing.assert_array_equal(images.read(0, channel), stack[0, 0] if mode == "I;16" else grey)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "rowsperstrip": 64}], ids=["raw", "deflate"])
def test_one_page_in_memory_at_a_time(tmp_path, options):
    side, n_frames = 256, 200
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in range(n_frames):
            image = np.full((side, side), frame, dtype=np.uint16)
            writer.write(image, contiguous=not options, photometric="minisblack", metadata=None, **options)
    with open_images(tmp_path / "a.tif") as images:
        assert images.n_frames == n_frames
        images.read(0)
        tracemalloc.start()
        try:
            values = [int(images.read(frame)[0, 0]) for frame in range(100, 120)]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert values == list(range(100, 120))
    page = side * side * 2
    assert peak < 5 * page


def test_refuses_images_that_are_not_there(tmp_path, stack):
    imagej(tmp_path / "a.tif", stack)
    with open_images(tmp_path / "a.tif") as images:
        for frame, channel in ((N_FRAMES, 0), (0, N_CHANNELS), (-1, 0), (0.5, 0)):
            with pytest.raises(ValueError, match="Expected"):
                images.read(frame, channel)
    with pytest.raises(ValueError, match="closed"):
        images.read(0)
    with pytest.raises(FileNotFoundError, match="none.tif"):
        open_images(tmp_path / "none.tif")


def test_refuses_pixels_that_are_no_numbers(tmp_path, stack):
    stack = stack.astype(np.float32)
    stack[2, 1, 3, 3] = np.nan
    imagej(tmp_path / "a.tif", stack)
    with open_images(tmp_path / "a.tif") as images:
        images.read(2, 0)
        with pytest.raises(ValueError, match=r"image 2 of .*a.tif, got 1 that are not"):
            images.read(2, 1)
    plain(tmp_path / "c.tif", stack[:, 0].astype(np.complex64))
    with pytest.raises(ValueError, match="complex64"):
        open_images(tmp_path / "c.tif")


def test_lzw_needs_a_package(tmp_path, stack):
    Image.fromarray(stack[0, 0]).save(tmp_path / "a.tif", compression="tiff_lzw")
    if find_spec("imagecodecs") is None:
        with pytest.raises(ValueError, match="a.tif.*LZW.*imagecodecs"):
            open_images(tmp_path / "a.tif")
    else:
        with open_images(tmp_path / "a.tif") as images:
            np.testing.assert_array_equal(images.read(0), stack[0, 0])


class FakeND2:
    """What tfmkit uses of `nd2.ND2File`: 3 times, 2 positions, 2 channels."""

    sizes = {"T": 3, "P": 2, "C": 2, "Y": HEIGHT, "X": WIDTH}  # noqa: RUF012 - as nd2 has it
    dtype = np.dtype(np.uint16)
    experiment = (SimpleNamespace(type="TimeLoop", parameters=SimpleNamespace(periodMs=500.0)),)
    metadata = SimpleNamespace(channels=[SimpleNamespace(channel=SimpleNamespace(name=name)) for name in "ab"])

    def __init__(self, path):
        """Take any file."""

    def voxel_size(self):
        """Return the size of a voxel in um."""
        return SimpleNamespace(x=0.1, y=0.1, z=1.0)

    def read_frame(self, number):
        """Return both channels, each full of its number."""
        return np.stack([np.full((HEIGHT, WIDTH), 10 * number + channel, dtype=np.uint16) for channel in range(2)])

    def close(self):
        """Close nothing."""


def test_nd2(tmp_path, monkeypatch):
    (tmp_path / "a.nd2").write_bytes(b"\xda\xce\xbe\x0a")
    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=FakeND2))
    with pytest.raises(ValueError, match="2 positions"):
        open_images(tmp_path / "a.nd2")
    with open_images(tmp_path / "a.nd2", position=1) as images:
        assert (images.n_frames, images.channels, images.pixel_size, images.interval) == (3, ("a", "b"), 0.1, 0.5)
        # Times run slower than positions: frame 2 of position 1 is number 5 of the file.
        assert images.read(2, 1)[0, 0] == 51


def test_nd2_is_used_as_it_is():
    nd2 = pytest.importorskip("nd2", reason="optional extra")
    for name in ("sizes", "dtype", "experiment", "metadata", "voxel_size", "read_frame", "close"):
        assert hasattr(nd2.ND2File, name)


def test_nd2_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "a.nd2").write_bytes(b"\xda\xce\xbe\x0a")
    monkeypatch.setitem(sys.modules, "nd2", None)
    with pytest.raises(ValueError, match=r"a.nd2.*tfmkit\[nd2\]"):
        open_images(tmp_path / "a.nd2")


def test_measured_images(measured_data):
    with open_images(measured_data / "pytraction" / "stack.tiff") as images:
        # TIFF calls its planes colours of one image; they are four frames that Python wrote.
        assert (images.n_frames, images.n_channels, images.shape) == (4, 1, (127, 126))
        assert images.read(3).std() > 0
    with open_images(measured_data / "easy_to_use_tfm" / "cell_001.tif") as images:
        assert (images.channels, images.shape, images.pixel_size) == (("red", "green", "blue"), (503, 502), None)
