"""Result tables and figures, each with the settings and versions that made it."""

from __future__ import annotations

from argparse import Namespace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tfmkit.io.writing import write_json, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PACKAGES = ("tfmkit", "numpy", "scipy", "scikit-learn", "torch")


def write_table(table: pd.DataFrame, name: str, options: Namespace, **settings: Any) -> None:
    """Print a table and write it into the folder that the options name.

    Parameters
    ----------
    table : DataFrame
        The results.
    name : str
        Name of the files.
    options : Namespace
        The options of the study; all but folders are written as settings.
    **settings : dict
        Other settings that made the table.
    """
    print(table.to_string(index=False, float_format="%.4g"))
    given = {key: value for key, value in vars(options).items() if not isinstance(value, Path)}
    save_table(table, name, options.output, given | settings)


def save_table(table: pd.DataFrame, name: str, folder: Path, settings: dict[str, Any]) -> None:
    """Write a table as `name`.csv, and its settings and versions as `name`.json beside it.

    Parameters
    ----------
    table : DataFrame
        The results; floats are written with five digits.
    name : str
        Name of the files.
    folder : Path
        Folder of the files.
    settings : dict
        The settings that made the table.
    """
    with writing(folder / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.5g")
    save_settings(folder / f"{name}.json", settings)
    print(f"{name}.csv: {len(table)} rows")


def save_figure(figure: Figure, name: str, folder: Path, settings: dict[str, Any]) -> None:
    """Write a figure as `name`.png, and its settings and versions as `name`.json beside it."""
    with writing(folder / f"{name}.png") as temporary:
        figure.savefig(temporary, metadata={"Software": None})
    save_settings(folder / f"{name}.json", settings)


def save_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a result with the versions of the packages."""
    write_json(path, {"settings": settings, "versions": {name: version(name) for name in PACKAGES}})
