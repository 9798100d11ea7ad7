"""The quantities in the columns of result tables: titles, units and meanings for readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from tfmkit.units import MINUS, Unit, readable_unit

if TYPE_CHECKING:
    import pandas as pd

_PERCENT, _AREA_UNIT = "%", "µm²"
# Units that take prefixes.
_SI = ("J", "N", "N·µm", "Pa")
# Ends of the names of columns, and their units and scales.
_ENDS = {
    "J": ("J", 1.0), "N": ("N", 1.0), "Nm": ("N·µm", 1e6), "Pa": ("Pa", 1.0), "um2": (_AREA_UNIT, 1.0),
    "um": ("µm", 1.0), "px": ("px", 1.0), "s": ("s", 1.0), "rad": ("rad", 1.0), "fraction": (_PERCENT, 100.0),
}  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """A column of the table of a batch.

    Attributes
    ----------
    column : str
        Name of the column. The column of that name with ``_std`` holds its error bars.
    title : str
        Name for readers.
    unit : str
        Unit without a prefix.
    scale : float
        A value of the column times this number is the value in `unit`.
    meaning : str
        Definition for readers.
    """

    column: str
    title: str
    unit: str
    scale: float
    meaning: str

    def unit_for(self, table: pd.DataFrame | Mapping[str, ArrayLike]) -> Unit:
        """Return the unit in which the column reads best.

        Parameters
        ----------
        table : DataFrame or mapping of str to array-like
            The table.

        Returns
        -------
        Unit
            With a prefix, where the unit takes one.
        """
        if self.unit in _SI:
            return readable_unit(table[self.column], self.unit, self.scale)
        return Unit(self.scale, self.unit)

    def label(self, unit: Unit) -> str:
        """Return the title with a unit, for an axis.

        Parameters
        ----------
        unit : Unit
            The unit.

        Returns
        -------
        str
            Text such as ``"total force (nN)"``.
        """
        return f"{self.title} ({unit.name})" if unit.name else self.title


AREA = Quantity("area_um2", "area", _AREA_UNIT, 1.0, "Area of the mask of the cell, or of the whole field without one.")
# The quantities that are drawn over time and compared between conditions.
FORCES = (
    Quantity(
        "strain_energy_J", "strain energy", "J", 1.0,
        "Elastic energy that the cell has stored in the gel, ½ ∫ u·t dA.",
    ),
    Quantity(
        "total_force_N", "total force", "N", 1.0,
        "Sum of the lengths of the forces, ∫ |t| dA, over the patches that stand out of the noise of the field; over "
        "the whole cell where nothing stands out.",
    ),
    Quantity(
        "contractile_moment_Nm", "contractile moment", "N·µm", 1e6,
        "Trace of the moment tensor, ∫ x·t dA about the force centre; negative for a cell that pulls inwards.",
    ),
    Quantity(
        "max_traction_Pa", "largest traction", "Pa", 1.0,
        "Largest traction |t| of one grid point in the cell, where the displacement was measured.",
    ),
)  # fmt: skip
RESIDUAL = Quantity(
    "displacement_residual", "residual", _PERCENT, 100.0,
    f"|u {MINUS} G t| / |u|: the share of the measured displacement, in the cell and 8 grid points around it, that the "
    "traction does not explain. It contains the noise: a small residual alone does not make a traction right.",
)  # fmt: skip
CHECKS = (
    Quantity(
        "net_force_fraction", "net force", _PERCENT, 100.0,
        "|∫ t dA| as a share of the total force. The forces of a cell that touches only the gel balance. A large share "
        "means that forces were missed, or that the mask cuts through them.",
    ),
    RESIDUAL,
    Quantity(
        "replaced_fraction", "replaced", _PERCENT, 100.0,
        "Share of the cell's vectors that could not be measured and were interpolated from their neighbours.",
    ),
)  # fmt: skip


def known(quantities: tuple[Quantity, ...], table: pd.DataFrame) -> list[Quantity]:
    """Return the quantities that a table contains.

    Parameters
    ----------
    quantities : tuple of Quantity
        Candidates.
    table : DataFrame
        The table. Forces and energies are missing in it where the pixel size is not known.

    Returns
    -------
    list of Quantity
        Those with a value in some row.
    """
    return [quantity for quantity in quantities if quantity.column in table and table[quantity.column].notna().any()]


def quantity_of(column: str) -> Quantity:
    """Return the quantity of any column.

    Parameters
    ----------
    column : str
        Name of a column of the table.

    Returns
    -------
    Quantity
        One of this module; for other columns, one whose title and unit come from the name of the column.

    Examples
    --------
    >>> quantity_of("torque_Nm").title, quantity_of("torque_Nm").unit
    ('torque', 'N·µm')
    """
    described = {quantity.column: quantity for quantity in (AREA, *FORCES, *CHECKS)}
    if column in described:
        return described[column]
    name, _, end = column.rpartition("_")
    unit, scale = _ENDS.get(end, ("", 1.0))
    return Quantity(column, (name if unit else column).replace("_", " "), unit, scale, "")
