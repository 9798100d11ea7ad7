r"""The balance of a sheet under noisy traction, and the evidence of the weight of the noise.

The stress is a uniform stress, about which nothing is known beforehand, plus independent Gaussian values at every place
with the covariance :math:`s_0^2 C`. The traction on the nodes, less that of the uniform stress, is then Gaussian with
the covariance :math:`s_0^2 K + s^2 D`: K is the stiffness of the elastic sheet with the elasticity C, D the area of
each node and s the noise level. The most probable stress is :math:`\sigma = C B u` with
:math:`(K + \lambda D) u = -f` and :math:`\lambda = s^2 / s_0^2`; :math:`-\lambda D u` is taken for noise.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.sheet import Sheet

Array = NDArray[np.floating[Any]]

_ROUNDING = 1e-9


class NoisyEquilibrium(Equilibrium):
    """The balance of one sheet under noisy traction.

    Parameters
    ----------
    sheet : Sheet
        The mesh.
    poisson : float
        Poisson ratio of the elasticity C, in (-1, 1).
    boundary : {"sliding", "fixed", "free"}
        Condition where the sheet leaves the field.
    lam : float
        Weight of the noise, > 0, for a spacing of 1.
    """

    def __init__(self, sheet: Sheet, poisson: float, boundary: str, lam: float) -> None:
        super().__init__(sheet, poisson, boundary)
        self.lam = lam

    @property
    def _equations(self) -> Any:
        """Sparse matrix of the equations of all nodes."""
        return self.matrix + self.lam * scipy.sparse.diags_array(np.repeat(self.sheet.node_area, 2))

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        """Components of nodes whose balance is asked for: noise stops the rigid motions."""
        return np.flatnonzero(~self._held)

    @cached_property
    def _uniform(self) -> tuple[Array, Array, Array]:
        """Traction of three uniform stresses on the nodes, its image under the factor, and the inverse of both."""
        stress = np.broadcast_to(np.eye(3)[:, :, None], (3, 3, self.sheet.rows.size))
        loads = self.loads_of(stress)[:, self._kept]
        solved = self._factor.solve(loads.T)
        # A uniform stress without free borders has no traction: it stays 0.
        return loads, solved, np.linalg.pinv(loads @ solved, rcond=_ROUNDING, hermitian=True)

    def solve(self, loads: Array) -> Array:
        """Return the most probable stress.

        Parameters
        ----------
        loads : ndarray of shape (n_fields, 2 * n_nodes)
            Traction on each node.

        Returns
        -------
        ndarray of shape (n_fields, 3, n_elements)
            Stress (xx, yy, xy) in the middle of each element, in the unit of the traction times the side of a pixel.
        """
        if not self._kept.size:
            return super().solve(loads)
        uniform_loads, solved, inverse = self._uniform
        uniform = loads[:, self._kept] @ solved @ inverse
        rest = loads.copy()
        rest[:, self._kept] -= uniform @ uniform_loads
        return super().solve(rest) + uniform[:, :, None]

    def log_evidence(self, loads: Array, noise: Array) -> Array:
        """Return the logarithm of the probability of the traction, given its noise and the weight.

        Parameters
        ----------
        loads : ndarray of shape (n_fields, 2 * n_nodes)
            Traction on each node.
        noise : ndarray of shape (n_fields,)
            Noise level of the traction of a pixel, per component, > 0.

        Returns
        -------
        ndarray of shape (n_fields,)
            Log evidence up to a constant.
        """
        _, solved, inverse = self._uniform
        kept = loads[:, self._kept]
        shown = kept @ solved
        squares = np.einsum("nk,nk->n", kept, self._factor.solve(kept.T).T) - np.einsum(
            "ni,ij,nj->n", shown, inverse, shown
        )
        sizes = np.linalg.eigvalsh(inverse)
        known = sizes[sizes > 0]
        prior = noise**2 / self.lam
        determinant = np.log(self._factor.U.diagonal()).sum() - np.log(known).sum()
        n_values = self._kept.size - known.size
        return np.asarray(-0.5 * (n_values * np.log(prior) + determinant + squares / prior))
