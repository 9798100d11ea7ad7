"""``tfmkit monolayer``: from a traction map and a label image to the stress inside of a sheet of cells."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_number

if TYPE_CHECKING:
    from tfmkit.monolayer.analysis import SheetAnalysis

_METHODS = ("MonolayerStress", "BayesianStress")
_CHANNELS = ("sxx N/m", "syy N/m", "sxy N/m")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Find the stress inside sheets of cells from the traction under them, the tension of their borders and the "
        "forces between cells, and write maps, tables, a TIFF, a MATLAB file and the settings."
    )
    parser.add_argument(
        "file", type=Path, help="traction: traction.tif of `tfmkit traction`, Fiji's Traction_*.txt, or .npy in Pa"
    )
    parser.add_argument(
        "--mask", type=Path, required=True, metavar="FILE", help="label image or mask that covers the same field"
    )
    parser.add_argument(
        "--outlines", action="store_true", help="the mask holds the drawn outlines of the cells, not their areas"
    )
    parser.add_argument(
        "--spacing", type=float, metavar="UM", help="micrometres between grid points (default: that of the TIFF)"
    )
    parser.add_argument("--method", choices=_METHODS, default=_METHODS[0], help="estimator of the stress")
    parser.add_argument("--poisson", type=float, default=0.5, metavar="NU", help="Poisson ratio of the sheet")
    parser.add_argument("--noise", type=float, metavar="PA", help="noise level of the traction, for BayesianStress")
    parser.add_argument(
        "--boundary",
        choices=("sliding", "fixed", "free"),
        help="condition where the sheet leaves the field (default: that of the method)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=0.0,
        metavar="UM",
        help="distance by which the traction reaches beyond the cells",
    )
    parser.add_argument("--format", choices=("png", "pdf", "svg"), default="png", help="format of the figures")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the results (default: FILE_stress)")


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If an argument or a file is refused; nothing is written then.
    """
    from tfmkit import monolayer
    from tfmkit.monolayer.analysis import analyse_sheet

    if options.noise is not None and options.method != "BayesianStress":
        raise ValueError("--noise goes with --method BayesianStress only.")
    traction, stored = _read_traction(options.file)
    spacing = check_number(options.spacing or stored or 0, "--spacing (um)", low=0, include_low=False)
    margin = check_number(options.margin, "--margin", low=0) / spacing
    names = ("poisson", "noise", "boundary")
    params = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    solver = getattr(monolayer, options.method)(spacing=spacing * 1e-6, **params)
    labels = _read_labels(options.mask, traction.shape, outlines=options.outlines)
    found = analyse_sheet(solver, traction, labels, margin=margin)
    output = options.output or options.file.with_name(f"{options.file.stem}_stress")
    _save(found, options, spacing, output)
    sheets = found.cells[found.cells["cell"] == "sheet"]
    print(f"{len(traction)} field(s), {len(found.cells) - len(sheets)} cells, {len(found.borders)} borders")
    stresses = sheets["mean_normal_stress_N_per_m"].to_numpy(dtype=float) * 1e3
    for frame, level in zip(sheets["field"].tolist(), stresses.tolist(), strict=True):
        print(f"field {frame}: mean normal stress {level:.3g} mN/m")
    print(f"results in {output}")


def _read_traction(path: Path) -> tuple[NDArray[Any], float | None]:
    """Return traction in Pa and the micrometres between grid points, where the file says them."""
    from tfmkit.io import open_images, read_fiji_traction
    from tfmkit.io.fields.arrays import load_array

    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    if path.suffix.lower() == ".npy":
        array = load_array(path)
        return (array[None] if array.ndim == 3 else array), None
    if path.suffix.lower() not in (".tif", ".tiff"):
        return read_fiji_traction(path).traction, None
    with open_images(path) as series:
        if series.n_channels not in (2, 3):
            raise ValueError(f"Expected tx and ty, or |t|, tx and ty, in {path}, got {series.n_channels} channels.")
        last = (series.n_channels - 2, series.n_channels - 1)
        frames = [[series.read(frame, channel) for channel in last] for frame in range(series.n_frames)]
        return np.array(frames), series.stated_pixel_size


def _read_labels(path: Path, shape: tuple[int, ...], *, outlines: bool) -> NDArray[np.int64]:
    """Return the label image of every frame on the grid of the traction."""
    from tfmkit.io.images.opening import open_labels
    from tfmkit.monolayer import cells_from_outlines
    from tfmkit.monolayer.labels import check_labels

    with open_labels(path) as series:
        if series.n_frames not in (1, shape[0]):
            raise ValueError(f"Expected one label image or {shape[0]} in {path}, got {series.n_frames}.")
        images = [np.asarray(series.read(frame)) for frame in range(series.n_frames)]
    sides = zip(shape[2:], images[0].shape, strict=True)
    at = np.ix_(*(((np.arange(n) + 0.5) * size / n).astype(int) for n, size in sides))
    cells = [cells_from_outlines(image > 0) if outlines else image for image in images]
    on_grid = check_labels(np.stack([image[at] for image in cells]), (len(cells), *shape[1:]))
    return np.broadcast_to(on_grid, (shape[0], *shape[2:]))


def _save(found: SheetAnalysis, options: argparse.Namespace, spacing: float, output: Path) -> None:
    """Write all results, or none on an error."""
    from scipy.io import savemat

    from tfmkit.cli.provenance import hash_files
    from tfmkit.cli.summary import count_frames
    from tfmkit.io import write_settings, write_tiff, writing_folder
    from tfmkit.plotting import plot_border_tension, plot_sheet_stress, save_figure

    look: dict[str, Any] = {"spacing": spacing, "length_unit": "µm"}
    with writing_folder(output) as folder:
        for number, (stress, labels) in count_frames(list(zip(found.stress, found.labels, strict=True)), "figures"):
            end = f"{number:04}.{options.format}"
            save_figure(plot_sheet_stress(stress, labels=labels, **look), folder / f"stress_map_{end}")
            save_figure(plot_border_tension(stress, labels, **look), folder / f"border_tension_{end}")
        for name in ("cells", "borders", "balance"):
            getattr(found, name).to_csv(folder / f"{name}.csv", index=False)
        write_tiff(folder / "stress.tif", found.stress, pixel_size=spacing, labels=_CHANNELS)
        matrices = {"stress_N_per_m": np.moveaxis(found.stress, (0, 1), (3, 2)), "spacing_um": spacing}
        savemat(str(folder / "stress.mat"), matrices | {"labels": np.moveaxis(found.labels, 0, 2)}, do_compression=True)
        given = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
        settings = {name: given[name] for name in ("method", "poisson", "noise", "boundary", "margin", "outlines")}
        files = hash_files([options.file, options.mask])
        write_settings(folder / "settings.json", {"input": files, "spacing_um": spacing, **settings})
