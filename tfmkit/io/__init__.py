"""Images of microscopes and displacement files of other programs in, tables and images out.

`read_displacement` recognises a file by what it holds and returns `DisplacementData` in tfmkit's convention:
component 0 along x to the right, component 1 along y downwards, positive from the relaxed to the deformed gel,
all lengths in the pixels of the file. Readers convert axes and signs; nothing else in tfmkit does.
"""

from tfmkit.io._data import DisplacementData
from tfmkit.io._series import ImageSeries
from tfmkit.io.arrays import read_arrays
from tfmkit.io.easy_tfm import read_easy_tfm, write_easy_tfm
from tfmkit.io.fiji import TractionData, read_fiji_piv, read_fiji_traction, write_fiji_displacement, write_fiji_traction
from tfmkit.io.images import open_images
from tfmkit.io.ome import write_ome_tiff
from tfmkit.io.openpiv import read_openpiv
from tfmkit.io.patterns import find_images, match_images
from tfmkit.io.pytfm import read_pytfm
from tfmkit.io.reading import read_displacement
from tfmkit.io.regions import read_regions
from tfmkit.io.wang_lin import read_wang_lin
from tfmkit.io.writing import write_csv, write_json, write_tiff, writing, writing_folder

__all__ = [
    "DisplacementData",
    "ImageSeries",
    "TractionData",
    "find_images",
    "match_images",
    "open_images",
    "read_arrays",
    "read_displacement",
    "read_easy_tfm",
    "read_fiji_piv",
    "read_fiji_traction",
    "read_openpiv",
    "read_pytfm",
    "read_regions",
    "read_wang_lin",
    "write_csv",
    "write_easy_tfm",
    "write_fiji_displacement",
    "write_fiji_traction",
    "write_json",
    "write_ome_tiff",
    "write_tiff",
    "writing",
    "writing_folder",
]
