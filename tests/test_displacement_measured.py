"""Displacement of a measured pair of bead images: two methods must agree on it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tfmkit.displacement import PIV, CrossCorrelation, OpticalFlow


@pytest.fixture(scope="module")
def pair(measured_data):
    path = measured_data / "pytraction" / "example_dataset.h5"
    if not path.is_file():
        pytest.skip(f"no measured bead images: {path} does not exist")
    with h5py.File(path) as file:
        return file["stack_bead_roi/0"][()][None]


def test_two_methods_agree_on_measured_beads(pair):
    # The relaxed image ends in a black strip where it has been shifted.
    exclude = np.zeros(pair.shape[2:], dtype=bool)
    exclude[-16:], exclude[:, -16:] = True, True
    # Faint, sparse beads in strong noise, which limits how well any two methods agree.
    fields = [
        method.measure(pair, exclude=exclude).displacement[..., 4:-4, 4:-4]
        for method in (
            PIV(20.0, spacing=8, threshold=3.0),
            CrossCorrelation(64, spacing=8),
            OpticalFlow(radius=16, spacing=8),
        )
    ]
    lengths = [np.hypot(field[:, 0], field[:, 1]) for field in fields]
    assert all(5 < length.max() < 12 for length in lengths)
    for other in fields[1:]:
        apart = np.hypot(*(fields[0] - other)[0])
        assert np.median(apart) < 0.6
        assert np.sqrt((apart**2).mean()) < 0.8
