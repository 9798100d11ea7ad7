"""From bead images to traction: every pipeline on images of families that no training saw, and on real pairs.

    python -m benchmarks.images simulated
    python -m benchmarks.images real

``images.csv`` has the whole-field error of each pipeline by family, beads per node, largest displacement and photons.
The images have 512 x 512 px, and a node every 8 px. The family "arc" has bands of traction along a wavy border; no part
of tfmkit draws them. FTTC is told the lambda that suits the truth best; the others choose for themselves. Estimators
that take the noise of the displacement are told the standard deviations that PIV states. openpiv (GPL, no dependency of
tfmkit) takes part where it is installed.

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

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask
from skimage.io import imread
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from benchmarks.beads import openpiv_windef
from benchmarks.command import DATA, study_parser
from benchmarks.families import family_fields
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.base import noise_for
from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV, Flag, OpticalFlow
from tfmkit.displacement.measure import measure_pair
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel.operator import ForwardOperator
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator
from tfmkit.sparse import ElasticNetTFM

SIDE, SPACING = 512, 8
NODES = SIDE // SPACING
FAMILIES = ("adhesion", "disc", "hertz", "arc")
# Beads per node, largest displacement in pixels, and photons: one of them changes at a time.
CONDITIONS = (
    (2.0, 0.5, 200.0), (2.0, 2.0, 200.0), (2.0, 5.0, 200.0), (2.0, 20.0, 200.0), (2.0, 50.0, 200.0),
    (0.5, 5.0, 200.0), (4.0, 5.0, 200.0), (2.0, 5.0, 50.0),
)  # fmt: skip
# Gel and image of the real pairs; their nodes are 8 px apart.
YOUNG, POISSON, WIDENED = 8_000.0, 0.48, 2
# Pairs whose replaced vectors are fewer than this match.
MOST_REPLACED = 0.05
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
        told = isinstance(estimator, OracleLambda)
        estimate = estimator.fit(found.displacement, traction * scale) if told else estimator
        noise = {} if told else noise_for(estimator, found.std)
        recovered = (estimate if told else estimate.fit(found.displacement)).predict(found.displacement, **noise)
        error = np.asarray(relative_rmse(traction * scale, recovered, multioutput="raw_values"))
        seconds = (spent + time.process_time() - start) / options.fields
        rows.append(
            {"family": family, "beads_per_node": beads, "peak_px": peak, "photons": photons, "pipeline": name}
            | {"error": error.mean(), "std": error.std(ddof=1), "seconds": seconds}
            | {"flagged": float((found.flags != Flag.GOOD).mean())}
        )
    return rows


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
        traction = model.predict(displacement, **noise_for(model, found.std[None]))[0]
        squared, lengths = np.square(traction).sum(axis=0), np.hypot(*traction)
        net = np.hypot(*traction[:, inside].sum(axis=1)) / lengths[inside].sum()
        rows.append(
            {"pair": folder.name, "replaced": float((found.flags != Flag.GOOD).mean()), "pipeline": name}
            | {"inside": squared[inside].sum() / squared.sum(), "net_force": net, "covered": inside.mean()}
        )
    return rows


def outline(folder: Path, shape: Any) -> Any:
    """Return the inside of the cell's outline, which the data hold as ``xrub`` and ``yrub`` in pixels."""
    from scipy.io import loadmat

    points = loadmat(folder / "outline.mat")
    return polygon2mask(shape, np.stack([points["yrub"].ravel(), points["xrub"].ravel()], axis=1))


def main() -> None:
    """Write one of the tables."""
    parser = study_parser("images", __doc__, fields=2, seed=4242)
    parser.add_argument("part", choices=("simulated", "real"), help="which table")
    parser.add_argument("--weights", nargs="+", default=["small", "default"], help="weights by name, or files")
    options = parser.parse_args()
    if options.part == "simulated":
        cells = list(product(FAMILIES, CONDITIONS))
        rows = [row for cell in tqdm(cells) for row in simulated_rows(*cell, options)]
        write_table(pd.DataFrame(rows), "images", options)
        return
    folders = sorted((DATA / "bead_pairs").iterdir())
    table = pd.DataFrame([row for folder in tqdm(folders) for row in real_rows(folder, options.weights)])
    write_table(table, "images_real", options)
    matching = table[table.replaced < MOST_REPLACED].groupby("pipeline", sort=False)
    print(matching[["inside", "net_force"]].agg(["median", "mean", "count"]).round(3).to_string())


if __name__ == "__main__":
    main()
