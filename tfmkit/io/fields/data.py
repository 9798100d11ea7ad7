"""The result of every reader of displacement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray, check_field, check_mask, check_noise, check_number

# For readers: numbers that leave their range on the way are found at the end, and need no warning of NumPy.
quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")


@dataclass(frozen=True, eq=False)
class DisplacementData:
    """Displacement fields on a regular grid, with all that the file knew about them.

    Attributes
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels of the file; x to the right, y down, positive from relaxed to deformed.
    spacing : float
        Distance between neighbouring grid points in the same pixels.
    x : ndarray of shape (width,)
        Position of the columns in the same pixels.
    y : ndarray of shape (height,)
        Position of the rows in the same pixels.
    sources : tuple of Path
        The file, or files where components have one each.
    layout : str
        Name of the layout that was recognised, such as ``"fiji-piv"``.
    measured : ndarray of shape (n_fields, height, width) or None
        False where a vector was filled in from its neighbours; None where the file does not tell.
    mask : ndarray of shape (n_fields, height, width) or None
        True inside the cell, where the file has its border.
    noise : ndarray of shape (n_fields,) or None
        Standard deviation of each displacement component far from the cell, in pixels.
    traction : ndarray of shape (n_fields, 2, height, width) or None
        Traction in Pa that the file gives beside the displacement.
    pixel_size : float or None
        Micrometres per pixel of the file, where `tfmkit displacement` stored it.
    std : ndarray of shape (n_fields, 2, height, width) or None
        Standard deviation of each component of each vector in the same pixels, NaN for vectors that were filled in,
        where `tfmkit displacement` stored it.

    Raises
    ------
    ValueError
        If the parts do not fit together or hold a number that is not finite.
    """

    displacement: FloatArray
    spacing: float
    x: FloatArray
    y: FloatArray
    sources: tuple[Path, ...]
    layout: str
    measured: NDArray[Any] | None = None
    mask: NDArray[Any] | None = None
    noise: FloatArray | None = None
    traction: FloatArray | None = None
    pixel_size: float | None = None
    std: FloatArray | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = check_field(self.displacement).shape
        check_number(self.spacing, "spacing", low=0, include_low=False)
        if self.pixel_size is not None:
            check_number(self.pixel_size, "pixel size", low=0, include_low=False)
        if self.x.shape != shape[3:] or self.y.shape != shape[2:3]:
            raise ValueError(
                f"Expected {shape[3]} columns and {shape[2]} rows, got {self.x.size} x and {self.y.size} y."
            )
        for flags in (self.measured, self.mask):
            if flags is not None:
                check_mask(flags, shape)
        if self.noise is not None and (self.noise.shape != shape[:1] or not np.isfinite(self.noise).all()):
            raise ValueError(f"Expected one finite noise level per field, got {self.noise}.")
        if self.std is not None:
            check_noise(self.std, shape)
        if self.traction is not None and check_field(self.traction, name="traction").shape != shape:
            raise ValueError(f"Expected traction of shape {shape}, got {self.traction.shape}.")
