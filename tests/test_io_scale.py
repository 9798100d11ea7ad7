"""Pixel size, time between frames and channel names from the metadata of images."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import tifffile
from image_files import N_CHANNELS, N_FRAMES, imagej, ome, plain, random_stack

from tfmkit.io import open_images
from tfmkit.io.images.ome import ome_planes


@pytest.fixture
def stack() -> np.ndarray:
    return random_stack()


@pytest.mark.parametrize(
    ("unit", "per_unit", "pixel_size"),
    [
        ("micron", 4.0, 0.25),
        ("\\u00B5m", 4.0, 0.25),
        ("um", 4.0, 0.25),
        ("nm", 0.005, 0.2),
        ("mm", 5000.0, 0.2),
        ("inch", 254000.0, 0.1),
        ("inch", 300.0, None),
        ("cm", 28.35, None),
        ("pixel", 1.0, None),
        ("furlong", 4.0, None),
    ],
)
def test_imagej_pixel_size(tmp_path, stack, unit, per_unit, pixel_size):
    imagej(tmp_path / "a.tif", stack, unit, per_unit)
    with open_images(tmp_path / "a.tif") as images:
        assert images.pixel_size == (None if pixel_size is None else pytest.approx(pixel_size))


@pytest.mark.parametrize(
    ("metadata", "interval"),
    [({"finterval": 2.5}, 2.5), ({"finterval": 3.0, "tunit": "min"}, 180.0), ({"fps": 7.0}, None)],
)
def test_imagej_interval_and_names(tmp_path, stack, metadata, interval):
    imagej(tmp_path / "a.tif", stack, Labels=["beads", "cell"] * N_FRAMES, **metadata)
    with open_images(tmp_path / "a.tif") as images:
        assert images.interval == interval
        assert images.channels == ("beads", "cell")


@pytest.mark.parametrize(
    ("resolution", "unit", "pixel_size"),
    [
        (72, "INCH", None),
        (96, "INCH", None),
        (300, "INCH", None),
        (118, "CENTIMETER", None),
        (4, "NONE", None),
        (254000, "INCH", 0.1),
        (50000, "CENTIMETER", 0.2),
    ],
)
def test_printing_resolution_is_no_pixel_size(tmp_path, stack, resolution, unit, pixel_size):
    plain(tmp_path / "a.tif", stack[:, 0], resolution=(resolution, resolution), resolutionunit=unit)
    with open_images(tmp_path / "a.tif") as images:
        assert images.pixel_size == (None if pixel_size is None else pytest.approx(pixel_size))


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1.0), ("nm", 1e-3), ("mm", 1e3), ("pixel", None)])
def test_ome_scale(tmp_path, stack, unit, factor):
    scale = {f"PhysicalSize{axis}": 0.25 for axis in "XY"} | {f"PhysicalSize{axis}Unit": unit for axis in "XY"}
    ome(tmp_path / "a.tif", stack, **scale, TimeIncrement=2.0, TimeIncrementUnit="min", Channel={"Name": ["a", "<&b>"]})
    with open_images(tmp_path / "a.tif") as images:
        assert images.pixel_size == (None if factor is None else pytest.approx(0.25 * factor))
        assert images.interval == 120
        assert images.channels == ("a", "<&b>")


@pytest.mark.parametrize("n_frames", [2, N_FRAMES])
def test_ome_interval_from_the_times_of_planes(tmp_path, stack, n_frames):
    times = {"DeltaT": [30.0 * frame for frame in range(n_frames) for _ in range(N_CHANNELS)]}
    ome(tmp_path / "a.tif", stack[:n_frames], Plane=times)
    with open_images(tmp_path / "a.tif") as images:
        assert images.interval == 30


def test_what_the_user_says_replaces_the_metadata(tmp_path, stack):
    ome(tmp_path / "a.tif", stack, PhysicalSizeX=0.25, PhysicalSizeY=0.5)
    with pytest.raises(ValueError, match="0.25 um wide and 0.5 um high.*pixel_size"):
        open_images(tmp_path / "a.tif")
    with open_images(tmp_path / "a.tif", pixel_size=0.3, interval=7.0) as images:
        assert (images.pixel_size, images.interval) == (0.3, 7)
    for wrong in ({"pixel_size": 0.0}, {"interval": -1.0}, {"position": 3, "pixel_size": 1.0}):
        with pytest.raises(ValueError, match="pixel_size|interval|position"):
            open_images(tmp_path / "a.tif", **wrong)


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "ZTCYX", "CZTYX"])
def test_every_plane_of_an_ome_file_is_found_by_its_numbers(tmp_path, axes):
    # The value of a plane is made of its numbers, in whatever order the planes stand in the file.
    sizes = {"T": 2, "C": 3, "Z": 4}
    numbers = np.meshgrid(*(np.arange(sizes[axis]) for axis in axes[:3]), indexing="ij")
    t, c, z = (numbers[axes.index(axis)] for axis in "TCZ")
    planes = (100 * t + 10 * c + z).astype(np.uint16)[..., None, None] * np.ones((16, 18), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", planes, ome=True, photometric="minisblack", metadata={"axes": axes})
    for plane in range(4):
        with open_images(tmp_path / "a.ome.tif", z=plane) as series:
            assert (series.n_frames, series.n_channels) == (2, 3)
            found = [[series.read(frame, channel)[5, 7] for channel in range(3)] for frame in range(2)]
        np.testing.assert_array_equal(found, 100 * np.arange(2)[:, None] + 10 * np.arange(3) + plane)


@pytest.mark.parametrize("order", ["XYCZT", "XYZCT", "XYTZC"])
def test_listed_planes_are_sorted_by_time_depth_and_channel(order):
    sizes = {"T": 2, "Z": 3, "C": 4}
    named = {f"Size{axis}": str(size) for axis, size in sizes.items()}
    pixels = ET.Element("Pixels", named, DimensionOrder=order)
    ET.SubElement(pixels, "TiffData")
    # The first axis of the order runs fastest through the pages of the file.
    shape = [sizes[axis] for axis in reversed(order[2:])]
    pages = np.arange(24).reshape(shape).transpose([order[:1:-1].index(axis) for axis in "TZC"])
    found = ome_planes(pixels, 24)
    assert found.shape == (2, 3, 4)
    assert list(found.pages) == pages.ravel().tolist()
