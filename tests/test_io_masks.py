"""Masks as people have them: soft edges, JPEG, alpha, palettes, labels, inverted."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from tfmkit.io import read_region_set, read_regions

SHAPE = (96, 112)


def ellipse(at=(50, 52), radii=(24, 32), shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - at[0]) / radii[0]) ** 2 + ((x - at[1]) / radii[1]) ** 2 < 1


CELL = ellipse()
WHITE = 255 * CELL.astype(np.uint8)


def read_one(path):
    names, masks = read_regions(path, SHAPE)
    assert names == (path.stem,)
    return masks[0]


def jpeg(image, quality):
    """Return an image as it comes back from a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(order):
    small = zoom(WHITE.astype(float), 0.5, order=1)
    return np.clip(zoom(small, 2, order=order), 0, 255)


SOFT = {
    "bilinear": lambda: resized(1).astype(np.uint8),
    "bicubic": lambda: resized(3).astype(np.uint8),
    "blurred": lambda: gaussian_filter(WHITE.astype(float), 1.5).astype(np.uint8),
    "16 bit": lambda: (257 * gaussian_filter(WHITE.astype(float), 1)).astype(np.uint16),
    "float": lambda: (gaussian_filter(WHITE.astype(float), 1) / 255).astype(np.float32),
    "grey white": lambda: (gaussian_filter(WHITE.astype(float), 1) / 2).astype(np.uint8),
    **{f"jpeg {quality}": lambda quality=quality: jpeg(WHITE, quality) for quality in (30, 60, 75, 90, 95)},
}


@pytest.mark.parametrize("name", SOFT)
def test_soft_edges(tmp_path, name):
    tifffile.imwrite(tmp_path / "cell.tif", SOFT[name]())
    mask = read_one(tmp_path / "cell.tif")
    assert abs(int(mask.sum()) - int(CELL.sum())) <= 0.02 * CELL.sum()
    assert (mask != CELL).sum() <= 0.03 * CELL.sum()


@pytest.mark.parametrize("value", [1, 7, 128, 255, 65535])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, bool])
def test_plain_masks(tmp_path, value, dtype):
    if value > 255 and dtype == np.uint8:
        return
    tifffile.imwrite(tmp_path / "cell.tif", (value * CELL.astype(np.int64)).astype(dtype))
    np.testing.assert_array_equal(read_one(tmp_path / "cell.tif"), CELL)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 0)])
@pytest.mark.parametrize("soft", [False, True])
def test_mask_in_the_alpha_channel(tmp_path, colour, soft):
    alpha = jpeg(WHITE, 90) if soft else WHITE
    pixels = np.dstack([np.full((*SHAPE, 3), colour, dtype=np.uint8), alpha])
    Image.fromarray(pixels).save(tmp_path / "cell.png")
    tifffile.imwrite(tmp_path / "cell.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    for suffix in (".png", ".tif"):
        mask = read_one(tmp_path / f"cell{suffix}")
        assert (mask != CELL).sum() <= (0.03 * CELL.sum() if soft else 0)


def test_grey_and_alpha(tmp_path):
    Image.fromarray(np.dstack([np.full_like(WHITE, 255), WHITE])).save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_one(tmp_path / "cell.png"), CELL)
    # Drawn in white on a transparent ground whose colour nobody sees.
    pixels = np.dstack([np.where(CELL, 255, 99).astype(np.uint8)] * 3 + [WHITE])
    Image.fromarray(pixels).save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_one(tmp_path / "cell.png"), CELL)
    # An opaque image has its mask in its colours.
    Image.fromarray(np.dstack([WHITE] * 3 + [np.full_like(WHITE, 255)])).save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_one(tmp_path / "cell.png"), CELL)


def test_mask_of_one_colour_on_black(tmp_path):
    Image.fromarray(np.dstack([WHITE, WHITE // 3, WHITE * 0])).save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_one(tmp_path / "cell.png"), CELL)


def test_palette_holds_labels(tmp_path):
    labels = 3 * ellipse((30, 30), (15, 20)).astype(np.uint8) + 11 * ellipse((60, 80), (15, 20)).astype(np.uint8)
    image = Image.fromarray(labels).convert("P")
    image.putdata(labels.ravel().tolist())
    image.putpalette(np.random.default_rng(0).integers(0, 255, 768).tolist())
    image.save(tmp_path / "cells.png")
    names, masks = read_regions(tmp_path / "cells.png", SHAPE)
    assert names == ("3", "11")
    np.testing.assert_array_equal(masks, [labels == 3, labels == 11])


@pytest.mark.parametrize(
    "numbers", [(1, 2), (3, 4), (1, 2, 3), (9, 10), (1, 255), (100, 150, 200), (1000, 1001), (1, 20)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_labels_stay_labels(tmp_path, numbers, dtype):
    if max(numbers) > 255 and dtype == np.uint8:
        return
    labels = np.zeros(SHAPE)
    for place, number in enumerate(numbers):
        labels[ellipse((24 + 20 * place, 20 + 30 * place), (9, 12))] = number
    labels[90, 5:7] = numbers[0]  # a speck that a drawing tool left
    tifffile.imwrite(tmp_path / "cells.tif", labels.astype(dtype))
    names, masks = read_regions(tmp_path / "cells.tif", SHAPE)
    assert names == tuple(map(str, numbers))
    np.testing.assert_array_equal(masks, [labels == number for number in numbers])


def test_many_touching_labels(tmp_path):
    labels = 1 + np.add.outer(np.arange(96) // 8 * 14, np.arange(112) // 8)
    labels[:4] = 0
    tifffile.imwrite(tmp_path / "cells.tif", labels.astype(np.uint16))
    names, _ = read_regions(tmp_path / "cells.tif", SHAPE)
    assert len(names) == len(np.unique(labels)) - 1


@pytest.mark.parametrize("soft", [False, True])
def test_inverted_mask_is_doubted(tmp_path, soft):
    image = jpeg(255 - WHITE, 90) if soft else 255 - WHITE
    tifffile.imwrite(tmp_path / "cell.tif", image)
    with pytest.warns(UserWarning, match="cell.tif.*four corners.*inverted"):
        read_regions(tmp_path / "cell.tif", SHAPE)


def test_slivers_are_doubted(tmp_path):
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for number in range(1, 40):
        labels[2 * number : 2 * number + 1, 10:19] = number
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    with pytest.warns(UserWarning, match="39 of 39 cells have less than 20 pixels"):
        read_regions(tmp_path / "cells.tif", SHAPE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_photographs_are_refused(tmp_path, dtype):
    photograph = gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 2)
    photograph = (250 * (photograph - photograph.min()) / np.ptp(photograph)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", photograph)
    with pytest.raises(ValueError, match="a mask of black and white, or 0 and the numbers"):
        read_regions(tmp_path / "a.tif", SHAPE)


def test_a_frame_without_a_cell_has_none(tmp_path):
    stack = np.stack([WHITE, WHITE * 0, np.roll(WHITE, 5, axis=0)])
    tifffile.imwrite(tmp_path / "cell.tif", stack, photometric="minisblack")
    for frame, image in enumerate(stack):
        names, masks = read_regions(tmp_path / "cell.tif", SHAPE, frame=frame)
        assert names == (() if frame == 1 else ("cell",))
        np.testing.assert_array_equal(masks.reshape(-1, *SHAPE).any(axis=0), image > 0)


def test_masks_need_no_calibration(tmp_path):
    options = {"resolution": (5.0, 4.0), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "cell.tif", WHITE, imagej=True, **options)
    np.testing.assert_array_equal(read_one(tmp_path / "cell.tif"), CELL)
    # ImageJ stores frames along Z when it is not told.
    stack = np.stack([WHITE, WHITE[::-1]])
    tifffile.imwrite(tmp_path / "z.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_regions(tmp_path / "z.tif", SHAPE, frame=1)[1][0], CELL[::-1])


def test_good_masks_cause_no_doubt(tmp_path):
    tifffile.imwrite(tmp_path / "cell.tif", WHITE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_regions(tmp_path / "cell.tif", SHAPE)
    assert read_region_set(tmp_path / "cell.tif", SHAPE).doubts == ()


def test_an_outline_that_is_not_filled_is_doubted(tmp_path):
    ring = CELL & ~ellipse(radii=(22, 30))
    Image.fromarray(255 * ring.astype(np.uint8)).save(tmp_path / "ring.png")
    (doubt,) = read_region_set(tmp_path / "ring.png", SHAPE).doubts
    assert "fill it" in doubt
    # A cell may have a hole.
    Image.fromarray(255 * (CELL & ~ellipse(radii=(8, 10))).astype(np.uint8)).save(tmp_path / "hole.png")
    assert read_region_set(tmp_path / "hole.png", SHAPE).doubts == ()
