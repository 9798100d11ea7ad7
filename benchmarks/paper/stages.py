"""Stages of the reproduction: each knows its outputs and settings, and is skipped where they exist already."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm.auto import tqdm

from benchmarks.tables import write_settings, write_table
from tfmkit.io import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Settings = dict[str, Any]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Stage:
    """A part of the reproduction that is done as a whole or not at all.

    Attributes
    ----------
    outputs : tuple of str
        Files that it writes; beside each stands a `.json` with the settings.
    settings : dict
        Everything that the outputs depend on.
    make : callable
        Function of folder and settings that writes the outputs.
    """

    outputs: tuple[str, ...]
    settings: Settings
    make: Callable[[Path, Settings], None]

    def is_done(self, folder: Path) -> bool:
        """Tell whether all outputs are there, made with the same settings."""
        wanted = json.loads(json.dumps(self.settings))
        paths = [folder / name for name in self.outputs]
        return all(path.is_file() and _read_settings(path.with_suffix(".json")) == wanted for path in paths)


def run_stages(stages: Iterable[Callable[[], Stage | None]], folder: Path, *, force: bool = False) -> None:
    """Run the stages that are not done.

    Parameters
    ----------
    stages : iterable of callable
        Each returns a stage, or None where it cannot run (it has then said why). They are called one after the
        other, because the settings of a stage may depend on the results of those before it.
    folder : Path
        Where the results are.
    force : bool, default=False
        Whether to run finished stages again.
    """
    for build in tqdm(list(stages), desc="paper", unit="stage", disable=None):
        stage = build()
        if stage is None:
            continue
        if not force and stage.is_done(folder):
            tqdm.write(f"{', '.join(stage.outputs)}: there already")
            continue
        start = time.perf_counter()
        stage.make(folder, stage.settings)
        tqdm.write(f"{', '.join(stage.outputs)}: {time.perf_counter() - start:.0f} s")


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the start of the SHA-256 of those results that exist, for stages that are made from them."""
    paths = [folder / name for name in names]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths if path.is_file()}


def save_table(table: pd.DataFrame, name: str, folder: Path, settings: Settings) -> None:
    """Write a table as CSV with its settings beside it."""
    write_table(table, name, folder=folder, **settings)


def save_figure(figure: Figure, name: str, folder: Path, settings: Settings) -> None:
    """Write a figure as PNG with its settings beside it."""
    with writing(folder / f"{name}.png") as temporary:
        figure.savefig(temporary, metadata={"Software": None})
    write_settings(folder / f"{name}.json", settings)


def _read_settings(path: Path) -> Settings | None:
    return json.loads(path.read_text(encoding="utf-8"))["settings"] if path.is_file() else None
