"""Published displacement data, fetched from its home and checked by its SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tfmkit._validation import check_choice

_RAW = "https://raw.githubusercontent.com"
_EASY_TFM = f"{_RAW}/CellMicroMechanics/Easy-to-use_TFM_package/HEAD/test_data"
_PYTFM = f"{_RAW}/fabrylab/example_data_for_pyTFM/HEAD"


@dataclass(frozen=True)
class Dataset:
    """Where a data set lives, and what one must know to use it.

    Attributes
    ----------
    files : dict of str to str
        SHA-256 of every file by its address; the first is the one to read.
    young : float
        Young's modulus of the gel in Pa.
    poisson : float
        Its Poisson ratio.
    pixel_size : float
        Micrometres per pixel of the displacements.
    spacing : float or None
        Pixels between grid points, where the files do not hold it.
    home : str
        Page to cite.
    licence : str
        What its authors allow.
    """

    files: dict[str, str]
    young: float
    poisson: float
    pixel_size: float
    spacing: float | None
    home: str
    licence: str


DATASETS = {
    "easy-to-use-tfm": Dataset(
        {f"{_EASY_TFM}/input_data.mat": "e7e6f8e0b4148adcd6533e535608fa78ec8b9c08dac6230c47eb88210b369d29"},
        young=10_000.0,
        poisson=0.3,
        pixel_size=0.1,
        spacing=None,
        home="https://github.com/CellMicroMechanics/Easy-to-use_TFM_package",
        licence="GPL-3.0",
    ),
    "pytfm-ko": Dataset(
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
}
"""What `fetch` knows: two synthetic cells on a 51 x 51 grid, and a measured colony of MDCK cells."""


def fetch(name: str, *, folder: str | PathLike[str] | None = None) -> Path:
    """Download a data set unless it is there already.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    folder : path-like, optional
        Where to keep it; by default the user's cache folder.

    Returns
    -------
    Path
        The file to give to :func:`tfmkit.io.read_displacement`.

    Raises
    ------
    ValueError
        If there is no such data set, or what came is not what was published.
    """
    import pooch

    dataset = DATASETS[check_choice(name, "name", tuple(DATASETS))]
    home = Path(pooch.os_cache("tfmkit") if folder is None else folder) / name
    paths = [
        Path(pooch.retrieve(url, f"sha256:{digest}", fname=url.rpartition("/")[2], path=home))
        for url, digest in dataset.files.items()
    ]
    return paths[0]
