"""The figures of one frame, which the report, `tfmkit figure` and `tfmkit movie` share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from tfmkit._validation import check_choice
from tfmkit.batch import Results, find_doubtful
from tfmkit.plotting import plot_traction_map, plot_vectors, save_figure
from tfmkit.report.frames import Maps, Tops, find_tops, load_frames
from tfmkit.report.overview import time_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_map(maps: Maps, tops: Tops, title: str = "") -> Figure:
    """Draw the length of the traction.

    Parameters
    ----------
    maps : Maps
        The frame.
    tops : Tops
        Ends of the scales.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The heat map.
    """
    return plot_traction_map(
        maps.traction, spacing=maps.spacing, length_unit=maps.unit, mask=maps.cells, vmax=tops.traction,
        extent=maps.extent, title=title,
    )  # fmt: skip


def draw_traction(maps: Maps, tops: Tops, title: str = "") -> Figure:
    """Draw the traction as arrows over the image of the cell, where there is one.

    Parameters
    ----------
    maps : Maps
        The frame.
    tops : Tops
        Ends of the scales.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The arrows.
    """
    return plot_vectors(
        maps.traction, spacing=maps.spacing, length_unit=maps.unit, mask=maps.cells, vmax=tops.pull, image=maps.image,
        extent=maps.extent, title=title,
    )  # fmt: skip


def draw_displacement(maps: Maps, tops: Tops, title: str = "") -> Figure:
    """Draw the displacement as arrows over the image of the cell, where there is one.

    Parameters
    ----------
    maps : Maps
        The frame.
    tops : Tops
        Ends of the scales.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The arrows.
    """
    return plot_vectors(
        maps.displacement, spacing=maps.spacing, length_unit=maps.unit, unit=maps.unit, name="displacement",
        mask=maps.cells, vmax=tops.shift, image=maps.image, extent=maps.extent, title=title,
    )  # fmt: skip


DRAW: dict[str, Callable[[Maps, Tops, str], Figure]] = {
    "traction": draw_traction,
    "map": draw_map,
    "displacement": draw_displacement,
}


def draw_frames(
    results: Results, keys: Collection[str], kind: str, *, tops: Tops | None = None
) -> Iterator[tuple[str, Figure]]:
    """Draw one kind of figure for many items, all with the same scale.

    Parameters
    ----------
    results : Results
        Results of a batch.
    keys : collection of str
        Keys of the items.
    kind : str
        Key of `DRAW`.
    tops : Tops, optional
        Ends of the scales; by default those of these items, without those in doubt.

    Yields
    ------
    key : str
        Key of the item.
    figure : matplotlib.figure.Figure
        The figure, with the time of the frame, or its number, above it.

    Raises
    ------
    ValueError
        If there is no such kind, or a file is damaged.
    """
    draw = DRAW[check_choice(kind, "kind", tuple(DRAW))]
    ends = tops or find_tops(results, keys, set(find_doubtful(results.table)["item"]))
    times, unit = results.table.drop_duplicates("item").set_index("item")["time_s"], time_unit(results.table)
    for item, maps in tqdm(load_frames(results, keys), total=len(keys), desc=kind, unit="frame", disable=None):
        stamp = f"frame {item.record['frame']}" if unit is None else f"{times[item.key] * unit.factor:.4g} {unit.name}"
        yield item.key, draw(maps, ends, stamp)


def write_figures(results: Results, keys: Collection[str], kind: str, folder: Path, file_format: str) -> list[Path]:
    """Write one figure per item.

    Parameters
    ----------
    results : Results
        Results of a batch.
    keys : collection of str
        Keys of the items.
    kind : str
        Key of `DRAW`.
    folder : Path
        Folder of the figures.
    file_format : str
        ``"png"``, ``"pdf"`` or ``"svg"``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If there is no such kind or format, or a file is damaged.
    """
    paths = []
    for key, figure in draw_frames(results, keys, kind):
        paths.append(folder / f"{key}_{kind}.{file_format}")
        save_figure(figure, paths[-1])
    return paths
