"""From bead images to traction: every pipeline on images of families that no training saw, and on real pairs.

    python -m benchmarks.images simulated
    python -m benchmarks.images real
    python -m benchmarks.images figure

``images.csv`` has the whole-field error of each pipeline by family, beads per node, largest displacement and photons.
The images have 512 x 512 px, and a node every 8 px. The family "arc" has bands of traction along a wavy border; no part
of tfmkit draws them. FTTC is told the lambda that suits the truth best; the others choose for themselves. Estimators
that take the noise of the displacement are told the standard deviations that PIV states. openpiv (GPL, no dependency of
tfmkit) takes part where it is installed. ``held`` is the share of 90 % intervals that hold where there is traction.
`figure` draws the errors by displacement and beads from the table.

``images_real.csv`` has, for each pair of ``bead_pairs`` in the measured data, the share of the squared traction that
lies inside the outline of the cell (widened by 2 nodes), and the net force inside as a share of the summed lengths.
There is no truth.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask
from skimage.io import imread
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from benchmarks.beads import openpiv_windef
from benchmarks.command import DATA, study_parser
from benchmarks.families import family_fields
from benchmarks.saving import save_figure, write_table
from tfmkit._validation import FloatArray
from tfmkit.base import noise_for
from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV, Flag, OpticalFlow
from tfmkit.displacement.measure import measure_pair
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel.operator import ForwardOperator
from tfmkit.metrics import displacement_residual, relative_rmse
from tfmkit.simulate import BeadSimulator
from tfmkit.sparse import ElasticNetTFM

SIDE, SPACING = 512, 8
NODES = SIDE // SPACING
FAMILIES = ("adhesion", "disc", "hertz", "arc")
# Beads per node, largest displacement in pixels, and photons.
PEAKS = (0.5, 2.0, 5.0, 20.0, 50.0)
CONDITIONS = (*product((0.5, 2.0, 4.0), PEAKS, (200.0,)), *product((2.0,), PEAKS, (50.0,)))
# Gel and image of the real pairs; their nodes are 8 px apart.
YOUNG, POISSON, WIDENED = 8_000.0, 0.48, 2
# Half of a 90 % interval in standard deviations, and the shortest traction, over the longest, at which it has to hold.
HALF_WIDTH, LEAST_PULL = 1.645, 0.05
# Pairs whose replaced vectors are fewer than this match.
MOST_REPLACED = 0.05
FIGURE = "images_by_displacement"
_FINER = 3


def arcs(n_fields: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return displacement and traction of bands along a wavy border that pull inwards, in balance."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[: _FINER * NODES, : _FINER * NODES] + 0.5) / _FINER
    fields = []
    for _ in range(n_fields):
        middle = NODES / 2 + rng.uniform(-3, 3, 2)
        radius, angle = np.hypot(x - middle[0], y - middle[1]), np.arctan2(y - middle[1], x - middle[0])
        waves = sum(size * np.cos(mode * angle + rng.uniform(0, 2 * np.pi)) for mode, size in ((2, 0.15), (3, 0.1)))
        width = rng.uniform(0.8, 2.2)
        across = (radius - rng.uniform(0.16, 0.3) * NODES * (1 + waves) + 1.5 * width) / width
        along = np.maximum(0, 0.3 + np.cos(rng.integers(1, 4) * angle + rng.uniform(0, 2 * np.pi)))
        size = np.exp(-(across**2) / 2) * along
        traction = -size * np.stack([np.cos(angle), np.sin(angle)])
        fields.append(traction - (traction.sum(axis=(1, 2)) / size.sum())[:, None, None] * size)
    fine = np.stack(fields)
    middle = (..., slice(_FINER // 2, None, _FINER), slice(_FINER // 2, None, _FINER))
    displacement = ForwardOperator(_FINER * NODES).apply(fine)[middle] / _FINER
    return displacement, fine.reshape(n_fields, 2, NODES, _FINER, NODES, _FINER).mean(axis=(3, 5))


def fields(family: str, n_fields: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return noise-free displacement in nodes and traction."""
    if family == "arc":
        return arcs(n_fields, seed)
    found = family_fields(family, n_fields, seed=seed, shape=NODES)
    return found.noise_free_displacement, found.traction


class OpenPIV:
    """Window deformation of openpiv, from 64 to 16 px, interpolated to tfmkit's nodes."""

    def measure(self, pairs: FloatArray) -> Bunch:
        """Return displacement and flags of pairs, as tfmkit's transformers do."""
        nodes = np.arange(NODES) * SPACING + (SPACING - 1) / 2
        parts = [openpiv_windef(Bunch(pairs=pair[None], grid_x=nodes, grid_y=nodes), (64, 32, 16)) for pair in pairs]
        displacement = np.nan_to_num(np.stack(parts))
        return Bunch(displacement=displacement, std=None, flags=np.zeros((len(pairs), NODES, NODES)))


def pipelines(weights: list[str], **gel: float) -> dict[str, tuple[Any, Any]]:
    """Return transformers and estimators by name; an estimator that is an `OracleLambda` needs the truth."""
    piv, flow, gel = PIV(spacing=SPACING), OpticalFlow(spacing=SPACING), {"spacing": SPACING, **gel}
    networks = {f"PIV, DeepTFM {Path(name).stem}": (piv, DeepTFM.from_pretrained(name, **gel)) for name in weights}
    rivals = {"openpiv, FTTC, oracle lambda": (OpenPIV(), OracleLambda(FTTC(**gel)))} if find_spec("openpiv") else {}
    return {
        **rivals,
        "ILK, FTTC, oracle lambda": (flow, OracleLambda(FTTC(**gel))),
        "PIV, FTTC, oracle lambda": (piv, OracleLambda(FTTC(**gel))),
        "PIV, FTTCCV": (piv, FTTCCV(**gel)),
        "PIV, ElasticNetTFM": (piv, ElasticNetTFM(**gel)),
    } | networks


def simulated_rows(family: str, condition: tuple[float, float, float], options: Any) -> list[dict[str, Any]]:
    """Return the errors of every pipeline on one family and one kind of images."""
    beads, peak, photons = condition
    displacement, traction = fields(family, options.fields, options.seed)
    scale = peak / SPACING / np.hypot(displacement[:, 0], displacement[:, 1]).max(axis=(1, 2))[:, None, None, None]
    simulator = BeadSimulator(
        SIDE, spacing=SPACING, density=beads / SPACING**2, photons=photons, random_state=options.seed
    )
    pairs = simulator.sample(options.fields, displacement=displacement * scale * SPACING).pairs
    measured: dict[str, Any] = {}
    rows = []
    for name, (transformer, estimator) in pipelines(options.weights).items():
        start = time.process_time()
        if transformer not in measured:
            measured[transformer] = transformer.measure(pairs), time.process_time() - start
        (found, spent), start = measured[transformer], time.process_time()
        recovered = recover(estimator, found.displacement, found.std, traction * scale)
        error = np.asarray(relative_rmse(traction * scale, recovered, multioutput="raw_values"))
        held = intervals_held(estimator, found.displacement, traction * scale, found.std)
        seconds = (spent + time.process_time() - start) / options.fields
        rows.append(
            {"family": family, "beads_per_node": beads, "peak_px": peak, "photons": photons, "pipeline": name}
            | {"error": error.mean(), "std": error.std(ddof=1), "seconds": seconds}
            | {"flagged": float((found.flags != Flag.GOOD).mean()), "held": held}
        )
    return rows


def recover(model: Any, displacement: FloatArray, std: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the traction that an estimator recovers, told the noise; an oracle is told the truth instead."""
    if isinstance(model, OracleLambda):
        return model.fit(displacement, truth).predict(displacement)
    fitted = model if isinstance(model, DeepTFM) else model.fit(displacement)
    return fitted.predict(displacement, **noise_for(fitted, std))


def intervals_held(model: Any, displacement: FloatArray, truth: FloatArray, std: FloatArray) -> float:
    """Return the share of 90 % intervals of a network that hold where there is traction; NaN for other methods."""
    if not (isinstance(model, DeepTFM) and model.gives_std):
        return np.nan
    recovered, std = model.predict(displacement, return_std=True, **noise_for(model, std))
    length = np.hypot(truth[:, 0], truth[:, 1])
    pulls = length > LEAST_PULL * length.max(axis=(1, 2), keepdims=True)
    return float((np.abs(recovered - truth) <= HALF_WIDTH * std).swapaxes(0, 1)[:, pulls].mean())


def real_rows(folder: Path, weights: list[str]) -> list[dict[str, Any]]:
    """Return where each pipeline puts the traction of one real pair."""
    pair = np.stack([imread(folder / f"{part}.tif") for part in ("relaxed", "deformed")])
    found = measure_pair(pair.astype(np.float32), PIV(spacing=SPACING))
    inside = distance_transform_edt(~outline(folder, pair.shape[1:])) <= WIDENED * SPACING
    inside = inside[np.ix_(np.rint(found.y).astype(int), np.rint(found.x).astype(int))]
    rows = []
    for name, (transformer, estimator) in pipelines(weights, young=YOUNG, poisson=POISSON).items():
        if not isinstance(transformer, PIV) or isinstance(estimator, OracleLambda):
            continue
        displacement = found.displacement[None]
        model = estimator if isinstance(estimator, DeepTFM) else estimator.fit(displacement)
        variants = {name: model} | ({f"{name}, balanced": balanced(model)} if isinstance(model, DeepTFM) else {})
        for label, variant in variants.items():
            traction = variant.predict(displacement, **noise_for(variant, found.std[None]))
            where = {"pair": folder.name, "replaced": float((found.flags != Flag.GOOD).mean()), "pipeline": label}
            misfit = displacement_residual(displacement, traction, young=YOUNG, poisson=POISSON, spacing=SPACING)
            rows.append(where | shares(traction[0], inside) | {"covered": inside.mean(), "misfit": float(misfit)})
    return rows


def balanced(model: DeepTFM) -> DeepTFM:
    """Return the same network with its net force taken out."""
    return DeepTFM.from_pretrained(model.weights, balanced=True, young=YOUNG, poisson=POISSON, spacing=SPACING)


def shares(traction: FloatArray, inside: Any) -> dict[str, float]:
    """Return the share of squared traction inside the outline, and the net force there over the summed lengths."""
    squared, lengths = np.square(traction).sum(axis=0), np.hypot(*traction)
    net = np.hypot(*traction[:, inside].sum(axis=1)) / lengths[inside].sum()
    return {"inside": squared[inside].sum() / squared.sum(), "net_force": net}


def outline(folder: Path, shape: Any) -> Any:
    """Return the inside of the cell's outline, which the data hold as ``xrub`` and ``yrub`` in pixels."""
    from scipy.io import loadmat

    points = loadmat(folder / "outline.mat")
    return polygon2mask(shape, np.stack([points["yrub"].ravel(), points["xrub"].ravel()], axis=1))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the errors of every pipeline, one panel a family, over the largest displacement at 2 beads per node."""
    chosen = table[(table.beads_per_node == 2.0) & (table.photons == 200.0)]
    figure, axes = plt.subplots(1, len(FAMILIES), figsize=(3.2 * len(FAMILIES), 3.4), sharey=True, layout="constrained")
    for axis, family in zip(axes, FAMILIES, strict=True):
        for name, rows in chosen[chosen.family == family].groupby("pipeline", sort=False):
            rival = not str(name).startswith("PIV")
            axis.plot(rows.peak_px, rows.error, label=name, marker="o", lw=1.5, ms=3, ls="--" if rival else "-")
        axis.set(xscale="log", yscale="log", title=family, xlabel="largest displacement (px)")
        axis.set_xticks((0.5, 2, 5, 20, 50), ("0.5", "2", "5", "20", "50"), minor=False)
        axis.set_yticks((0.05, 0.1, 0.2, 0.5, 1), ("0.05", "0.1", "0.2", "0.5", "1"))
        axis.minorticks_off()
    axes[0].set_ylabel("relative error of the traction")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def main() -> None:
    """Write one of the tables."""
    parser = study_parser("images", __doc__, fields=2, seed=4242)
    parser.add_argument("part", choices=("simulated", "real", "figure"), help="which table, or the figure")
    parser.add_argument("--weights", nargs="+", default=["default"], help="weights by name, or files")
    options = parser.parse_args()
    if options.part == "figure":
        save_figure(draw(pd.read_csv(options.output / "images.csv")), FIGURE, options.output, {"table": "images.csv"})
    if options.part == "simulated":
        cells = list(product(FAMILIES, CONDITIONS))
        rows = [row for cell in tqdm(cells) for row in simulated_rows(*cell, options)]
        write_table(pd.DataFrame(rows), "images", options)
    if options.part != "real":
        return
    folders = sorted((DATA / "bead_pairs").iterdir())
    table = pd.DataFrame([row for folder in tqdm(folders) for row in real_rows(folder, options.weights)])
    write_table(table, "images_real", options)
    matching = table[table.replaced < MOST_REPLACED].groupby("pipeline", sort=False)
    print(matching[["inside", "net_force", "misfit"]].agg(["median", "mean", "count"]).round(3).to_string())


if __name__ == "__main__":
    main()
