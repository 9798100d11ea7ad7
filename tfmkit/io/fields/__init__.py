"""Displacement and traction files of other programs: read them, and write them."""

from tfmkit.io.fields.arrays import read_arrays
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.easy_tfm import read_easy_tfm, write_easy_tfm
from tfmkit.io.fields.fiji import (
    TractionData,
    read_fiji_piv,
    read_fiji_traction,
    write_fiji_displacement,
    write_fiji_traction,
)
from tfmkit.io.fields.openpiv import read_openpiv
from tfmkit.io.fields.pytfm import read_pytfm
from tfmkit.io.fields.reading import read_displacement
from tfmkit.io.fields.wang_lin import read_wang_lin

__all__ = [
    "DisplacementData",
    "TractionData",
    "read_arrays",
    "read_displacement",
    "read_easy_tfm",
    "read_fiji_piv",
    "read_fiji_traction",
    "read_openpiv",
    "read_pytfm",
    "read_wang_lin",
    "write_easy_tfm",
    "write_fiji_displacement",
    "write_fiji_traction",
]
