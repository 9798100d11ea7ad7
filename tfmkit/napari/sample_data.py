"""Images to try the window with."""

from __future__ import annotations

import numpy as np

from tfmkit.datasets import DATASETS, fetch
from tfmkit.gel import Gel
from tfmkit.napari.layers import LayerData, Place, image_layer
from tfmkit.napari.reading import METADATA, read_image_file
from tfmkit.simulate import BeadSimulator

_SIDE, _PIXEL_SIZE = 512, 0.1
_MOVIE = "mdck-movie"


def simulated_cell() -> list[LayerData]:
    """Simulate a cell on a gel with beads.

    Returns
    -------
    list of LayerData
        Relaxed and deformed image of 512 x 512 pixels of 0.1 micrometres, the same in every call. The gel of the
        simulator has 10,670 Pa and a Poisson ratio of 0.45.
    """
    pair = BeadSimulator(_SIDE, random_state=0).sample().pairs[0].round().astype(np.uint16)
    place, about = Place.of_pixels(_PIXEL_SIZE), {METADATA: {"gel": {"young": Gel.young, "poisson": Gel.poisson}}}
    names = ("relaxed", "deformed")
    return [image_layer(image, name, place, metadata=about) for image, name in zip(pair, names, strict=True)]


def measured_sheet() -> list[LayerData]:
    """Open the bead images of a sheet of MDCK cells.

    Returns
    -------
    list of LayerData
        The relaxed image and the movie of 15 frames, with the size of a pixel that the authors give.

    Raises
    ------
    ConnectionError
        If the files are neither at hand nor can be downloaded. The message says where to put them.
    """
    movie, known = fetch(_MOVIE), DATASETS[_MOVIE]
    place, gel = Place.of_pixels(known.pixel_size), {"young": known.young, "poisson": known.poisson}
    layers: list[LayerData] = []
    for path, name in ((movie.with_name("Ref.tif"), "relaxed"), (movie, "deformed")):
        for image, options, kind in read_image_file(path):
            about = {METADATA: {**options["metadata"][METADATA], "gel": gel}}
            layers.append((image, {**options, **place.options(image.ndim), "name": name, "metadata": about}, kind))
    return layers
