"""What the report says of every cell: columns of the batch's table, their names and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tfmkit.report._units import MINUS, Unit, readable_unit

_PERCENT = "%"


@dataclass(frozen=True)
class Quantity:
    """A column of the table.

    Attributes
    ----------
    column : str
        Its name there; its error bar is in the column of that name with ``_std``.
    title : str
        Its name in the report.
    unit : str
        Its unit, without a prefix.
    scale : float
        What turns the column's value into that unit.
    meaning : str
        What it is, for readers.
    """

    column: str
    title: str
    unit: str
    scale: float
    meaning: str

    def unit_for(self, table: pd.DataFrame) -> Unit:
        """Return the unit in which the column reads best.

        Parameters
        ----------
        table : DataFrame
            The table.

        Returns
        -------
        Unit
            With a prefix, except for percentages and areas.
        """
        if self.unit in (_PERCENT, "µm²"):
            return Unit(self.scale, self.unit)
        return readable_unit(table[self.column], self.unit, self.scale)


AREA = Quantity("area_um2", "area", "µm²", 1.0, "Area of the cell's mask, or of the whole field without one.")
# The four that are drawn over time.
FORCES = (
    Quantity(
        "strain_energy_J", "strain energy", "J", 1.0,
        "Elastic energy that the cell has stored in the gel, ½ ∫ u·t dA.",
    ),
    Quantity("total_force_N", "total force", "N", 1.0, "Sum of the lengths of all forces, ∫ |t| dA."),
    Quantity(
        "contractile_moment_Nm", "contractile moment", "N·µm", 1e6,
        "Trace of the moment tensor, ∫ x·t dA about the force centre; negative for a cell that pulls inwards.",
    ),
    Quantity("max_traction_Pa", "largest traction", "Pa", 1.0, "Largest traction |t| of one grid point in the cell."),
)  # fmt: skip
CHECKS = (
    Quantity(
        "net_force_fraction", "net force", _PERCENT, 100.0,
        "|∫ t dA| as a share of the total force. Forces of a cell that touches nothing but the gel balance: much of it "
        "means that forces were missed, or that the mask cuts through them.",
    ),
    Quantity(
        "displacement_residual", "residual", _PERCENT, 100.0,
        f"|u {MINUS} G t| / |u|: the share of the measured displacement, in the cell and 8 grid points around it, that "
        "the traction does not explain. Noise belongs in it: a small residual alone does not make a traction right.",
    ),
    Quantity(
        "replaced_fraction", "replaced", _PERCENT, 100.0,
        "Share of the cell's vectors that could not be measured and were taken from their neighbours.",
    ),
)  # fmt: skip


def known(quantities: tuple[Quantity, ...], table: pd.DataFrame) -> list[Quantity]:
    """Return the quantities that a table knows, such as forces only where the size of a pixel is known.

    Parameters
    ----------
    quantities : tuple of Quantity
        Candidates.
    table : DataFrame
        The table.

    Returns
    -------
    list of Quantity
        Those with a value in some row.
    """
    return [quantity for quantity in quantities if quantity.column in table and table[quantity.column].notna().any()]
