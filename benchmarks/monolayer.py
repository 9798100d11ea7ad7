"""How exact the stress in sheets of cells is, and how often its error bars hold.

Three tables. `monolayer_closed_forms.csv`: errors on sheets whose stress is known in closed form, and the balance of
the nodes. `monolayer_simulated.csv`: colonies of `MonolayerSimulator`, from the displacement with 10 % noise through an
estimator of the traction to the stress; median errors, and the share of 90 % intervals that hold.
`monolayer_measured.csv`: published stress of a measured colony (pyTFM) and of a simulated sheet (BISM) beside the
stress found from the published traction; rows are left out where the data are absent.

    OMP_NUM_THREADS=1 python -m benchmarks.monolayer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.io import loadmat

from benchmarks.command import DATA, study_parser
from benchmarks.saving import write_table
from tfmkit.bayes import BayesianFTTC
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTCCV
from tfmkit.monolayer import BayesianStress, MonolayerStress, border_table, cell_table, cells_from_outlines
from tfmkit.monolayer.closed_forms import airy_stress, disc_stress, pressed_disc_stress
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.sheet import make_sheet
from tfmkit.simulate import MonolayerSimulator

HALF_WIDTH = 1.645  # half of a 90 % interval, in standard deviations
NOISE, DRAWS = 0.1, 32
# Borders shorter than this many pixels are left out: they are no longer than the tension in them is wide.
SHORTEST = 6.0
TABLES = ((cell_table, "cell != 'sheet'"), (border_table, f"length_m >= {SHORTEST}"))
OVAL = np.array([[0.7, 0, -1.4], [0, 0.3, 0], [-0.9, 0, 0]])
SOLVERS: dict[str, Callable[..., Any]] = {
    "MonolayerStress()": MonolayerStress,
    "BayesianStress()": BayesianStress,
    "BayesianStress(poisson=0)": lambda **settings: BayesianStress(poisson=0.0, **settings),
}


def shapes(side: int, poisson: float) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Give the sheets with a closed form: name, stress, traction and mask."""
    y, x = np.mgrid[: side + 6, : side + 6] - (side + 5) / 2
    disc = np.hypot(x, y) < side / 2
    yield "disc", *disc_stress(x, y, side / 2, poisson), disc
    yield "pressed disc", *pressed_disc_stress(x, y, side / 2, side / 10, poisson), disc
    unit_x, unit_y = x / side * 1.9, y / side * 1.9
    stress, traction = airy_stress(OVAL, unit_x, unit_y, poisson)
    yield (
        "Airy function, oval",
        stress * side / 1.9,
        traction,
        np.polynomial.polynomial.polyval2d(unit_x, unit_y, OVAL) > 0,
    )
    strip = (np.abs(y) < side / 10) & (np.abs(x) < side / 2)
    ends = np.where(strip & (np.abs(x) > side / 2 - 4), -np.sign(x), 0.0)
    along = np.clip(side / 2 - np.abs(x), 0, 4)
    yield "strip", np.stack([along, 0 * x, 0 * x]), np.stack([ends, 0 * x]), strip


def closed_forms() -> pd.DataFrame:
    """Measure errors and balance on the sheets with a closed form."""
    rows = []
    for side in (50, 100, 200):
        for name, stress, traction, mask in shapes(side, 0.0):
            batch = (traction * mask)[None]
            sheet = make_sheet(mask)
            system = Equilibrium(sheet, 0.0, "sliding")
            loads = system.loads(sheet.values(batch))
            left = system.matrix @ system.displacement(loads)[0] + loads[0]
            row = {"sheet": name, "pixels_across": side, "unbalanced": np.abs(left).max() / np.abs(loads).max()}
            for label, solver in (("fem", MonolayerStress(0.0)), ("bayes", BayesianStress(0.0, poisson=0.0))):
                error = (solver.fit(batch).predict(batch, mask=mask)[0] - stress)[:, mask]
                row[f"rms_error_{label}"] = np.sqrt((error**2).mean()) / np.abs(stress[:, mask]).max()
            rows.append(row)
    return pd.DataFrame(rows)


def compare(found: pd.DataFrame, true: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the median error of a column, and the share of 90 % intervals that hold."""
    error = found[name] - true[name]
    held = np.abs(error) <= HALF_WIDTH * found[f"{name}_std"]
    short = name.removesuffix("_N_per_m")
    return {f"{short}_error": np.median(np.abs(error / true[name])), f"{short}_held": held.mean()}


def judge(solver: Any, traction: np.ndarray, draws: np.ndarray, fields: Any) -> dict[str, float]:
    """Return errors and coverage of cells, borders and forces."""
    stress = solver.fit(traction).predict(traction, mask=fields.labels)
    drawn = solver.draw(draws, fields.labels, random_state=0)
    cells, borders = (make(stress, fields.labels, spacing=1.0, draws=drawn).query(keep) for make, keep in TABLES)
    true_cells, true_borders = (
        make(fields.sheet_stress, fields.labels, spacing=1.0).query(keep) for make, keep in TABLES
    )
    apart = [borders[f"force_{axis}_N"] - true_borders[f"force_{axis}_N"] for axis in "xy"]
    held = [
        np.abs(error) <= HALF_WIDTH * borders[f"force_{axis}_N_std"] for axis, error in zip("xy", apart, strict=True)
    ]
    return {
        **compare(cells, true_cells, "mean_normal_stress_N_per_m"),
        **compare(borders, true_borders, "normal_tension_N_per_m"),
        **compare(borders, true_borders, "line_tension_N_per_m"),
        "force_error": np.median(np.hypot(*apart) / true_borders["force_N"]),
        "force_held": np.mean(held),
    }


def simulated(n_fields: int, seed: int) -> pd.DataFrame:
    """Go from noisy displacement to cells, borders and forces."""
    fields = MonolayerSimulator(noise=NOISE, noise_unit="rms", random_state=seed).sample(n_fields)
    models = {"FTTCCV": FTTCCV(), "BayesianFTTC": BayesianFTTC(), "DeepTFM": DeepTFM.from_pretrained("default")}
    tractions = {"true traction": (fields.traction, np.broadcast_to(fields.traction, (DRAWS, *fields.traction.shape)))}
    for name, model in models.items():
        fitted = model if name == "DeepTFM" else model.fit(fields.displacement)
        drawn = fitted.draw(fields.displacement, DRAWS, random_state=0)
        tractions[name] = (fitted.predict(fields.displacement), drawn.traction)
    rows = []
    for (name, given), (solver, make) in product(tractions.items(), SOLVERS.items()):
        rows.append({"traction": name, "stress": solver, **judge(make(), *given, fields)})
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def agreement(found: np.ndarray, published: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return correlation and slope of each component."""
    row = {}
    for name, own, other in zip(("xx", "yy", "xy"), found, published, strict=True):
        row[f"r_{name}"] = np.corrcoef(own[mask], other[mask])[0, 1]
        row[f"slope_{name}"] = np.polyfit(other[mask], own[mask], 1)[0]
    return row


def colony() -> Iterator[dict[str, Any]]:
    """Give the stress of the measured colony KO_04, as pyTFM published it and as it is found here."""
    folder = DATA / "pytfm"
    traction = np.stack([np.load(folder / f"KO_04t{axis}.npy") for axis in "xy"])[None]
    tensor = np.load(folder / "KO_04_stress.npy")
    published = np.stack([tensor[..., 0, 0], tensor[..., 1, 1], tensor[..., 0, 1]])
    mask = (tensor != 0).any(axis=(2, 3))
    drawn = np.array(Image.open(folder / "KO_04_mask.png"))
    at = [((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(mask.shape, drawn.shape, strict=True)]
    # The lines of the value 2 are the borders of the cells.
    labels = cells_from_outlines(drawn == 2)[np.ix_(*at)] * mask
    spacing = 0.201e-6 * 1991 / mask.shape[0]
    for name, make in (("published", None), *SOLVERS.items()):
        stress = published if make is None else make(spacing=spacing).fit(traction).predict(traction, mask=mask)[0]
        sheet = cell_table(stress[None], labels, spacing=spacing).iloc[-1]
        borders = border_table(stress[None], labels, spacing=spacing)
        lengths = borders["length_m"] / borders["length_m"].sum()
        sums = {column: sheet[column] for column in sheet.index if column.endswith(("area_m2", "_N_per_m", "_cv"))}
        sums |= {column: (borders[column] * lengths).sum() for column in borders if column.endswith("tension_N_per_m")}
        yield {"data": "pyTFM, KO_04", "stress": name, **agreement(stress, published, mask), **sums}


def bism() -> Iterator[dict[str, Any]]:
    """Give the agreement with the stress that was published with BISM's traction."""
    traction, stress = (
        loadmat(DATA / "bism" / f"{name.title()}_field.mat", squeeze_me=True, struct_as_record=False)[name].frame1
        for name in ("traction", "stress")
    )
    batch, published = np.stack([traction.tx, traction.ty])[None], np.stack([stress.sxx, stress.syy, stress.sxy])
    everywhere = np.ones(published.shape[1:], dtype=bool)
    for poisson in (0.0, 0.35, 0.5):
        solver = BayesianStress(1e-3, poisson=poisson, boundary="free", spacing=2.0).fit(batch)
        name = f"BayesianStress(poisson={poisson})"
        yield {"data": "BISM", "stress": name, **agreement(solver.predict(batch)[0], published, everywhere)}


def main() -> None:
    """Make the tables."""
    options = study_parser("monolayer", __doc__, fields=12, seed=2027).parse_args()
    write_table(closed_forms(), "monolayer_closed_forms", options, poisson=0.0)
    published = {"pytfm": colony, "bism": bism}
    measured = [row for name, rows in published.items() if (DATA / name).is_dir() for row in rows()]
    write_table(pd.DataFrame(measured), "monolayer_measured", options)
    settings = {"noise": NOISE, "draws": DRAWS, "shortest_border_px": SHORTEST}
    write_table(simulated(options.fields, options.seed), "monolayer_simulated", options, **settings)


if __name__ == "__main__":
    main()
