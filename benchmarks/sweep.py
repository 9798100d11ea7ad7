"""The sweep that the authors of napariTFM publish (2026), made again: pairs of poles, and cells of stress fibres.

    python -m benchmarks.sweep

Images have 512 x 512 px of 0.1612 um. PIV at its defaults measures the displacement, and each estimator that takes
noise is told the standard deviations that PIV states. FTTC is told the lambda that suits the truth best.

``sweep_dipoles.csv``: two Gaussian poles, 40 um apart at 45 degrees, that pull towards each other. Their standard
deviation is 0.1 to 5 um, and their largest displacement 0.5 to 50 px. The core regime of the authors has 0.266 um and
more, and 1.2 to 20 px; its medians are printed.

``sweep_cells.csv``: cells of 16 to 82 stress fibres in the outlines of the real cells in ``bead_pairs`` of the measured
data, with a largest displacement of 0.5 to 50 px; means over the cells. A fibre pulls at the focal adhesions at its two
ends, along its own direction. The cells of the authors lie in four outlines and are not public, and the size of their
adhesions is not told. ``adhesions`` is a factor of the size: at 1 they are 1.6 to 4.5 um long and 0.8 to 1.6 um wide.

The authors score every pixel, so recovered tractions are interpolated to the pixels. ``error`` is the relative RMSE
over the whole image, ``error_nodes`` the same at the nodes of the displacement, ``angle`` that of :func:`angle`, and
``j`` that of :func:`composite`. For cells, the authors call J undefined. ``flagged`` is the share of vectors that PIV
replaced, and ``wrong`` the share of the others that are off by more than a pixel. The strain of the gel is about 1
where fibres move it by 5 px, and 6 to 10 where they move it by 50 px; no bead can be followed there.

Source: github.com/ArturRuppel/napariTFM, ``_validation/heuristic_sweep``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from tqdm.auto import tqdm

from benchmarks.command import DATA, study_parser
from benchmarks.fibres import POISSON, SIDE, YOUNG, cell_outline, dipole, fibre_cell, with_peak
from benchmarks.images import recover
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV, Flag
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel.operator import ForwardOperator
from tfmkit.metrics import csta, relative_rmse
from tfmkit.simulate import BeadSimulator
from tfmkit.sparse import ElasticNetTFM

SPACING = PIV().spacing
BEADS_PER_PX, PHOTONS = 0.046, 200.0
PEAKS, FOOTPRINTS_UM = (tuple(np.geomspace(*ends).round(3).tolist()) for ends in ((0.5, 50, 6), (0.1, 5, 5)))
CORE_FOOTPRINT, CORE_PEAKS = 0.266, (1.2, 20.0)
CELL_PEAKS, FIBRES, ADHESIONS = (0.5, 2.0, 5.0, 20.0, 50.0), (16, 82), (1.0, 1.5)
# Vectors that pass for good are wrong if they are off by more pixels than this.
WRONG = 1.0
# Shares of the largest traction above which the authors count adhesions, and directions; and their ring in px.
ON_ADHESION, WITH_DIRECTION, RING = 0.1, 0.05, 15.0


def angle(truth: FloatArray, found: FloatArray) -> float:
    """Return the angle in degrees whose cosine is the mean over the pixels with traction, weighted by the true lengths.

    A pixel without recovered traction counts as 90 degrees.
    """
    length, other = np.hypot(*truth), np.hypot(*found)
    cosine = np.divide((truth * found).sum(axis=0), length * other, out=np.zeros_like(length), where=length * other > 0)
    counts = length > WITH_DIRECTION * length.max()
    return float(np.degrees(np.arccos(np.clip(np.average(cosine[counts], weights=length[counts]), -1, 1))))


def composite(truth: FloatArray, found: FloatArray) -> float:
    """Return the authors' sum of three deviations after Sabass et al., ``J = |DTM| + DTMS + DTA / 45``; 0 is ideal.

    Parameters
    ----------
    truth, found : ndarray of shape (2, height, width)
        True and recovered traction.

    Returns
    -------
    float
        J.

    Notes
    -----
    Adhesions are the discs with the area and the middle of the connected regions in which the truth is over a tenth of
    its largest length. DTM is the mean of ``(|found| - |truth|) / |truth|`` over the pixels of these regions. DTMS is
    the mean over the discs of ``|found|`` in a ring of 15 px around each, over that inside. DTA is the angle in degrees
    whose cosine is the mean cosine between the mean vectors of the discs. The sum and its weights are those of the
    authors of napariTFM, not of Sabass et al., Biophys. J. 94:207 (2008), who define deviations of traction magnitude,
    of the surroundings and of the angle; so it is a number of this study, and not one of `tfmkit.metrics`.
    """
    length, other = np.hypot(*truth), np.hypot(*found)
    regions, n_regions = ndimage.label(length > ON_ADHESION * length.max())
    magnitude = ((other - length)[regions > 0] / length[regions > 0]).mean()
    y, x = np.indices(length.shape)
    discs, leaks = np.zeros(length.shape, dtype=int), []
    for number in range(1, n_regions + 1):
        rows, columns = np.nonzero(regions == number)
        radius, distance = np.sqrt(len(rows) / np.pi), np.hypot(y - rows.mean(), x - columns.mean())
        discs[distance <= radius] = number
        ring = (distance > radius) & (distance <= radius + RING)
        leaks.append(other[ring].mean() / max(other[distance <= radius].mean(), np.finfo(float).tiny))
    turned = np.degrees(np.arccos(csta(truth[None], found[None], patches=discs)))
    return float(abs(magnitude) + np.mean(leaks) + turned / 45)


def methods(weights: list[str]) -> dict[str, Any]:
    """Return estimators by name; an `OracleLambda` needs the truth."""
    gel = {"young": YOUNG, "poisson": POISSON, "spacing": float(SPACING)}
    networks = {f"DeepTFM {Path(name).stem}": DeepTFM.from_pretrained(name, **gel) for name in weights}
    return {
        "FTTC, oracle lambda": OracleLambda(FTTC(**gel)),
        "FTTCCV": FTTCCV(**gel),
        "ElasticNetTFM": ElasticNetTFM(**gel),
    } | networks


def rows(
    traction: FloatArray,
    models: dict[str, Any],
    seed: int,
    scores: dict[str, Callable[[FloatArray, FloatArray], float]],
) -> Iterator[dict[str, Any]]:
    """Yield the errors of every method on bead images of one traction (Pa), and other scores by name."""
    displacement = ForwardOperator(SIDE, young=YOUNG, poisson=POISSON).apply(traction)
    simulator = BeadSimulator(SIDE, spacing=SPACING, density=BEADS_PER_PX, photons=PHOTONS, random_state=seed)
    beads = simulator.sample(displacement=displacement[None])
    start = time.process_time()
    measured = PIV().measure(beads.pairs)
    spent, nodes = time.process_time() - start, SIDE // SPACING
    good, off = measured.flags[0] == Flag.GOOD, np.hypot(*(measured.displacement - beads.displacement)[0])
    quality = {"flagged": 1 - good.mean(), "wrong": (off[good] > WRONG).mean()}
    at_nodes = traction.reshape(2, nodes, SPACING, nodes, SPACING).mean(axis=(2, 4))
    for name, model in models.items():
        start = time.process_time()
        found = recover(model, measured.displacement, measured.std, at_nodes[None])[0]
        seconds = spent + time.process_time() - start
        pixels = ndimage.zoom(found, (1, SPACING, SPACING), order=1, mode="nearest", grid_mode=True)
        errors = {"error": relative_rmse(traction[None], pixels[None])}
        errors |= {"error_nodes": relative_rmse(at_nodes[None], found[None])}
        errors |= {score: function(traction, pixels) for score, function in scores.items()}
        yield {"method": name} | errors | quality | {"seconds": seconds}


def dipole_table(models: dict[str, Any], seed: int) -> pd.DataFrame:
    """Return the errors on every pair of poles."""
    table: list[dict[str, Any]] = []
    scores = {"angle": angle, "j": composite}
    for footprint, peak in tqdm(list(product(FOOTPRINTS_UM, PEAKS)), desc="dipoles"):
        where = {"footprint_um": footprint, "peak_px": peak}
        table += [where | row for row in rows(with_peak(dipole(footprint), peak), models, seed, scores)]
    return pd.DataFrame(table)


def cell_table(folders: list[Path], models: dict[str, Any], seed: int) -> pd.DataFrame:
    """Return means over the cells, and medians of their angles."""
    table: list[dict[str, Any]] = []
    for size, (number, folder) in tqdm(list(product(ADHESIONS, enumerate(folders))), desc="cells"):
        rng = np.random.default_rng((seed, number))
        traction = fibre_cell(cell_outline(folder), int(rng.integers(FIBRES[0], FIBRES[1] + 1)), rng, size=size)
        for peak in CELL_PEAKS:
            where = {"adhesions": size, "peak_px": peak}
            table += [where | row for row in rows(with_peak(traction, peak), models, seed + number, {"angle": angle})]
    groups = pd.DataFrame(table).groupby(["adhesions", "peak_px", "method"], sort=False)
    means = groups[["error", "error_nodes", "flagged", "wrong", "seconds"]].mean()
    return means.assign(std=groups["error"].std(), angle=groups["angle"].median(), cells=groups.size()).reset_index()


def main() -> None:
    """Write the tables."""
    parser = study_parser("sweep", __doc__, seed=12)
    parser.add_argument("--weights", nargs="+", default=["default"], help="weights by name, or files")
    options = parser.parse_args()
    outlines = DATA / "bead_pairs"
    if not outlines.is_dir():
        parser.error(f"Expected real outlines in {outlines}, got no such folder. TFMKIT_DATA names that of the data.")
    models, settings = methods(options.weights), {"beads_per_px": BEADS_PER_PX, "photons": PHOTONS}
    dipoles = dipole_table(models, options.seed)
    write_table(dipoles, "sweep_dipoles", options, **settings)
    write_table(cell_table(sorted(outlines.iterdir()), models, options.seed), "sweep_cells", options, **settings)
    core = dipoles[(dipoles.footprint_um >= CORE_FOOTPRINT) & dipoles.peak_px.between(*CORE_PEAKS)]
    print(core.groupby("method", sort=False)[["error", "error_nodes", "angle", "j"]].median().round(3).to_string())


if __name__ == "__main__":
    main()
