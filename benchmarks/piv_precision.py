"""Fit and check the standard deviations that PIV, CrossCorrelation and OpticalFlow give with every vector.

    python -m benchmarks.piv_precision           # the table of the exponents in the code
    python -m benchmarks.piv_precision --fit     # exponents fitted anew to other images, printed

Fields of every family of the training stream move beads in images under varied optics. The tables have, for each
method, the share of vectors whose error is within 1.645 of the stated standard deviation: ideally 0.9.
``piv_precision.csv`` has it for each tenth of the stated value, and ``piv_precision_border.csv`` for each of the
outermost rings of nodes. Vectors that are flagged do not count. The exponent of the share of a window that is seen was
chosen for these rings, while the others were held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import QuantileRegressor
from tqdm.auto import tqdm

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.deep.pretraining.cells import training_cells
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.measured import FAMILIES, draw_conditions
from tfmkit.deep.pretraining.stream import ZOOM, FieldStream, push, varies_inside
from tfmkit.displacement import PIV, CrossCorrelation, DisplacementTransformer, Flag, OpticalFlow
from tfmkit.displacement._images import prepare
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._match import Match
from tfmkit.displacement._precision import describe
from tfmkit.gel.gel import Gel
from tfmkit.simulate import BeadSimulator

METHODS: dict[str, DisplacementTransformer] = {
    "PIV": PIV(),
    "PIV(smoothing=0.1)": PIV(smoothing=0.1),
    "CrossCorrelation": CrossCorrelation(spacing=4),
    "OpticalFlow": OpticalFlow(),
}
GEL = Gel(young=1.0, poisson=0.48)
# Methods that share their exponents.
CLASSES = {
    "PIV": ("PIV", "PIV(smoothing=0.1)"),
    "CrossCorrelation": ("CrossCorrelation",),
    "OpticalFlow": ("OpticalFlow",),
}
SIDES, SPACINGS, PEAKS, MOST_STRAIN, DRIFT = (256, 320, 384), (4, 16), (0.3, 20.0), 0.5, 0.05
VECTORS_PER_IMAGE = 300
# Rings of nodes at the border of the images that are told apart.
RINGS = 4
FIT_SEED = 1
# Standard deviations in half of a Gaussian's central 90 %.
HALF_WIDTH = 1.645


def pairs(n_fields: int, seed: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield pairs of images (1, 2, height, width) and their displacement (2, n_y, n_x) every 4 px."""
    rng = np.random.default_rng(seed)
    stream = FieldStream(training_cells(200, seed), seed=seed, pixels=1)
    stream.weights = dict(FAMILIES)
    for _ in tqdm(range(n_fields), desc=f"seed {seed}"):
        spacing = int(np.rint(np.exp(rng.uniform(*np.log(SPACINGS)))))
        nodes = int(rng.choice(SIDES)) // spacing
        draw = Draw(torch.Generator().manual_seed(int(rng.integers(2**62))))
        fine, family = stream.traction(draw, 1, (nodes, nodes), rng)
        field = push(fine, GEL, varies_inside(family))[0].numpy() * spacing
        if not field.any():
            continue
        slope = max(np.abs(np.diff(field, axis=axis)).max() for axis in (1, 2)) * ZOOM / spacing
        scale = min(np.exp(rng.uniform(*np.log(PEAKS))) / np.hypot(*field).max(), MOST_STRAIN / slope)
        moved = field * scale + rng.normal(0, DRIFT, (2, 1, 1))
        simulator = BeadSimulator(
            nodes * spacing, spacing=4, random_state=int(rng.integers(2**31)), **draw_conditions(rng, spacing)
        )
        beads = simulator.sample(displacement=moved[None])
        yield beads.pairs, beads.displacement[0]


def vectors(n_fields: int, seed: int) -> pd.DataFrame:
    """Return errors, stated standard deviations and their quantities of vectors picked at random."""
    rng, parts = np.random.default_rng(seed), []
    for pair, truth in pairs(n_fields, seed):
        images = prepare((pair[0, 0], pair[0, 1]), np.zeros(pair.shape[2:], dtype=bool))
        lattice = Lattice((pair.shape[2], pair.shape[3]), 4)
        for name, method in METHODS.items():
            result = method.measure(pair)
            match = Match(images.relaxed, images.deformed, images.valid, lattice)
            found = describe(result.displacement[0], match.compare(result.displacement[0]))
            good = np.flatnonzero(np.broadcast_to(result.flags[0] == Flag.GOOD, truth.shape))
            chosen = rng.permutation(good)[:VECTORS_PER_IMAGE]
            rows: dict[str, Any] = {f"quantity_{k}": part.ravel()[chosen] for k, part in enumerate(found)}
            error = np.abs(result.displacement[0] - truth).ravel()[chosen]
            rows |= {"error": error, "std": result.std[0].ravel()[chosen]}
            place = np.unravel_index(chosen, truth.shape)[1:]
            ring = np.minimum.reduce([*place, truth.shape[1] - 1 - place[0], truth.shape[2] - 1 - place[1]])
            parts.append(pd.DataFrame({"method": name, "ring": np.minimum(ring, RINGS), **rows}))
    return pd.concat(parts, ignore_index=True)


def fit(table: pd.DataFrame, methods: tuple[str, ...]) -> list[float]:
    """Return constant and exponents with which 90 % of the errors are within 1.645 standard deviations."""
    rows = table[table.method.isin(methods)].sample(frac=1, random_state=0)[:12_000]
    quantities = rows[[name for name in rows if name.startswith("quantity")]]
    found = QuantileRegressor(quantile=0.9, alpha=0).fit(quantities, np.log(rows.error + 1e-5))
    return [float(found.intercept_ - np.log(HALF_WIDTH)), *found.coef_.tolist()]


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Return how often intervals hold, by method and tenth of the stated standard deviation."""
    tenth = table.groupby("method")["std"].transform(lambda part: pd.qcut(part, 10, labels=False))
    return _held(table.assign(tenth=tenth + 1), "tenth")


def border_coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Return how often intervals hold, by method and ring of nodes; the last ring is all nodes farther inside."""
    return _held(table, "ring")


def _held(table: pd.DataFrame, group: str) -> pd.DataFrame:
    groups = table.assign(within=table.error < HALF_WIDTH * table["std"]).groupby(["method", group])
    return groups.agg(std=("std", "median"), within=("within", "mean"), vectors=("std", "size")).reset_index()


def main() -> None:
    """Fit exponents, or write the table."""
    parser = study_parser("piv_precision", __doc__, fields=50, seed=3)
    parser.add_argument("--fit", action="store_true", help="print new exponents instead")
    options = parser.parse_args()
    if not options.fit:
        table = vectors(options.fields, options.seed)
        write_table(coverage(table), "piv_precision", options)
        write_table(border_coverage(table), "piv_precision_border", options)
        return
    table = vectors(options.fields, FIT_SEED)
    for name, methods in CLASSES.items():
        print(name, tuple(round(value, 3) for value in fit(table, methods)))


if __name__ == "__main__":
    main()
