"""Standard deviations of the quantities of a cell: noise, and the bias of the inversion.

A regularised inversion errs in two ways. Noise scatters its sums. Regularisation, the choice of lambda and the grid
shift them, and this shift does not show in any repetition of the measurement. Four numbers of a field tell of both:

- the spread of the quantity under noise like that of the field, from `TractionEstimator.draw`;
- its change when the traction itself is displaced, made noisy and recovered again (`TractionEstimator.recover_again`),
  which is the parametric bootstrap of the bias [1]_;
- the noise of the field over its largest displacement;
- the share of the force at the border of the field, where the displacement does not tell it from forces outside.

The weights of the four were fitted for every method and quantity, so that the interval of 1.645 standard deviations
holds the truth of 90 % of simulated fields (benchmark `error_bars`). They are those of the methods with their default
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

from tfmkit._validation import FloatArray, check_mask
from tfmkit.force_region import Forces, find_forces
from tfmkit.gel import Gel
from tfmkit.mechanics import force_summary, largest_moment, spread_of_axes
from tfmkit.noise.measure import noise_level

# Standard deviations on either side of the estimate that hold 90 % of the truths.
INTERVAL = 1.645
# Grid points that count as the border of the field.
_BORDER = 2


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
    border : float
        Growth of this error with the share of the force at the border of the field.
    """

    spread: float
    again: float
    floor: float
    noise: float
    border: float

    def std(self, spread: Any, again: Any, noise_share: Any, border_share: Any, scale: Any = 1.0) -> Any:
        r"""Return the standard deviation.

        Parameters
        ----------
        spread : float or array
            Standard deviation of the draws.
        again : float or array
            Change of the quantity by a second recovery.
        noise_share : float or array
            Noise level over the largest displacement.
        border_share : float or array
            From `border_shares`.
        scale : float or array, default=1.0
            Scale of the quantity.

        Returns
        -------
        float or array
            :math:`\sqrt{(1 + a^2) s^2 + b^2 c^2 + (f + g n + h e)^2 q^2}` with the spread s, the change c, the noise n,
            the share e at the border and the scale q.
        """
        unseen = (self.floor + self.noise * noise_share + self.border * border_share) * scale
        return np.sqrt((1 + self.spread**2) * spread**2 + (self.again * again) ** 2 + unseen**2)


CALIBRATIONS: dict[str, dict[str, Calibration]] = {
    "FTTC": {
        "strain_energy": Calibration(0.017, 0.24, 0.00045, 1.5, 0.0091),
        "total_force": Calibration(0.016, 0.015, 0.0061, 0.0091, 0.031),
        "net_force": Calibration(0.015, 0.21, 0.00069, 0.0073, 0.068),
        "contractile_moment": Calibration(0.0095, 0.3, 0.0012, 0.058, 0.018),
        "torque": Calibration(0.015, 0.19, 0.00043, 0.22, 0.051),
        "mean_traction": Calibration(0.016, 0.015, 0.0061, 0.0091, 0.031),
        "max_traction": Calibration(1.6, 0.81, 0.015, 0.34, 0.004),
        "net_force_length": Calibration(0.015, 0.015, 0.00075, 0.007, 0.069),
    },
    "FTTCCV": {
        "strain_energy": Calibration(1.2, 0.24, 5.2e-05, 0.59, 0.68),
        "total_force": Calibration(0.017, 0.016, 0.0052, 0.83, 0.023),
        "net_force": Calibration(0.015, 0.016, 0.00063, 0.024, 0.075),
        "contractile_moment": Calibration(0.017, 0.34, 0.00062, 0.26, 0.0082),
        "torque": Calibration(0.014, 0.018, 0.00052, 0.11, 0.055),
        "mean_traction": Calibration(0.017, 0.016, 0.0052, 0.83, 0.023),
        "max_traction": Calibration(0.21, 0.51, 0.0023, 7.9, 0.0097),
        "net_force_length": Calibration(0.015, 0.016, 0.00066, 0.011, 0.075),
    },
    "BayesianFTTC": {
        "strain_energy": Calibration(0.019, 0.34, 0.016, 0.006, 0.58),
        "total_force": Calibration(0.017, 0.018, 0.0054, 0.49, 0.02),
        "net_force": Calibration(0.014, 0.015, 0.0008, 0.0065, 0.074),
        "contractile_moment": Calibration(0.013, 0.31, 0.0011, 0.068, 0.019),
        "torque": Calibration(0.014, 0.23, 0.00083, 0.019, 0.048),
        "mean_traction": Calibration(0.017, 0.018, 0.0054, 0.49, 0.02),
        "max_traction": Calibration(3.6, 0.75, 0.11, 1.5, 0.0034),
        "net_force_length": Calibration(0.014, 0.013, 0.00076, 0.0051, 0.078),
    },
    "ElasticNetTFM": {
        "strain_energy": Calibration(0.24, 0.24, 0.034, 0.038, 0),
        "total_force": Calibration(0.14, 0.78, 0.0086, 1.2, 0),
        "net_force": Calibration(0.82, 0.51, 0.00045, 0.017, 0),
        "contractile_moment": Calibration(0.068, 0.038, 0.001, 1.4, 0),
        "torque": Calibration(0.038, 0.068, 0.001, 0.097, 0),
        "mean_traction": Calibration(0.14, 0.78, 0.0086, 1.2, 0),
        "max_traction": Calibration(1.1, 1.4, 0.1, 0.54, 0),
        "net_force_length": Calibration(0.23, 0.037, 0.00011, 0.056, 0),
    },
    "DeepTFM": {
        "strain_energy": Calibration(0.016, 0.28, 0.0032, 0.0095, 0.035),
        "total_force": Calibration(0.016, 0.049, 0.0069, 0.0072, 0.033),
        "net_force": Calibration(0.013, 0.014, 0.00032, 0.0079, 0.0035),
        "contractile_moment": Calibration(0.013, 0.015, 0.0033, 0.0055, 0.0028),
        "torque": Calibration(0.013, 0.016, 0.00038, 0.0083, 0.0072),
        "mean_traction": Calibration(0.016, 0.049, 0.0069, 0.0072, 0.033),
        "max_traction": Calibration(1.5, 0.011, 0.0056, 0.016, 0.0089),
        "net_force_length": Calibration(0.013, 0.014, 0.00037, 0.0078, 0.0037),
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


def border_shares(forces: Forces, mask: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the share of the force of cells that lies at the border of the field.

    Parameters
    ----------
    forces : Forces
        Forces of the fields.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        The part of the total force in the outermost two rows and columns of grid points; 0 without forces.
    """
    sizes = np.abs(forces.along)
    if mask is not None:
        sizes = sizes * check_mask(mask, (len(sizes), 2, *sizes.shape[1:]))
    whole, inner = (each.sum(axis=(1, 2)) for each in (sizes, sizes[:, _BORDER:-_BORDER, _BORDER:-_BORDER]))
    return np.divide(whole - inner, whole, out=np.zeros_like(whole), where=whole > 0)


def quantity_scales(quantities: Mapping[str, Any], largest: Any) -> dict[str, Any]:
    """Return the scales that the errors of quantities are measured in.

    Parameters
    ----------
    quantities : mapping of str to float or ndarray
        From `tfmkit.mechanics.force_summary`.
    largest : float or ndarray
        The moment from `tfmkit.mechanics.largest_moment`.

    Returns
    -------
    dict of str to float or ndarray
        The size of the quantity itself, but of the total force for the net force, of the largest moment for both
        moments, and 1 for the net force as a fraction. The moments of forces that do not all point to one centre are
        small differences of large parts, and so say nothing of their own errors.
    """
    sizes = {name: np.abs(values) for name, values in quantities.items()}
    return sizes | {
        "net_force": np.ones_like(sizes["net_force"]),
        "net_force_length": sizes["total_force"],
        "contractile_moment": largest,
        "torque": largest,
    }


class Recovery(NamedTuple):
    """Fields with their traction and its forces, which all cells of a field share.

    Attributes
    ----------
    displacement, traction : ndarray of shape (n_fields, 2, height, width)
        Displacement and the traction that was recovered.
    forces : Forces
        Forces of the traction.
    """

    displacement: FloatArray
    traction: FloatArray
    forces: Forces

    @classmethod
    def of(cls, displacement: FloatArray, traction: FloatArray, estimate: Recovery | None = None) -> Recovery:
        """Find the forces of a traction.

        Parameters
        ----------
        displacement, traction : ndarray of shape (n_fields, 2, height, width)
            Displacement and traction.
        estimate : Recovery, optional
            The recovery of the one field that these are draws of, see `tfmkit.force_region.find_forces`.

        Returns
        -------
        Recovery
            The fields with their forces.
        """
        forces = find_forces(traction.astype(np.float64), None if estimate is None else estimate.forces)
        return cls(displacement, traction, forces)

    def summary(self, **settings: Any) -> dict[str, FloatArray]:
        """Return the quantities of `tfmkit.mechanics.force_summary`.

        Parameters
        ----------
        **settings : dict
            Its spacing, mask and measured vectors.

        Returns
        -------
        dict of str to ndarray of shape (n_fields,)
            The quantities.
        """
        return force_summary(self.displacement, self.traction, forces=self.forces, **settings)

    def net_vectors(self, *, spacing: float = 1.0, mask: ArrayLike | None = None, **_: Any) -> FloatArray:
        """Return the net forces, whose lengths are among the quantities.

        Parameters
        ----------
        spacing : float, default=1.0
            Distance between grid points.
        mask : array-like of shape (height, width), optional
            True inside the cell. By default the whole field.
        **_ : dict
            The other settings of `summary` do not count.

        Returns
        -------
        ndarray of shape (n_fields, 2)
            Net force along x and y.
        """
        inside = self.forces.wide if mask is None else self.forces.wide & np.asarray(mask, dtype=bool)
        return np.asarray((self.traction * inside[:, None]).sum(axis=(2, 3), dtype=float)) * spacing**2


class Samples(NamedTuple):
    """A recovery and its repetitions, behind the standard deviations of all its cells.

    Attributes
    ----------
    estimate : Recovery
        The recovery of one field.
    draws : Recovery
        Draws of it, from which its own background is taken out. It is noise, which draws would hold twice: their
        regions would change more from draw to draw than those of estimates do from field to field.
    again : Recovery
        Second recoveries.
    """

    estimate: Recovery
    draws: Recovery
    again: Recovery

    @classmethod
    def of(cls, estimate: Recovery, draws: Any, again: Any, field: int = 0) -> Samples:
        """Find the forces of draws and second recoveries.

        Parameters
        ----------
        estimate : Recovery
            The recovery of one field.
        draws, again : Draws
            At least 2 draws of `TractionEstimator.draw`, and those of `TractionEstimator.recover_again`.
        field : int, default=0
            Number of the field among those of the draws.

        Returns
        -------
        Samples
            All three.
        """
        background = estimate.traction * ~estimate.forces.wide[:, None]
        drawn = Recovery.of(draws.displacement[:, field], draws.traction[:, field] - background, estimate)
        return cls(estimate, drawn, Recovery.of(again.displacement[:, field], again.traction[:, field]))


class Variations(NamedTuple):
    """How the quantities of one cell vary.

    Attributes
    ----------
    estimate : dict of str to float
        The quantities of the estimate.
    spread : dict of str to float
        Their standard deviations over the draws.
    change : dict of str to float
        Their mean changes by a second recovery.
    """

    estimate: dict[str, float]
    spread: dict[str, float]
    change: dict[str, float]

    @classmethod
    def of(cls, samples: Samples, **settings: Any) -> Variations:
        """Find the variations of one cell.

        Parameters
        ----------
        samples : Samples
            The recovery of one field, its draws and its second recoveries.
        **settings : dict
            Spacing, mask and measured vectors of `Recovery.summary`.

        Returns
        -------
        Variations
            The variations.

        Notes
        -----
        Noise makes a net force of 0 longer, by about its own spread, and the lengths then vary less than the vectors
        do. The spread of the net force is therefore that of one component of the vector, and its change is the length
        of the change of the vector.
        """
        found, drawn, second = (each.summary(**settings) for each in samples)
        estimate = {name: float(values[0]) for name, values in found.items()}
        spread = {name: float(values.std(ddof=1)) for name, values in drawn.items()}
        change = {name: float(values.mean()) - estimate[name] for name, values in second.items()}
        spread["polarity_angle"] = spread_of_axes(drawn["polarity_angle"])
        own, vectors, again = (each.net_vectors(**settings) for each in samples)
        spread["net_force_length"] = float(np.sqrt(vectors.var(axis=0, ddof=1).mean()))
        change["net_force_length"] = float(np.hypot(*(again.mean(axis=0) - own[0])))
        total = estimate["total_force"]
        for parts in (spread, change):
            parts["net_force"] = parts["net_force_length"] / total if total > 0 else 0.0
        return cls(estimate, spread, change)


def standard_deviations(
    method: str,
    samples: Samples,
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
    samples : Samples
        The recovery of one field, its draws and its second recoveries.
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
    quantities, stds, change = Variations.of(samples, **settings)
    estimate = samples.estimate
    largest = largest_moment(estimate.traction, spacing=gel.spacing, mask=mask, forces=estimate.forces)
    scales, noise = quantity_scales(quantities, largest[0]), float(noise_shares(estimate.displacement, gel)[0])
    border = float(border_shares(estimate.forces, mask)[0])
    for name, calibration in CALIBRATIONS.get(method, {}).items():
        stds[name] = float(calibration.std(stds[name], change[name], noise, border, scales[name]))
    return stds
