"""From bead images to displacement: drift, particle image velocimetry, optical flow.

All transformers take pairs of images, relaxed and deformed, as an array ``(n_pairs, 2, height, width)``, and give the
displacement in image pixels on a regular grid, ``(n_pairs, 2, n_y, n_x)``. :class:`PIV` is the one to use: it wins
the study in ``python -m benchmarks.beads``.
"""

from tfmkit.displacement._transformer import DisplacementTransformer, Flag
from tfmkit.displacement.cross_correlation import CrossCorrelation
from tfmkit.displacement.drift import DriftCorrection, estimate_drift, undo_drift
from tfmkit.displacement.optical_flow import OpticalFlow
from tfmkit.displacement.piv import PIV

__all__ = [
    "PIV",
    "CrossCorrelation",
    "DisplacementTransformer",
    "DriftCorrection",
    "Flag",
    "OpticalFlow",
    "estimate_drift",
    "undo_drift",
]
