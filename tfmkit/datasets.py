"""Published data of traction force microscopy, fetched from their home and checked by SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from tfmkit._validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

_RAW = "https://raw.githubusercontent.com"
# Addresses hold the full name of a commit, so that they always mean the same bytes.
_EASY_TFM = f"{_RAW}/CellMicroMechanics/Easy-to-use_TFM_package/9d130e56b39a1bec52a16ba0b50df1b9d356b4ea/test_data"
_PYTFM = f"{_RAW}/fabrylab/example_data_for_pyTFM/4f68afd317c2b5194ac60d7f77d871f288c45d80"
_BISM = f"{_RAW}/ASmushyCell/TFM-BISM-analysis/f613b0c2d431ca91603c81f865e2961efb7484b6/exemple_TFM/data_test"


@dataclass(frozen=True)
class Dataset:
    """Addresses of a data set, and the facts that its analysis needs.

    Attributes
    ----------
    description : str
        One line about the data.
    files : dict of str to str
        SHA-256 of every file by its address; the first is the file to open.
    young : float
        Young's modulus of the gel in Pa.
    poisson : float
        Its Poisson ratio.
    pixel_size : float
        Micrometres per pixel of the displacements or images.
    spacing : float or None
        Pixels between grid points, if the files do not hold them.
    home : str
        Page to cite.
    licence : str
        Licence, in the words of its authors.
    """

    description: str
    files: dict[str, str]
    young: float
    poisson: float
    pixel_size: float
    spacing: float | None
    home: str
    licence: str


DATASETS = {
    "easy-to-use-tfm": Dataset(
        "displacement of two synthetic cells with noise, on a grid of 51 x 51",
        {f"{_EASY_TFM}/input_data.mat": "e7e6f8e0b4148adcd6533e535608fa78ec8b9c08dac6230c47eb88210b369d29"},
        young=10_000.0,
        poisson=0.3,
        pixel_size=0.1,
        spacing=None,
        home="https://github.com/CellMicroMechanics/Easy-to-use_TFM_package",
        licence="GPL-3.0",
    ),
    "pytfm-ko": Dataset(
        "measured displacement of a colony of MDCK cells, on a grid of 189 x 193",
        {
            f"{_PYTFM}/KO/04u.npy": "cadd00762defaa0b994f6fde1c4c316a1d336f9537f6e9501d4fe3b601c0d938",
            f"{_PYTFM}/KO/04v.npy": "ba009b0d97eff755e574853c873ab2978c710f85a58d4103a450bf43d0d4941e",
        },
        young=49_000.0,
        poisson=0.49,
        pixel_size=0.201,
        # 1991 x 2033 image pixels on a grid of 189 x 193.
        spacing=10.5,
        home="https://github.com/fabrylab/example_data_for_pyTFM",
        licence="none stated",
    ),
    "mdck-movie": Dataset(
        "bead images of a monolayer of MDCK cells: 15 frames (WithCells.tif), one every 15 min, and a relaxed image "
        "(Ref.tif)",
        {
            f"{_BISM}/WithCells.tif": "7443f44f56f73d35cdaf9abba4c6ff8762c9d92aa55dc254d8d3c8bddf4721d2",
            f"{_BISM}/Ref.tif": "eea3dec10fd9e66176daee7fe034fefa110aed0d2fb362398d64caa18c4dfaa8",
        },
        young=15_000.0,
        poisson=0.5,
        # Not in the files, whose unit is the micrometre at one pixel each.
        pixel_size=0.64,
        spacing=None,
        home="https://github.com/ASmushyCell/TFM-BISM-analysis",
        licence="GPL-3.0",
    ),
}
"""The data sets by name, for :func:`fetch`."""


def list_datasets() -> pd.DataFrame:
    """Return a table of the data sets.

    Returns
    -------
    DataFrame
        One row per data set, by name: `description`, `young` (Pa), `poisson`, `pixel_size` (um), `home` and `licence`.

    Examples
    --------
    >>> list(list_datasets().index)
    ['easy-to-use-tfm', 'pytfm-ko', 'mdck-movie']
    """
    import pandas as pd

    columns = ("description", "young", "poisson", "pixel_size", "home", "licence")
    rows = {name: [getattr(dataset, column) for column in columns] for name, dataset in DATASETS.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns)).rename_axis("name")


def fetch(name: str, *, folder: str | PathLike[str] | None = None) -> Path:
    """Download a data set, if it is not there already.

    Parameters
    ----------
    name : str
        A name from :func:`list_datasets`.
    folder : path-like, optional
        Folder of the data sets; by default the cache folder of the user.

    Returns
    -------
    Path
        The file to open, with :func:`tfmkit.io.read_displacement` or, for images, :func:`tfmkit.io.open_images`. The
        other files of the data set are beside it.

    Raises
    ------
    ValueError
        If there is no such data set, or a file differs from the published one.
    ConnectionError
        If a file cannot be downloaded. The message says where to put it instead.

    Examples
    --------
    The displacement of a measured colony, and a bead movie with its relaxed image:

    >>> from tfmkit import io
    >>> data = io.read_displacement(fetch("pytfm-ko"))  # doctest: +SKIP
    >>> movie = fetch("mdck-movie")  # doctest: +SKIP
    >>> deformed, relaxed = io.open_images(movie), io.open_images(movie.with_name("Ref.tif"))  # doctest: +SKIP
    """
    import pooch

    dataset = DATASETS[check_choice(name, "name", tuple(DATASETS))]
    home = Path(pooch.os_cache("tfmkit") if folder is None else folder) / name
    paths = [_fetch_file(url, digest, home) for url, digest in dataset.files.items()]
    return paths[0]


def _fetch_file(url: str, digest: str, folder: Path) -> Path:
    import pooch

    path = folder / url.rpartition("/")[2]
    try:
        return Path(pooch.retrieve(url, f"sha256:{digest}", fname=path.name, path=folder, progressbar=False))
    except OSError as error:
        # The chain of errors behind it says only that there is no connection, in a hundred lines.
        raise ConnectionError(
            f"Could not download {url} ({type(error).__name__}). Without a connection, get the file elsewhere and save "
            f"it as {path}."
        ) from None
