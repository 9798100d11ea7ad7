"""Bead images to traction: what the errors of PIV cost beside equal noise on the true displacement.

    python -m benchmarks.beads_traction

Cells move beads by a few pixels; ``DeepTFM.from_pretrained()`` turns displacement into traction. ``beads_traction.csv``
has the whole-field error from the displacement of PIV, from the true one, and from the true one with noise of the same
RMS as PIV's error: white, Gaussian-correlated as PIV's is, and PIV's own error on the next cell. As a yardstick, it
has the error from the exact displacement of every bead, interpolated between the beads: what is lost without any noise.
PIV smooths as it does by default, or less: an inversion that weighs noise itself may want its peaks more than its calm.

``beads_noise.csv`` has the autocorrelation of PIV's error on a gel that only shifts, and the standard deviation of the
Gaussian that correlates white noise as much from one node to the next (`noise_correlation` of the simulators).
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.interpolate import CloughTocher2DInterpolator

from benchmarks.command import study_parser
from benchmarks.families import family_fields
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator, add_noise

IMAGE_SIDE = 416
# Image pixels per pixel of the traction map, and so beads per pixel of it: 0.5 and 2.
SPACINGS = (4, 8)
DENSITY = 0.03
FAMILIES = ("adhesion", "disc", "cell")
# Mean length of the displacement inside a cell, in image pixels.
MEAN_PX = 1.5
SMOOTHINGS = (0.03, 0.1, 0.3, 1.0)
DENSITIES = (0.015, 0.03, 0.06)
SHIFT = (0.37, -0.21)


def cells(family: str, spacing: int, n_fields: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return displacements in image pixels, of the same mean length inside every cell, and tractions."""
    fields = family_fields(family, n_fields, seed=seed, shape=IMAGE_SIDE // spacing)
    inside = np.hypot(*np.moveaxis(fields.noise_free_displacement, 1, 0))
    mean = np.stack([length[mask].mean() for length, mask in zip(inside, fields.mask, strict=True)])
    scale = (MEAN_PX / spacing / mean)[:, None, None, None].astype(np.float32)
    return fields.noise_free_displacement * scale * spacing, fields.traction * scale


def correlation_of(error: FloatArray, lags: tuple[int, ...] = (1, 2, 3, 4, 6, 8)) -> dict[int, float]:
    """Return the autocorrelation of error fields along rows and columns, by lag in nodes."""
    values = error - error.mean(axis=(2, 3), keepdims=True)
    power = (values**2).mean()
    along_x = {lag: (values[..., lag:] * values[..., :-lag]).mean() for lag in lags}
    along_y = {lag: (values[..., lag:, :] * values[..., :-lag, :]).mean() for lag in lags}
    return {lag: float((along_x[lag] + along_y[lag]) / 2 / power) for lag in lags}


def sigma_of(correlation: float) -> float:
    """Return the standard deviation in nodes of the Gaussian that makes white noise so alike at lag 1.

    Its autocorrelation at lag r is exp(-r^2 / 4 sigma^2).
    """
    return float(np.sqrt(-1 / (4 * np.log(correlation))))


def noise_rows(spacing: int, seed: int) -> pd.DataFrame:
    """Return what PIV's error is like on a gel without a cell."""
    side = IMAGE_SIDE // spacing
    shift = np.broadcast_to(np.array(SHIFT)[None, :, None, None], (1, 2, side, side))
    rows = []
    for density in DENSITIES:
        beads = BeadSimulator(IMAGE_SIDE, spacing=spacing, density=density, random_state=seed).sample(
            2, displacement=shift
        )
        error = (PIV(spacing=spacing).fit_transform(beads.pairs) - beads.displacement)[..., 4:-4, 4:-4]
        found = correlation_of(error)
        rows.append(
            {
                "spacing": spacing,
                "beads_per_px2": density,
                "rms_px": np.sqrt((error**2).mean()),
                "sigma_nodes": sigma_of(found[1]),
            }
            | {f"lag_{lag}": value for lag, value in found.items()}
        )
    return pd.DataFrame(rows)


def between_beads(field: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return what a piecewise cubic surface through the exact displacement of scattered beads gives at the nodes."""
    side = field.shape[1]
    spacing = IMAGE_SIDE / side
    # In pixels of the traction map; beads come from a strip around it as well.
    x, y = rng.uniform(-3.5, side + 2.5, (2, round(DENSITY * spacing**2 * (side + 6) ** 2)))
    known = [ndimage.map_coordinates(component, (y, x), order=3, mode="nearest") for component in field]
    surface = CloughTocher2DInterpolator(np.stack([x, y], axis=1), np.stack(known, axis=1))
    rows, columns = np.mgrid[:side, :side]
    return np.moveaxis(surface(columns, rows), 2, 0)


def tractions(
    family: str, spacing: int, smoothing: float, *, sigma: float, n_fields: int, seed: int
) -> list[dict[str, Any]]:
    """Return the error of the traction from every kind of displacement."""
    true, traction = cells(family, spacing, n_fields, seed)
    beads = BeadSimulator(IMAGE_SIDE, density=DENSITY, random_state=seed).sample(n_fields, displacement=true)
    measured = PIV(spacing=spacing, smoothing=smoothing).fit_transform(beads.pairs)
    rng = np.random.default_rng(seed)
    error = measured - true
    rms = np.sqrt((error**2).mean(axis=(1, 2, 3)))
    inputs = {
        "PIV": measured,
        "truth": true,
        "truth + PIV's error on the next cell": true + np.roll(error, 1, axis=0),
        "truth at the beads": np.stack([between_beads(field, rng) for field in true]).astype(np.float32),
    }
    for name, correlation in (("white", 0.0), ("correlated", sigma)):
        # `level` is the length of the vector.
        inputs[f"truth + {name} noise"] = np.concatenate(
            [
                add_noise(field[None], level * np.sqrt(2), correlation=correlation, random_state=number)
                for number, (field, level) in enumerate(zip(true, rms, strict=True))
            ]
        )
    model = DeepTFM.from_pretrained(spacing=spacing)
    rows = []
    for name, displacement in inputs.items():
        wrong = relative_rmse(traction, model.predict(displacement), multioutput="raw_values")
        rows.append(
            {
                "family": family,
                "spacing": spacing,
                "smoothing": smoothing,
                "displacement": name,
                "error": wrong.mean(),
                "std": wrong.std(ddof=1),
            }
        )
    equal = next(row["error"] for row in rows if row["displacement"] == "truth + white noise")
    lengths = np.hypot(*np.moveaxis(true, 1, 0)).max(axis=(1, 2))
    facts = {"peak_px": lengths.mean(), "piv_rms_px": rms.mean()}
    return [{**row, "to_white": row["error"] / equal, **facts} for row in rows]


def main() -> None:
    """Write both tables."""
    options = study_parser("beads_traction", __doc__, fields=4, seed=77).parse_args()
    sample = {"n_fields": options.fields, "seed": options.seed}
    noise = pd.concat([noise_rows(spacing, options.seed) for spacing in SPACINGS])
    write_table(noise, "beads_noise", options, shift=SHIFT)
    sigmas = noise[noise.beads_per_px2 == DENSITY].set_index("spacing").sigma_nodes
    rows = [
        row
        for family, spacing, smoothing in product(FAMILIES, SPACINGS, SMOOTHINGS)
        for row in tractions(family, spacing, smoothing, sigma=sigmas[spacing], **sample)
    ]
    write_table(pd.DataFrame(rows), "beads_traction", options, mean_px=MEAN_PX, density=DENSITY)


if __name__ == "__main__":
    main()
