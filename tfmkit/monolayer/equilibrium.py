r"""The equations of an elastic sheet on the pixels of a mask, factorised once for all tractions on it.

The traction :math:`t` of the cells on the gel and the stress :math:`\sigma` of the sheet balance:
:math:`\partial_x \sigma_{xx} + \partial_y \sigma_{xy} = t_x`, and likewise for y. In the discrete sheet the stress is
:math:`\sigma = C B u`, with the strain matrix B of an element, its elasticity C and a displacement u of the nodes. The
balance then reads :math:`K u = -f`, with the stiffness K and the traction f on each node.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from tfmkit.monolayer.element import elasticity, stiffness, strain_matrix
from tfmkit.monolayer.motions import free_motions, without_motions
from tfmkit.monolayer.sheet import Sheet, held_freedoms

Array = NDArray[np.floating[Any]]


class Equilibrium:
    """The balance of one sheet, ready to be solved for many tractions.

    Parameters
    ----------
    sheet : Sheet
        The mesh.
    poisson : float
        Poisson ratio of the sheet, in (-1, 1).
    boundary : {"sliding", "fixed", "free"}
        Condition where the sheet leaves the field.
    """

    def __init__(self, sheet: Sheet, poisson: float, boundary: str) -> None:
        self.sheet = sheet
        self._held = held_freedoms(sheet, boundary)
        self._motions = list(free_motions(sheet, self._held))
        self._elasticity = elasticity(poisson)
        self._strain = strain_matrix()
        self._freedoms = sheet.freedoms
        self._n_freedoms = 2 * len(sheet.nodes)
        self.matrix = _assemble(sheet, stiffness(poisson))

    @property
    def _equations(self) -> Any:
        """Sparse matrix of the equations of all nodes."""
        return self.matrix

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        """Components of nodes whose balance is asked for.

        Those that the border of the field holds are left out, and as many of each part as it takes to stop its rigid
        motions.
        """
        stopped = self._held.copy()
        for part in self._motions:
            stopped[part.pins] = True
        return np.flatnonzero(~stopped)

    @cached_property
    def _factor(self) -> Any:
        """Sparse factors of the equations that are kept."""
        reduced = self._equations.tocsc()[self._kept][:, self._kept].tocsc()
        # Symmetric and positive definite: no pivoting, and an order that keeps the factors sparse.
        options = {"SymmetricMode": True}
        return splu(reduced, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def loads(self, traction: Array) -> Array:
        """Return the traction on each node, without net force and torque.

        Parameters
        ----------
        traction : ndarray of shape (n_fields, 2, n_elements)
            Traction at the elements; that outside of the mask does not count.

        Returns
        -------
        ndarray of shape (n_fields, 2 * n_nodes)
            Force on each node; a quarter of each pixel's goes to each of its corners.
        """
        pulled = without_motions(traction, self._motions) * self.sheet.inside / 4
        return self._gather(np.tile(pulled.swapaxes(1, 2), 4))

    def loads_of(self, stress: Array) -> Array:
        """Return the traction on each node that balances a given stress.

        Parameters
        ----------
        stress : ndarray of shape (n_fields, 3, n_elements)
            Stress (xx, yy, xy), constant in each element.

        Returns
        -------
        ndarray of shape (n_fields, 2 * n_nodes)
            Force on each node.
        """
        return self._gather(-(stress * self.sheet.thickness).swapaxes(1, 2) @ self._strain)

    def solve(self, loads: Array) -> Array:
        """Return the stress that balances the traction on the nodes.

        Parameters
        ----------
        loads : ndarray of shape (n_fields, 2 * n_nodes)
            Traction on each node.

        Returns
        -------
        ndarray of shape (n_fields, 3, n_elements)
            Stress (xx, yy, xy) in the middle of each element, in the unit of the traction times the side of a pixel.
        """
        return self.stress(self.displacement(loads))

    def displacement(self, loads: Array) -> Array:
        """Solve the balance for the displacement of the nodes.

        Parameters
        ----------
        loads : ndarray of shape (n_fields, 2 * n_nodes)
            Traction on each node.

        Returns
        -------
        ndarray of shape (n_fields, 2 * n_nodes)
            Displacement of each node; 0 where it is held.
        """
        moved = np.zeros_like(loads)
        if self._kept.size:
            moved[:, self._kept] = self._factor.solve(-loads[:, self._kept].T).T
        return moved

    def stress(self, displacement: Array) -> Array:
        """Return the stress in the middle of each element.

        Parameters
        ----------
        displacement : ndarray of shape (n_fields, 2 * n_nodes)
            Displacement of the nodes.

        Returns
        -------
        ndarray of shape (n_fields, 3, n_elements)
            Stress (xx, yy, xy) in the unit of the traction times the side of a pixel.
        """
        strain = displacement[:, self._freedoms] @ self._strain.T
        return np.asarray((strain @ self._elasticity).swapaxes(1, 2))

    def _gather(self, forces: Array) -> Array:
        """Add forces on the corners of elements, of shape (n_fields, n_elements, 8), up on the nodes."""
        places = self._freedoms.ravel()
        return np.stack([np.bincount(places, force.ravel(), self._n_freedoms) for force in forces])


def _assemble(sheet: Sheet, element: Array) -> Any:
    rows = np.repeat(sheet.freedoms, 8, axis=1).ravel()
    columns = np.tile(sheet.freedoms, (1, 8)).ravel()
    values = (sheet.thickness[:, None] * element.ravel()).ravel()
    return scipy.sparse.coo_array((values, (rows, columns)), shape=(2 * len(sheet.nodes),) * 2).tocsc()
