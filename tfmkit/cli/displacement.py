"""``tfmkit displacement``: from bead images to displacement, as `tfmkit traction` and Fiji read it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from tfmkit._validation import FloatArray, check_count, check_number

if TYPE_CHECKING:
    from tfmkit.displacement.measure import Measurement
    from tfmkit.io import Cells, ImageSeries

# Options that are parameters of a method; those that are not given keep the method's default.
_PARAMS = ("window", "spacing", "smoothing", "radius")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Undo the drift between images of beads in the relaxed and the deformed gel, measure the "
        "displacement, and write it as text (for `tfmkit traction` and Fiji), arrays, OME-TIFF and figures."
    )
    parser.add_argument("relaxed", type=Path, help="image of the relaxed gel, or a stack that holds all images")
    parser.add_argument(
        "deformed", type=Path, nargs="?", help="image or stack of the deformed gel; by default the other frames"
    )
    parser.add_argument("--relaxed-frame", type=int, default=1, metavar="N", help="frame of the relaxed gel, from 1")
    parser.add_argument("--channel", type=int, metavar="N", help="channel of the beads, from 0, if channels differ")
    parser.add_argument(
        "--relaxed-channel", type=int, metavar="N", help="channel of the beads in the relaxed file, if it is another"
    )
    parser.add_argument(
        "--z", type=_z, metavar="Z", help="plane of a Z stack, from 0; max, its maximum; time, if its planes are frames"
    )
    parser.add_argument("--position", type=int, metavar="N", help="which of several positions of a file, from 0")
    _add_method(parser)
    parser.add_argument("--no-drift", action="store_true", help="take the images as they are")
    parser.add_argument("--rotation", action="store_true", help="look for a rotation of the images as well")
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="cells (mask, label image, .roi, .zip), where drift is not looked for"
    )
    parser.add_argument(
        "--exclude", type=Path, metavar="FILE", help="what counts nowhere, such as debris (mask, .roi, .zip)"
    )
    parser.add_argument("--margin", type=float, default=0.0, metavar="PX", help="pixels around the mask, likewise")
    parser.add_argument("--pixel-size", type=float, metavar="UM", help="micrometres per pixel, if the file is wrong")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the results (FILE_displacement)")


def _add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", default="piv", help="piv, cross_correlation, ilk or tvl1")
    parser.add_argument("--window", type=float, metavar="PX", help="width of the window")
    parser.add_argument("--spacing", type=int, metavar="PX", help="distance between vectors")
    parser.add_argument("--smoothing", type=float, metavar="S", help="of piv: weight of the smoothness")
    parser.add_argument("--radius", type=int, metavar="PX", help="of ilk: half side of the window")


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
    from tfmkit.cli._inputs import hash_files
    from tfmkit.cli._measured import Measured, save_measured
    from tfmkit.displacement.measure import read_relaxed
    from tfmkit.io import open_images

    check_number(options.margin, "margin", low=0)
    if options.mask is not None and options.no_drift:
        raise ValueError("--mask is where drift is not looked for: it does not go with --no-drift.")
    params = _params(options)
    source = options.deformed or options.relaxed
    opening = {name: getattr(options, name) for name in ("pixel_size", "z", "position")}
    channels = {"channel": options.channel, "own_channel": options.relaxed_channel}
    relaxed = read_relaxed(options.relaxed, check_count(options.relaxed_frame, "relaxed frame"), **channels, **opening)
    with open_images(source, **opening) as series:
        pages = _pages(options, series)
        frames = _measure(options, params, relaxed, series, pages)
        pixel_size = series.pixel_size
    inputs = [path for path in (options.relaxed, options.deformed, options.mask, options.exclude) if path is not None]
    settings = {
        "input": hash_files(inputs),
        "relaxed": str(options.relaxed),
        "deformed": str(source),
        "frames": [page + 1 for page in pages],
        "relaxed_frame": options.relaxed_frame,
        **{name: getattr(options, name) for name in ("channel", "relaxed_channel", "z", "position")},
        "mask": None if options.mask is None else str(options.mask),
        "exclude": None if options.exclude is None else str(options.exclude),
        "pixel_size_um": pixel_size,
        "drift": {"enabled": not options.no_drift, "rotation": options.rotation, "margin_px": options.margin},
        "method": {"name": options.method, **params},
        "spacing_px": frames[0].spacing,
    }
    output = options.output or source.with_name(f"{source.name.partition('.')[0]}_displacement")
    summary = save_measured(Measured(frames, settings, pixel_size), output)
    _report(summary, output)


def _z(text: str) -> int | str:
    """Return the number of a plane, or the word for all of them."""
    return int(text) if text.isdigit() else text


def _params(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that were given, checked."""
    from tfmkit.methods import MethodError, check_displacement

    params = {name: getattr(options, name) for name in _PARAMS if getattr(options, name) is not None}
    if options.method == "cross_correlation" and float(params.get("window", 0)).is_integer():
        params |= {name: int(value) for name, value in params.items() if name == "window"}
    try:
        check_displacement(options.method, params)
    except MethodError as error:
        raise ValueError(f"--{error.key or 'method'}: {error}") from error
    return params


def _pages(options: argparse.Namespace, series: ImageSeries) -> list[int]:
    """Return the frames of the deformed gel."""
    pages = list(range(series.n_frames))
    if options.deformed is None:
        pages.remove(options.relaxed_frame - 1)
    if not pages:
        raise ValueError(f"Expected a stack of relaxed and deformed images in {options.relaxed}, got one image.")
    return pages


def _measure(
    options: argparse.Namespace, params: dict[str, Any], relaxed: FloatArray, series: ImageSeries, pages: list[int]
) -> list[Measurement]:
    from tfmkit.displacement.measure import measure_pair
    from tfmkit.io import read_cells
    from tfmkit.methods import DISPLACEMENT

    if relaxed.shape != series.shape:
        raise ValueError(f"Expected two images of one size, got {relaxed.shape} and {series.shape}.")
    transformer = DISPLACEMENT[options.method].make(**params)
    settings: dict[str, Any] = {"drift": not options.no_drift, "rotation": options.rotation, "margin": options.margin}
    settings |= {"pixel_size": series.pixel_size, "interval": series.interval}
    files = [(name, path) for name, path in (("cells", options.mask), ("exclude", options.exclude)) if path is not None]
    frames = []
    # On a pipe or in a log file the bar would only be noise.
    for page in tqdm(pages, desc="displacement", unit="frame", disable=None):
        pair = np.stack([relaxed, series.read(page, options.channel)])
        masks = {name: read_cells(path, series.shape, page, options.channel) for name, path in files}
        _remark(masks)
        settings |= {name: cells.inside for name, cells in masks.items()}
        frames.append(measure_pair(pair, transformer, **settings))
    return frames


def _remark(masks: dict[str, Cells]) -> None:
    """Print the remarks on masks of cells; those on excluded places are no cells."""
    if "cells" in masks:
        for remark in masks["cells"].remarks:
            print(f"tfmkit: {remark}", file=sys.stderr)


def _report(summary: dict[str, Any], output: Path) -> None:
    """Print what a user wants to know first."""
    n_frames = len(summary["frame"])
    print(f"{n_frames} frame(s)")
    for name, values in summary.items():
        if name != "frame":
            spread = f" (frames: {values.min():.4g} to {values.max():.4g})" if n_frames > 1 else ""
            print(f"{name:>24} {np.median(values):.4g}{spread}")
    print(f"results in {output}")
