"""Images of microscopes and displacement files of other programs in, tables and images out.

`read_displacement` recognises a file by its content and returns `DisplacementData` in tfmkit's convention:
component 0 along x to the right, component 1 along y downwards, positive from the relaxed to the deformed gel,
all lengths in the pixels of the file. Readers convert axes and signs; nothing else in tfmkit does.
"""

from tfmkit.io.fields import (
    DisplacementData,
    TractionData,
    read_arrays,
    read_displacement,
    read_easy_tfm,
    read_fiji_piv,
    read_fiji_traction,
    read_openpiv,
    read_pytfm,
    read_wang_lin,
    write_easy_tfm,
    write_fiji_displacement,
    write_fiji_traction,
)
from tfmkit.io.images import (
    Cell,
    Cells,
    ImageSeries,
    Regions,
    find_images,
    match_images,
    open_images,
    read_cells,
    read_region_set,
    read_regions,
    write_ome_tiff,
    write_ome_zarr,
    write_tiff,
)
from tfmkit.io.text import harmless_cell, printable
from tfmkit.io.writing import remove_unfinished, write_csv, write_json, write_settings, writing, writing_folder

__all__ = [
    "Cell",
    "Cells",
    "DisplacementData",
    "ImageSeries",
    "Regions",
    "TractionData",
    "find_images",
    "harmless_cell",
    "match_images",
    "open_images",
    "printable",
    "read_arrays",
    "read_cells",
    "read_displacement",
    "read_easy_tfm",
    "read_fiji_piv",
    "read_fiji_traction",
    "read_openpiv",
    "read_pytfm",
    "read_region_set",
    "read_regions",
    "read_wang_lin",
    "remove_unfinished",
    "write_csv",
    "write_easy_tfm",
    "write_fiji_displacement",
    "write_fiji_traction",
    "write_json",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_settings",
    "write_tiff",
    "writing",
    "writing_folder",
]
