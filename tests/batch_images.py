"""Synthetic beads in folders, and configurations for them: what the tests of batches start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from tfmkit.simulate import BeadSimulator

SIDE = 96


def write_position(folder: Path, n_frames: int = 2, seed: int = 0) -> None:
    """Write a relaxed image, a stack of deformed ones that drift, one without metadata, a cell, and masks of two."""
    folder.mkdir(parents=True)
    beads = BeadSimulator(SIDE, peak=2.0, spacing=8, random_state=seed).sample()
    relaxed, deformed = beads.pairs[0]
    frames = np.stack([np.roll(deformed, (frame, -frame), axis=(0, 1)) for frame in range(n_frames)])
    scale = {"resolution": (5.0, 5.0), "metadata": {"axes": "TYX", "unit": "um", "finterval": 30.0}}
    tifffile.imwrite(folder / "relaxed.tif", relaxed)
    tifffile.imwrite(folder / "deformed.tif", frames, imagej=True, **scale)
    tifffile.imwrite(folder / "plain.tif", deformed)
    tifffile.imwrite(folder / "cell.tif", relaxed[::-1].astype(np.uint16))
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[16:80, 8:44], mask[16:80, 52:88] = 1, 2
    tifffile.imwrite(folder / "mask.tif", mask)


def settings(folder: Path, **sections: dict[str, Any]) -> dict[str, Any]:
    """Return cheap settings for the positions in a folder; a section is updated by the argument of its name."""
    base: dict[str, dict[str, Any]] = {
        "input": {"folder": str(folder), "relaxed": "{position}/relaxed.tif", "deformed": "{position}/deformed.tif"},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "drift": {},
        "displacement": {"spacing": 8},
        "traction": {"estimator": "FTTC", "lam": 0.1},
        "run": {"jobs": 1, "samples": 8},
    }
    return {name: {**values, **sections.get(name, {})} for name, values in base.items()}


def contents(results: Path) -> dict[str, bytes]:
    """Return the bytes of the tables and of everything that belongs to items."""
    files = [path for path in sorted(results.rglob("*")) if path.is_file() and path.name != "settings.json"]
    return {str(path.relative_to(results)): path.read_bytes() for path in files}
