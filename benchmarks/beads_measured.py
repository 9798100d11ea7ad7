"""How far apart methods are on measured beads, and on simulated beads that look as bad, where the truth is known.

    python -m benchmarks.beads_measured

The images are ``pytraction/example_dataset.h5`` in the folder that the variable TFMKIT_DATA names. The table holds the
root mean square distance of every method from PIV, over vectors that PIV flags as good and over the better matched half
of them; for the simulated pair the distance from the truth as well.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import h5py
import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.beads import openpiv_windef
from benchmarks.command import DATA, study_parser
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.displacement import PIV, CrossCorrelation, Flag, OpticalFlow
from tfmkit.simulate import BeadSimulator

SPACING = 8
# The relaxed image ends in a black strip where it has been shifted.
EDGE = 16
# Nodes from the edge that do not count: windows of some methods reach over it.
MARGIN = 4
# Faint beads that match, once their displacement is undone, about as badly as the measured ones.
FAINT = {"density": 0.01, "sigma": 2.0, "photons": 8.0, "background": 40.0, "peak": 8.0}
METHODS = {
    "PIV()": PIV(spacing=SPACING),
    "PIV(window=32, smoothing=4)": PIV(32.0, spacing=SPACING, smoothing=4.0),
    "CrossCorrelation(32)": CrossCorrelation(32, spacing=SPACING),
    "scikit-image ILK, radius 12": OpticalFlow(radius=12, spacing=SPACING),
    "scikit-image ILK, radius 16": OpticalFlow(radius=16, spacing=SPACING),
    "scikit-image TV-L1": OpticalFlow("tvl1", spacing=SPACING),
}


def rms(first: FloatArray, second: FloatArray, where: Any) -> float:
    """Return the root mean square length of the difference of two fields."""
    return float(np.sqrt((((first - second) ** 2).sum(axis=0)[where]).mean()))


def distances(pairs: FloatArray, truth: FloatArray | None, images: str) -> list[dict[str, Any]]:
    """Return one row per method."""
    exclude = np.zeros(pairs.shape[2:], dtype=bool)
    exclude[-EDGE:], exclude[:, -EDGE:] = True, True
    measured = {name: method.measure(pairs, exclude=exclude) for name, method in METHODS.items()}
    piv = measured["PIV()"]
    fields = {name: result.displacement[0] for name, result in measured.items()}
    if find_spec("openpiv"):
        nodes = Bunch(pairs=pairs, grid_x=piv.grid_x, grid_y=piv.grid_y)
        fields["openpiv 64-32"] = openpiv_windef(nodes, (64, 32))
    good = np.zeros(piv.flags.shape[1:], dtype=bool)
    good[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    good &= piv.flags[0] == Flag.GOOD
    quality = piv.quality[0]
    matched = good & (quality > np.median(quality[good]))
    return [
        {
            "images": images,
            "method": name,
            "from_piv_px": rms(field, fields["PIV()"], good),
            "from_piv_matched_px": rms(field, fields["PIV()"], matched),
            "from_truth_px": np.nan if truth is None else rms(field, truth, good),
            "piv_quality": np.median(quality[good]),
            "good": good.sum(),
        }
        for name, field in fields.items()
    ]


def main() -> None:
    """Write the table."""
    options = study_parser("beads_measured", __doc__).parse_args()
    with h5py.File(DATA / "pytraction" / "example_dataset.h5") as file:
        pairs = file["stack_bead_roi/0"][()][None]
    rows = distances(pairs, None, "measured")
    twin = BeadSimulator(pairs.shape[2:], spacing=SPACING, random_state=0, **FAINT).sample()
    rows += distances(twin.pairs, twin.displacement[0], "simulated")
    table = pd.DataFrame(rows)
    write_table(table, "beads_measured", options, spacing=SPACING, margin=MARGIN, edge=EDGE, simulated=FAINT)


if __name__ == "__main__":
    main()
