"""Cells' outlines: ImageJ's regions, label images, masks."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi
from skimage.draw import polygon

from tfmkit.io import read_region_set, read_regions
from tfmkit.io.images.polygon import inside, inside_all

SHAPE = (12, 15)


def box(left, right, top, bottom):
    """Return the mask of a rectangle."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def read_one(path, region):
    region.tofile(path / "a.roi")
    names, masks = read_regions(path / "a.roi", SHAPE)
    assert masks.shape == (1, *SHAPE)
    assert len(names) == 1
    return masks[0]


CORNERS = [[2, 3], [7, 3], [7, 9], [2, 9]]


@pytest.mark.parametrize(
    "region",
    [
        ImagejRoi.frompoints(CORNERS),
        ImagejRoi.frompoints(np.array(CORNERS, dtype=np.float32) + 0.2),
        ImagejRoi(roitype=ROI_TYPE.RECT, left=2, right=7, top=3, bottom=9),
        ImagejRoi(
            roitype=ROI_TYPE.RECT,
            options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
            version=228,
            left=2,
            right=7,
            top=3,
            bottom=9,
            xd=1.6,
            yd=2.7,
            widthd=5.0,
            heightd=6.0,
        ),
    ],
    ids=["polygon", "subpixel-polygon", "rectangle", "subpixel-rectangle"],
)
def test_pixels_whose_centre_is_inside(tmp_path, region):
    np.testing.assert_array_equal(read_one(tmp_path, region), box(2, 7, 3, 9))


def test_oval(tmp_path):
    mask = read_one(tmp_path, ImagejRoi(roitype=ROI_TYPE.OVAL, left=2, right=12, top=3, bottom=9))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    np.testing.assert_array_equal(mask, ((x - 7) / 5) ** 2 + ((y - 6) / 3) ** 2 < 1)


# Corners between the middle of a pixel and its border: half a pixel more or less takes other pixels.
@pytest.mark.parametrize("beyond", [0.0, 0.3])
def test_combination_with_a_hole(tmp_path, beyond):
    def path_of(corners):
        # Of each corner: the operation (move or line), x and y.
        operations = [number for n, (x, y) in enumerate(corners) for number in (min(n, 1), x, y)]
        return [*operations, 4.0]

    path = np.array(
        path_of(beyond + np.array([[1, 1], [11, 1], [11, 10], [1, 10]])) + path_of([[4, 4], [8, 4], [8, 7], [4, 7]])
    )
    region = ImagejRoi(
        roitype=ROI_TYPE.RECT, left=1, right=11, top=1, bottom=10,
        shape_roi_size=path.size, multi_coordinates=path.astype(np.float32),
    )  # fmt: skip
    np.testing.assert_array_equal(read_one(tmp_path, region), box(1, 11, 1, 10) & ~box(4, 8, 4, 7))


@pytest.mark.parametrize(
    "region",
    [
        ImagejRoi(roitype=ROI_TYPE.LINE, x1=1, y1=1, x2=5, y2=5),
        ImagejRoi.frompoints(CORNERS),
        ImagejRoi(roitype=ROI_TYPE.RECT, subtype=ROI_SUBTYPE.TEXT, left=2, right=7, top=3, bottom=9),
        ImagejRoi(roitype=ROI_TYPE.OVAL, left=7, right=7, top=3, bottom=9),
    ],
    ids=["line", "points", "text", "empty"],
)
def test_refuses_what_encloses_no_area(tmp_path, region):
    if region.integer_coordinates is not None:
        region.roitype = ROI_TYPE.POINT
    with pytest.raises(ValueError, match=r"a.roi.*is no cell"):
        read_one(tmp_path, region)


def test_regions_are_cut_off_at_the_border(tmp_path):
    region = ImagejRoi(roitype=ROI_TYPE.RECT, left=10, right=40, top=8, bottom=30)
    np.testing.assert_array_equal(read_one(tmp_path, region), box(10, 15, 8, 12))
    with pytest.raises(ValueError, match="without a pixel in it"):
        read_one(tmp_path, ImagejRoi(roitype=ROI_TYPE.RECT, left=30, right=40, top=8, bottom=30, name="out"))


def test_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, left in (("one.roi", 1), ("sub/two.roi", 5)):
            archive.writestr(name, ImagejRoi(roitype=ROI_TYPE.RECT, left=left, right=8, top=2, bottom=4).tobytes())
        archive.writestr("__MACOSX/._one.roi", b"junk")
        archive.writestr("readme.txt", b"junk")
        named = ImagejRoi(roitype=ROI_TYPE.RECT, left=2, right=8, top=2, bottom=4, name="../<b>\0cell")
        archive.writestr("three.roi", named.tobytes())
        archive.writestr("four.roi", named.tobytes())
    names, masks = read_regions(tmp_path / "a.zip", SHAPE)
    assert names == ("one", "two", "../<b>?cell", "../<b>?cell-2")
    np.testing.assert_array_equal(masks[1], box(5, 8, 2, 4))


@pytest.mark.parametrize("name", ["../a.roi", "/a.roi", "x\\..\\..\\a.roi"])
def test_archive_does_not_lead_out_of_itself(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, ImagejRoi.frompoints(CORNERS).tobytes())
    with pytest.raises(ValueError, match=r"a.zip.*leads out of it"):
        read_regions(tmp_path / "a.zip", SHAPE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_label_image(tmp_path, dtype):
    labels = 3 * box(1, 4, 2, 5).astype(dtype) + 12 * box(6, 9, 2, 11).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    names, masks = read_regions(tmp_path / "a.tif", SHAPE)
    assert names == ("3", "12")
    np.testing.assert_array_equal(masks, [box(1, 4, 2, 5), box(6, 9, 2, 11)])


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("colours", [False, True])
def test_mask(tmp_path, value, colours):
    mask = value * box(1, 9, 2, 5).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cell 7.tif", np.stack([mask] * 3, axis=-1) if colours else mask)
    names, masks = read_regions(tmp_path / "cell 7.tif", SHAPE)
    assert names == ("cell 7",)
    np.testing.assert_array_equal(masks[0], box(1, 9, 2, 5))


def test_stack_of_masks_needs_a_frame(tmp_path):
    masks = np.stack([box(1, 4, 2, 5), box(3, 9, 2, 5)]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", masks, photometric="minisblack")
    with pytest.raises(ValueError, match="Expected frame.*holds 2 of them"):
        read_regions(tmp_path / "a.tif", SHAPE)
    np.testing.assert_array_equal(read_regions(tmp_path / "a.tif", SHAPE, frame=1)[1][0], masks[1])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(SHAPE, dtype=np.uint8), "got none"),
        (np.ones((12, 16), dtype=np.uint8), r"on \(12, 15\) pixels from .*got an image of \(12, 16\)"),
        (np.full(SHAPE, 0.5, dtype=np.float32), "the numbers of at most 1000 cells"),
        (np.full(SHAPE, -1, dtype=np.int16), "the numbers of at most 1000 cells"),
        (np.full(SHAPE, np.nan, dtype=np.float32), "finite"),
        (
            np.stack([box(1, 4, 2, 5), box(1, 5, 2, 5), box(1, 4, 2, 5)], axis=-1).astype(np.uint8),
            "channels that differ",
        ),
    ],
)
def test_refuses_images(tmp_path, image, message):
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(ValueError, match=message):
        read_regions(tmp_path / "a.tif", SHAPE)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_mask_of_one_bit(tmp_path, suffix):
    Image.fromarray(box(1, 9, 2, 5)).save(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read_regions(tmp_path / f"a{suffix}", SHAPE)[1][0], box(1, 9, 2, 5))


def test_masks_of_a_file_have_a_bound(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.tile(np.arange(500, dtype=np.uint16), (2200, 4)), compression="zlib")
    with pytest.raises(ValueError, match="at most 1073741824 bytes.*got 499 or more"):
        read_regions(tmp_path / "a.tif", (2200, 2000))


def test_missing_file_and_shape(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.roi"):
        read_regions(tmp_path / "a.roi", SHAPE)
    with pytest.raises(ValueError, match="grid shape"):
        read_regions(tmp_path / "a.roi", (3,))


@given(
    # In single precision: sides of next to no height would overflow in the slope below.
    corners=arrays(np.float64, st.tuples(st.integers(1, 9), st.just(2)), elements=st.floats(-4, 19, width=32)),
    height=st.integers(1, 16),
    width=st.integers(1, 16),
)
def test_inside_is_where_a_ray_crosses_an_odd_number_of_edges(corners, height, width):
    y, x = np.mgrid[:height, :width]
    expected = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            expected ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    np.testing.assert_array_equal(inside(*corners.T, (height, width)), expected)


def test_polygon_is_that_of_scikit_image():
    for seed in range(20):
        x, y = np.random.default_rng(seed).uniform(-4, 40, size=(2, 8))
        expected = np.zeros((30, 36), dtype=bool)
        expected[polygon(y, x, expected.shape)] = True
        np.testing.assert_array_equal(inside(x, y, expected.shape), expected)


def test_endless_outline_is_refused():
    x, y = np.zeros(2**15), np.tile([0.0, 1000.0], 2**14)
    with pytest.raises(ValueError, match="crosses rows"):
        inside(x, y, (1000, 10))


def test_polygons_in_polygons_are_holes():
    outer, inner, island = (np.array([[a, a], [b, a], [b, b], [a, b]]) - 0.5 for a, b in ((1, 11), (3, 9), (5, 7)))
    expected = np.zeros(SHAPE, dtype=bool)
    for a, b in ((1, 11), (3, 9), (5, 7)):
        expected[a:b, a:b] ^= True
    np.testing.assert_array_equal(inside_all([outer, inner, np.zeros((0, 2)), island], SHAPE), expected)
    assert not inside_all([], SHAPE).any()
    assert not inside_all([outer + 100], SHAPE).any()


def test_only_the_box_of_an_outline_is_looked_at(monkeypatch):
    asked = []
    count = np.bincount
    monkeypatch.setattr(
        np, "bincount", lambda places, minlength: asked.append(minlength) or count(places, None, minlength)
    )
    assert inside_all([np.array([[400, 500], [403, 500], [403, 502.0]])], (1000, 1000)).sum() == 4
    assert asked[0] < 30


def test_of_many_regions_without_a_cell_some_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.roi", ImagejRoi.frompoints(np.array(CORNERS) + 99).tobytes())
        archive.writestr("cell.roi", ImagejRoi.frompoints(CORNERS).tobytes())
    found = read_region_set(tmp_path / "a.zip", SHAPE)
    assert len(found.masks) == 1
    assert len(found.skipped) == 21
    assert "30 more regions are no cells" in found.skipped[-1]


def test_measured_regions(measured_data):
    names, masks = read_regions(measured_data / "pytraction" / "imagej_roi.roi", (1300, 1400))
    assert names == ("1kPa-2-Position006-roi",)
    rows, columns = np.nonzero(masks[0])
    # The box that the file states.
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (690, 1246, 716, 1382)
    region = ImagejRoi.fromfile(measured_data / "pytraction" / "imagej_roi.roi")
    x, y = region.coordinates().T.astype(float)
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert masks[0].sum() == pytest.approx(area, rel=1e-3)
    names, masks = read_regions(measured_data / "pytraction" / "imagej_roiset.zip", (512, 512))
    assert len(names) == len(masks) == 5
    with pytest.raises(ValueError, match="without a pixel in it"):
        read_regions(measured_data / "pytraction" / "imagej_roi.roi", (127, 126))


def test_many_regions_of_one_name_get_numbers_in_linear_time(monkeypatch):
    asked = []

    class Counted(set):
        def __contains__(self, name):
            asked.append(name)
            return super().__contains__(name)

    module = sys.modules["tfmkit.io.images.regions"]
    monkeypatch.setattr(module, "place_of", lambda region, n_channels: None)
    monkeypatch.setattr(module, "set", Counted, raising=False)
    found = list(module._parse(Path("a.zip"), lambda path: [("cell", None)] * 1000, 1))
    assert [name for name, *_ in found[:3]] == ["cell", "cell-2", "cell-3"]
    assert len({name for name, *_ in found}) == len(asked) == 1000
