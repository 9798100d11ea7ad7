"""Fields that are foreign to a network: the residual of its traction, and that of other readings of the same field.

Measured fields leave long waves in the residual, from forces beyond the border and from drift. A field whose components
are exchanged leaves long waves as well, so the size of the residual alone does not tell one from the other. The same
field, read in another way, does: with its components exchanged back, the network explains it far better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.deep.misfit import Residual, ratio, split_residual, whole_and_rest
from tfmkit.doubts import LEAST_MISFIT_AT_OTHER_POISSON, LEAST_MISFIT_TURNED
from tfmkit.gel import Gel

Array = NDArray[np.float64]

# Other readings of the components: exchanged, mirrored, and turned by a quarter.
_TURNED = (((0, 1), (1, 0)), ((1, 0), (0, -1)), ((0, -1), (1, 0)))
# Another Poisson ratio that is tried on both sides.
_OTHER_POISSON = 0.2
# Shares of the residual that drift explains, of the smooth displacement that is noise, and of it that is the rest.
_MOSTLY_DRIFT, _MOSTLY_NOISE, _MOST_REST = 0.97, 0.62, 0.3


class Signs(NamedTuple):
    """Signs that fields are foreign.

    Attributes
    ----------
    reported : Residual
        Residual of the traction that is reported.
    own : Residual
        Residual of the network's own traction of the fields as they are. A correction by the displacement
        (`tfmkit.deep.explain`) would explain a part of any mistake.
    turned : ndarray of shape (n_fields,)
        Smallest residual with the components exchanged, mirrored or turned, over that of the fields as they are.
    other_poisson : ndarray of shape (n_fields,)
        Smallest residual with a Poisson ratio 0.2 lower or higher, over that of the fields as they are; 1 if the
        network serves one Poisson ratio only.
    """

    reported: Residual
    own: Residual
    turned: Array
    other_poisson: Array

    def foreign(self, limit: float) -> NDArray[np.bool_]:
        """Tell which fields are foreign.

        Parameters
        ----------
        limit : float
            Largest misfit that is familiar.

        Returns
        -------
        ndarray of bool of shape (n_fields,)
            True where another reading of the field is explained far better; where the misfit is above the limit and
            nearly all of it is drift; where most of the smooth displacement is noise; or where 30 % of it, and more
            than the limit allows, can be made neither by the traction nor by far forces and drift.
        """
        own = self.own
        moved = (own.misfit > limit) & (own.drift > _MOSTLY_DRIFT * own.whole)
        unexplained = (own.misfit_rest > limit) & (own.rest > _MOST_REST * own.displacement)
        noise = (own.displacement > 0) & (own.noise > _MOSTLY_NOISE * own.displacement)
        misread = (self.turned < LEAST_MISFIT_TURNED) | (self.other_poisson < LEAST_MISFIT_AT_OTHER_POISSON)
        return np.asarray(moved | unexplained | noise | misread)

    def numbers(self, limit: float | None) -> dict[str, NDArray[Any]]:
        """Return the signs by the names in `tfmkit.doubts.SIGNS`.

        Parameters
        ----------
        limit : float or None
            Largest misfit that is familiar; None for a network that has not been calibrated.

        Returns
        -------
        dict of str to ndarray of shape (n_fields,)
            The numbers; ``"foreign"``, 0 or 1, only with a limit.
        """
        found: dict[str, NDArray[Any]] = {"misfit": self.reported.misfit, "misfit_rest": self.reported.misfit_rest}
        found |= {"misfit_turned": self.turned, "misfit_other_poisson": self.other_poisson}
        return found if limit is None else found | {"foreign": self.foreign(limit).astype(int)}


def find_signs(
    displacement: NDArray[Any],
    traction: NDArray[Any],
    gel: Gel,
    predict: Callable[[NDArray[Any], NDArray[Any] | None, Gel], NDArray[Any]],
    noise: NDArray[Any] | None = None,
    *,
    knows_gel: bool,
) -> Signs:
    """Measure the residual of fields, and of the same fields read in other ways.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Recovered traction over Young's modulus.
    gel : Gel
        The gel.
    predict : callable
        Function from displacement, noise and gel to the network's own traction over Young's modulus.
    noise : ndarray of shape (n_fields, 2, height, width), optional
        Standard deviation of the displacement, if it is told.
    knows_gel : bool
        Whether the network serves every Poisson ratio.

    Returns
    -------
    Signs
        The signs. The network runs three times more, once or twice again if it knows the gel, and once again where
        the noise is told.
    """
    reported = split_residual(displacement, traction, gel)
    own = reported if noise is None else split_residual(displacement, predict(displacement, noise, gel), gel)
    turned = []
    for matrix in np.array(_TURNED, dtype=displacement.dtype):
        fields = _turn(displacement, matrix)
        told = None if noise is None else _turn(noise, abs(matrix))
        turned.append(whole_and_rest(fields, predict(fields, told, gel), gel))
    poisson = [gel.poisson + step for step in (-_OTHER_POISSON, _OTHER_POISSON) if 0 <= gel.poisson + step <= 0.5]
    gels = [replace(gel, poisson=each) for each in poisson if knows_gel]
    others = [whole_and_rest(displacement, predict(displacement, noise, each), each) for each in gels]
    return Signs(reported, own, _smallest(turned, own), _smallest(others, own))


def _turn(fields: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.einsum("ij,njyx->niyx", matrix, fields))


def _smallest(others: Sequence[tuple[Array, Array]], own: Residual) -> Array:
    """Return the smallest residual over the own one, whole or beside far forces, whichever has shrunk less."""
    ratios = [np.maximum(ratio(whole, own.whole, 1.0), ratio(rest, own.rest, 1.0)) for whole, rest in others]
    return np.min([np.ones_like(own.whole), *ratios], axis=0)
