"""A batch of measured bead images."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile

from tfmkit.batch import run


def test_measured_beads_run_end_to_end(measured_data, tmp_path):
    path = measured_data / "pytraction" / "example_dataset.h5"
    if not path.is_file():
        pytest.skip(f"no measured bead images: {path} does not exist")
    with h5py.File(path) as file:
        relaxed, deformed = file["stack_bead_roi/0"][()]
    tifffile.imwrite(tmp_path / "relaxed.tif", relaxed)
    tifffile.imwrite(tmp_path / "deformed.tif", deformed)
    config = {
        "input": {
            "folder": str(tmp_path), "relaxed": "relaxed.tif", "deformed": "deformed.tif", "pixel_size": 1 / 1.3,
        },
        "gel": {"young": 100.0, "poisson": 0.5},
        "displacement": {"spacing": 8},
        "run": {"jobs": 1},
    }  # fmt: skip
    found = run(config, results=tmp_path / "results")
    assert found.failures.empty
    fields = next(found.items()).fields()
    length = np.hypot(fields["ux_px"], fields["uy_px"])
    # Two other methods and the package that published the images find displacements of up to about 8 px. The relaxed
    # image ends in a black margin: without its vectors, nothing is longer.
    assert 5 < length.max() < 10
    assert any("margin" in remark for remark in found.remarks["remark"])
    assert 1 < np.percentile(np.hypot(fields["tx_Pa"], fields["ty_Pa"]), 99) < 100
    assert (found.table.filter(like="_std") > 0).all(axis=None)
