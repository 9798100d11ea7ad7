"""Stress in a sheet by Bayesian inversion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_number
from tfmkit.monolayer.base import SheetEstimator
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.evidence import chosen_lams, outside_noise
from tfmkit.monolayer.prior import NoisyEquilibrium
from tfmkit.monolayer.sheet import Sheet

Array = NDArray[np.floating[Any]]


class BayesianStress(SheetEstimator):
    r"""Most probable stress in a sheet of cells, by Bayesian inversion of the noisy traction.

    Parameters
    ----------
    noise : float, optional
        Noise level of the traction: standard deviation per component and pixel (Pa). By default it is measured on the
        traction outside of the sheet, where there are no cells.
    poisson : float, default=0.5
        How the components of the stress vary together: as those of an elastic sheet with this Poisson ratio. At 0 they
        are independent, as in [1]_; on simulated colonies 0.5 is better (`benchmarks/monolayer_simulated.csv`).
    boundary : {"fixed", "sliding", "free"}, default="fixed"
        Condition where the sheet leaves the field. ``"fixed"``: nothing is known of the forces there; ``"sliding"``:
        no shear acts there; ``"free"``: no force acts there. The other borders of the sheet, of holes too, are free.
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
    MonolayerStress : The same without noise, for `poisson` of its own.

    Notes
    -----
    Bayesian inversion stress microscopy [1]_. Each component of the stress is Gaussian beforehand and independent from
    place to place, with a standard deviation near :math:`s_0`; the traction has white noise of the level s. The most
    probable stress balances the traction up to noise and is as small as it can be. Two things differ from [1]_. The
    stress is small about a uniform stress that the traction chooses, since cells hold a tension: small about zero, a
    colony's tension came out 5-10 % too low. And the weight :math:`\lambda = s^2 / s_0^2` has the largest evidence for
    the measured noise: with both s and :math:`s_0` free, evidence takes all traction for noise, because that of cells
    is smoother than the prior wants it.

    The smallest stress that balances the traction exactly is that of an elastic sheet: without noise, this estimator
    finds the stress of `MonolayerStress` with the same `poisson`. So it needs no modulus, but it knows no more of the
    third component of the stress than an elastic sheet does. Use it where traction is noisy or the sheet leaves the
    field.

    References
    ----------
    .. [1] V. Nier et al., Biophys. J. 110:1625 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.monolayer import BayesianStress
    >>> traction = np.zeros((1, 2, 9, 24))
    >>> traction[:, 0, 3:6, 2], traction[:, 0, 3:6, 21] = 100, -100
    >>> mask = np.zeros((9, 24), dtype=bool)
    >>> mask[3:6, 2:22] = True
    >>> stress = BayesianStress(noise=1.0, spacing=2e-6).fit(traction).predict(traction, mask=mask)
    >>> print(f"{stress[0, 0, 4, 12]:.4f} N/m")
    0.0002 N/m
    """

    def __init__(
        self,
        noise: float | None = None,
        *,
        poisson: float = 0.5,
        boundary: str = "fixed",
        spacing: float = 1.0,
        height: float | None = None,
        cell_size: float | None = None,
    ) -> None:
        self.noise = noise
        self.poisson = poisson
        self.boundary = boundary
        self.spacing = spacing
        self.height = height
        self.cell_size = cell_size

    def _check_parameters(self) -> None:
        if self.noise is not None:
            check_number(self.noise, "noise", low=0)

    def _systems(self, sheet: Sheet, fields: Array) -> Iterator[tuple[NDArray[np.intp], Equilibrium]]:
        inside = np.isfinite(sheet.fill(np.zeros(sheet.rows.size)))
        noise = np.full(len(fields), self.noise) if self.noise is not None else outside_noise(fields, inside)
        settings: dict[str, Any] = {"poisson": float(self.poisson), "boundary": self.boundary}
        lams = chosen_lams(sheet, fields, noise, **settings)
        for lam in np.unique(lams):
            yield np.flatnonzero(lams == lam), NoisyEquilibrium(sheet, lam=lam, **settings)
