"""``tfmkit benchmark``: the errors of each method on cells whose traction is known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.methods import DEFAULT_TRACTION, TRACTION

_KEYS = ("displacement", "traction", "mask", "young", "poisson")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Compare methods on the cells of `tfmkit simulate`. The oracle is FTTC with the lambda and the order that give "
        "each cell the least error over the whole field, chosen with the true traction."
    )
    parser.add_argument("file", type=Path, help="the .npz file of `tfmkit simulate`")
    parser.add_argument(
        "--method",
        nargs="*",
        choices=tuple(TRACTION),
        default=list(DEFAULT_TRACTION),
        metavar="NAME",
        help=f"methods to compare, out of {', '.join(TRACTION)}",
    )
    parser.add_argument("--lam", type=float, nargs="*", default=[], metavar="LAM", help="also FTTC at these lambdas")
    parser.add_argument(
        "--weights", nargs="*", default=[], metavar="NAME", help="also DeepTFM with these weights: names or files"
    )
    parser.add_argument(
        "--noise",
        type=float,
        nargs="+",
        default=[0.0, 0.0188, 0.0375],
        metavar="PX",
        help="RMS noise vectors in grid px",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="also write every single error to this .csv")


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If an argument or the file is refused; nothing is written then.
    """
    from tfmkit.benchmark import compare, format_summary, summarise
    from tfmkit.io import write_csv

    cells = _load_cells(options.file)
    table = compare(
        cells["displacement"],
        cells["traction"],
        _estimators(options, {"young": float(cells["young"]), "poisson": float(cells["poisson"])}),
        noise=options.noise,
        mask=cells["mask"],
        random_state=options.seed,
    )
    print(format_summary(summarise(table)).to_string())
    if options.output is not None:
        write_csv(options.output, {str(name): column.to_numpy() for name, column in table.items()})


def _estimators(options: argparse.Namespace, gel: dict[str, float]) -> dict[str, Any]:
    fixed = {f"FTTC (lam={lam:g})": TRACTION["FTTC"].make(lam=lam, **gel) for lam in options.lam}
    named = {name: TRACTION[name].make(**gel) for name in options.method}
    trained = {f"DeepTFM ({name})": TRACTION["DeepTFM"].make(weights=name, **gel) for name in options.weights}
    return fixed | named | trained


def _load_cells(path: Path) -> dict[str, NDArray[Any]]:
    from tfmkit.io.silence import silent_literals

    with path.open("rb") as file, silent_literals():
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {key: archive[key] for key in _KEYS}
        except Exception as error:
            # Zip and header parsers raise whatever they stumble over on damaged bytes.
            raise ValueError(f"Expected cells that `tfmkit simulate` wrote, got {path}: {error}.") from error
