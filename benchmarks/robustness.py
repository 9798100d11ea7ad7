"""How errors grow as measurements get worse: noise, grid, patch size, border, Poisson ratio, missing vectors; and cost,
against the size of the grid and of the batch.

    python -m benchmarks.robustness            # sweeps that are missing in benchmarks/results/robustness
    python -m benchmarks.robustness --force    # all of them

Every sweep is one call of `compare` per point, with FTTC told its best lambda as the reference: the one that repeats
the field at its border, as most programs do, and the one that does not. Seconds stand beside errors. A cross-validation
that leaves out whole families of cells (`benchmarks.left_out`) closes the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from benchmarks import left_out
from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, family_fields
from benchmarks.paper.methods import Once, weights_digest
from benchmarks.paper.panels import in_style, letter, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage, digests, run_stages
from tfmkit.benchmark import OracleLambda, compare, summarise
from tfmkit.fttc import FTTC
from tfmkit.holes import fill
from tfmkit.methods import TRACTION
from tfmkit.simulate import add_noise

POISSON = 0.45
# Noise of each component over the RMS of the displacement, where it is not what is varied.
USUAL_NOISE = 0.1
REFERENCE = "FTTC periodic, oracle λ"
COLOURS = {
    REFERENCE: "0.6",
    "FTTC extended, oracle λ": "0.1",
    "FTTCCV": "#009e73",
    "BayesianFTTC": "#cc79a7",
    "ElasticNetTFM": "#e69f00",
    "DeepTFM": "#d55e00",
    "DeepTFM, small": "#0072b2",
}

# The sweeps whose seconds are shown.
COST = ("grid", "batch")

NoiseModel = Callable[[NDArray[Any], float, np.random.Generator], NDArray[Any]]


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes
    ----------
    value : float
        What is varied.
    fields : Bunch
        Noise-free fields.
    level : float
        Level of the noise.
    noise : callable
        Noise model of `compare`.
    """

    value: float
    fields: Bunch
    level: float
    noise: NoiseModel


@dataclass(frozen=True)
class Sweep:
    """A sweep: the label of what is varied, its values, and the function from a value to its point."""

    label: str
    values: tuple[float, ...]
    make: Callable[[float, int], Point]


def relative_noise(displacement: NDArray[Any], level: float, rng: np.random.Generator, *, width: float = 0.0) -> Any:
    """Add noise relative to the RMS of each field, white or correlated over `width` pixels."""
    return add_noise(displacement, level, unit="rms", correlation=width, random_state=rng)


def with_missing(displacement: NDArray[Any], level: float, rng: np.random.Generator, *, share: float) -> NDArray[Any]:
    """Add the usual noise, lose a share of the vectors, and fill each hole by a thin plate through the others."""
    noisy = relative_noise(displacement, level, rng)
    lost = rng.random(noisy.shape[:1] + noisy.shape[2:]) < share
    return np.stack([fill(field, holes) if holes.any() else field for field, holes in zip(noisy, lost, strict=True)])


def cut_at_border(n_fields: int, distance: float) -> Bunch:
    """Return cells whose centre is so many pixels inside the lower border of a field of 104 x 104."""
    fields = family_fields("adhesion", n_fields, shape=208, cell_size=0.2, poisson=POISSON)
    stop = 104 + int(distance)
    part = np.s_[..., stop - 104 : stop, 52:156]
    return Bunch(**{name: np.ascontiguousarray(fields[name][part]) for name in ("noise_free_displacement", "traction")})


def _cells(value: float, n_fields: int, **changes: Any) -> Point:
    fields = family_fields("adhesion", n_fields, **{"poisson": POISSON, **changes})
    return Point(value, fields, USUAL_NOISE, relative_noise)


def _noise(level: float, n_fields: int, *, width: float) -> Point:
    fields = family_fields("adhesion", n_fields, poisson=POISSON)
    return Point(level, fields, level, partial(relative_noise, width=width))


def _patches(radius: float, n_fields: int) -> Point:
    # Hertz patches have a radius of 2 um, so that the size of a pixel sets the radius in pixels.
    fields = family_fields("hertz", n_fields, poisson=POISSON, pixel_size=2.0 / radius)
    return Point(radius, fields, USUAL_NOISE, relative_noise)


def _missing(share: float, n_fields: int) -> Point:
    fields = family_fields("adhesion", n_fields, poisson=POISSON)
    return Point(share, fields, USUAL_NOISE, partial(with_missing, share=share))


SWEEPS = {
    "noise": Sweep("white noise (of the RMS)", (0.0, 0.03, 0.1, 0.2, 0.3), partial(_noise, width=0.0)),
    "correlated_noise": Sweep(
        f"noise correlated over {CORRELATION:g} px (of the RMS)", (0.0, 0.03, 0.1, 0.2, 0.3),
        partial(_noise, width=CORRELATION),
    ),
    "grid": Sweep("side of the grid (px)", (24, 32, 64, 104, 160), lambda side, n: _cells(side, n, shape=int(side))),
    "patch_radius": Sweep("radius of the patches (px)", (0.7, 1, 2, 4), _patches),
    "border": Sweep(
        "distance from cell centre to border (px)", (0, 10, 20, 40),
        lambda distance, n: Point(distance, cut_at_border(n, distance), USUAL_NOISE, relative_noise),
    ),
    "poisson": Sweep(
        f"true Poisson ratio (solved with {POISSON})", (0.3, 0.4, 0.45, 0.5), lambda nu, n: _cells(nu, n, poisson=nu)
    ),
    "batch": Sweep(
        "fields in a batch", (1, 4, 16, 64),
        lambda size, _: Point(size, family_fields("adhesion", int(size), poisson=POISSON), USUAL_NOISE, relative_noise),
    ),
    "missing": Sweep("share of vectors missing", (0.0, 0.05, 0.1, 0.2, 0.4), _missing),
}  # fmt: skip


def methods() -> dict[str, Any]:
    """Return what is compared; both oracles among them."""
    return {
        REFERENCE: OracleLambda(FTTC(boundary="periodic", poisson=POISSON)),
        "FTTC extended, oracle λ": OracleLambda(FTTC(boundary="extended", poisson=POISSON)),
        "FTTCCV": Once(TRACTION["FTTCCV"].make(poisson=POISSON)),
        "BayesianFTTC": Once(TRACTION["BayesianFTTC"].make(poisson=POISSON)),
        "ElasticNetTFM": Once(TRACTION["ElasticNetTFM"].make(poisson=POISSON, n_jobs=2)),
        "DeepTFM": TRACTION["DeepTFM"].make(poisson=POISSON),
        "DeepTFM, small": TRACTION["DeepTFM"].make(weights="small", poisson=POISSON),
    }


def sweep_stage(name: str, settings: Settings) -> Stage:
    """Return the stage of one sweep."""
    settings = {**settings, "values": list(SWEEPS[name].values), "methods": list(COLOURS)}
    return Stage((f"{name}.csv",), settings, partial(_run_sweep, name=name))


def figure_stage(folder: Path) -> Stage:
    """Return the stage that draws all sweeps."""
    made_from = digests(folder, [f"{name}.csv" for name in SWEEPS])
    return Stage(("robustness.png",), {"made_from": made_from}, _draw)


def _points(sweep: Sweep, n_fields: int) -> Iterator[Point]:
    return (sweep.make(value, n_fields) for value in sweep.values)


def _run_sweep(folder: Path, settings: Settings, *, name: str) -> None:
    tables, sweep = [], SWEEPS[name]
    for point in tqdm(_points(sweep, settings["n_fields"]), total=len(sweep.values), desc=name, disable=None):
        table = compare(
            point.fields.noise_free_displacement,
            point.fields.traction,
            methods(),
            noise=(point.level,),
            noise_model=point.noise,
            metrics=("relative_rmse", "mean_normalized_error"),
            random_state=settings["seed"],
            progress=False,
        )
        tables.append(summarise(table).reset_index().assign(value=point.value))
    save_table(pd.concat(tables, ignore_index=True), name, folder, settings)


@in_style
def _draw(folder: Path, settings: Settings) -> None:
    figure = new_figure(7.2, 6.0)
    axes = figure.subplots(3, 3).ravel()
    tables = {name: pd.read_csv(folder / f"{name}.csv").query("metric == 'relative_rmse'") for name in SWEEPS}
    # The size of the batch costs time and changes no error.
    panels = [(name, "mean") for name in SWEEPS if name != "batch"] + [(name, "seconds") for name in COST]
    for axis, (name, column), label in zip(axes, panels, "abcdefghi", strict=False):
        _draw_lines(axis, tables[name], column, spread="std" if column == "mean" else None)
        axis.set(xlabel=SWEEPS[name].label)
        if column == "mean":
            axis.set(ylabel="relative RMSE", ylim=(0, 1.15))
        else:
            axis.set(ylabel="seconds per field", xscale="log", yscale="log")
            axis.set_xticks(SWEEPS[name].values, [f"{value:g}" for value in SWEEPS[name].values])
            axis.minorticks_off()
        letter(axis, label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save_figure(figure, "robustness", folder, settings)


def _draw_lines(axis: Any, table: pd.DataFrame, column: str, *, spread: str | None = None) -> None:
    for name, colour in COLOURS.items():
        rows = table[table["estimator"] == name]
        error = None if spread is None else rows[spread]
        dashes = "--" if name.startswith("FTTC ") else "-"
        axis.errorbar(
            rows["value"], rows[column], error, color=colour, label=name, marker="o", markersize=2.5, linewidth=1,
            elinewidth=0.5, linestyle=dashes,
        )  # fmt: skip


def main() -> None:
    """Run the sweeps that are missing."""
    parser = study_parser("robustness", __doc__, results="robustness", fields=6, seed=2021)
    parser.add_argument("--force", action="store_true", help="make everything anew")
    options = parser.parse_args()
    settings = {"n_fields": options.fields, "seed": options.seed, "weights": weights_digest()}
    stages = [
        *(partial(sweep_stage, name, settings) for name in SWEEPS),
        partial(figure_stage, options.output),
        partial(left_out.stage, settings, POISSON),
    ]
    run_stages(stages, options.output, force=options.force)


if __name__ == "__main__":
    main()
