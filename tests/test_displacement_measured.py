"""Displacement of a measured pair of bead images: two methods must agree on it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tfmkit.displacement import PIV, CrossCorrelation, Flag, OpticalFlow


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
    measured = PIV(spacing=8).measure(pair, exclude=exclude)
    good = np.s_[4:-4, 4:-4], measured.flags[0, 4:-4, 4:-4] == Flag.GOOD
    for other, apart in ((OpticalFlow(radius=16, spacing=8), 0.5), (CrossCorrelation(32, spacing=8), 1.1)):
        field = other.measure(pair, exclude=exclude).displacement[0]
        lengths = [np.hypot(*f) for f in (measured.displacement[0], field)]
        assert all(5 < length[good[0]].max() < 12 for length in lengths)
        difference = np.hypot(*(measured.displacement[0] - field))[good[0]][good[1]]
        assert np.sqrt((difference**2).mean()) < apart
