"""Standard deviations of the quantities of a cell: noise, and the bias of the inversion.

A regularised inversion errs in two ways. Noise scatters its sums. Regularisation, the choice of lambda and the grid
shift them, and this shift does not show in any repetition of the measurement. Six numbers of a field tell of both:

- the spread of the quantity under noise like that of the field, from `TractionEstimator.draw`;
- its mean change by this noise: a quantity that further noise makes larger was made larger by the first noise, too;
- its change when the traction itself is displaced, made noisy and recovered again (`TractionEstimator.recover_again`),
  which is the parametric bootstrap of the bias [1]_;
- the noise of the field over its largest displacement;
- the share of the force at the border of the field, where the displacement does not tell it from forces outside;
- the share of the force that cancels between neighbours: ringing, noise, and forces that pull in different directions.

The weights of the six were fitted for every method and quantity, so that the interval of 1.645 standard deviations
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


class Parts(NamedTuple):
    """The numbers that the error bar of one quantity is made of.

    Attributes
    ----------
    estimate : float or array
        The quantity.
    spread : float or array
        Standard deviation of the draws.
    again : float or array
        Change by a second recovery.
    shift : float or array
        Change by the noise of the draws: how far further noise moves the quantity to one side.
    noise_share : float or array
        Noise level over the largest displacement, see `noise_shares`.
    border_share : float or array
        Share of the force at the border of the field, see `border_shares`.
    lost_share : float or array
        Share of the force that cancels between neighbours, see `lost_shares`.
    scale : float or array
        Scale of the error, see `quantity_scales`.
    """

    estimate: Any
    spread: Any
    again: Any
    shift: Any
    noise_share: Any
    border_share: Any
    lost_share: Any
    scale: Any


class Calibration(NamedTuple):
    """The weights of one method and quantity.

    Attributes
    ----------
    spread : float
        Weight of the spread of the draws. Below 1 where draws spread more than estimates do from field to field.
    again : float
        Weight of the change by a second recovery.
    shift : float
        Weight of the change by the noise of the draws.
    floor : float
        Error without noise, over the scale of the quantity.
    noise : float
        Growth of this error with the noise over the largest displacement.
    border : float
        Growth of this error with the share of the force at the border of the field.
    lost : float
        Growth of this error with the share of the force that cancels between neighbours.
    """

    spread: float
    again: float
    shift: float
    floor: float
    noise: float
    border: float
    lost: float

    def std(self, parts: Parts) -> Any:
        r"""Return the standard deviation.

        Parameters
        ----------
        parts : Parts
            The numbers of the cell.

        Returns
        -------
        float or array
            :math:`\sqrt{a^2 s^2 + b^2 c^2 + d^2 m^2 + (f + g n + h e + k l)^2 q^2}` with the spread s, the change
            c by a second recovery, the shift m by noise, the noise n, the share e at the border, the share l that
            cancels, and the scale q.
        """
        signs = self.noise * parts.noise_share + self.border * parts.border_share + self.lost * parts.lost_share
        changes = (self.again * parts.again) ** 2 + (self.shift * parts.shift) ** 2
        unseen = (self.floor + signs) * parts.scale
        return np.sqrt((self.spread * parts.spread) ** 2 + changes + unseen**2)


CALIBRATIONS: dict[str, dict[str, Calibration]] = {
    "FTTC": {
        "strain_energy": Calibration(0.75, 0.25, 0.7, 0.004, 0.021, 0.0091, 0.065),
        "total_force": Calibration(0.79, 0.61, 0.019, 0.012, 0.015, 0.0083, 0.026),
        "net_force": Calibration(0.75, 0.52, 0.018, 0.00091, 0.013, 0.044, 0.007),
        "contractile_moment": Calibration(0.75, 0.019, 0.018, 0.00091, 0.029, 0.12, 0.01),
        "torque": Calibration(0.76, 0.43, 0.018, 0.00091, 0.019, 0.075, 0.0056),
        "mean_traction": Calibration(0.79, 0.61, 0.019, 0.012, 0.016, 0.0083, 0.026),
        "max_traction": Calibration(1.4, 1, 1.5, 0.006, 0.018, 0.017, 0.015),
        "net_force_length": Calibration(0.75, 0.5, 0.018, 0.00091, 0.013, 0.057, 0.0059),
    },
    "FTTCCV": {
        "strain_energy": Calibration(0.75, 0.53, 0.018, 0.0026, 0.019, 0.014, 0.011),
        "total_force": Calibration(0.75, 0.58, 0.018, 0.011, 0.59, 0.0091, 0.027),
        "net_force": Calibration(0.75, 0.45, 0.018, 0.00091, 0.015, 0.053, 0.0052),
        "contractile_moment": Calibration(0.78, 0.39, 0.018, 0.0011, 0.027, 0.073, 0.0075),
        "torque": Calibration(0.75, 0.58, 0.018, 0.00092, 0.02, 0.048, 0.0049),
        "mean_traction": Calibration(0.75, 0.58, 0.018, 0.011, 0.59, 0.0091, 0.027),
        "max_traction": Calibration(0.75, 1.5, 0.018, 0.044, 0.02, 0.018, 0.018),
        "net_force_length": Calibration(0.75, 0.52, 0.018, 0.00091, 0.012, 0.05, 0.004),
    },
    "BayesianFTTC": {
        "strain_energy": Calibration(1.4, 0.47, 0.018, 0.0042, 0.016, 0.011, 0.19),
        "total_force": Calibration(1, 0.49, 0.59, 0.0033, 0.018, 0.0089, 0.068),
        "net_force": Calibration(0.75, 0.4, 0.018, 0.00091, 0.011, 0.051, 0.0078),
        "contractile_moment": Calibration(0.8, 0.019, 0.019, 0.0012, 0.032, 0.089, 0.0042),
        "torque": Calibration(0.75, 0.48, 0.019, 0.0011, 0.019, 0.053, 0.0037),
        "mean_traction": Calibration(1, 0.49, 0.59, 0.0033, 0.018, 0.0089, 0.068),
        "max_traction": Calibration(7.5, 1.6, 0.018, 0.017, 0.018, 0.017, 0.38),
        "net_force_length": Calibration(0.75, 0.49, 0.018, 0.00091, 0.012, 0.052, 0.0071),
    },
    "ElasticNetTFM": {
        "strain_energy": Calibration(1.5, 0.28, 0.018, 0.016, 0.016, 0.014, 0.53),
        "total_force": Calibration(1.4, 0.75, 0.018, 0.0028, 0.018, 0.057, 0.012),
        "net_force": Calibration(0.75, 0.018, 0.018, 0.00091, 0.24, 0.052, 0.0039),
        "contractile_moment": Calibration(0.75, 0.67, 0.018, 0.00091, 0.013, 0.045, 0.0038),
        "torque": Calibration(0.75, 0.45, 0.018, 0.00091, 0.034, 0.041, 0.0029),
        "mean_traction": Calibration(1.4, 0.75, 0.018, 0.0028, 0.018, 0.057, 0.012),
        "max_traction": Calibration(0.75, 1.5, 0.018, 0.12, 0.018, 0.03, 0.024),
        "net_force_length": Calibration(0.75, 0.018, 0.018, 0.00091, 0.0038, 0.074, 0.0022),
    },
    "DeepTFM": {
        "strain_energy": Calibration(0.75, 0.29, 0.018, 0.0016, 0.014, 0.014, 0.32),
        "total_force": Calibration(0.75, 0.84, 0.018, 0.0027, 0.013, 0.085, 0.21),
        "net_force": Calibration(0.75, 0.51, 0.018, 0.0014, 0.019, 0.037, 0.0092),
        "contractile_moment": Calibration(0.75, 0.55, 0.018, 0.0038, 0.016, 0.027, 0.01),
        "torque": Calibration(0.75, 0.018, 0.018, 0.00091, 0.015, 0.07, 0.0086),
        "mean_traction": Calibration(0.75, 0.84, 0.018, 0.0027, 0.013, 0.085, 0.21),
        "max_traction": Calibration(2, 0.33, 0.018, 0.0096, 0.017, 0.016, 0.021),
        "net_force_length": Calibration(0.75, 0.51, 0.018, 0.0013, 0.017, 0.063, 0.0088),
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


def lost_shares(traction: FloatArray, forces: Forces, mask: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the share of the force of cells that cancels between neighbours.

    Parameters
    ----------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction of the fields.
    forces : Forces
        Its forces.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        1 less the total force over the sum of the lengths of the vectors, both over the core of the forces; 0 without
        forces. It grows with the ringing and the noise of the vectors, which cancel on purpose, and where forces pull
        in different directions within about a grid point.
    """
    inside = forces.core if mask is None else forces.core & check_mask(mask, traction.shape)
    lengths = np.hypot(traction[:, 0], traction[:, 1])
    whole, kept = ((each * inside).sum(axis=(1, 2)) for each in (lengths, forces.along))
    return np.divide(whole - kept, whole, out=np.zeros_like(whole), where=whole > 0)


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
    again : dict of str to float
        Their mean changes by a second recovery.
    shift : dict of str to float
        Their mean changes by the noise of the draws.
    """

    estimate: dict[str, float]
    spread: dict[str, float]
    again: dict[str, float]
    shift: dict[str, float]

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
        do. The spread of the net force is therefore that of one component of the vector, and its changes are the
        lengths of the changes of the vector.
        """
        found, drawn, second = (each.summary(**settings) for each in samples)
        estimate = {name: float(values[0]) for name, values in found.items()}
        spread = {name: float(values.std(ddof=1)) for name, values in drawn.items()}
        again, shift = (
            {name: float(values.mean()) - estimate[name] for name, values in each.items()} for each in (second, drawn)
        )
        spread["polarity_angle"] = spread_of_axes(drawn["polarity_angle"])
        own, vectors, repeated = (each.net_vectors(**settings) for each in samples)
        spread["net_force_length"] = float(np.sqrt(vectors.var(axis=0, ddof=1).mean()))
        for change, others in ((again, repeated), (shift, vectors)):
            change["net_force_length"] = float(np.hypot(*(others.mean(axis=0) - own[0])))
        total = estimate["total_force"]
        for each in (spread, again, shift):
            each["net_force"] = each["net_force_length"] / total if total > 0 else 0.0
        return cls(estimate, spread, again, shift)


def parts_of(
    samples: Samples, gel: Gel, *, mask: ArrayLike | None = None, measured: ArrayLike | None = None
) -> dict[str, Parts]:
    """Return the numbers that the error bars of one cell are made of.

    Parameters
    ----------
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
    dict of str to Parts
        The numbers by the names of `tfmkit.mechanics.force_summary`.
    """
    variations = Variations.of(samples, spacing=gel.spacing, mask=mask, measured=measured)
    displacement, traction, forces = samples.estimate
    largest = largest_moment(traction, spacing=gel.spacing, mask=mask, forces=forces)
    scales = quantity_scales(variations.estimate, largest[0])
    shares = noise_shares(displacement, gel), border_shares(forces, mask), lost_shares(traction, forces, mask)
    noise, border, lost = (float(share[0]) for share in shares)
    estimate, spread, again, shift = variations
    return {
        name: Parts(estimate[name], spread[name], again[name], shift[name], noise, border, lost, float(scale))
        for name, scale in scales.items()
    }


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
    parts = parts_of(samples, gel, mask=mask, measured=measured)
    calibrations = CALIBRATIONS.get(method, {})
    return {
        name: float(calibrations[name].std(each) if name in calibrations else each.spread)
        for name, each in parts.items()
    }
