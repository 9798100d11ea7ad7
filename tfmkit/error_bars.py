"""Standard deviations of the quantities of a cell: noise, and the bias of the inversion.

A regularised inversion errs in two ways. Noise scatters its sums. Regularisation, the choice of lambda and the grid
shift them, and this shift does not show in any repetition of the measurement. Three numbers of a field tell of both:

- the spread of the quantity under noise like that of the field, from `TractionEstimator.draw`;
- its change when the traction itself is displaced, made noisy and recovered again (`TractionEstimator.recover_again`),
  which is the parametric bootstrap of the bias [1]_;
- the noise of the field over its largest displacement.

The weights of the three were fitted for every method and quantity, so that the interval of 1.645 standard deviations
holds the truth of 93 % of simulated fields (benchmark `error_bars`). They are those of the methods with their default
parameters.

References
----------
.. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray
from tfmkit.gel import Gel
from tfmkit.mechanics import force_summary, spread_of_axes
from tfmkit.noise.measure import noise_level

# Standard deviations on either side of the estimate that hold 90 % of the truths.
INTERVAL = 1.645


class Calibration(NamedTuple):
    """The weights of one method and quantity.

    Attributes
    ----------
    spread : float
        Weight of the spread of the draws, beside its weight of 1.
    again : float
        Weight of the change by a second recovery.
    floor : float
        Error without noise, over the scale of the quantity.
    noise : float
        Growth of this error with the noise over the largest displacement.
    """

    spread: float
    again: float
    floor: float
    noise: float

    def std(self, spread: Any, again: Any, noise_share: Any, scale: Any = 1.0) -> Any:
        r"""Return the standard deviation.

        Parameters
        ----------
        spread : float or array
            Standard deviation of the draws.
        again : float or array
            Change of the quantity by a second recovery.
        noise_share : float or array
            Noise level over the largest displacement.
        scale : float or array, default=1.0
            Scale of the quantity.

        Returns
        -------
        float or array
            :math:`\sqrt{(1 + a^2) s^2 + b^2 c^2 + (f + g n)^2 q^2}` with the spread s, the change c, the noise n and
            the scale q.
        """
        unseen = (self.floor + self.noise * noise_share) * scale
        return np.sqrt((1 + self.spread**2) * spread**2 + (self.again * again) ** 2 + unseen**2)


CALIBRATIONS: dict[str, dict[str, Calibration]] = {
    "FTTC": {
        "strain_energy": Calibration(0.13, 0.26, 0.0022, 1.5),
        "total_force": Calibration(0.093, 0.49, 0.018, 0.1),
        "net_force": Calibration(0.32, 0.12, 0.0021, 0.27),
        "contractile_moment": Calibration(0.042, 0.53, 0.0022, 0.068),
        "torque": Calibration(0.082, 1.8, 0.002, 0.043),
        "mean_traction": Calibration(0.093, 0.49, 0.018, 0.1),
        "max_traction": Calibration(1.7, 2, 0.019, 1.6),
        "net_force_length": Calibration(0.38, 0.068, 0.0023, 0.29),
    },
    "FTTCCV": {
        "strain_energy": Calibration(1.3, 0.27, 0.00095, 0.9),
        "total_force": Calibration(0.21, 0.063, 0.012, 1.6),
        "net_force": Calibration(0.41, 0.45, 0.0027, 0.12),
        "contractile_moment": Calibration(0.22, 0.31, 0.003, 0.33),
        "torque": Calibration(0.24, 0.56, 0.0014, 0.05),
        "mean_traction": Calibration(0.21, 0.063, 0.012, 1.6),
        "max_traction": Calibration(1.6, 0.89, 0.059, 6.6),
        "net_force_length": Calibration(0.48, 0.16, 0.002, 0.023),
    },
    "BayesianFTTC": {
        "strain_energy": Calibration(0.2, 0.55, 0.03, 0.018),
        "total_force": Calibration(0.73, 0.1, 0.014, 0.93),
        "net_force": Calibration(1.3, 0.22, 0.0015, 0.33),
        "contractile_moment": Calibration(1.1, 0.66, 0.0013, 0.065),
        "torque": Calibration(1.8, 1, 0.0014, 0.1),
        "mean_traction": Calibration(0.73, 0.1, 0.014, 0.93),
        "max_traction": Calibration(7.6, 1.4, 0.11, 0.62),
        "net_force_length": Calibration(0.82, 0.23, 0.001, 0.58),
    },
    "ElasticNetTFM": {
        "strain_energy": Calibration(0.24, 0.24, 0.034, 0.038),
        "total_force": Calibration(0.14, 0.78, 0.0086, 1.2),
        "net_force": Calibration(0.82, 0.51, 0.00045, 0.017),
        "contractile_moment": Calibration(0.068, 0.038, 0.001, 1.4),
        "torque": Calibration(0.038, 0.068, 0.001, 0.097),
        "mean_traction": Calibration(0.14, 0.78, 0.0086, 1.2),
        "max_traction": Calibration(1.1, 1.4, 0.1, 0.54),
        "net_force_length": Calibration(0.23, 0.037, 0.00011, 0.056),
    },
    "DeepTFM": {
        "strain_energy": Calibration(0.068, 0.29, 0.0015, 0.054),
        "total_force": Calibration(0.094, 0.48, 0.0079, 0.031),
        "net_force": Calibration(0.057, 0.061, 0.00086, 0.027),
        "contractile_moment": Calibration(0.038, 0.058, 0.0052, 0.036),
        "torque": Calibration(0.75, 0.058, 0.0007, 0.028),
        "mean_traction": Calibration(0.094, 0.48, 0.0079, 0.031),
        "max_traction": Calibration(2.9, 0.043, 0.0032, 0.1),
        "net_force_length": Calibration(0.048, 0.053, 0.001, 0.027),
    },
}


def noise_shares(displacement: FloatArray, gel: Gel) -> NDArray[np.float64]:
    """Return the noise level of fields over their largest displacement.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in the unit of the spacing of the gel.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n_fields,)
        The shares; 0 for a field at rest.
    """
    fields = gel.in_pixels(displacement)
    largest = np.hypot(fields[:, 0], fields[:, 1]).max(axis=(1, 2))
    return np.divide(noise_level(fields, gel), largest, out=np.zeros(len(fields)), where=largest > 0)


def quantity_scales(quantities: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales that the errors of quantities are measured in.

    Parameters
    ----------
    quantities : mapping of str to float or ndarray
        From `tfmkit.mechanics.force_summary`.

    Returns
    -------
    dict of str to float or ndarray
        The size of the quantity itself, but of the total force for the net force, of the contractile moment for the
        torque, and 1 for the net force as a fraction.
    """
    sizes = {name: np.abs(values) for name, values in quantities.items()}
    return sizes | {
        "net_force": np.ones_like(sizes["net_force"]),
        "net_force_length": sizes["total_force"],
        "torque": sizes["contractile_moment"],
    }


def standard_deviations(
    method: str,
    displacement: FloatArray,
    traction: FloatArray,
    samples: tuple[Any, Any],
    gel: Gel,
    *,
    mask: ArrayLike | None = None,
    measured: ArrayLike | None = None,
) -> dict[str, float]:
    """Return the standard deviations of the quantities of one cell.

    Parameters
    ----------
    method : str
        Name of the estimator's class. Noise alone counts for a method without calibration.
    displacement : ndarray of shape (1, 2, height, width)
        Displacement in the unit of the spacing.
    traction : ndarray of shape (1, 2, height, width)
        Traction that was recovered.
    samples : tuple of two Draws
        At least 2 draws of `TractionEstimator.draw`, and those of `TractionEstimator.recover_again`.
    gel : Gel
        The gel.
    mask : array-like of shape (height, width), optional
        True inside the cell. By default the whole field.
    measured : array-like of shape (height, width), optional
        True where the displacement was measured, see `tfmkit.mechanics.largest_traction`.

    Returns
    -------
    dict of str to float
        Standard deviations by the names of `tfmkit.mechanics.force_summary`. Those of the polarity hold noise only.
    """
    settings: dict[str, Any] = {"spacing": gel.spacing, "mask": mask, "measured": measured}
    quantities = {name: values[0] for name, values in force_summary(displacement, traction, **settings).items()}
    drawn, second = (
        force_summary(each.displacement[:, 0], each.traction[:, 0], estimate=traction, **settings) for each in samples
    )
    stds = {name: float(values.std(ddof=1)) for name, values in drawn.items()}
    stds["polarity_angle"] = spread_of_axes(drawn["polarity_angle"])
    scales, noise = quantity_scales(quantities), float(noise_shares(displacement, gel)[0])
    for name, calibration in CALIBRATIONS.get(method, {}).items():
        change = second[name].mean() - quantities[name]
        stds[name] = float(calibration.std(stds[name], change, noise, scales[name]))
    return stds
