"""Images of microscopes through other packages: `.czi`, `.lif` and OME-Zarr."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

# The benchmarks are no part of the installed package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.vendor_files import write_czi, write_lif
from tfmkit.batch import run
from tfmkit.cli import main
from tfmkit.io import find_images, open_images, read_displacement, write_ome_zarr
from tfmkit.simulate import BeadSimulator

SHAPE = (3, 2, 2, 24, 32)  # time, channel, depth, rows, columns
STACK = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


# ---------------------------------------------------------------- Leica


def test_lif(tmp_path):
    pytest.importorskip("liffile", reason="optional extra")
    path = write_lif(tmp_path / "a.lif", [STACK])
    with pytest.raises(ValueError, match="2 planes along Z: give z"):
        open_images(path)
    with open_images(path, z=1) as images:
        assert (images.n_frames, images.n_channels, images.shape) == (3, 2, SHAPE[3:])
        assert images.pixel_size == pytest.approx(0.2)
        assert images.interval == pytest.approx(30)
        for frame in range(3):
            for channel in range(2):
                np.testing.assert_array_equal(images.read(frame, channel), STACK[frame, channel, 1])


def test_lif_of_several_images(tmp_path):
    pytest.importorskip("liffile", reason="optional extra")
    path = write_lif(tmp_path / "a.lif", [STACK[:, :1, :1], STACK[:1, :1, :1] + 1])
    with pytest.raises(ValueError, match="2 positions"):
        open_images(path)
    with open_images(path, position=1) as images:
        np.testing.assert_array_equal(images.read(0), STACK[0, 0, 0] + 1)


# ---------------------------------------------------------------- Zeiss


class FakeScene:
    """The part of czifile's image of a scene that is used, as its documentation describes it."""

    def __init__(self, stack, axes):
        self.stack, self.axes = stack, axes
        self.sizes = dict(zip(axes, stack.shape, strict=True))
        self.dtype = stack.dtype
        self.coords = {"X": 0.1e-6 * np.arange(32), "Y": 0.1e-6 * np.arange(24), "T": 5.0 * np.arange(stack.shape[0])}
        self.channels = {"Beads": {}, "Phase": {}}

    def __call__(self, **at):
        return FakeScene(self.stack[tuple(at.get(axis, slice(None)) for axis in self.axes)], self.axes[len(at) :])

    def asarray(self):
        return self.stack


def fake_czifile(scenes):
    """A module with the class that is used."""

    class CziFile:
        scenes = property(lambda self: dict(enumerate(scenes)))

        def __init__(self, path):
            self.path = path

        def close(self):
            """Close nothing."""

    module = ModuleType("czifile")
    module.CziFile = CziFile
    return module


@pytest.fixture
def czi(tmp_path):
    """A small file of Zeiss."""
    return write_czi(tmp_path / "a.czi", STACK[:, :, 0])


def test_czi(czi, monkeypatch):
    monkeypatch.setitem(sys.modules, "czifile", fake_czifile([FakeScene(STACK[:, :, 0], "TCYX")]))
    with open_images(czi) as images:
        assert (images.n_frames, images.channels, images.shape) == (3, ("Beads", "Phase"), SHAPE[3:])
        assert (images.pixel_size, images.interval) == (pytest.approx(0.1), 5)
        np.testing.assert_array_equal(images.read(2, 1), STACK[2, 1, 0])
    scenes = [FakeScene(STACK[:, 0, 0], "TYX"), FakeScene(STACK[:, 1, 0], "TYX")]
    monkeypatch.setitem(sys.modules, "czifile", fake_czifile(scenes))
    with pytest.raises(ValueError, match="2 positions"):
        open_images(czi)


def test_czi_of_zeiss(tmp_path):
    pytest.importorskip("czifile", minversion="2026.3", reason="optional extra, for Python 3.12")
    with open_images(write_czi(tmp_path / "a.czi", STACK[:, :, 0])) as images:
        assert (images.n_frames, images.channels, images.shape) == (3, ("c0", "c1"), SHAPE[3:])
        assert images.pixel_size == pytest.approx(0.2)
        for frame in range(3):
            for channel in range(2):
                np.testing.assert_array_equal(images.read(frame, channel), STACK[frame, channel, 0])


@pytest.mark.parametrize(
    ("place", "number"),
    [(place, number) for place in ("directory", "position", "axes", "axes of the image") for number in (-1, 2**31 - 1)]
    + [("count", 2**31 - 1)],
)
def test_czi_of_numbers_that_no_file_can_hold(czi, monkeypatch, place, number):
    monkeypatch.setitem(sys.modules, "czifile", fake_czifile([FakeScene(STACK[:, :, 0], "TCYX")]))
    content = bytearray(czi.read_bytes())
    start = content.index(b"ZISRAWDIRECTORY")
    at = {"directory": 84, "count": start + 32, "position": start + 166, "axes": start + 188, "axes of the image": 620}
    struct.pack_into("<i", content, at[place], number)
    czi.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.czi.*(list of its images|list of images is damaged)"):
        open_images(czi)


def test_an_unlikely_number_of_frames_is_refused(czi, monkeypatch):
    class Endless(FakeScene):
        coords = property(lambda self: pytest.fail("arrays of all frames were asked for"))

        def __init__(self, stack, axes):
            self.sizes, self.dtype = {"T": 2**31, "Y": 24, "X": 32}, stack.dtype

    monkeypatch.setitem(sys.modules, "czifile", fake_czifile([Endless(STACK, "TYX")]))
    with pytest.raises(ValueError, match="2147483648 images, which the file is too small for"):
        open_images(czi)


def test_czi_needs_a_reader_that_is_new_enough(czi, monkeypatch):
    monkeypatch.setitem(sys.modules, "czifile", SimpleNamespace(CziFile=object))
    with pytest.raises(ValueError, match=r"newer and Python 3.12: pip install tfmkit\[czi\]"):
        open_images(czi)


@pytest.mark.parametrize("start", [b"ZISRAWFILE", b"p\0\0\0", b"\xda\xce\xbe\x0a"])
def test_traction_of_an_image_names_the_command(tmp_path, start):
    (tmp_path / "a.bin").write_bytes(start + bytes(100))
    with pytest.raises(ValueError, match="is an image: tfmkit displacement"):
        read_displacement(tmp_path / "a.bin")


# ---------------------------------------------------------------- the extras


@pytest.mark.parametrize(
    ("extra", "package", "start"),
    [("czi", "czifile", b"ZISRAWFILE"), ("lif", "liffile", b"p\0\0\0"), ("zarr", "zarr", None)],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys, extra, package, start):
    path = tmp_path / f"a.{extra}"
    if start is None:
        path.mkdir()
        (path / ".zgroup").write_text('{"zarr_format": 2}')
    else:
        path.write_bytes(start + bytes(100))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=rf"{package}: pip install tfmkit\[{extra}\]"):
        open_images(path)
    assert main(["displacement", str(path)]) == 2
    assert f"pip install tfmkit[{extra}]" in capsys.readouterr().err


# ---------------------------------------------------------------- OME-Zarr


@pytest.fixture
def zarr():
    return pytest.importorskip("zarr", reason="optional extra")


def test_ome_zarr_comes_back(tmp_path, zarr):
    path = tmp_path / "a.ome.zarr"
    for stack in (STACK[:, :, 0], STACK[:, :, 1]):
        write_ome_zarr(path, stack, channels=("beads", "phase"), pixel_size=0.2, interval=30.0)
    assert [found.name for found in tmp_path.iterdir()] == ["a.ome.zarr"]
    with open_images(path) as images:
        assert (images.n_frames, images.channels, images.dtype) == (3, ("beads", "phase"), np.uint16)
        assert (images.pixel_size, images.interval) == (0.2, 30)
        np.testing.assert_array_equal(images.read(2, 1), STACK[2, 1, 1])
    write_ome_zarr(path, STACK[:1, :1, 0].astype(float), channels=("beads",))
    with open_images(path) as images:
        assert (images.pixel_size, images.interval, images.dtype) == (None, None, np.float32)


def test_writing_spares_other_folders(tmp_path, zarr):
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="something else"):
        write_ome_zarr(tmp_path / "a", STACK[:, :, 0], channels=("a", "b"))
    with pytest.raises(ValueError, match="name for each of 2 channels"):
        write_ome_zarr(tmp_path / "b", STACK[:, :, 0], channels=("a",))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_of_other_programs(tmp_path, zarr, version):
    names = {"t": ("time", "minute"), "c": ("channel", None), "z": ("space", "nanometer"), "y": ("space", "nanometer")}
    names["x"] = names["y"]
    axes = [{"name": name, "type": kind} | ({"unit": unit} if unit else {}) for name, (kind, unit) in names.items()]
    change = [{"type": "scale", "scale": [2.0, 1.0, 500.0, 200.0, 200.0]}]
    images = [{"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": change}]}]
    whole = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2 if version == "0.4" else 3)
    for number in range(2):
        part = whole.create_group(str(number))
        attributes = {"multiscales": images}
        part.attrs.update(attributes if version == "0.4" else {"ome": attributes | {"version": version}})
        part.create_array("s0", shape=SHAPE, dtype="uint16", chunks=(1, 1, 1, 16, 16))[:] = STACK + number
    with pytest.raises(ValueError, match="2 positions"):
        open_images(tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="give z"):
        open_images(tmp_path / "a.zarr" / "1")
    with open_images(tmp_path / "a.zarr", position=1, z="max") as found:
        assert (found.n_frames, found.n_channels) == (3, 2)
        assert (found.pixel_size, found.interval) == (pytest.approx(0.2), 120)
        np.testing.assert_array_equal(found.read(1, 0), STACK[1, 0].max(axis=0) + 1)


def test_a_folder_that_is_no_image_is_told(tmp_path, zarr):
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    with pytest.raises(ValueError, match="describe no image"):
        open_images(tmp_path / "a.zarr")
    with pytest.raises(FileNotFoundError):
        open_images(tmp_path)


@pytest.mark.parametrize("sizes", [{"shape": [3, 2, 2**20, 2**20]}, {"chunks": [1, 1, 2**16, 2**16]}])
def test_an_array_that_claims_memory_is_refused(tmp_path, zarr, sizes):
    write_ome_zarr(tmp_path / "a.zarr", STACK[:, :, 0], channels=("a", "b"))
    described = tmp_path / "a.zarr" / "0" / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | sizes))
    with pytest.raises(ValueError, match="are larger than 1073741824 bytes"):
        open_images(tmp_path / "a.zarr")


def test_commands_take_ome_zarr(tmp_path, zarr, capsys):
    relaxed, deformed = BeadSimulator(96, peak=2.0, spacing=8, random_state=0).sample().pairs[0]
    for name, image in (("relaxed", relaxed), ("deformed", deformed)):
        write_ome_zarr(tmp_path / f"{name}.ome.zarr", image[None, None], channels=("beads",), pixel_size=0.2)
    assert len(find_images(tmp_path, "{name}.ome.zarr")) == 2
    files = [str(tmp_path / f"{name}.ome.zarr") for name in ("relaxed", "deformed")]
    assert main(["displacement", *files, "--spacing", "8", "-o", str(tmp_path / "out")]) == 0
    settings = {
        "input": {"folder": str(tmp_path), "relaxed": "relaxed.ome.zarr", "deformed": "deformed.ome.zarr"},
        "gel": {"young": 8000.0, "poisson": 0.5},
        "run": {"samples": 0},
    }
    results = run(settings, results=tmp_path / "batch")
    assert results.failures.empty
    assert results.table["strain_energy_J"].notna().all()


def test_warnings_of_zarr_are_not_passed_on(tmp_path, zarr):
    write_ome_zarr(tmp_path / "a.zarr", STACK[:, :, 0], channels=("a", "b"))
    described = tmp_path / "a.zarr" / "0" / ".zarray"
    # zarr warns that a list of no filters will be an error one day.
    described.write_text(json.dumps(json.loads(described.read_text()) | {"filters": []}))
    with open_images(tmp_path / "a.zarr") as images:
        np.testing.assert_array_equal(images.read(1, 0), STACK[1, 0, 0])


def test_ome_zarr_scales_of_an_image_and_of_its_level_are_multiplied(tmp_path, zarr):
    write_ome_zarr(tmp_path / "a.zarr", STACK[:, :, 0], channels=("a", "b"), pixel_size=0.1, interval=2.0)
    described = tmp_path / "a.zarr" / ".zattrs"
    values = json.loads(described.read_text())
    values["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [3.0, 1.0, 2.0, 2.0]}]
    described.write_text(json.dumps(values))
    with open_images(tmp_path / "a.zarr") as images:
        assert (images.pixel_size, images.interval) == (pytest.approx(0.2), pytest.approx(6))
