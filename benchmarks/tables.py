"""Result tables with the settings that made them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from tfmkit.io.writing import write_json, writing

RESULTS = Path(__file__).parent
PACKAGES = ("tfmkit", "numpy", "scipy", "scikit-learn", "torch")


def write_table(table: pd.DataFrame, name: str, *, folder: Path = RESULTS, **settings: Any) -> None:
    """Write a table as `name`.csv, and its settings and versions as `name`.json beside it.

    Parameters
    ----------
    table : DataFrame
        The results; floats are written with five digits.
    name : str
        Name of the files.
    folder : Path, optional
        Where to write them; by default beside this file.
    **settings : dict
        What made the table.
    """
    with writing(folder / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.5g")
    write_settings(folder / f"{name}.json", settings)
    print(f"{name}.csv: {len(table)} rows")


def write_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write what made a result, with the versions of the packages.

    Parameters
    ----------
    path : Path
        The `.json` file.
    settings : dict
        What made the result.
    """
    write_json(path, {"settings": settings, "versions": {name: version(name) for name in PACKAGES}})
