"""Traction force microscopy with scikit-learn's fit/predict interface.

Names are looked up on first use, so that ``import tfmkit`` loads neither torch nor matplotlib:

>>> import tfmkit
>>> tfmkit.__version__
'0.1.0'
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that defines it; a module that is public as a whole stands for itself.
_HOMES: dict[str, str] = {
    "BayesianFTTC": "bayes",
    "BayesianStress": "monolayer",
    "CellSimulator": "simulate",
    "CutoffFilter": "filters",
    "DeepTFM": "deep",
    "ElasticNetTFM": "sparse",
    "FTTC": "fttc",
    "FTTCCV": "fttc",
    "MissingVectorFilter": "filters",
    "MonolayerSimulator": "simulate",
    "MonolayerStress": "monolayer",
    "PIV": "displacement",
    "PatchSimulator": "simulate",
    "batch": "batch",
    "benchmark": "benchmark",
    "compare": "compare",
    "datasets": "datasets",
    "displacement": "displacement",
    "estimator_checks": "estimator_checks",
    "filters": "filters",
    "fttc": "fttc",
    "gel": "gel",
    "io": "io",
    "mechanics": "mechanics",
    "metrics": "metrics",
    "monolayer": "monolayer",
    "noise": "noise",
    "plotting": "plotting",
    "profiles": "profiles",
    "scoring": "scoring",
    "simulate": "simulate",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import the public name `name` on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES[name]}")
    value = home if name == _HOMES[name] else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
