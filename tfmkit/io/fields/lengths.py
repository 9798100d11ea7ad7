"""Lengths of a file in pixels, from the unit that the file has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfmkit._validation import check_number
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.units import is_pixel, micrometres

_PER_TIME = re.compile(r"/\s*(s|sec|second|ms|min|h|hr)s?\b|\bs\s*(\^|\*\*)?\s*-1", re.IGNORECASE)
_PER_FRAME = re.compile(r"\s*(/|per)\s*(frame|fr|f)s?\s*$", re.IGNORECASE)
# Vectors lie some micrometres apart; at or below each of these distances that is in the unit beside it.
_LIKELY = ((5e-5, "m"), (0.05, "mm"), (1.0, "um"))
# Grids in pixels are as coarse as this, or whole numbers of half pixels.
_COARSE = 4.0
# Uneven steps are those of positions in pixels that were rounded.
_EVEN = 1e-3
# Where the size of a pixel is given, a wrong unit makes wrong energies; grids up to this coarse are then asked for.
_COARSE_WITH_SCALE = 15.0
# Fields whose longer side is below this number of micrometres are smaller than any cell, so that whole steps do not
# speak for pixels.
_LEAST_FIELD_UM = 5.0
# Vectors that lie this far apart are in a smaller unit than the pixel.
_FAR = 300.0
# The largest displacement is seldom this small beside the step of the grid; below, this is the likely unit.
_LEAST_DISPLACEMENT = 1e-4
_LIKELY_SMALL = ((1e-5, "m"), (np.inf, "mm"))


@dataclass(frozen=True)
class Lengths:
    """The unit of lengths in a file as the user gives it, and the size of a pixel.

    Attributes
    ----------
    unit : str or None
        ``"px"`` or a unit of length; None if the user does not say.
    pixel_size : float or None
        Micrometres per pixel.
    checked : bool
        Whether lengths that are unlikely to be pixels are refused if nobody says their unit.
    """

    unit: str | None = None
    pixel_size: float | None = None
    checked: bool = True

    def factors(self, path: Path, position_unit: str | None, vector_unit: str | None) -> tuple[float, float]:
        """Return the factors that turn positions and displacements into pixels.

        Parameters
        ----------
        path : Path
            File, for the error message.
        position_unit, vector_unit : str or None
            Units that the file gives.

        Returns
        -------
        (float, float)
            Pixels per unit of the file; 1 if nobody says the unit.

        Raises
        ------
        ValueError
            If a unit is unknown or a velocity, or is a length and the pixel size is missing.
        """
        position = self._factor(self.unit or position_unit or "px", path)
        return position, self._factor(self.unit or vector_unit or position_unit or "px", path)

    def _factor(self, unit: str, path: Path) -> float:
        length = _PER_FRAME.sub("", unit)
        if _PER_TIME.search(length):
            raise ValueError(
                f"Expected displacements in {path}, got velocities in {unit}: save displacements, that is with a time "
                "step of 1, or give length_unit if the time step is 1."
            )
        if is_pixel(length):
            return 1.0
        size = micrometres(length)
        if size is None:
            raise ValueError(f"Expected px, m, mm, um or nm as the unit of lengths in {path}, got {unit!r}.")
        if self.pixel_size is None:
            raise ValueError(f"Expected pixel_size for {path}, whose lengths are in {unit}: give it in micrometres.")
        return size / check_number(self.pixel_size, "pixel_size", low=0, include_low=False)

    def convert(self, data: DisplacementData, *, positions: bool) -> DisplacementData:
        """Turn a field of a file that does not say its unit into pixels.

        Parameters
        ----------
        data : DisplacementData
            A field in the unit of the file.
        positions : bool
            Whether the file holds positions. Without them, the spacing is in pixels already.

        Returns
        -------
        DisplacementData
            The field in pixels.

        Raises
        ------
        ValueError
            If the unit is unknown or unlikely, the pixel size is missing, or the file is in pixels for certain.
        """
        factor = self._factor(self.unit or "px", data.sources[0])
        if factor != 1:
            if data.pixel_size is not None:
                raise ValueError(f"{data.sources[0]} is in pixels: leave length_unit out.")
            at = factor if positions else 1.0
            data = replace(
                data,
                displacement=factor * data.displacement,
                noise=None if data.noise is None else factor * data.noise,
                std=None if data.std is None else factor * data.std,
                spacing=at * data.spacing,
                x=at * data.x,
                y=at * data.y,
            )
        self.check(data, positions=positions)
        return data

    def check(self, data: DisplacementData, *, positions: bool = True) -> None:
        """Refuse lengths that are unlikely to be pixels.

        Parameters
        ----------
        data : DisplacementData
            A field whose unit nobody has said.
        positions : bool, default=True
            Whether the file holds positions.

        Raises
        ------
        ValueError
            If vectors are closer than a pixel or very far apart, or displacements are larger than the field or tiny;
            the message names the likely unit.
        """
        if not self.checked:
            return
        if positions and self.unit is None:
            self._check_positions(data)
        largest = float(np.abs(data.displacement).max())
        field = data.spacing * max(data.displacement.shape[2:])
        if largest > field:
            raise ValueError(
                f"Expected displacements in pixels in {data.sources[0]}, got {largest:.4g} in a field of {field:.4g}. "
                f"{_remedy(data, positions)}"
            )
        if self.unit is None and 0 < largest < _LEAST_DISPLACEMENT * data.spacing:
            likely = next(unit for most, unit in _LIKELY_SMALL if largest < most)
            raise ValueError(
                f"Expected displacements in pixels in {data.sources[0]}, got {largest:.4g} at most, with vectors "
                f"{data.spacing:.4g} apart. They are likely in {likely}: give length_unit='{likely}' and pixel_size in "
                "micrometres, or length_unit='px' if they are pixels."
            )

    def _check_positions(self, data: DisplacementData) -> None:
        step = data.spacing
        coarse = _COARSE if self.pixel_size is None or np.ptp(np.diff(data.x)) > _EVEN * step else _COARSE_WITH_SCALE
        likely = next((unit for most, unit in _LIKELY if step < most), None)
        side = (self.pixel_size or np.inf) * step * max(data.displacement.shape[2:])
        if likely is None and step < coarse and (not _is_half_whole(step) or side < _LEAST_FIELD_UM):
            likely = "um"
        if likely is None and step > _FAR:
            likely = "nm"
        if likely is not None:
            raise ValueError(
                f"Expected positions in pixels in {data.sources[0]}, got vectors {step:.4g} apart. They are likely in "
                f"{likely}: give length_unit='{likely}' and pixel_size in micrometres, or length_unit='px' if they are "
                "pixels."
            )


def _remedy(data: DisplacementData, positions: bool) -> str:
    """Return the remedy for displacements that are larger than their field."""
    if positions:
        return (
            "Displacements are likely in nm: positions and displacements have different units, or these are velocities"
            ". Save both in pixels, or give length_unit if both have it."
        )
    if data.layout == "wang-lin":
        return "The variable dspl should be in grid pixels: divide it by the distance between vectors."
    if data.spacing == 1:
        return "They are likely in pixels of the image: give spacing, the distance between vectors in these pixels."
    return "They are likely in nm: give length_unit='nm' and pixel_size in micrometres."


def _is_half_whole(step: float) -> bool:
    return abs(2 * step - round(2 * step)) < 0.01
