"""``tfmkit displacement``: from bead images to displacement, as `tfmkit traction` and Fiji read it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmkit._validation import FloatArray, check_count, check_number
from tfmkit.cli.image_choice import add_image_choice, number_or_word
from tfmkit.methods import DISPLACEMENT

if TYPE_CHECKING:
    from tfmkit.displacement.measure import Measurement
    from tfmkit.io import ImageSeries

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
        "displacement, and write it as text (for `tfmkit traction` and Fiji), arrays, OME-TIFF and figures. The pixel "
        "size is stored in displacement.npz and, for the text files, in settings.json beside them: keep it there, and "
        "`tfmkit traction` finds it. Fiji ignores that file."
    )
    _add_files(parser)
    _add_method(parser)
    parser.add_argument("--no-drift", action="store_true", help="do not look for drift")
    parser.add_argument("--rotation", action="store_true", help="also undo a rotation of the images")
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="cells (mask, label image, .roi, .zip), which do not count for the drift",
    )
    parser.add_argument(
        "--exclude", type=Path, metavar="FILE", help="places that count nowhere, such as debris (mask, .roi, .zip)"
    )
    parser.add_argument(
        "--margin", type=float, default=0.0, metavar="PX", help="pixels around the mask that do not count for the drift"
    )
    parser.add_argument(
        "--pixel-size", type=float, metavar="UM", help="micrometres per pixel (default: those of the file)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the results (default: FILE_displacement)"
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("relaxed", type=Path, help="image of the relaxed gel, or a stack that holds all images")
    parser.add_argument(
        "deformed", type=Path, nargs="?", help="image or stack of the deformed gel (default: the other frames)"
    )
    parser.add_argument(
        "--relaxed-frame",
        type=number_or_word,
        metavar="N",
        help="frame of the relaxed gel for all deformed images, from 1 (default: the only one, or the first of a stack "
        "that holds all images); each, if frame k of the relaxed file belongs to frame k of the deformed one",
    )
    add_image_choice(parser, "of the beads")
    parser.add_argument(
        "--relaxed-channel", type=int, metavar="N", help="channel of the beads in the relaxed file, if it is another"
    )


def _add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", choices=tuple(DISPLACEMENT), default="piv", help="how to measure")
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
    from tfmkit.cli.displacement_files import Measured, save_measured
    from tfmkit.cli.provenance import describe_method
    from tfmkit.cli.summary import print_doubts, print_remarks, print_summary
    from tfmkit.displacement.measure import read_relaxed
    from tfmkit.io import open_images

    check_number(options.margin, "margin", low=0)
    if options.mask is not None and options.no_drift:
        raise ValueError("Expected either --mask, which leaves cells out of the drift, or --no-drift, got both.")
    params = _params(options)
    source = options.deformed or options.relaxed
    opening = {name: getattr(options, name) for name in ("pixel_size", "z", "position")}
    channels = {"channel": options.channel, "own_channel": options.relaxed_channel}
    in_movie = options.deformed in (None, options.relaxed)
    one = partial(read_relaxed, options.relaxed, _relaxed_frame(options), in_movie=in_movie, **channels, **opening)
    with open_images(source, **opening) as series:
        print_remarks(series.doubts)
        pages = _pages(options, series)
        transformer = DISPLACEMENT[options.method].make(**params)
        frames = _measure(options, transformer, partial(one, n_deformed=series.n_frames), series, pages)
        pixel_size = series.pixel_size
    method = describe_method(options.method, DISPLACEMENT[options.method].parameters(), transformer, params)
    blank = [number for number in range(1, len(pages) + 1) if number not in frames]
    settings = _settings(options) | {"frames": [pages[number - 1] + 1 for number in frames]}
    settings |= {"blank_frames": [pages[number - 1] + 1 for number in blank], "pixel_size_um": pixel_size}
    settings |= {"method": method, "spacing_px": next(iter(frames.values())).spacing}
    output = options.output or source.with_name(f"{source.name.partition('.')[0]}_displacement")
    summary = save_measured(Measured(frames, blank, settings, pixel_size), output)
    print(f"{len(frames)} frame(s)")
    print_summary(summary)
    print_doubts(summary)
    print(f"results in {output}")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the files and the drift correction that were asked for."""
    from tfmkit.cli.provenance import hash_files
    from tfmkit.io.fields.sidecar import COMMAND

    paths = {name: getattr(options, name) for name in ("relaxed", "deformed", "mask", "exclude")}
    paths["deformed"] = paths["deformed"] or paths["relaxed"]
    return {
        "command": COMMAND,
        "input": hash_files(dict.fromkeys(path for path in paths.values() if path is not None)),
        **{name: None if path is None else str(path) for name, path in paths.items()},
        **{name: getattr(options, name) for name in ("relaxed_frame", "channel", "relaxed_channel", "z", "position")},
        "drift": {"enabled": not options.no_drift, "rotation": options.rotation, "margin_px": options.margin},
    }


def _relaxed_frame(options: argparse.Namespace) -> int | str | None:
    """Return the frame of the relaxed gel, checked."""
    frame = options.relaxed_frame
    if frame is None or frame == "each":
        return frame
    if isinstance(frame, str):
        raise ValueError(f"Expected the number of a frame or each as --relaxed-frame, got {frame!r}.")
    return check_count(frame, "relaxed frame")


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
    from tfmkit.displacement.measure import relaxed_page

    pages = list(range(series.n_frames))
    if options.deformed is None:
        own = relaxed_page(series, _relaxed_frame(options), 0, in_movie=True)
        pages = [page for page in pages if page != own]
    if not pages:
        raise ValueError(f"Expected a stack of relaxed and deformed images in {options.relaxed}, got one image.")
    return pages


def _measure(
    options: argparse.Namespace,
    transformer: Any,
    read_relaxed: Callable[[int], FloatArray],
    series: ImageSeries,
    pages: list[int],
) -> dict[int, Measurement]:
    """Return the displacement of every deformed image by its number, without the blank ones."""
    from tqdm import tqdm

    from tfmkit.cli.summary import print_remarks
    from tfmkit.displacement.measure import is_blank, measure_pair
    from tfmkit.io import read_cells

    relaxed = read_relaxed(pages[0])
    if relaxed.shape != series.shape:
        raise ValueError(f"Expected two images of one size, got {relaxed.shape} and {series.shape}.")
    settings: dict[str, Any] = {"drift": not options.no_drift, "rotation": options.rotation, "margin": options.margin}
    settings |= {"pixel_size": series.pixel_size, "interval": series.interval}
    files = [(name, path) for name, path in (("cells", options.mask), ("exclude", options.exclude)) if path is not None]
    frames: dict[int, Measurement] = {}
    for number, page in enumerate(tqdm(pages, desc="displacement", unit="frame", disable=None), start=1):
        if options.relaxed_frame == "each":
            relaxed = read_relaxed(page)
        pair = np.stack([relaxed, series.read(page, options.channel, holes=True)])
        if is_blank(pair[1]):
            continue
        masks = {name: read_cells(path, series.shape, page, options.channel) for name, path in files}
        if "cells" in masks:
            print_remarks(masks["cells"].remarks)
        settings |= {name: cells.inside for name, cells in masks.items()}
        frames[number] = measure_pair(pair, transformer, **settings)
        print_remarks(frames[number].remarks.tolist())
    if not frames:
        raise ValueError(f"Expected images of beads in {series.path}, got blank ones only.")
    return frames
