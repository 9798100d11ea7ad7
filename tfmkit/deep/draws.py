"""Draws of traction for a network: the errors of a linear inverse, with the size that the network states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.fttc import FTTCCV
from tfmkit.gel import Gel

Array = NDArray[Any]


def draw_traction(displacement: Array, traction: Array, std: Array, errors: Array, gel: Gel) -> Array:
    """Draw tractions around a prediction.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        The measured field, for which the lambda is chosen.
    traction, std : ndarray of shape (2, height, width)
        Prediction and its standard deviation.
    errors : ndarray of shape (n, 2, height, width)
        Draws of the noise of the displacement.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n, 2, height, width)
        Tractions with the standard deviation at every pixel, correlated as the errors of FTTC are.
    """
    linear = FTTCCV(young=gel.young, poisson=gel.poisson, spacing=gel.spacing).fit(displacement[None])
    inverted = linear._draw_field(displacement, np.zeros_like(displacement), errors, None, None)
    return np.asarray(traction + inverted * (std / np.maximum(inverted.std(axis=0), np.finfo(errors.dtype).tiny)))
