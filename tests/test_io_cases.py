"""The small files that people describe in public, where they lie beside the measured data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfmkit.io import open_images, read_region_set, read_regions


@pytest.fixture
def cases(measured_data) -> Path:
    """Folder of the files; skips the test if it is absent."""
    folder = measured_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist (set TFMKIT_DATA)")
    return folder


@pytest.mark.parametrize("n_frames", [2, 3])
def test_short_movies(cases, n_frames):
    with open_images(cases / "short_movie" / f"movie{n_frames}.tif") as images:
        assert (images.n_frames, images.n_channels) == (n_frames, 1)


@pytest.mark.parametrize(("name", "tolerance"), [("mask_255", 0), ("mask_in_alpha", 0), ("mask_antialiased", 0.01)])
def test_masks(cases, name, tolerance):
    _, masks = read_regions(cases / "masks" / f"{name}.png", (256, 256))
    assert len(masks) == 1
    assert masks[0].sum() == pytest.approx(15451, rel=tolerance)


def test_one_outline_per_frame(cases):
    path = cases / "roi_per_frame" / "images" / "cells.zip"
    names = [read_region_set(path, (96, 96), frame=frame).names for frame in range(3)]
    assert names == [("0001-0048-0028",), ("0002-0048-0048",), ("0003-0048-0068",)]


def test_a_point_costs_itself_only(cases):
    path = cases / "regions" / "cell_and_point.zip"
    regions = read_region_set(path, (208, 208))
    assert len(regions.names) == 1
    assert len(regions.skipped) == 1
    assert "POINT" in regions.skipped[0]


def test_an_empty_frame_has_no_cell(cases):
    path = cases / "empty_frame" / "images" / "labels.tif"
    counts = [len(read_region_set(path, (96, 96), frame=frame).names) for frame in range(3)]
    assert counts == [1, 0, 1]
