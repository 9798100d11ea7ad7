"""Compare estimators: the same cells, the same noise, one tidy table, and paired tests.

>>> from tfmkit.benchmark import compare, summarise
>>> from tfmkit.fttc import FTTCCV
>>> import numpy as np
>>> from tfmkit.gel.operator import ForwardOperator
>>> traction = np.zeros((3, 2, 16, 16))
>>> traction[:, 0, 6:8, 4:12], traction[:, 0, 8:10, 4:12] = 1000.0, -1000.0
>>> table = compare(ForwardOperator(16).apply(traction), traction, {"FTTCCV": FTTCCV()}, progress=False)
>>> list(table["estimator"].unique())
['FTTC oracle (lam and order, whole field)', 'FTTCCV']
>>> list(summarise(table).columns)
['mean', 'std', 'n_cells', 'seconds']
"""

from tfmkit.benchmark.comparison import METRICS, add_vector_noise, compare, default_estimators
from tfmkit.benchmark.oracle import OracleLambda
from tfmkit.benchmark.tables import format_summary, paired_tests, summarise

__all__ = [
    "METRICS",
    "OracleLambda",
    "add_vector_noise",
    "compare",
    "default_estimators",
    "format_summary",
    "paired_tests",
    "summarise",
]
