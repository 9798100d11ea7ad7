"""The page that lists every public name, made from the package itself."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

# Heading -> modules, in the order of the page.
ROOMS: dict[str, tuple[str, ...]] = {
    "From bead images to displacement": ("displacement",),
    "From displacement to traction": ("fttc", "sparse", "bayes", "deep", "filters"),
    "Stress in sheets of cells": ("monolayer",),
    "Forces and errors": ("mechanics", "error_bars", "profiles", "metrics", "scoring", "benchmark"),
    "Whole experiments": ("batch", "compare", "report", "plotting"),
    "Reading, writing and public data": ("io", "datasets"),
    "Simulated cells and beads": ("simulate",),
    "Gel and noise": ("gel", "noise"),
    "Own estimators": ("base", "methods", "estimator_checks"),
}


def write(path: Path) -> None:
    """Write the page."""
    listed: set[str] = set()
    parts = ["# API\n", "Every public name, with its parameters, units and defaults.\n"]
    for heading, names in ROOMS.items():
        parts.append(f"## {heading}\n")
        for name in names:
            module = import_module(f"tfmkit.{name}")
            offered = _public_names(module)
            listed |= set(offered)
            parts += [f"### tfmkit.{name}\n", f"{_summary(module)}\n", _listing(offered)]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(parts)
    # Pages of names that the package has no longer.
    for page in (path.parent / "api").glob("*.rst"):
        if page.stem not in listed:
            page.unlink()
    # An unchanged page is not built again.
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _summary(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def _public_names(module: ModuleType) -> list[str]:
    """Return the full names of the classes and functions that a module offers."""
    names = getattr(module, "__all__", None)
    if names is None:
        own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        names = [name for name, value in own.items() if getattr(value, "__module__", "") == module.__name__]
    offered = [name for name in names if inspect.isclass(getattr(module, name)) or callable(getattr(module, name))]
    found = [f"{module.__name__}.{name}" for name in offered]
    if not found and hasattr(module, "__path__"):
        parts = [part.name for part in iter_modules(module.__path__) if not part.name.startswith("_")]
        found = [full for part in parts for full in _public_names(import_module(f"{module.__name__}.{part}"))]
    return found


def _listing(names: list[str]) -> str:
    rows = "\n".join(f"   ~{name}" for name in names)
    return f"```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n   :nosignatures:\n\n{rows}\n```\n"
