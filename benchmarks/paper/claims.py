"""Every statement of the paper beside what was found, with a verdict that follows from the numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pandas as pd

from benchmarks.command import RESULTS
from benchmarks.paper.errors import read_errors
from benchmarks.paper.measured import CHOSEN
from benchmarks.paper.methods import DEEP, EXTENDED_ORACLE, FTTC_NAMES, LEVELS, TRACNET
from benchmarks.paper.verdicts import CLOSE, UNTESTED, Claim, judge, judge_number, with_reason
from benchmarks.saving import save_table
from benchmarks.stages import Settings, Stage, digests
from tfmkit.deep import DeepTFM

SOURCES = (
    "figure_3.csv",
    "figure_3_tests.csv",
    "figure_5.csv",
    "figure_s1.csv",
    "figure_s2.csv",
    "transfer.csv",
    "speed.csv",
)
NETWORKS = (DEEP, TRACNET)
# The errors of each training of TracNet, by `python -m benchmarks.tracnet`; those of the networks that were released
# with the paper on the noise levels of this table.
RECIPES = "tracnet.csv"
RELEASED = {0.0: 0.11, 0.00765: 0.18}
# Changes of `benchmarks.paper.transfer` under which the network has to be better than FTTC.
FAMILIES_OF_CHANGES = ("largest traction", "grid", "cells")
ERROR = "mean_normalized_error"


class Errors:
    """Look-up of the means of figure 3 and of the p-values of its tests."""

    def __init__(self, folder: Path) -> None:
        keys = ["estimator", "noise", "filter", "metric"]
        summary = pd.read_csv(folder / "figure_3.csv").set_index(keys)
        self.means = summary["mean"]
        self.squares = summary["mean"] ** 2 + summary["std"] ** 2 * (1 - 1 / summary["n_cells"])
        self.p_values = pd.read_csv(folder / "figure_3_tests.csv").set_index([*keys, "reference"])["p_holm"]
        self.cells = read_errors(folder)["cell"].nunique()

    def mean(self, name: str, level: float, kind: str = "none", metric: str = ERROR) -> float:
        """Return the mean over cells."""
        return float(self.means[name, level, kind, metric])

    def mean_square(self, name: str, level: float, metric: str) -> float:
        """Return the mean of the square over cells, without filter."""
        return float(self.squares[name, level, "none", metric])

    def p(self, name: str, reference: str, level: float, kind: str = "none") -> float:
        """Return the corrected p-value of the difference between two methods."""
        return float(self.p_values[name, level, kind, ERROR, reference])


def stage(folder: Path) -> Stage:
    """Return the stage."""
    return Stage(("claims.csv",), {"made_from": digests(folder, SOURCES) | digests(RESULTS, [RECIPES])}, _make)


def _make(folder: Path, settings: Settings) -> None:
    parts: list[Callable[[Path], list[Claim]]] = [_accuracy, _cutoff, _features, _measured, _networks, _scaling, _speed]
    claims = [claim for part in parts for claim in part(folder)] + _recipes(RESULTS / RECIPES)
    table = pd.DataFrame([asdict(with_reason(claim)) for claim in claims])
    save_table(table, "claims", folder, settings)
    print(table["verdict"].value_counts().to_string())


def _accuracy(folder: Path) -> list[Claim]:
    errors, claims = Errors(folder), []
    plain, highest = FTTC_NAMES[0], FTTC_NAMES[2]
    for name in NETWORKS:
        claims += _readings(errors, name)
        deep, fttc, p = errors.mean(name, 0.0), errors.mean(plain, 0.0), errors.p(plain, name, 0.0)
        text = "without noise, deep learning is more accurate than FTTC without regularisation"
        found_text = f"{deep:.3f} against {fttc:.3f} (p = {p:.1g})"
        claims.append(Claim("discussion", text, "lower error", name, found_text, judge(deep < fttc)))
        deep, fttc = errors.mean(name, LEVELS[2]), errors.mean(highest, LEVELS[2])
        p = errors.p(highest, name, LEVELS[2])
        # The sentence starts on a page that is not at hand: that they differ is all that can be judged.
        text = "without filter, FTTC at λ = 1e-9 differs from deep learning at 2x noise (which way is not known)"
        found_text = f"{deep:.3f} against {fttc:.3f} (p = {p:.1g})"
        claims.append(Claim("figure 3", text, "p < 0.02", name, found_text, judge(p < 0.02)))
    return claims


def _readings(errors: Errors, name: str) -> list[Claim]:
    """Judge the paper's headline under everything that a mean normalised error can be."""
    claims = []
    for suffix, region in (("", "whole field"), ("_inside", "inside the cell")):
        relative = f"relative_rmse{suffix}"
        readings = {
            "sum of lengths over sum of lengths": errors.mean(name, LEVELS[0], metric=f"{ERROR}{suffix}"),
            "relative RMSE": errors.mean(name, LEVELS[0], metric=relative),
            "square of the relative RMSE": errors.mean_square(name, LEVELS[0], relative),
        }
        for reading, found in readings.items():
            text = f"mean normalised error of the noise-free stress, {region} ({reading})"
            claims.append(Claim("discussion", text, "3.2 %", name, f"{found:.1%}", judge_number(found, 0.032)))
    return claims


def _cutoff(folder: Path) -> list[Claim]:
    errors, claims = Errors(folder), []
    for name in NETWORKS:
        plain = [errors.mean(name, level) for level in LEVELS]
        filtered = [errors.mean(name, level, "cutoff") for level in LEVELS]
        for number, paper in ((1, 0.43), (2, 0.64)):
            cut = 1 - filtered[number] / plain[number]
            text = f"the cutoff filter lowers the error of deep learning at {number}x noise"
            found = f"{cut:.0%} ({plain[number]:.3f} to {filtered[number]:.3f})"
            claims.append(Claim("figure 3", text, f"{paper:.0%}", name, found, judge(abs(cut - paper) <= CLOSE)))
        for number, level in enumerate(LEVELS):
            best = min(FTTC_NAMES, key=lambda fttc, at=level: errors.mean(fttc, at, "cutoff"))
            p = max(errors.p(fttc, name, level, "cutoff") for fttc in FTTC_NAMES)
            rival = errors.mean(best, level, "cutoff")
            text = f"with the filter, deep learning is better than FTTC at every λ, {number}x noise"
            found = f"{filtered[number]:.3f} against {rival:.3f} or more (p ≤ {p:.1g})"
            verdict = judge(filtered[number] < rival and p < 0.001)
            claims.append(Claim("figure 3", text, "p < 0.001", name, found, verdict))
        drops = [before - after for before, after in zip(plain, filtered, strict=True)]
        found = ", ".join(f"{drop:.3f}" for drop in drops)
        text = "the filter matters most where noise is high, and hardly at all without noise (drop at 0x, 1x, 2x)"
        verdict = judge(drops[0] < 0.1 * drops[2] and drops[0] < drops[1] < drops[2])
        claims.append(Claim("figure 3", text, "prominent, negligible", name, found, verdict))
    return claims


def _features(folder: Path) -> list[Claim]:
    errors, claims = Errors(folder), []
    strong = FTTC_NAMES[2]
    for name in NETWORKS:
        ours, fttc = (errors.mean(who, LEVELS[1], metric="dma") for who in (name, strong))
        text = "at 1x noise, deep learning keeps the peaks that FTTC at λ = 1e-9 loses"
        found = f"peaks {ours:+.0%} against {fttc:+.0%}"
        claims.append(Claim("figure 4", text, "by eye", name, found, judge(abs(ours) < abs(fttc))))
        ours, fttc = (errors.mean(who, LEVELS[1], metric="relative_rmse_inside") for who in (name, strong))
        text = "at 1x noise, deep learning is nearer to the truth inside the cell than FTTC at λ = 1e-9"
        found = f"relative RMSE {ours:.3f} against {fttc:.3f}"
        claims.append(Claim("figure 4", text, "by eye", name, found, judge(ours < fttc)))
        cosine = errors.mean(name, LEVELS[2], metric="csta")
        text = "qualitative features are preserved at 2x noise (cosine of the directions of patches above 0.9)"
        claims.append(Claim("discussion", text, "by eye", name, f"{cosine:.3f}", judge(cosine > 0.9)))
        before, after = (errors.mean(name, LEVELS[1], kind, "dma") for kind in ("none", "cutoff"))
        text = "the filter does not affect resolution at 1x noise (peaks change by less than 0.02)"
        claims.append(
            Claim(
                "discussion", text, "by eye", name, f"{before:+.3f} to {after:+.3f}", judge(abs(after - before) < 0.02)
            )
        )
    background = [errors.mean(name, LEVELS[1], metric="dtmb") for name in FTTC_NAMES]
    peaks = [errors.mean(name, LEVELS[0], metric="dma") for name in FTTC_NAMES]
    text = "regularisation lowers FTTC's background at the cost of its peaks (λ = 0, 6e-10, 1e-9, 3e-9)"
    found = f"background {_list(background, '.2f')}; noise-free peaks {_list(peaks, '+.0%')}"
    verdict = judge(_falls(background) and _falls(peaks))
    return [*claims, Claim("discussion", text, "by eye", "FTTC", found, verdict)]


def _measured(folder: Path) -> list[Claim]:
    if not (folder / "figure_5.csv").is_file():
        return [Claim("figure 5", "all about measured fields", "", "", "no measured fields at hand", UNTESTED)]
    table = pd.read_csv(folder / "figure_5.csv")
    real = table["field"].str.startswith("MDCK")
    claims = []
    for kind, part in (("measured", table[real]), ("synthetic", table[~real])):
        wide = part.pivot(index="field", columns="estimator", values="displacement_residual")
        if wide.empty:
            continue
        ratio = float((wide[DEEP] / wide[list(FTTC_NAMES[:3])].mean(axis=1)).mean())
        text = f"displacement residual of deep learning over that of FTTC, λ = 0 to 1e-9, {kind} fields"
        found = f"{ratio:.0%} ({len(wide)} fields: too few for a test)"
        claims.append(Claim("figure 5m", text, "60 % (15 cells)", DEEP, found, judge_number(ratio, 0.6)))
        # The paper's FTTC pays for repeating the field at its border, which has nothing to do with learning.
        ratio = float((wide[DEEP] / wide[CHOSEN]).mean())
        text = f"the same over that of {CHOSEN}, which does not repeat the field at its border, {kind} fields"
        claims.append(Claim("figure 5m", text, "60 % (15 cells)", DEEP, f"{ratio:.0%}", judge_number(ratio, 0.6)))
        means = wide[list(FTTC_NAMES)].mean()
        text = f"FTTC's residual decreases at λ = 3e-9, {kind} fields"
        found = f"{means.iloc[2]:.3f} at 1e-9, {means.iloc[3]:.3f} at 3e-9"
        claims.append(Claim("figure 5m", text, "decreased", "FTTC", found, judge(means.iloc[3] < means.iloc[2])))
        alike = part[part["estimator"] == FTTC_NAMES[0]]["similarity_to_deep"].mean()
        text = f"maps of deep learning and of FTTC at λ = 0 are alike (cosine above 0.5), {kind} fields"
        claims.append(Claim("figure 5a-f", text, "by eye", DEEP, f"{alike:.2f}", judge(alike > 0.5)))
        peaks = part.pivot(index="field", columns="estimator", values="largest_traction_Pa")
        left = float((peaks[FTTC_NAMES[3]] / peaks[FTTC_NAMES[0]]).mean())
        text = f"FTTC at λ = 3e-9 loses resolution (largest traction under 80 % of that at λ = 0), {kind} fields"
        claims.append(Claim("figure 5j-l", text, "by eye", "FTTC", f"{left:.0%}", judge(left < 0.8)))
    return claims


def _networks(folder: Path) -> list[Claim]:
    facts = pd.read_csv(folder / "figure_s1.csv").set_index("quantity")["value"]
    curves = pd.read_csv(folder / "figure_s2.csv")
    coupling = min(value for name, value in facts.items() if str(name).startswith("change of"))
    layers, skips = int(facts["layers"]), int(facts["skip connections"])
    iterations = int(curves["iterations_per_epoch"].iloc[0])
    no_outline = inspect.signature(DeepTFM.predict).parameters["mask"].default is None
    claims = [
        Claim("figure S1", "layers of the network", "51", TRACNET, str(layers), judge(layers == 51)),
        Claim("figure S1", "skip connections", "3", TRACNET, str(skips), judge(skips == 3)),
        Claim("discussion", "each component of the stress depends on both of the displacement (relative change)",
              "necessary", TRACNET, f"{coupling:.2f} or more", judge(coupling > 0.01)),
        Claim("discussion", "needs no outline of the cell", "none", DEEP, "none" if no_outline else "a mask",
              judge(no_outline)),
        Claim("figure S2", "iterations per epoch", "11", TRACNET, str(iterations), judge(iterations == 11)),
    ]  # fmt: skip
    for recipe, curve in curves.groupby("recipe", sort=False):
        first, last = curve["trained_on"].iloc[0], curve["trained_on"].iloc[-1]
        text = f"the error falls during training ({recipe}; an eighth of the filters, 24 px)"
        claims.append(Claim("figure S2", text, "curve", TRACNET, f"{first / last:.1f} times", judge(last < first)))
    text = "the value of Green's tensor at its singular centre hardly matters to deep learning"
    return [*claims, Claim("discussion", text, "small", "", "tfmkit integrates over the pixel", UNTESTED)]


def _recipes(table: Path) -> list[Claim]:
    """Judge each training of the paper's network by the networks that were released with the paper."""
    errors = pd.read_csv(table).query("cells == '1 to 8 kPa'")
    claims = []
    for row in errors[errors["noise_px"].isin(RELEASED)].itertuples():
        found, paper = float(row.relative_rmse_inside), RELEASED[row.noise_px]
        text = f"{row.weights}: relative RMSE inside the cell, noise vectors of {row.noise_px:g} px"
        verdict = judge_number(found, paper)
        claims.append(Claim("released networks", text, f"{paper:g}", TRACNET, f"{found:.3f}", verdict))
    return claims


def _scaling(folder: Path) -> list[Claim]:
    table = pd.read_csv(folder / "transfer.csv")
    table = table[table["metric"] == ERROR]
    clean, wide = (
        table[table["noise"] == level].pivot(index=["kind", "change"], columns="estimator", values="mean")
        for level in LEVELS[:2]
    )
    claims = []
    for name in NETWORKS:
        found = float(clean.loc["tractions off the pixels", name].iloc[0])
        text = "mean normalised error of the noise-free stress, whole field, tractions made on a grid 3 x 3 finer"
        claims.append(Claim("discussion", text, "3.2 %", name, f"{found:.1%}", judge_number(found, 0.032)))
        usual = wide.loc["paper", name].iloc[0]
        scaled = (wide.loc["Young's modulus", name] / usual - 1).abs().max()
        text = "one network serves Young's moduli of 2.5 to 40 kPa by scaling (change of the error)"
        claims.append(
            Claim("discussion", text, "scales", name, f"{max(scaled, 1e-4):.0e} or less", judge(scaled < 1e-3))
        )
        magnified = wide.loc["magnification", name] / usual
        text = "and magnifications of 0.8 and 1.25 (error over that at 1)"
        claims.append(
            Claim("discussion", text, "scales", name, _list(magnified, ".2f"), judge(magnified.max() < 1 + 2 * CLOSE))
        )
        for kind in FAMILIES_OF_CHANGES:
            part = wide.loc[kind]
            worst = (part[name] / part[EXTENDED_ORACLE]).idxmax()
            text = f"works across the test families: {kind} (worst error, against extended FTTC at its oracle λ)"
            found = f"{worst}: {part[name][worst]:.3f} against {part[EXTENDED_ORACLE][worst]:.3f}"
            verdict = judge(bool((part[name] < part[EXTENDED_ORACLE]).all()))
            claims.append(Claim("companion code", text, "works", name, found, verdict))
    return claims


def _speed(folder: Path) -> list[Claim]:
    table = pd.read_csv(folder / "speed.csv")
    times = table.groupby(["device", "estimator"])["ms_per_field"].min()
    gpu = "cuda" in table["device"].to_numpy()
    claims = []
    for name in NETWORKS:
        text = "recovers a field of 104 x 104 on a GPU"
        found = f"{times['cuda', name]:.2f} ms" if gpu else f"no GPU at hand; {times['cpu', name]:.0f} ms on the CPU"
        verdict = judge(times["cuda", name] < 1) if gpu else UNTESTED
        claims.append(Claim("discussion", text, "< 1 ms", name, found, verdict))
    ratio = times["cpu", DEEP] / times["cpu", "FTTC"]
    text = "is about as fast as the fastest conventional method, FTTC (times its time, CPU)"
    return [*claims, Claim("discussion", text, "comparable", DEEP, f"{ratio:.0f}", judge(ratio < 2))]


def _list(values: Iterable[float], style: str) -> str:
    return ", ".join(format(value, style) for value in values)


def _falls(values: list[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))
