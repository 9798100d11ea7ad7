"""The tables of the documentation, made from the committed tables in ``benchmarks/results``.

No number of these tables is written by hand, so that the pages agree with the last run of the studies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
FAMILIES = {
    "adhesion": "adhesion cells",
    "disc": "discs",
    "hertz": "Hertz patches, 2 px wide",
    "cell on pixels": "circuit-model cells, on the pixels",
    "cell": "circuit-model cells, off the pixels",
}
# Longer tables are offered as files only.
MOST_ROWS = 130
ORACLE = "FTTC, oracle lambda"
DEEP = "DeepTFM (default)"
FIRST_ORDER = "FTTC extended first order, oracle lambda"


def accuracy() -> pd.DataFrame:
    """Return the error of each method on each family at 10 % white noise."""
    deep = pd.read_csv(RESULTS / "deep_accuracy.csv").query("kind == 'white' and noise == 0.1")
    errors = deep.pivot(index="family", columns="estimator", values="error")
    rules = pd.read_csv(RESULTS / "inversion.csv").query("noise == 0.1 and correlation_px == 0")
    chosen = rules[rules["method"] == "FTTCCV risk"].set_index("family")["error"]
    table = pd.DataFrame(
        {
            "FTTC, told its best lambda": errors[ORACLE],
            "FTTCCV": chosen.reindex(errors.index),
            "DeepTFM": errors[DEEP],
        }
    )
    return _named(table.reindex(list(FAMILIES)).rename(index=FAMILIES), "simulated family")


def noise_levels() -> pd.DataFrame:
    """Return the error on adhesion cells under growing white noise."""
    return _sweep("noise", "white noise, of the displacement's RMS", "{:.0%}")


def correlated_noise() -> pd.DataFrame:
    """Return the same under noise that neighbours share."""
    return _sweep("correlated_noise", "correlated noise, of the displacement's RMS", "{:.0%}")


def border() -> pd.DataFrame:
    """Return the error of cells near the border of the field."""
    return _sweep("border", "pixels from the cell's centre to the border", "{:.0f}")


def missing() -> pd.DataFrame:
    """Return the error with missing vectors."""
    return _sweep("missing", "share of missing vectors", "{:.0%}")


def speed() -> pd.DataFrame:
    """Return seconds per field against the side of the grid."""
    table = _sweep("grid", "side of the grid, px", "{:.0f}", column="seconds")
    return table.map(lambda value: f"{value:.2g}")


def lambda_rules() -> pd.DataFrame:
    """Return how many times the error of the best lambda each rule has."""
    table = pd.read_csv(RESULTS / "inversion.csv").query("noise == 0.1")
    rules = table[table["method"].str.startswith("FTTCCV")]
    named = rules.assign(
        rule=rules["method"].str.removeprefix("FTTCCV "),
        column=rules["family"] + rules["correlation_px"].map(lambda width: ", correlated" if width else ", white"),
    )
    wide = named[named["family"].isin(["adhesion", "disc", "cell"])].pivot(
        index="rule", columns="column", values="median_over_oracle"
    )
    return _named(wide.sort_values("adhesion, white"), "rule")


def gel() -> pd.DataFrame:
    """Return the error with the right gel and with the half-space, at 10 % white noise."""
    table = pd.read_csv(RESULTS / "gel.csv").query("noise == 0.1 and correlation_px == 0 and family == 'adhesion'")
    labels = {"thickness_px": "thickness, px", "depth_px": "depth of the beads, px"}
    wanted = {"error": "error with the right gel", "error_half_space": "error with a half-space"}
    rows = table[[*labels, *wanted]].rename(columns={**labels, **wanted})
    rows["thickness, px"] = rows["thickness, px"].map("{:g}".format)
    rows["depth of the beads, px"] = rows["depth of the beads, px"].map("{:g}".format)
    return rows.set_index("thickness, px").rename(index={"inf": "half-space"})


def interval_coverage() -> pd.DataFrame:
    """Return how often the 90 % intervals hold, over all noises."""
    deep = pd.read_csv(RESULTS / "deep_coverage.csv").query(f"estimator == '{DEEP}'")
    least, most = (deep.groupby("family")["coverage"].agg(name) for name in ("min", "max"))
    text = {family: f"{least[family]:.0%} to {most[family]:.0%}" for family in least.index}
    table = pd.DataFrame({"pixels inside cells whose interval of DeepTFM holds": text})
    return _named(table.reindex(list(FAMILIES)).rename(index=FAMILIES), "simulated family")


def sum_coverage() -> pd.DataFrame:
    """Return how often the 90 % intervals of sums hold, over all families and noises."""
    names = {
        "strain_energy": "strain energy",
        "total_force": "total force, mean traction",
        "contractile_moment": "contractile moment",
        "torque": "torque",
        "net_force": "net force",
        "max_traction": "largest traction",
    }
    pooled = pd.read_csv(RESULTS / "numbers_coverage.csv").query("family == 'all'").set_index("method")
    return _named(pooled[list(names)].rename(columns=names).map("{:.0%}".format), "method")


def sums() -> pd.DataFrame:
    """Return the largest departure of the medians of sums from the truth, over families and masks."""
    table = pd.read_csv(RESULTS / "numbers.csv")
    names = {"total_force": "total force", "strain_energy": "strain energy", "contractile_moment": "contractile moment"}
    table[list(names)] = (table[list(names)] - 1).abs()
    worst = table.groupby(["method", "noise"], sort=False)[list(names)].max()
    wide = worst.map("{:.1%}".format).rename(columns=names).reset_index()
    wide["noise"] = wide["noise"].map("{:.0%}".format)
    return _named(wide.set_index("method"), "method")


def beads() -> pd.DataFrame:
    """Return the median error of the displacement from bead images."""
    table = pd.read_csv(RESULTS / "beads.csv")
    wide = table.pivot(index="method", columns="case", values="median_error_px")
    return _named(wide[["peak 6 px", "peak 0.5 px", "peak 10 px", "50 photons"]].sort_values("peak 6 px"), "method")


def pair_speed() -> pd.DataFrame:
    """Return the seconds of one pair of images."""
    table = pd.read_csv(RESULTS / "batch_speed.csv").set_index("step")
    seconds = table["seconds_min"].map("{:.2f}".format)
    return _named(seconds.to_frame("seconds, 512 x 512 px, two threads"), "step")


def null_experiments() -> pd.DataFrame:
    """Return how often two tests find an effect where there is none."""
    table = pd.read_csv(RESULTS / "null_experiments.csv").query("effect == 0")
    columns = {
        "significant_replicates": "tfmkit compare: replicates are the unit",
        "significant_cells": "the same test over cells",
        "interval_holds": "95 % interval holds the true effect",
    }
    spreads = table["replicate_spread"].map("{:.0%}".format)
    shares = table.set_index(spreads)[list(columns)].rename(columns=columns).map("{:.1%}".format)
    return _named(shares, "scatter between dishes")


def left_out() -> pd.DataFrame:
    """Return the error of networks on the family that their training left out, at 10 % white noise."""
    table = pd.read_csv(RESULTS / "deep_left_out.csv").query("noise == 0.1")
    wide = table.pivot(index="family", columns="estimator", values="error").rename(
        columns={ORACLE: "FTTC, told its best lambda"}
    )
    seen = pd.read_csv(RESULTS / "deep_accuracy.csv").query(
        f"kind == 'white' and noise == 0.1 and estimator == '{DEEP}'"
    )
    wide["DeepTFM, packaged"] = seen.set_index("family")["error"]
    named = wide.reindex([family for family in FAMILIES if family in wide.index]).rename(index=FAMILIES)
    return _named(named, "simulated family")


TABLES: tuple[Callable[[], pd.DataFrame], ...] = (
    accuracy, noise_levels, correlated_noise, border, missing, speed, lambda_rules, gel, interval_coverage,
    sum_coverage, sums, beads, pair_speed, null_experiments, left_out,
)  # fmt: skip


def write_all(folder: Path) -> None:
    """Write every table as a Markdown file of its function's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in TABLES:
        (folder / f"{make.__name__}.md").write_text(markdown(make()), encoding="utf-8")
    (folder / "all_results.md").write_text(all_results(), encoding="utf-8")


def all_results() -> str:
    """Return every committed table that a reader can take in, folded, and links to the others."""
    parts = []
    for path in sorted(RESULTS.rglob("*.csv")):
        name = path.relative_to(RESULTS).with_suffix("").as_posix()
        place = f"../benchmarks/results/{name}.csv"
        table = pd.read_csv(path)
        parts.append(f":::{{dropdown}} {name}: {len(table)} rows\n")
        if len(table) <= MOST_ROWS:
            parts.append(f"```{{csv-table}}\n:file: {place}\n:header-rows: 1\n```\n")
        parts.append(f"{{download}}`{name}.csv <{place}>`\n:::\n")
    return "\n".join(parts)


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, numbers with three decimals.

    Parameters
    ----------
    table : DataFrame
        The table; its index becomes the first column.

    Returns
    -------
    str
        The Markdown.
    """
    rows = [
        [str(table.index.name), *map(str, table.columns)],
        ["---", *("---:" for _ in table.columns)],
        *([str(label), *map(_cell, values)] for label, values in zip(table.index, table.to_numpy(), strict=True)),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if pd.isna(value) else f"{value:.3f}"
    return str(value)


def _sweep(name: str, label: str, style: str, *, column: str = "mean") -> pd.DataFrame:
    table = pd.read_csv(RESULTS / "robustness" / f"{name}.csv").query("metric == 'relative_rmse'")
    wide = table.pivot_table(index="estimator", columns="value", values=column, sort=False)
    wide.columns = [style.format(value) for value in wide.columns]
    return _named(wide.rename(index=lambda text: text.replace("oracle λ", "told its best lambda")), label)


def _named(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.rename_axis(index=name, columns=None)
