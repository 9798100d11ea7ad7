"""Settings learned on other kinds of cells: cross-validation that leaves out one family of cells at a time.

The question that a user's own data ask: does a lambda that was best on some cells serve others? scikit-learn's
`cross_validate` leaves one family out, and its search chooses lambda and order on the others; estimators that choose
from the data themselves, and the packaged network, stand beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_validate
from tqdm.auto import tqdm

from benchmarks.families import FAMILIES, family_fields
from benchmarks.paper.panels import in_style, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC
from tfmkit.methods import TRACTION
from tfmkit.simulate import add_noise

NOISE = 0.1
GRID = {"lam": np.logspace(-4, 1, 16), "order": [0.0, 1.0]}
# Methods that choose their penalty from the displacement alone.
CHOOSING = ("FTTCCV", "BayesianFTTC", "ElasticNetTFM")
SEARCH = "FTTC, λ and order from other families"
# What the network does on a family that its training left out is in `deep_left_out.csv`.
SEEN = "DeepTFM, trained on all families"


def estimators(poisson: float) -> dict[str, Any]:
    """Return what is compared; all but the network are fitted anew in every fold."""
    return {
        SEARCH: GridSearchCV(FTTC(poisson=poisson), GRID, cv=3),
        **{name: TRACTION[name].make(poisson=poisson) for name in CHOOSING},
        SEEN: DeepTFM.from_pretrained("default", poisson=poisson),
    }


def stage(settings: Settings, poisson: float) -> Stage:
    """Return the stage."""
    grid = {name: list(values) for name, values in GRID.items()}
    settings = {**settings, "noise": NOISE, "poisson": poisson, "families": list(FAMILIES), "grid": grid}
    return Stage(("left_out.csv", "left_out.png"), settings, _make)


def families(n_fields: int, poisson: float, seed: int) -> tuple[Any, Any, Any]:
    """Return noisy displacement, traction and family of as many fields of every family."""
    parts = [family_fields(family, n_fields, poisson=poisson) for family in FAMILIES]
    noisy = [
        add_noise(part.noise_free_displacement, NOISE, unit="rms", random_state=seed + number)
        for number, part in enumerate(parts)
    ]
    return np.concatenate(noisy), np.concatenate([part.traction for part in parts]), np.repeat(FAMILIES, n_fields)


@in_style
def _make(folder: Path, settings: Settings) -> None:
    displacement, traction, groups = families(settings["n_fields"], settings["poisson"], settings["seed"])
    compared = estimators(settings["poisson"])
    tables = [
        _validate(name, estimator, displacement, traction, groups)
        for name, estimator in tqdm(compared.items(), desc="left out", disable=None)
    ]
    table = pd.concat(tables, ignore_index=True)
    save_table(table, "left_out", folder, settings)
    save_figure(_draw(table), "left_out", folder, settings)


def _validate(name: str, estimator: Any, displacement: Any, traction: Any, groups: Any) -> pd.DataFrame:
    folds = LeaveOneGroupOut()
    scores = cross_validate(estimator, displacement, traction, groups=groups, cv=folds, return_estimator=True)
    left_out = [groups[test[0]] for _, test in folds.split(displacement, traction, groups)]
    chosen = [getattr(fitted, "best_params_", {}) for fitted in scores["estimator"]]
    return pd.DataFrame(
        {
            "estimator": name,
            "family": left_out,
            "relative_rmse": -scores["test_score"],
            "lam": [best.get("lam", np.nan) for best in chosen],
            "order": [best.get("order", np.nan) for best in chosen],
            "fit_seconds": scores["fit_time"],
            "score_seconds": scores["score_time"],
        }
    )


def _draw(table: pd.DataFrame) -> Any:
    figure = new_figure(4.6, 2.6)
    axis = figure.subplots()
    errors = table.pivot_table(index="family", columns="estimator", values="relative_rmse", sort=False)
    errors.plot.bar(ax=axis, rot=0, width=0.8, color=["0.6", "#009e73", "#cc79a7", "#e69f00", "#d55e00"])
    axis.set(xlabel="family left out", ylabel="relative RMSE")
    axis.get_legend().remove()
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=6.5)
    return figure
