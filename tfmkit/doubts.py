"""Doubts about a result, as sentences: the reason, how much of it there is, and the remedy to try.

One table of signs serves the command line, batches, the report and Python. Each sign is a number that a result has
anyway, with the limit from which on the result should not be believed as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray
from tfmkit.noise.measure import taper

SEPARATOR = "; "
# Frequencies of the finest waves, in waves per grid point, and of the waves beside them.
_FINEST, _BESIDE_FINEST = (0.45, 0.5), (0.3, 0.425)
_LEAST_WOVEN = 32
# Noise of this share of the displacement is not worth a doubt.
_LEAST_NOISE = 2e-3
# Below these shares of the residual, another reading of a field explains it far better: with turned components, and
# with another Poisson ratio.
LEAST_MISFIT_TURNED, LEAST_MISFIT_AT_OTHER_POISSON = 0.65, 0.8
# Names of the options behind the remedies, for each of those who read a sentence.
OPTIONS: dict[str, dict[str, str]] = {
    "displacement": {
        "rotation": "--rotation",
        "exclude": "--exclude",
        "relaxed_frame": "--relaxed-frame",
        "pixel_size": "--pixel-size",
    },
    "traction": {
        "method": "--method FTTCCV",
        "rotation": "`tfmkit displacement --rotation`",
        "exclude": "`tfmkit displacement --exclude`",
        "relaxed_frame": "`tfmkit displacement --relaxed-frame`",
        "mask": "--mask",
        "young": "--young",
        "poisson": "--poisson",
        "pixel_size": "--pixel-size",
        "length_unit": "--length-unit",
    },
    "batch": {
        "method": 'estimator = "FTTCCV" in [traction]',
        "rotation": "rotation = true in [drift]",
        "exclude": "exclude in [input]",
        "relaxed_frame": "relaxed_frame in [input]",
        "mask": "mask in [input]",
        "young": "young in [gel]",
        "poisson": "poisson in [gel]",
        "pixel_size": "pixel_size in [input]",
        "length_unit": "length_unit in [input]",
    },
    "python": {
        "method": "FTTCCV",
        "rotation": "DriftCorrection(rotation=True)",
        "exclude": "the argument exclude",
        "relaxed_frame": "another relaxed image",
        "mask": "the argument mask",
        "young": "young",
        "poisson": "poisson",
        "pixel_size": "pixel_size",
        "length_unit": "length_unit",
    },
}


class Sign(NamedTuple):
    """A number that tells of a doubtful result.

    Attributes
    ----------
    number : str
        Name of the number.
    limit : float
        The result is in doubt beyond this limit.
    above : bool
        Whether numbers above the limit are in doubt, rather than those below.
    sentence : str
        Text with the numbers and the options of the remedies in braces.
    """

    number: str
    limit: float
    above: bool
    sentence: str


# Shares, unless said otherwise. The limits lie beyond all matching pairs of published bead images that were tried.
SIGNS = (
    Sign(
        "quality_median",
        0.5,
        False,
        "the two images match by {quality_median:.2f} only (1 at best): another field of view, focal plane or channel? "
        "Look at both images, and try {relaxed_frame} or {rotation}",
    ),
    Sign(
        "replaced_fraction",
        0.25,
        True,
        "{replaced_fraction:.0%} of the vectors were replaced: do both images show the same beads? Try {rotation}, "
        "{exclude} for debris, or a longer exposure",
    ),
    Sign(
        "peak_replaced_fraction",
        0.35,
        True,
        "{peak_replaced_fraction:.0%} of the vectors where the gel moves most were replaced: the beads there cannot be "
        "followed, because the strain is near 1 or the cell glows over them, and the traction there is not to be "
        "trusted. Look at both images. Take a stiffer gel, a larger magnification, or a filter that blocks the cell",
    ),
    Sign(
        "excluded_fraction",
        0.5,
        True,
        "{excluded_fraction:.0%} of the vectors lie in excluded places, or have drifted out of the image, and were "
        "filled in: crop the images, or shrink the mask of {exclude}",
    ),
    Sign(
        "drift_fraction",
        0.25,
        True,
        "the stage drifted by {drift_fraction:.0%} of the image: only the rest shows the same gel. Look at both "
        "images, and align them or try {relaxed_frame}",
    ),
    Sign(
        "displacement_fraction",
        0.25,
        True,
        "the largest displacement is {displacement_fraction:.0%} of the field: do both images show the same place, "
        "and are positions and displacements in one unit? Try {relaxed_frame} or {pixel_size}",
    ),
    Sign(
        "woven",
        3.0,
        True,
        "vectors alternate from one grid point to the next (the finest waves have {woven:.1f} times the power of those "
        "beside them): a woven pattern, as windows that overlap make it. Measure with a wider spacing, or leave out "
        "every second vector",
    ),
    Sign(
        "misfit_turned",
        LEAST_MISFIT_TURNED,
        False,
        "with its components exchanged, mirrored or turned, the field would leave {misfit_turned:.0%} of the residual: "
        "are x and y exchanged, or does y run upwards in the file?",
    ),
    Sign(
        "misfit_other_poisson",
        LEAST_MISFIT_AT_OTHER_POISSON,
        False,
        "with a Poisson ratio 0.2 lower or higher, the field would leave {misfit_other_poisson:.0%} of the residual: "
        "check {poisson}",
    ),
    Sign(
        "foreign",
        0.5,
        True,
        "the network leaves {misfit:.3g} times what noise would, and {misfit_rest:.3g} times beside all that forces "
        "beyond the border and drift can make: it does not know such fields. Try {method}, or {rotation}",
    ),
    Sign(
        "contraction",
        0.3,
        True,
        "the forces push outwards (contractile moment {contraction:.0%} of the largest that they allow): the relaxed "
        "and the deformed image may be exchanged. A cell that pulls has a negative moment",
    ),
    Sign(
        "net_force_fraction",
        0.5,
        True,
        "the net force is {net_force_fraction:.0%} of the total force: a cell that touches only the gel has none. "
        "Widen {mask}, take a larger field, or try {rotation}",
    ),
    Sign(
        "displacement_residual",
        0.8,
        True,
        "the traction leaves {displacement_residual:.0%} of the displacement unexplained: noise, drift or debris "
        "rather than a cell. Try {exclude}, {rotation}, or a longer exposure",
    ),
    Sign(
        "max_traction_Pa",
        1e5,
        True,
        "a traction of {max_traction_Pa:.2g} Pa is more than any cell exerts: check {young} (in Pa) and {length_unit}",
    ),
    Sign(
        "strain_energy_J",
        1e-9,
        True,
        "a strain energy of {strain_energy_J:.2g} J is more than any cell stores: check {young} (in Pa), {pixel_size} "
        "(in micrometres) and {length_unit}",
    ),
)


def find_doubts(numbers: Mapping[str, float | None], reader: str = "python") -> tuple[str, ...]:
    """Say in sentences why a result should not be believed as it stands.

    Parameters
    ----------
    numbers : mapping of str to float or None
        Numbers of the result by the names in `SIGNS`. Those that are absent, None or NaN are not judged. Shares run
        from 0 to 1. ``net_force_fraction`` should be given for a region with whole cells only. ``foreign`` needs
        ``misfit``, and may have ``misfit_rest``.
    reader : {"displacement", "traction", "batch", "python"}, default="python"
        Reader of the sentences: they name the options that this reader has.

    Returns
    -------
    tuple of str
        One sentence for each sign, in the order of `SIGNS`; empty if nothing speaks against the result.

    Raises
    ------
    ValueError
        If `reader` is unknown.

    Examples
    --------
    >>> from tfmkit.doubts import find_doubts
    >>> find_doubts({"replaced_fraction": 0.1, "quality_median": 0.9})
    ()
    >>> find_doubts({"max_traction_Pa": 2e6}, "traction")
    ('a traction of 2e+06 Pa is more than any cell exerts: check --young (in Pa) and --length-unit',)
    """
    if reader not in OPTIONS:
        raise ValueError(f"Expected one of {', '.join(OPTIONS)} as the reader, got {reader!r}.")
    known = {name: float(value) for name, value in numbers.items() if value is not None and np.isfinite(value)}
    words = OPTIONS[reader] | {"misfit_rest": known.get("misfit", np.nan)} | known
    return tuple(sign.sentence.format_map(words) for sign in SIGNS if _is_beyond(sign, known))


def join_doubts(doubts: tuple[str, ...]) -> str:
    """Return sentences as one text, for a column of a table.

    Parameters
    ----------
    doubts : tuple of str
        Sentences of `find_doubts`, none of which contains a semicolon.

    Returns
    -------
    str
        The sentences with semicolons between them; empty if there is none.
    """
    return SEPARATOR.join(doubts)


def displacement_fraction(displacement: ArrayLike, spacing: float) -> FloatArray:
    """Return the largest displacement of each field as a share of the longer side of the field.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement.
    spacing : float
        Distance between grid points, in the same unit.

    Returns
    -------
    ndarray of shape (n_fields,)
        The shares.
    """
    field = np.asarray(displacement)
    return np.asarray(np.hypot(field[:, 0], field[:, 1]).max(axis=(1, 2)) / (spacing * max(field.shape[2:])))


def woven(displacement: ArrayLike) -> FloatArray:
    """Return how much the finest waves of each field stand out of the waves beside them, all over the field.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement in any unit.

    Returns
    -------
    ndarray of shape (n_fields,)
        Median squared length of the waves of 2 to 2.2 grid points along x or y, over that of the waves of 2.4 to 3.3
        grid points, each over its share of all waves; the larger of both directions. White noise has 1. Smooth noise
        has less, and so have cells: their fine waves are in few places. NaN for a field of zeros, and for one with a
        side under 32 grid points.
    """
    field = np.asarray(displacement, dtype=float)
    height, width = field.shape[2:]
    if min(height, width) < _LEAST_WOVEN:
        return np.full(len(field), np.nan)
    least = np.square(_LEAST_NOISE) * np.square(field).mean(axis=(1, 2, 3))
    ratios = []
    for turned in (field, field.swapaxes(2, 3)):
        finest, beside = (_median_power(turned, *band) for band in (_FINEST, _BESIDE_FINEST))
        # Below this, a pattern is not worth a doubt.
        ratios.append(np.divide(finest, beside + least, out=np.full(len(field), np.nan), where=least > 0))
    return np.asarray(np.max(ratios, axis=0))


def _median_power(field: FloatArray, low: float, high: float) -> FloatArray:
    """Median squared length of the waves along x between two frequencies, over their share of all waves."""
    width = field.shape[3]
    inside = (np.fft.rfftfreq(width) > low) & (np.fft.rfftfreq(width) <= high)
    waves = np.fft.irfft(np.fft.rfft(field * taper(field.shape[2:]), axis=3) * inside, n=width, axis=3)
    middle = np.s_[:, :, field.shape[2] // 4 : -(field.shape[2] // 4), width // 4 : -(width // 4)]
    power = np.square(waves[middle]).sum(axis=1)
    share = np.fft.irfft(inside, n=width)[0]
    return np.asarray(np.median(power, axis=(1, 2)) / share)


def _is_beyond(sign: Sign, known: Mapping[str, float]) -> bool:
    value = known.get(sign.number, sign.limit)
    return value > sign.limit if sign.above else value < sign.limit
