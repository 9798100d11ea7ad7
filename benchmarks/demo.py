"""The story that `make demo` tells: from simulated cells, by way of bead images, to traction, on one figure.

1. Cells with known traction are simulated, and their gel is photographed: two images of beads for every cell.
2. The displacement and its standard deviation are measured in the images, as in an experiment.
3. Four methods recover the traction: FTTC with a cross-validated lambda, FTTCCV, the trained network of the package,
   and the same network after a few epochs on cells of this kind.
4. A measured colony follows, if its data are at hand or can be fetched.

It takes a few minutes on two cores. Results go to `out/demo`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils import Bunch
from tqdm import tqdm

from benchmarks.command import study_parser
from benchmarks.paper.measured import SOURCES, find_file
from tfmkit import FTTC, FTTCCV, PIV, CellSimulator, DeepTFM
from tfmkit.base import noise_for
from tfmkit.cli import main as command_line
from tfmkit.datasets import DATASETS
from tfmkit.io import read_displacement, write_csv, writing
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator

# Grid points along a side of a field, and image pixels between them.
SIDE, SPACING = 64, 8
LAMS = np.logspace(-5, 1, 13)
# Mean displacement inside the cells in grid points: about 2 px in the images.
MEAN_DISPLACEMENT = 0.25
EPOCHS, LEARNING_RATE = 6, 5e-4
METRICS = {"error": False, "error inside": True}


def simulate(n_cells: int, seed: int) -> Bunch:
    """Simulate adhesion cells on a finer grid than any method sees."""
    simulator = CellSimulator(
        "adhesion", shape=SIDE, oversample=3, mean_displacement=MEAN_DISPLACEMENT, random_state=seed
    )
    return simulator.sample(n_cells)


def measure_images(displacement: NDArray[Any], seed: int, label: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw bead images of every field, and measure the displacement and its standard deviation; in grid points."""
    tasks = (delayed(_measure)(field, seed + number) for number, field in enumerate(displacement))
    results = Parallel(n_jobs=2, return_as="generator")(tasks)
    measured, std = zip(*tqdm(results, total=len(displacement), desc=label, unit="cell"), strict=True)
    return np.stack(measured), np.stack(std)


def take_images(field: NDArray[Any], seed: int) -> NDArray[Any]:
    """Draw the relaxed and the deformed bead image of a displacement field in grid points."""
    beads = BeadSimulator(SIDE * SPACING, spacing=SPACING, random_state=seed)
    return np.asarray(beads.sample(displacement=SPACING * field[None]).pairs)


def _measure(field: NDArray[Any], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    found = PIV(spacing=SPACING).measure(take_images(field, seed))
    return tuple(np.asarray(part[0] / SPACING, dtype=np.float32) for part in (found.displacement, found.std))


def make_methods(measured: NDArray[Any], traction: NDArray[Any], seed: int) -> dict[str, Any]:
    """Fit the four methods to the learning cells."""
    folds = KFold(4, shuffle=True, random_state=seed)
    search = GridSearchCV(FTTC(), {"lam": LAMS, "order": [0.0, 1.0]}, cv=folds).fit(measured, traction)
    tuned = DeepTFM(weights="small", max_epochs=EPOCHS, lr=LEARNING_RATE, train_split=None, random_state=seed)
    return {
        f"FTTC, cross-validated (lam={search.best_params_['lam']:.1g})": search.best_estimator_,
        "FTTCCV": FTTCCV().fit(measured),
        "DeepTFM, packaged": DeepTFM.from_pretrained("small"),
        f"DeepTFM, tuned on {len(measured)} such cells": tuned.fit(measured, traction),
    }


def tabulate(recovered: dict[str, NDArray[Any]], cells: Bunch) -> pd.DataFrame:
    """Return the relative errors of all methods in per cent, mean and standard deviation over the test cells."""
    rows = []
    for name, traction in recovered.items():
        for metric, inside in METRICS.items():
            mask = cells.mask if inside else None
            errors = 100 * relative_rmse(cells.traction, traction, mask=mask, multioutput="raw_values")
            rows.append({"method": name, "metric": metric, "mean": errors.mean(), "std": errors.std(ddof=1)})
    return pd.DataFrame(rows)


def draw(
    recovered: dict[str, NDArray[Any]],
    cells: Bunch,
    image: NDArray[Any],
    table: pd.DataFrame,
    colony: dict[str, NDArray[Any]],
) -> Figure:
    """Draw traction and error of one test cell, side by side for all methods, and the measured colony."""
    widths = [2.7 * (1 + len(recovered)), *([3.8] if colony else [])]
    figure = Figure(figsize=(sum(widths), 6.0), layout="constrained")
    parts = figure.subfigures(1, len(widths), width_ratios=widths, squeeze=False)[0]
    _draw_cell(parts[0], recovered, cells, image, table)
    if colony:
        _draw_colony(parts[1], colony)
    return figure


def _draw_colony(figure: Any, colony: dict[str, NDArray[Any]]) -> None:
    axes = figure.subplots(2, 1)
    top = max(float(np.percentile(np.hypot(*field), 99.8)) for field in colony.values())
    for axis, (name, field) in zip(axes, colony.items(), strict=True):
        shown = axis.imshow(np.hypot(*field), cmap="magma", vmin=0, vmax=top)
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9)
    figure.colorbar(shown, ax=axes, label="traction (Pa)", extend="max")
    figure.suptitle("A measured colony")


def _draw_cell(
    figure: Any, recovered: dict[str, NDArray[Any]], cells: Bunch, image: NDArray[Any], table: pd.DataFrame
) -> None:
    truth, mask = cells.traction[0], cells.mask[0]
    axes = figure.subplots(2, 1 + len(recovered))
    fields = {"true traction": truth} | {name: field[0] for name, field in recovered.items()}
    errors = {name: np.hypot(*(field - truth)) for name, field in fields.items()}
    top, worst = float(np.hypot(*truth).max()), max(error.max() for error in errors.values())
    for column, (name, field) in zip(axes.T, fields.items(), strict=True):
        shown = column[0].imshow(np.hypot(*field), cmap="magma", vmin=0, vmax=top)
        column[0].set_title("\n(".join(name.split(" (")).replace(", ", ",\n", 1), fontsize=9)
        wrong = column[1].imshow(errors[name], cmap="viridis", vmin=0, vmax=worst)
        for part in column:
            part.contour(mask, levels=[0.5], colors="white", linewidths=0.7)
            part.set(xticks=[], yticks=[])
    axes[1, 0].clear()
    axes[1, 0].imshow(image, cmap="gray", vmax=np.percentile(image, 99.8))
    axes[1, 0].set(xticks=[], yticks=[])
    axes[1, 0].set_xlabel(f"beads on the deformed gel\n({len(image)} x {len(image)} px)", fontsize=9)
    whole = table[table["metric"] == "error"].set_index("method")
    for part, name in zip(axes[1, 1:], recovered, strict=True):
        error = whole.loc[name]
        part.set_xlabel(f"error {error['mean']:.1f} ± {error['std']:.1f} %\n(all test cells)", fontsize=9)
    figure.colorbar(shown, ax=axes[0], label="traction (Pa)")
    figure.colorbar(wrong, ax=axes[1], label="length of the error (Pa)")
    figure.suptitle("From bead images to traction: one simulated cell that no method has seen")


def recover_colony(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the traction of a measured colony by two methods, and write its maps; none without the data."""
    source = SOURCES["MDCK colony, knock-out"]
    path, known = find_file(source), DATASETS[source.dataset]
    if path is None:
        print(f"\nThe measured colony is left out: put {source.path} below a folder, and set TFMKIT_DATA to it.")
        return {}
    gel = {"--young": known.young, "--poisson": known.poisson}
    lengths = {"--pixel-size": known.pixel_size, "--spacing": known.spacing}
    arguments = [f"{word}" for pair in (gel | lengths).items() for word in pair]
    print(f"\nA measured colony of MDCK cells: tfmkit traction {path.name} {' '.join(arguments)}")
    command_line(["traction", str(path), *arguments, "-o", str(folder / "measured_colony")])
    data = read_displacement(path, spacing=known.spacing)
    surface: dict[str, Any] = {"young": known.young, "poisson": known.poisson, "spacing": data.spacing}
    methods = {"FTTCCV": FTTCCV(**surface), "DeepTFM, packaged": DeepTFM.from_pretrained("small", **surface)}
    return {name: method.fit(data.displacement).predict(data.displacement)[0] for name, method in methods.items()}


def main() -> None:
    """Tell the story."""
    parser = study_parser("demo", __doc__, fields=12, seed=0)
    parser.add_argument("--cells", type=int, default=72, help="simulated cells to learn from (default: 72)")
    parser.set_defaults(output=Path("out/demo"))
    options = parser.parse_args()

    print(f"Simulating {options.cells} cells to learn from and {options.fields} to be tested on.")
    learning, testing = simulate(options.cells, options.seed), simulate(options.fields, options.seed + 1)
    print("Taking images of their beads, and measuring the displacement in the images.")
    measured, _ = measure_images(learning.displacement, 1_000 * options.seed, "learning cells")
    first_test = 1_000 * options.seed + 500
    seen, std = measure_images(testing.displacement, first_test, "test cells")
    print("Choosing lambda by cross-validation, and training the packaged network further.")
    methods = make_methods(measured, learning.traction, options.seed)
    progress = tqdm(methods.items(), desc="methods", unit="method")
    recovered = {name: method.predict(seen, **noise_for(method, std)) for name, method in progress}

    table = tabulate(recovered, testing)
    over = f"mean ± standard deviation, {options.fields} test cells"
    print(f"\nRelative error of the traction in %, lower is better ({over}):")
    shown = table.assign(value=table["mean"].map("{:.1f}".format) + " ± " + table["std"].map("{:.1f}".format))
    print(shown.pivot(index="method", columns="metric", values="value").loc[list(recovered)].to_string())
    columns = table.rename(columns={"mean": "mean_percent", "std": "std_percent"})
    write_csv(options.output / "errors.csv", dict(columns.items()))
    colony = recover_colony(options.output)
    with writing(options.output / "demo.png") as temporary:
        image = take_images(testing.displacement[0], first_test)[0, 1]
        draw(recovered, testing, image, table, colony).savefig(temporary, dpi=150)
    print(f"\nThe figure is {(options.output / 'demo.png').resolve()}; the table is errors.csv beside it.")


if __name__ == "__main__":
    main()
