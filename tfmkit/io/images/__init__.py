"""Images of microscopes: open them, find them by name, read regions drawn on them, and write them."""

from tfmkit.io.images.cells import Cell, Cells, read_cells
from tfmkit.io.images.ome_zarr import write_ome_zarr
from tfmkit.io.images.opening import open_images
from tfmkit.io.images.patterns import find_images, match_images
from tfmkit.io.images.regions import Regions, read_region_set, read_regions
from tfmkit.io.images.series import ImageSeries
from tfmkit.io.images.writers import write_ome_tiff, write_tiff

__all__ = [
    "Cell",
    "Cells",
    "ImageSeries",
    "Regions",
    "find_images",
    "match_images",
    "open_images",
    "read_cells",
    "read_region_set",
    "read_regions",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_tiff",
]
