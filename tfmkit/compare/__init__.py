"""Conditions against each other: effects with confidence intervals, and tests over replicates.

Cells of one dish share its gel, its passage and its day, so they are not independent. The unit of every test here is
the replicate: the mean over its cells. A test over cells finds differences where there are none: in 13 to 32 % of the
experiments without an effect where dishes differ by 10 to 30 %, instead of 5 % (`benchmarks/null_experiments.py`).

>>> import pandas as pd
>>> from tfmkit.compare import compare_conditions
>>> table = pd.DataFrame({
...     "condition": ["wild type"] * 4 + ["knock-out"] * 4,
...     "replicate": ["1", "1", "2", "2"] * 2,
...     "total_force_N": [10e-9, 12e-9, 11e-9, 12e-9, 6e-9, 8e-9, 7e-9, 8e-9],
... })
>>> row = compare_conditions(table, quantities=["total_force_N"]).iloc[0]
>>> row["condition"], row["reference"], int(row["n_replicates"]), round(float(row["effect"]), 2)
('knock-out', 'wild type', 2, -0.36)
"""

from tfmkit.compare.cells import at_rest, average_frames, average_replicates
from tfmkit.compare.conditions import compare_conditions
from tfmkit.compare.holm import correct_holm
from tfmkit.compare.wording import describe_at_rest, describe_effect

__all__ = [
    "at_rest", "average_frames", "average_replicates", "compare_conditions", "correct_holm", "describe_at_rest",
    "describe_effect",
]  # fmt: skip
