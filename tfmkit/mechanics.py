"""Energy, forces and moments of a traction field, one value per field.

An integral is the sum over pixels times the area of a pixel. With displacement and `spacing` in metres and traction in
pascals, energies are in joules, moments in newton metres and forces in newtons. With ``spacing=1`` all are in pixel
units. A mask limits every integral to the cell. x points along the columns and y down the rows, so a positive torque
turns clockwise on the screen.

Noise has a length but no direction. It cancels in moments, and adds up in a sum of lengths: :func:`total_force` is the
plain sum, :func:`significant_force` leaves the noise out. The quantities of a table are those of :func:`force_summary`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field, check_mask, check_number
from tfmkit.force_region import Forces, find_forces

# Moments below this part of force times length are rounding errors.
_ROUNDING = 1e-12


def strain_energy(
    displacement: ArrayLike, traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None
) -> FloatArray:
    r"""Return the elastic energy that a cell stores in the gel.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement of the gel's surface, in the unit of `spacing` (m).
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Energy (J).

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape, or the spacing is not positive.

    Notes
    -----
    :math:`\frac12 \int u \cdot t \, dA` [1]_. The traction of a grid point is the mean over its pixel, and the
    displacement is that of its centre. A patch pulls most where the gel moves most, within its pixels too, and the
    plain sum of products misses that: it is 2.5 % too small for a disc of two pixels in radius. A mean over a pixel of
    width h is :math:`1 + h^2 \nabla^2 / 24` to second order. The displacement therefore counts as
    :math:`u - h^2 \nabla^2 u / 24`, its edge values continued outside. The energy of a disc or of a Hertz patch of two
    pixels in radius is then within 1 to 2 % of the closed form, that of three pixels within 0.4 %.

    References
    ----------
    .. [1] Butler et al., Am. J. Physiol. Cell Physiol. 282:C595 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> strain_energy(np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 3)))
    array([9.])
    """
    area = check_number(spacing, "spacing", low=0, include_low=False) ** 2
    moved = check_field(displacement, min_side=1, dtype=np.float64)
    pulled = _check_traction(traction, mask)
    if moved.shape != pulled.shape:
        raise ValueError(f"Expected displacement and traction of one shape, got {moved.shape} and {pulled.shape}.")
    return 0.5 * area * np.einsum("nchw,nchw->n", _undo_pixel_mean(moved), pulled)


def total_force(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the summed length of all forces, noise included.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Force (N), :math:`\int |t| \, dA`.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.

    See Also
    --------
    significant_force : The sum without the noise of the background.
    """
    area = check_number(spacing, "spacing", low=0, include_low=False) ** 2
    return area * _lengths(_check_traction(traction, mask)).sum(axis=(1, 2))


def significant_force(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the summed length of the forces that stand out of the noise.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa) of the whole field, not cut off at the mask: the noise level is measured beside the cell, too.
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Force (N), :math:`\int_R t \cdot n \, dA`, where :math:`n` is the mean direction of the neighbourhood, over the
        wide region of :func:`tfmkit.force_region.find_forces` in the mask.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.

    Notes
    -----
    The sum of lengths :math:`\int |t| \, dA` counts noise and the ringing around sharp patches as force. Here both
    cancel for the most part. Neighbours within about a grid point that pull in opposite directions cancel, too. In a
    field where nothing stands out, such as a field of noise, the region is the whole field.
    """
    area = check_number(spacing, "spacing", low=0, include_low=False) ** 2
    along = find_forces(_check_traction(traction, None)).along
    return area * (along * _inside(traction, mask)).sum(axis=(1, 2))


def largest_traction(
    traction: ArrayLike, *, mask: ArrayLike | None = None, measured: ArrayLike | None = None
) -> FloatArray:
    """Return the largest length of a traction vector.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell. By default the whole field.
    measured : array-like of shape (n_fields, height, width) or (height, width), optional
        True where the displacement was measured. The traction elsewhere rests on a displacement that was filled in, and
        does not count, unless there is no other in the mask. By default all vectors count.

    Returns
    -------
    ndarray of shape (n_fields,)
        Traction (Pa).

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or a mask does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> traction = np.zeros((1, 2, 3, 3))
    >>> traction[0, 0, 0], traction[0, 0, 1] = 900, 100
    >>> largest_traction(traction, measured=[[0, 0, 0], [1, 1, 1], [1, 1, 1]])
    array([100.])
    """
    lengths = _lengths(_check_traction(traction, mask))
    if measured is None:
        return np.asarray(lengths.max(axis=(1, 2)))
    shape = np.shape(traction)
    known = check_mask(measured, shape)
    some = known if mask is None else known & check_mask(mask, shape)
    counts = some | ~some.any(axis=(1, 2), keepdims=True)
    return np.asarray((lengths * counts).max(axis=(1, 2)))


def net_force(traction: ArrayLike, *, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the net force as a fraction of the total force.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction, in any unit.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integrals. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Fraction from 0 (forces in balance, or no traction) to 1 (all forces point in one direction).

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields.

    Notes
    -----
    :math:`|\int t \, dA| / \int |t| \, dA`. Fourier solvers leave out the zero mode, so the net force over the whole
    field is zero by construction. Pass a mask to measure the balance of a cell.
    """
    pulled = _check_traction(traction, mask)
    return _fraction(np.hypot(*pulled.sum(axis=(2, 3)).T), _lengths(pulled).sum(axis=(1, 2)))


def force_centre(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    """Return the reference point of the moments: the centre of the lengths of the forces.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction, in any unit.
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the sums. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields, 2)
        Centre (x, y), counted from the centre of the first pixel (m). For a field without traction it is the first
        pixel; all moments of such a field are zero.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.
    """
    step = check_number(spacing, "spacing", low=0, include_low=False)
    return step * _centre(_check_traction(traction, mask))


def moment_tensor(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the symmetric first moment of the traction about its force centre.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields, 2, 2)
        Moments (N m), in the order x, y.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.

    Notes
    -----
    :math:`M_{ij} = \frac12 \int (x_i t_j + x_j t_i) \, dA` [1]_, where x is counted from
    :func:`force_centre`. The antisymmetric part of the first moment is the :func:`torque`.

    References
    ----------
    .. [1] Butler et al., Am. J. Physiol. Cell Physiol. 282:C595 (2002).
    """
    moments = _moments(traction, spacing, mask)
    return 0.5 * (moments + moments.swapaxes(1, 2))


def contractile_moment(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the trace of the moment tensor.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Moment (N m), :math:`\int x \cdot t \, dA`; negative for a cell that pulls the gel inwards.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.
    """
    return np.trace(_moments(traction, spacing, mask), axis1=1, axis2=2)


def contraction(traction: ArrayLike, *, mask: ArrayLike | None = None, forces: Forces | None = None) -> FloatArray:
    r"""Return the contractile moment as a share of the largest that forces of these lengths can have.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction of the whole field, in any unit, not cut off at the mask.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integrals. By default the whole field.
    forces : Forces, optional
        As for :func:`force_summary`.

    Returns
    -------
    ndarray of shape (n_fields,)
        Share from -1 (all forces point to the :func:`force_centre`) to 1 (all point away from it, as they seem to if
        the relaxed and the deformed image are exchanged); 0 without traction.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields.

    Notes
    -----
    The contractile moment over the :func:`largest_moment`, both over the wide region of
    :func:`tfmkit.force_region.find_forces`, because noise far from the cell has the longest arms.
    """
    found = find_forces(_check_traction(traction, None)) if forces is None else forces
    pulled = _check_traction(traction, mask) * found.wide[:, None]
    return _fraction(contractile_moment(pulled), _arms_times_lengths(pulled))


def largest_moment(
    traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None, forces: Forces | None = None
) -> FloatArray:
    r"""Return the largest moment that forces of these lengths can have at their places.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa) of the whole field, not cut off at the mask.
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.
    forces : Forces, optional
        As for :func:`force_summary`.

    Returns
    -------
    ndarray of shape (n_fields,)
        Moment (N m), :math:`\int |x| |t| \, dA`, where x is counted from the :func:`force_centre`, over the wide region
        of :func:`tfmkit.force_region.find_forces`.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.
    """
    step = check_number(spacing, "spacing", low=0, include_low=False)
    found = find_forces(_check_traction(traction, None)) if forces is None else forces
    return step**3 * _arms_times_lengths(_check_traction(traction, mask) * found.wide[:, None])


def _arms_times_lengths(pulled: FloatArray) -> FloatArray:
    centre = _centre(pulled)
    height, width = pulled.shape[2:]
    x, y = np.arange(width) - centre[:, 0, None], np.arange(height) - centre[:, 1, None]
    arms = np.hypot(x[:, None, :], y[:, :, None])
    return np.asarray((arms * _lengths(pulled)).sum(axis=(1, 2)))


def torque(traction: ArrayLike, *, spacing: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    r"""Return the turning moment of the traction about its force centre.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Torque (N m), :math:`\int (x t_y - y t_x) \, dA`; positive turns x towards y, clockwise on the screen.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, or the spacing is not positive.
    """
    moments = _moments(traction, spacing, mask)
    return moments[:, 0, 1] - moments[:, 1, 0]


def polarity(traction: ArrayLike, *, mask: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
    r"""Return how much a cell pulls along one axis, and the direction of this axis.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction, in any unit.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the region of the integral. By default the whole field.

    Returns
    -------
    ratio : ndarray of shape (n_fields,)
        Smaller over larger principal moment, by their sizes, from -1 to 1: 0 for a cell that pulls along one axis
        only, 1 for one that pulls in all directions alike, below 0 for one that pulls along one axis and pushes along
        the other. 0 for a field without moments.
    angle : ndarray of shape (n_fields,)
        Direction of the axis of the larger moment in radians, from -pi / 2 to pi / 2; 0 is along x, and positive angles
        turn from x to y, which is clockwise on the screen. 0 for a field without moments.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields.

    Notes
    -----
    Eigenvalues :math:`|\lambda_1| \ge |\lambda_2|` of the :func:`moment_tensor`: the ratio is
    :math:`\lambda_2 / \lambda_1`, the angle is that of the eigenvector of :math:`\lambda_1`.

    Examples
    --------
    A pair of forces along x:

    >>> import numpy as np
    >>> traction = np.zeros((1, 2, 5, 9))
    >>> traction[0, 0, 2, 1], traction[0, 0, 2, 7] = 1, -1
    >>> ratio, angle = polarity(traction)
    >>> float(abs(ratio[0])), float(angle[0])
    (0.0, 0.0)
    """
    values, vectors = np.linalg.eigh(moment_tensor(traction, mask=mask))
    fields, major = np.arange(len(values)), np.abs(values).argmax(axis=1)
    larger, smaller = values[fields, major], values[fields, 1 - major]
    # Forces at one point have no moment but that of rounding errors.
    present = np.abs(larger) > _ROUNDING * max(np.shape(traction)[-2:]) * total_force(traction, mask=mask)
    ratio = np.divide(smaller, larger, out=np.zeros_like(larger), where=present)
    x, y = vectors[fields, 0, major], vectors[fields, 1, major]
    # An axis has no sign: the half with x >= 0 stands for it.
    sign = np.where(x < 0, -1.0, 1.0)
    return ratio, np.where(present, np.arctan2(sign * y, sign * x), 0.0)


def spread_of_axes(angles: ArrayLike) -> float:
    r"""Return the standard deviation of the directions of axes, which repeat after half a turn.

    Parameters
    ----------
    angles : array-like of shape (n_axes,)
        Directions in radians.

    Returns
    -------
    float
        Circular standard deviation in radians [1]_, at most that of axes in all directions alike,
        :math:`\pi / \sqrt{12}`.

    Notes
    -----
    :math:`\frac12 \sqrt{-2 \ln R}` with the length :math:`R` of the mean of :math:`e^{2 i \theta}`.

    References
    ----------
    .. [1] Mardia and Jupp, Directional Statistics (2000).

    Examples
    --------
    >>> round(spread_of_axes([1.5, -1.5]), 2)
    0.07
    """
    length = float(np.abs(np.exp(2j * np.asarray(angles, dtype=float)).mean()))
    spread = 0.5 * np.sqrt(max(-2 * np.log(length), 0.0)) if length else np.inf
    return float(min(spread, np.pi / np.sqrt(12)))


def force_summary(
    displacement: ArrayLike,
    traction: ArrayLike,
    *,
    spacing: float = 1.0,
    mask: ArrayLike | None = None,
    forces: Forces | None = None,
    measured: ArrayLike | None = None,
) -> dict[str, FloatArray]:
    """Return the quantities to report for a cell, one array per column of a table.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement of the gel's surface, in the unit of `spacing` (m).
    traction : array-like of shape (n_fields, 2, height, width)
        Traction (Pa).
    spacing : float, default=1.0
        Distance between grid points (m).
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell. By default the whole field.
    forces : Forces, optional
        Result of :func:`tfmkit.force_region.find_forces` for `traction`, if it is at hand: all cells of a field share
        it. It is found otherwise.
    measured : array-like of shape (n_fields, height, width) or (height, width), optional
        True where the displacement was measured rather than filled in, see :func:`largest_traction`.

    Returns
    -------
    dict of str to ndarray of shape (n_fields,)
        `strain_energy` (J), `total_force` (N), `net_force` (fraction), `contractile_moment` (N m), `torque`
        (N m), `mean_traction` and `max_traction` (Pa), `net_force_length` (N), `polarity_ratio` and `polarity_angle`
        (rad).

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape, the spacing is not positive, or a mask is empty.

    Notes
    -----
    All but the largest traction count the forces that stand out of the noise only. The total force is that of
    :func:`significant_force`. The mean traction is the total force over the area of all grid points of the cell. The
    strain energy runs over the core of :func:`tfmkit.force_region.find_forces`. Total force, net force, moments and
    polarity, in which noise cancels, run over a region that is two grid points wider. The net force is a fraction of
    the total force, at most 1.
    """
    n_pixels = _count_pixels(traction, mask)
    whole = _check_traction(traction, None)
    along, core, wide = find_forces(whole) if forces is None else forces
    inside = _inside(traction, mask)
    vectors = whole * (wide & inside)[:, None]
    total = (along * inside).sum(axis=(1, 2))
    net = np.hypot(*vectors.sum(axis=(2, 3)).T)
    ratio, angle = polarity(vectors)
    return {
        "strain_energy": strain_energy(displacement, whole * (core & inside)[:, None], spacing=spacing),
        "total_force": total * spacing**2,
        "net_force": np.minimum(_fraction(net, total), 1.0),
        "contractile_moment": contractile_moment(vectors, spacing=spacing),
        "torque": torque(vectors, spacing=spacing),
        "mean_traction": total / n_pixels,
        "max_traction": largest_traction(whole, mask=inside, measured=measured),
        "net_force_length": net * spacing**2,
        "polarity_ratio": ratio,
        "polarity_angle": angle,
    }


def _check_traction(traction: ArrayLike, mask: ArrayLike | None) -> FloatArray:
    """Return the traction in float64, zero outside the mask."""
    field = check_field(traction, name="traction", min_side=1, dtype=np.float64)
    return field if mask is None else field * check_mask(mask, field.shape)[:, None]


def _count_pixels(traction: ArrayLike, mask: ArrayLike | None) -> FloatArray:
    shape = check_field(traction, name="traction", min_side=1).shape
    if mask is None:
        return np.full(shape[0], float(shape[2] * shape[3]))
    n_pixels = check_mask(mask, shape).sum(axis=(1, 2))
    if (n_pixels == 0).any():
        raise ValueError(f"Expected a mask with a cell, got an empty one in field(s) {np.flatnonzero(n_pixels == 0)}.")
    return n_pixels.astype(float)


def _inside(traction: ArrayLike, mask: ArrayLike | None) -> NDArray[np.bool_]:
    shape = np.shape(traction)
    return np.ones((shape[0], *shape[2:]), dtype=bool) if mask is None else check_mask(mask, shape)


def _undo_pixel_mean(field: FloatArray) -> FloatArray:
    """Return values whose means over the pixels are those of a field, to second order in the pixel."""
    wide = np.pad(field, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    neighbours = wide[..., 2:, 1:-1] + wide[..., :-2, 1:-1] + wide[..., 1:-1, 2:] + wide[..., 1:-1, :-2]
    return field - (neighbours - 4 * field) / 24


def _lengths(traction: FloatArray) -> FloatArray:
    return np.hypot(traction[:, 0], traction[:, 1])


def _fraction(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return part / whole, and 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _centre(traction: FloatArray) -> FloatArray:
    """Return the centre (x, y) of the lengths in pixels."""
    lengths = _lengths(traction)
    total = lengths.sum(axis=(1, 2))
    x = lengths.sum(axis=1) @ np.arange(lengths.shape[2])
    y = lengths.sum(axis=2) @ np.arange(lengths.shape[1])
    return np.stack([_fraction(x, total), _fraction(y, total)], axis=1)


def _moments(traction: ArrayLike, spacing: float, mask: ArrayLike | None) -> FloatArray:
    """Return the integrals of x_i t_j (n_fields, i, j) about the force centre."""
    step = check_number(spacing, "spacing", low=0, include_low=False)
    pulled = _check_traction(traction, mask)
    height, width = pulled.shape[2:]
    moment_x = pulled.sum(axis=2) @ np.arange(width)
    moment_y = pulled.sum(axis=3) @ np.arange(height)
    about_first_pixel = np.stack([moment_x, moment_y], axis=1)
    net = pulled.sum(axis=(2, 3))
    return step**3 * (about_first_pixel - _centre(pulled)[:, :, None] * net[:, None, :])
