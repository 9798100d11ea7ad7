"""From folders of images to one table of forces: many positions, long movies, all cores or a cluster.

A configuration (:func:`read_config`) says which files there are and what to do with them; :func:`run` does it, item
by item, and can be stopped and started again at any time; :func:`read_results` reads what it left behind.
"""

from tfmkit.batch._cells import read_masks
from tfmkit.batch._doubtful import find_doubtful
from tfmkit.batch._invert import doubts
from tfmkit.batch._quantities import force_quantities, layer_in_pixels, residuals, versions, with_units
from tfmkit.batch._steps import read_relaxed
from tfmkit.batch.config import Config, read_config
from tfmkit.batch.results import ItemResult, Results, read_results
from tfmkit.batch.run import run
from tfmkit.displacement.measure import Measurement, measure_pair, widen
from tfmkit.methods import check_displacement_method, make_transformer

__all__ = [
    "Config",
    "ItemResult",
    "Measurement",
    "Results",
    "check_displacement_method",
    "doubts",
    "find_doubtful",
    "force_quantities",
    "layer_in_pixels",
    "make_transformer",
    "measure_pair",
    "read_config",
    "read_masks",
    "read_relaxed",
    "read_results",
    "residuals",
    "run",
    "versions",
    "widen",
    "with_units",
]
