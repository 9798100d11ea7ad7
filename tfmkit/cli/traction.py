"""``tfmkit traction``: from a displacement file to traction maps, tables and the settings that made them."""

from __future__ import annotations

import argparse
import ast
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_number
from tfmkit.cli.image_choice import add_image_choice
from tfmkit.methods import TRACTION

if TYPE_CHECKING:
    from tfmkit.gel import Gel
    from tfmkit.io import DisplacementData

_FORMATS = ("png", "pdf", "svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Recover the traction from a displacement file (Fiji PIV text, Easy-to-use TFM .mat, Wang & Lin .mat, pyTFM, "
        "OpenPIV, .npy, .npz) and write heat maps, vector plots, tables, a TIFF and the settings."
    )
    parser.add_argument("file", type=Path, help="displacement file; for pyTFM the one that ends in u")
    _add_gel(parser)
    _add_method(parser)
    _add_figures(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the results (default: FILE_traction)"
    )


def _add_gel(parser: argparse.ArgumentParser) -> None:
    gel = parser.add_argument_group("gel and lengths")
    gel.add_argument(
        "--young", required=True, metavar="PA", help="Young's modulus of the gel in Pa, or with its unit, such as 10kPa"
    )
    gel.add_argument("--poisson", type=float, required=True, metavar="NU", help="Poisson ratio of the gel, 0 to 0.5")
    gel.add_argument(
        "--pixel-size",
        type=float,
        metavar="UM",
        help="micrometres per pixel of the file's displacements (default: the one that `tfmkit displacement` stored in "
        "displacement.npz, or in settings.json beside displacement_0001.txt). Without it there are no energies and "
        "forces",
    )
    gel.add_argument(
        "--length-unit",
        metavar="UNIT",
        help="unit of positions and displacements in the file: px, um, mm, m, nm (default: that of columns, or px)",
    )
    gel.add_argument(
        "--spacing", type=float, metavar="PX", help="pixels between grid points, for files that do not hold it"
    )
    gel.add_argument(
        "--thickness", type=float, metavar="UM", help="thickness of a gel bonded to glass (default: it has no end)"
    )
    gel.add_argument("--depth", type=float, default=0.0, metavar="UM", help="depth of the beads in the gel")
    gel.add_argument("--interpolate", action="store_true", help="fill holes of the grid from their neighbours")


def _add_method(parser: argparse.ArgumentParser) -> None:
    method = parser.add_argument_group("method")
    method.add_argument(
        "--method",
        choices=tuple(TRACTION),
        help="how to invert (default: FTTCCV, which chooses lambda for every frame; FTTC if --lam is given)",
    )
    method.add_argument(
        "--lam", type=float, metavar="LAM", help="lambda of FTTC, dimensionless (u in grid px, t in Young's modulus)"
    )
    method.add_argument(
        "--weights",
        metavar="NAME",
        help="weights of DeepTFM: a packaged name or a .safetensors file (default: default)",
    )
    method.add_argument(
        "--set",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="any other parameter of the method, such as --set order=1; may be repeated",
    )


def _add_figures(parser: argparse.ArgumentParser) -> None:
    figures = parser.add_argument_group("cell and figures")
    figures.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="cells (mask, label image, .roi, .zip) in image pixels: sums run over them, and figures outline them",
    )
    figures.add_argument(
        "--image", type=Path, metavar="FILE", help="image of the cell under the arrows, one for all frames or one each"
    )
    add_image_choice(figures, "of --image")
    figures.add_argument(
        "--vmax", type=float, metavar="PA", help="upper end of all scales (default: the robust maximum of all frames)"
    )
    figures.add_argument("--format", choices=_FORMATS, default="png", help="format of the figures")


def _parameter(text: str) -> tuple[str, Any]:
    """Return name and value of a parameter."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    from tfmkit.io.silence import silent_literals

    with silent_literals():
        try:
            return name, ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return name, value


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
    from tfmkit.cli.summary import print_doubts, print_summary
    from tfmkit.cli.traction_files import Look, Results, save_results
    from tfmkit.gel import Gel
    from tfmkit.io import read_displacement
    from tfmkit.io.units import check_pixel_size
    from tfmkit.quantities import gel_in_pixels, read_young

    young = read_young(options.young)
    Gel(young, options.poisson, options.spacing or 1.0)
    if options.pixel_size is not None:
        check_pixel_size(options.pixel_size, "pixel size")
    if options.vmax is not None:
        check_number(options.vmax, "vmax", low=0, include_low=False)
    lengths = {name: getattr(options, name) for name in ("spacing", "length_unit", "pixel_size")}
    data = read_displacement(options.file, interpolate=options.interpolate, **lengths)
    pixel_size = data.pixel_size if options.pixel_size is None else options.pixel_size
    layer = {"thickness": options.thickness, "depth": options.depth, "pixel_size": pixel_size}
    gel = gel_in_pixels(young, options.poisson, data.spacing, **layer)
    name, params = _method(options, gel)
    if options.mask is not None:
        data = replace(data, mask=_read_mask(options.mask, data))
    look = Look(options.format, options.vmax, _read_images(options, len(data.displacement)))
    traction, method, columns = _invert(data, name, params, gel)
    thickness = {"thickness_um": options.thickness, "depth_um": options.depth}
    results = Results(data, traction, gel, thickness, pixel_size, method, columns)
    output = options.output or options.file.with_name(f"{options.file.stem}_traction")
    summary = save_results(results, look, output)
    print(f"{len(traction)} field(s) of {data.layout}, {' x '.join(map(str, traction.shape[2:]))} grid points")
    print(f"method: {name}")
    print("pixel size: " + ("not known" if pixel_size is None else f"{pixel_size:g} µm"))
    print_summary(summary)
    print_doubts(summary)
    print(f"results in {output}")


def _method(options: argparse.Namespace, gel: Gel) -> tuple[str, dict[str, Any]]:
    """Return the name of the method and the parameters that were given, checked."""
    from tfmkit.methods import MethodError, check_traction

    name = options.method or ("FTTCCV" if options.lam is None else "FTTC")
    given = {key: getattr(options, key) for key in ("lam", "weights") if getattr(options, key) is not None}
    params = {**dict(options.set), **given}
    try:
        check_traction(name, params, gel)
    except MethodError as error:
        place = f"--{error.key}" if error.key in given else "--set" if error.key in params else "--method"
        raise ValueError(f"{place}: {error}") from error
    return name, params


def _invert(
    data: DisplacementData, name: str, params: dict[str, Any], gel: Gel
) -> tuple[NDArray[Any], dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the traction, the settings of the method, and its choices and doubts for every frame."""
    from tfmkit.base import noise_for
    from tfmkit.cli.provenance import describe_method

    estimator = TRACTION[name].on_gel(gel, **params)
    told = noise_for(estimator, data.std)
    if not estimator.__sklearn_tags__().target_tags.required:
        estimator.fit(data.displacement, **told)
    traction = estimator.predict(data.displacement, **told)
    columns = {key: np.broadcast_to(values, len(traction)) for key, values in estimator.choices_.items()}
    columns |= estimator.doubts(data.displacement, traction, **told)
    return traction, describe_method(name, TRACTION[name].parameters(), estimator, params), columns


def _read_mask(path: Path, data: DisplacementData) -> NDArray[np.bool_]:
    """Return the union of the cells at the grid points of every frame."""
    from tfmkit.cli.summary import print_remarks
    from tfmkit.io import read_cells
    from tfmkit.io.images.opening import open_labels

    # Regions of ImageJ do not know the size of their image: it ends with the grid.
    shape = (int(np.ceil(data.y[-1] + data.spacing / 2)) + 1, int(np.ceil(data.x[-1] + data.spacing / 2)) + 1)
    if path.suffix.lower() not in (".roi", ".zip"):
        with open_labels(path) as images:
            shape = images.shape
    if shape[0] <= data.y[-1] or shape[1] <= data.x[-1]:
        raise ValueError(
            f"Expected a mask of all grid points, up to row {data.y[-1]:g} and column {data.x[-1]:g}, in {path}, got "
            f"{shape[0]} x {shape[1]} pixels."
        )
    cells = [read_cells(path, shape, frame) for frame in range(len(data.displacement))]
    print_remarks(dict.fromkeys(remark for each in cells for remark in each.remarks))
    return np.stack([each.on_grid(data.x, data.y).inside for each in cells])


def _read_images(options: argparse.Namespace, n_frames: int) -> list[NDArray[Any]]:
    """Return the image of the cell for every frame."""
    path = options.image
    if path is None:
        return []
    from tfmkit.io import open_images

    # The scale of this image is not needed.
    with open_images(path, pixel_size=1.0, z=options.z, position=options.position) as series:
        if series.n_frames not in (1, n_frames):
            raise ValueError(f"Expected one image of the cell or {n_frames} in {path}, got {series.n_frames}.")
        if series.n_frames == 1:
            return [series.read(0, options.channel)] * n_frames
        return [series.read(frame, options.channel) for frame in range(n_frames)]
