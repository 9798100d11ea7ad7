"""Stress in a sheet by finite elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.monolayer.base import SheetEstimator
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.sheet import Sheet

Array = NDArray[np.floating[Any]]


class MonolayerStress(SheetEstimator):
    r"""Stress in a sheet of cells that behaves as an elastic plate, by finite elements on the pixels of its mask.

    Parameters
    ----------
    poisson : float, default=0.5
        Poisson ratio of the sheet, in (-1, 1). Young's modulus does not matter: it scales strain, not stress.
    boundary : {"sliding", "fixed", "free"}, default="sliding"
        Condition where the sheet leaves the field. ``"sliding"``: it does not move across the border and no shear acts
        there; ``"fixed"``: it does not move; ``"free"``: it ends there. The other borders of the sheet, of holes too,
        are free.
    spacing : float, default=1.0
        Distance between grid points. In metres, with traction in Pa, stress comes out in N/m.
    height : float, optional
        Height of the sheet in the unit of `spacing`. With it, stress is divided by the height and comes out in Pa.
    cell_size : float, optional
        Diameter of a cell in the unit of `spacing`, for `draw`. By default that of the cells of the label image.

    Attributes
    ----------
    scale_ : float
        Unit of the stress over that of the traction: `spacing`, or `spacing` over `height`.

    See Also
    --------
    BayesianStress : Takes noise into account.

    Notes
    -----
    The traction of the cells on the gel, t, and the stress of the sheet balance, :math:`\nabla \cdot \sigma = t`
    [1]_ [2]_. These are two equations for three components. Hooke's law in plane stress is the third. The stress is
    that of the sheet's whole height, a force per length (N/m).

    Each pixel is a bilinear element, each of its corners a node. The balance holds at each node up to rounding; the
    stress is that in the middle of the pixel, exact to the second order of the grid where stress vanishes at the border
    of the mask. The staircase of pixels along the border is smoothed over a pixel. Net force and torque of each part
    are taken off first (`unbalanced` tells how much they are). Parts that touch by a corner only are not joined.

    A sheet that fills the field has no free border. Then the mean of its stress is not in the traction, and comes out
    near 0.

    References
    ----------
    .. [1] D. T. Tambe et al., Nat. Mater. 10:469 (2011).
    .. [2] D. T. Tambe et al., PLoS ONE 8:e55172 (2013).

    Examples
    --------
    A strip under tension: its ends pull the gel inwards.

    >>> import numpy as np
    >>> from tfmkit.monolayer import MonolayerStress
    >>> traction = np.zeros((1, 2, 9, 24))
    >>> traction[:, 0, 3:6, 2], traction[:, 0, 3:6, 21] = 100, -100
    >>> mask = np.zeros((9, 24), dtype=bool)
    >>> mask[3:6, 2:22] = True
    >>> stress = MonolayerStress(spacing=2e-6).fit(traction).predict(traction, mask=mask)
    >>> print(f"{stress[0, 0, 4, 12]:.4f} N/m")
    0.0002 N/m
    """

    def __init__(
        self,
        poisson: float = 0.5,
        *,
        boundary: str = "sliding",
        spacing: float = 1.0,
        height: float | None = None,
        cell_size: float | None = None,
    ) -> None:
        self.poisson = poisson
        self.boundary = boundary
        self.spacing = spacing
        self.height = height
        self.cell_size = cell_size

    def _systems(self, sheet: Sheet, fields: Array) -> Iterator[tuple[NDArray[np.intp], Equilibrium]]:
        yield np.arange(len(fields)), Equilibrium(sheet, float(self.poisson), self.boundary)
