"""The small files that people describe in public, where they lie beside the measured data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfmkit.io import open_images


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
