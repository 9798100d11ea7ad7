"""The tour that `make demo` takes: simulate, train a network, choose lambda, compare (with trained weights too), draw.

Everything is small enough for two cores and a few minutes: cells on 64 x 64 grid points, a network of 80,000
weights, and at most two and a half minutes of training. Results go to `out/demo`.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.utils import Bunch
from skorch.callbacks import Callback

from benchmarks.command import DATA, study_parser
from tfmkit.benchmark import compare, format_summary, paired_tests, summarise
from tfmkit.cli import main as command_line
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.io import write_csv, writing
from tfmkit.plotting import plot_bars, plot_lambda_curve, plot_traction_map, plot_vectors
from tfmkit.simulate import CellSimulator, add_noise

# Noise of each displacement component, as a fraction of the displacement's RMS.
LEVELS = (0.0, 0.04, 0.1, 0.3)
LAMS = np.logspace(-4, 2, 13)
FAMILIES = ("generic", "adhesion")
SIDE = 64
PRETRAINED = "pretrained DeepTFM"


class TimeLimit(Callback):
    """End training with the first epoch that ends after some seconds.

    Parameters
    ----------
    seconds : float
        The limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_begin(self, net: DeepTFM, **kwargs: object) -> None:
        """Start the clock."""
        self.start_ = time.monotonic()

    def on_epoch_end(self, net: DeepTFM, **kwargs: object) -> None:
        """Stop, as an impatient user would."""
        if time.monotonic() - self.start_ > self.seconds:
            raise KeyboardInterrupt


def simulate(n_per_family: int, seed: int) -> Bunch:
    """Return cells of both families in random order, without noise, made on a finer grid than any solver sees."""
    samples = [
        CellSimulator(family, shape=SIDE, oversample=3, random_state=seed).sample(n_per_family) for family in FAMILIES
    ]
    order = np.random.default_rng(seed).permutation(n_per_family * len(FAMILIES))
    keys = ("displacement", "traction", "mask")
    return Bunch(**{key: np.concatenate([sample[key] for sample in samples])[order] for key in keys})


def relative_noise(displacement: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise of `level` times the RMS of each field."""
    return add_noise(displacement, level, unit="rms", random_state=rng)


def every_noise(displacement: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add each level of noise to its share of the cells."""
    shares = np.array_split(displacement, len(LEVELS))
    return np.concatenate([relative_noise(share, level, rng) for share, level in zip(shares, LEVELS, strict=True)])


def train(noisy: np.ndarray, traction: np.ndarray, seconds: float, seed: int) -> DeepTFM:
    """Train a small network."""
    network = DeepTFM(
        "fourier_unet",
        module__widths=(16, 24, 32),
        module__blocks=1,
        module__steps=1,
        max_epochs=12,
        random_state=seed,
        callbacks=[("time_limit", TimeLimit(seconds))],
    )
    return network.fit(noisy, traction)


def choose_lambda(noisy: np.ndarray, traction: np.ndarray, folder: Path) -> FTTC:
    """Cross-validate lambda and draw the curve."""
    search = GridSearchCV(FTTC(), {"lam": LAMS}, cv=4).fit(noisy, traction)
    folds = np.stack([search.cv_results_[f"split{fold}_test_score"] for fold in range(4)], axis=1)
    save(plot_lambda_curve(LAMS, -folds, chosen=search.best_params_["lam"]), folder / "lambda.png")
    return search.best_estimator_


def report(table: pd.DataFrame, folder: Path) -> None:
    """Print the errors and the tests, draw the errors, keep the table."""
    summary = summarise(table)
    print("\nrelative error, mean ± standard deviation over cells (noise as a fraction of the displacement's RMS)")
    print(format_summary(summary).to_string())
    print("\nseconds per cell")
    print(summary["seconds"].groupby("estimator", sort=False).mean().map("{:.2g}".format).to_string())
    print(f"\npaired tests against {PRETRAINED} (whole field)")
    tests = paired_tests(table[table["metric"] == "relative_rmse"], PRETRAINED)
    print(tests.to_string(index=False, float_format="%.3g"))
    error = summary.xs("relative_rmse", level="metric")
    labels = [f"{100 * level:g} %" for level in LEVELS]
    names = list(table["estimator"].unique())
    means, spreads = (error[column].unstack("estimator").set_axis(labels)[names] for column in ("mean", "std"))
    save(plot_bars(means, spreads, xlabel="noise (fraction of the displacement's RMS)"), folder / "errors.png")
    write_csv(folder / "errors.csv", dict(table.items()))


def save(figure, path: Path) -> None:
    """Write a figure."""
    with writing(path) as temporary:
        figure.savefig(temporary)


def draw_cell(estimators: dict, cells: Bunch, folder: Path) -> None:
    """Draw one cell's true traction and what each estimator makes of it at 10 % noise."""
    noisy = relative_noise(cells.displacement[:1], LEVELS[2], np.random.default_rng(0))
    maps = {"truth": cells.traction[0]} | {name: model.predict(noisy)[0] for name, model in estimators.items()}
    top = float(np.hypot(*cells.traction[0]).max())
    for name, traction in maps.items():
        word = name.split()[0].lower()
        save(plot_traction_map(traction, mask=cells.mask[0], vmax=top), folder / f"map_{word}.png")
        save(plot_vectors(traction, mask=cells.mask[0]), folder / f"vectors_{word}.png")


def run_measured(folder: Path) -> None:
    """Make traction maps of the measured data, where they are at hand."""
    runs = {
        "easy_to_use_tfm/input_data.mat": ["--young", "1e4", "--poisson", "0.3", "--pixel-size", "0.1"],
        "pytfm/KO_04u.npy": [
            "--young", "49e3", "--poisson", "0.49", "--pixel-size", "0.201", "--spacing", "10.5"
        ],
    }  # fmt: skip
    for name, arguments in runs.items():
        if not (DATA / name).is_file():
            print(f"no measured data at {DATA / name}: left out (set TFMKIT_DATA)")
            continue
        print(f"\ntfmkit traction {name} {' '.join(arguments)}")
        command_line(["traction", str(DATA / name), *arguments, "-o", str(folder / Path(name).parent.name)])


def main() -> None:
    """Run the tour."""
    parser = study_parser("demo", __doc__, fields=16, seed=0)
    parser.add_argument("--cells", type=int, default=100, help="simulated cells of each family to train on")
    parser.add_argument("--seconds", type=float, default=150, help="longest training")
    parser.set_defaults(output=Path("out/demo"))
    options = parser.parse_args()

    numbers = f"{2 * options.cells} cells to learn from and {2 * options.fields} to be tested on"
    print(f"simulating {numbers} ({SIDE} x {SIDE} grid points)")
    learning, testing = simulate(options.cells, options.seed), simulate(options.fields, options.seed + 1)
    rng = np.random.default_rng(options.seed)
    noisy = every_noise(learning.displacement, rng)
    print("training a small DeepTFM under every level of noise")
    network = train(noisy, learning.traction, options.seconds, options.seed)
    print("cross-validating lambda on the same cells")
    fttc = choose_lambda(noisy, learning.traction, options.output)

    estimators = {
        f"FTTC (lam={fttc.lam:.2g})": fttc,
        "FTTCCV": FTTCCV().fit(noisy),
        "DeepTFM": network,
        PRETRAINED: DeepTFM.from_pretrained(),
    }
    table = compare(
        testing.displacement, testing.traction, estimators, noise=LEVELS, noise_model=relative_noise, mask=testing.mask,
        metrics=("relative_rmse", "relative_rmse_inside"), random_state=options.seed,
    )  # fmt: skip
    report(table, options.output)
    draw_cell(estimators, testing, options.output)
    run_measured(options.output)
    print(f"\nfigures and tables are in {options.output.resolve()}")


if __name__ == "__main__":
    main()
