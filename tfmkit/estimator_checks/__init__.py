"""The contract of a tfmkit estimator, as checks for anybody's own estimator.

scikit-learn skips nearly all of its common checks for estimators of 4-D data (its issue 14057), so its
`check_estimator` alone proves little. The contract here has three parts:

1. checks of scikit-learn without data: constructor, clone, parameters, repr, tags;
2. checks with fields: fit, predict, types, copies, pickles, batches, and clear errors for bad input;
3. the whole `check_estimator` of scikit-learn on a :class:`FoldedEstimator`, which folds 2-D rows into fields.

>>> from tfmkit.estimator_checks import check_traction_estimator
>>> from tfmkit.fttc import FTTC
>>> check_traction_estimator(FTTC())
"""

from tfmkit.estimator_checks.contract import (
    check_traction_estimator,
    parametrize_with_traction_checks,
    traction_checks_generator,
)
from tfmkit.estimator_checks.folded import FoldedEstimator

__all__ = [
    "FoldedEstimator",
    "check_traction_estimator",
    "parametrize_with_traction_checks",
    "traction_checks_generator",
]
