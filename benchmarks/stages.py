"""Parts of a long study: each knows its outputs and settings, and is skipped where they exist already."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

Settings = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A part of a study that is done as a whole or not at all.

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
    for build in tqdm(list(stages), desc="stages", unit="stage", disable=None):
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


def _read_settings(path: Path) -> Settings | None:
    return json.loads(path.read_text(encoding="utf-8"))["settings"] if path.is_file() else None
