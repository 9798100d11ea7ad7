"""The contract of a tfmkit estimator, as checks that anybody can run on their own.

scikit-learn skips nearly all of its common checks for estimators whose data are 4-D (its issue 14057), so its
bare `check_estimator` proves nothing here. The contract has three parts instead:

1. scikit-learn's checks that need no data: constructor, clone, parameters, repr, tags;
2. checks on fields: fit, predict, types, copies, pickles, batches, and clear errors for bad input;
3. scikit-learn's whole `check_estimator` on a :class:`FoldedEstimator`, which folds 2-D rows into fields.

>>> from tfmkit.estimator_checks import check_traction_estimator
>>> from tfmkit.fttc import FTTC
>>> check_traction_estimator(FTTC())
"""

from tfmkit.estimator_checks._contract import (
    check_traction_estimator,
    parametrize_with_traction_checks,
    traction_checks_generator,
)
from tfmkit.estimator_checks._folded import FoldedEstimator

__all__ = [
    "FoldedEstimator",
    "check_traction_estimator",
    "parametrize_with_traction_checks",
    "traction_checks_generator",
]
