"""Files of images as microscopes and their programs write them, for the tests of the readers."""

from __future__ import annotations

import numpy as np
import tifffile

N_FRAMES, N_CHANNELS, HEIGHT, WIDTH = 5, 2, 12, 17


def random_stack() -> np.ndarray:
    """Return images whose pixels all differ from image to image."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**16, (N_FRAMES, N_CHANNELS, HEIGHT, WIDTH)).astype(np.uint16)


def imagej(path, stack, unit="micron", per_unit=4.0, **metadata):
    tifffile.imwrite(
        path, stack, imagej=True, resolution=(per_unit, per_unit), metadata={"axes": "TCYX", "unit": unit, **metadata}
    )


def ome(path, stack, **metadata):
    tifffile.imwrite(path, stack, ome=True, photometric="minisblack", metadata={"axes": "TCYX", **metadata})


def plain(path, stack, **options):
    tifffile.imwrite(path, stack, metadata=None, photometric="minisblack", **options)
