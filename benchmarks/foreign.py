"""Which fields a network calls foreign: cells and measured fields as they are, turned, moved, and on a wrong gel.

    python -m benchmarks.foreign

``foreign.csv`` has the share of fields that is flagged. Simulated cells of each noise level, and the matching real
pairs of the folder that TFMKIT_DATA names, come as they are; with their components exchanged, mirrored or turned; with
a Poisson ratio that is wrong by 0.2; with 30 % of their RMS of motion or rotation; and noise stands for them. The
measured colonies come as they are. The limits of `tfmkit.deep.foreign` were chosen on these measured fields, and on
simulated cells of other seeds and grids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from skimage.io import imread
from tqdm.auto import tqdm

from benchmarks.command import DATA, study_parser
from benchmarks.families import family_fields
from benchmarks.images import MOST_REPLACED, SPACING
from benchmarks.images import POISSON as PAIR_POISSON
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV, Flag
from tfmkit.displacement.measure import measure_pair
from tfmkit.simulate import add_noise

FAMILIES = ("adhesion", "cell", "disc", "hertz")
# Side and Poisson ratio of the simulated fields, and standard deviation of the noise over the RMS.
SIDE, POISSON = 56, 0.4
NOISE = {"none": 0.0, "10 %": 0.1, "30 %": 0.3}
COLONIES, COLONY_FILES, COLONY_POISSON, COLONY_SPACING = "colonies", ("KO_04", "WT_03"), 0.49, 10.5
TURNED = {"exchanged": ((0, 1), (1, 0)), "mirrored": ((1, 0), (0, -1)), "turned": ((0, -1), (1, 0))}
MOTION, WRONG = 0.3, 0.2


def simulated(n_fields: int, seed: int) -> Iterator[tuple[str, float, FloatArray, FloatArray | None]]:
    """Yield name of the group, Poisson ratio, displacement of simulated cells and its standard deviation."""
    for family in FAMILIES:
        cells = family_fields(family, n_fields, seed=seed, shape=SIDE, poisson=POISSON)
        for name, level in NOISE.items():
            noisy = add_noise(cells.noise_free_displacement, level, unit="rms", random_state=seed)
            rms = np.sqrt(np.square(cells.noise_free_displacement).mean(axis=(1, 2, 3), keepdims=True))
            yield f"simulated, noise {name}", POISSON, noisy, level * rms + np.zeros_like(noisy) if level else None


def measured() -> Iterator[tuple[str, float, FloatArray, FloatArray | None]]:
    """Yield the same of the colonies and of the pairs of images that match."""
    for name in COLONY_FILES:
        parts = [np.load(DATA / "pytfm" / f"{name}{component}.npy") for component in "uv"]
        field = np.stack(parts)[None] / COLONY_SPACING
        yield COLONIES, COLONY_POISSON, field - np.median(field, axis=(2, 3), keepdims=True), None
    for folder in sorted((DATA / "bead_pairs").iterdir()):
        pair = np.stack([imread(folder / f"{part}.tif") for part in ("relaxed", "deformed")])
        found = measure_pair(pair.astype(np.float32), PIV(spacing=SPACING))
        if (found.flags != Flag.GOOD).mean() < MOST_REPLACED:
            displacement, std = (part[None].astype(float) / SPACING for part in (found.displacement, found.std))
            yield "real pairs", PAIR_POISSON, displacement, std


def variants(
    group: str, fields: FloatArray, poisson: float, rng: np.random.Generator
) -> Iterator[tuple[str, float, FloatArray]]:
    """Yield fields as they are and changed: name of the change, Poisson ratio that is told, displacement."""
    yield "as it is", poisson, fields
    if group == COLONIES:
        return
    for name, matrix in TURNED.items():
        yield name, poisson, np.einsum("ij,njyx->niyx", matrix, fields)
    for wrong in (poisson - WRONG, poisson + WRONG):
        if 0 <= wrong <= 0.5:
            yield "wrong Poisson ratio", wrong, fields
    length = np.sqrt(np.square(fields).sum(axis=1, keepdims=True).mean(axis=(2, 3), keepdims=True))
    y, x = np.mgrid[: fields.shape[2], : fields.shape[3]].astype(float)
    rotation = np.stack([y.mean() - y, x - x.mean()])
    angle = rng.uniform(0, 2 * np.pi)
    yield "motion", poisson, fields + MOTION * length * np.array([np.cos(angle), np.sin(angle)])[:, None, None]
    yield "rotation", poisson, fields + MOTION * length * rotation / np.sqrt(np.square(rotation).sum(axis=0).mean())
    yield "noise alone", poisson, length * rng.normal(size=fields.shape)


def rows(weights: str, fields: Any, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one row for each field and change."""
    models: dict[float, DeepTFM] = {}
    for group, true_poisson, displacement, std in tqdm(fields, desc=weights):
        for change, poisson, changed in variants(group, displacement, true_poisson, rng):
            if poisson not in models:
                models[poisson] = DeepTFM.from_pretrained(weights, poisson=poisson)
            matrix = np.abs(TURNED.get(change, ((1, 0), (0, 1))))
            told = None if std is None else np.einsum("ij,njyx->niyx", matrix, std)
            flagged = models[poisson].is_foreign(changed, noise=told)
            yield from ({"weights": weights, "fields": group, "change": change, "flagged": each} for each in flagged)


def main() -> None:
    """Write the table."""
    parser = study_parser("foreign", __doc__, fields=1, seed=2021)
    parser.add_argument("--weights", nargs="+", default=["small"], help="names of the weights")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    # Drawn once, for all weights.
    fields = [*measured(), *simulated(options.fields, options.seed)]
    table = pd.DataFrame([row for name in options.weights for row in rows(name, fields, rng)])
    shares = table.groupby(["weights", "fields", "change"], sort=False)["flagged"].agg(["mean", "size"]).reset_index()
    shares = shares.rename(columns={"mean": "flagged", "size": "n_fields"})
    write_table(shares, "foreign", options, motion=MOTION, wrong_poisson=WRONG)


if __name__ == "__main__":
    main()
