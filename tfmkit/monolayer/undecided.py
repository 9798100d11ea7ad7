"""The stress that the traction does not show, drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tfmkit.monolayer.element import elasticity
from tfmkit.monolayer.equilibrium import Equilibrium

Array = NDArray[np.floating[Any]]

# Weights of xx, yy and xy in the squared length of a tensor.
_COMPONENTS = np.array([1.0, 1.0, 2.0])


def undecided_stress(
    system: Equilibrium, stress: Array, length: float, poisson: float, rng: np.random.Generator
) -> Array:
    """Draw stress that changes the traction as little as possible.

    Parameters
    ----------
    system : Equilibrium
        Equations of the sheet.
    stress : ndarray of shape (n_draws, 3, n_elements)
        Draws of the stress that was found, for a spacing of 1; their mean sets the size of the result.
    length : float
        Correlation length (standard deviation of a Gaussian) in pixels.
    poisson : float
        Poisson ratio: it sets how the components vary together.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_draws, 3, n_elements)
        Random stress less the one that is found from its traction.
    """
    if not stress.size:
        return np.zeros_like(stress)
    inside = system.sheet.inside
    fields = _random_stress(system, len(stress), length, poisson, rng)
    shown = system.solve(system.loads_of(fields))
    measured, expected = _power(stress.mean(axis=0), inside), _power(shown, inside).mean()
    size = np.sqrt(measured / expected) if expected > 0 else 0.0
    return np.asarray(size * (fields - shown))


def _random_stress(system: Equilibrium, n_draws: int, length: float, poisson: float, rng: np.random.Generator) -> Array:
    """Return Gaussian fields, of shape (n_draws, 3, n_elements), that vary alike in every direction."""
    # The components of a random stress vary together as those of elastic stress do under random strain.
    together = np.linalg.cholesky(elasticity(poisson))
    white = rng.standard_normal((n_draws, 3, *system.sheet.shape))
    smooth = gaussian_filter(white, (0, 0, length, length), mode="wrap")
    return np.einsum("ij,njp->nip", together, system.sheet.values(smooth))


def _power(stress: Array, inside: NDArray[np.bool_]) -> Array:
    """Return the summed squared length of stress in the mask, without its mean over the sheet."""
    values = stress[..., inside]
    return np.einsum("c,...cp->...", _COMPONENTS, (values - values.mean(axis=-1, keepdims=True)) ** 2)
