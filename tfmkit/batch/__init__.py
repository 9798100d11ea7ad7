"""From folders of images to one table of forces: many positions, long movies, all cores or a cluster.

A configuration (:func:`read_config`) lists the files and the settings. :func:`run` works through them item by item,
and can be stopped and started again at any time. :func:`read_results` reads the results. :func:`write_config` writes a
configuration.
"""

from tfmkit.batch.config import Config, read_config
from tfmkit.batch.results import ItemResult, Results, read_results
from tfmkit.batch.run import run
from tfmkit.batch.table import find_doubtful
from tfmkit.batch.toml import write_config

__all__ = [
    "Config",
    "ItemResult",
    "Results",
    "find_doubtful",
    "read_config",
    "read_results",
    "run",
    "write_config",
]
