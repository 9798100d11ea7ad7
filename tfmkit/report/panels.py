"""The figures of one frame, each with its caption and its content in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.batch import ItemResult
from tfmkit.displacement import Flag
from tfmkit.monolayer.tables import SHEET
from tfmkit.plotting import plot_border_tension, plot_image, plot_lambda_curve, plot_map, plot_sheet_stress
from tfmkit.plotting.map_axes import Borders, grid_borders
from tfmkit.report.figures import draw_map, draw_traction
from tfmkit.report.frames import Maps, Tops
from tfmkit.report.pictures import Key, Panel, embed_figure, overlay_beads
from tfmkit.units import MINUS, format_number

# Longer side of the enlarged part of the bead images, in pixels of the small images.
_DETAIL = 128
# Colour-blind readers tell these colours apart, also in grey.
FLAG_COLORS = {
    Flag.GOOD: (222, 226, 230),
    Flag.OUTLIER: (230, 130, 0),
    Flag.NO_MATCH: (0, 90, 160),
    Flag.EXCLUDED: (60, 60, 60),
}
# Outline of cells on the light colours of the flags.
_ON_FLAGS = "#7d8790"
FLAG_NAMES = {
    Flag.GOOD: "measured",
    Flag.OUTLIER: "outlier, replaced",
    Flag.NO_MATCH: "no match, filled",
    Flag.EXCLUDED: "excluded, filled",
}


def draw_panels(item: ItemResult, maps: Maps, tops: Tops, criterion: str) -> Iterator[Panel]:
    """Draw the figures of one frame.

    Parameters
    ----------
    item : ItemResult
        The item.
    maps : Maps
        Its maps.
    tops : Tops
        Ends of the colour bars.
    criterion : str
        Name of the criterion by which lambda was chosen.

    Yields
    ------
    Panel
        Its figures, one at a time.

    Raises
    ------
    ValueError
        If a file is damaged.
    """
    yield from _bead_panels(item, maps)
    yield from _field_panels(maps, tops)
    yield from _sheet_panels(item, maps, tops)
    yield _flag_panel(item.record["flags"], maps)
    yield from _curve_panel(item.record, criterion)


def _bead_panels(item: ItemResult, maps: Maps) -> Iterator[Panel]:
    images = item.previews()
    if not images:
        return
    beads = overlay_beads(images["relaxed"], images["deformed"])
    yield _bead_panel("Beads", beads, maps, maps.extent, "The whole image, drift undone.")
    if max(beads.shape) > _DETAIL:
        window = around_peak(maps.displacement, beads.shape[:2])
        part = _borders_of(window, beads.shape[:2], maps.extent)
        yield _bead_panel("Beads, enlarged", beads[window], maps, part, "The part with the largest displacement.")
    if "cell" in images:
        figure = plot_image(images["cell"], place=maps.extent, **_look(maps))
        yield Panel("Cell", *embed_figure(figure, colors=64), "Image of the cell.", "The whole image.", shape="image")


def _bead_panel(title: str, beads: NDArray[np.uint8], maps: Maps, place: Borders, note: str) -> Panel:
    alt = f"Bead images on top of each other, relaxed in magenta and deformed in green; beads at rest are white. {note}"
    legend = [Key("relaxed", "relaxed"), Key("deformed", "deformed"), Key("both", "both")]
    picture = embed_figure(plot_image(beads, place=place, **_look(maps)), colors=128)
    return Panel(title, *picture, alt, note, legend, shape="image")


def _look(maps: Maps) -> dict[str, Any]:
    """Return the settings that all maps of a frame share."""
    return {"spacing": maps.spacing, "length_unit": maps.unit, "mask": maps.cells}


def _borders_of(window: tuple[slice, ...], shape: tuple[int, ...], whole: Borders) -> Borders:
    """Return the borders of a part of an image in grid points."""
    (rows, columns), (left, right, bottom, top) = window, whole
    x, y = (right - left) / shape[1], (bottom - top) / shape[0]
    return left + x * columns.start, left + x * columns.stop, top + y * rows.stop, top + y * rows.start


def around_peak(displacement: FloatArray, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the part of an image around the largest displacement.

    Parameters
    ----------
    displacement : ndarray of shape (2, n_y, n_x)
        Displacement on a grid that covers the image.
    shape : (int, int)
        Height and width of the image in pixels.

    Returns
    -------
    (slice, slice)
        Rows and columns of the part, which lies inside the image and has its proportions.
    """
    length = np.hypot(*displacement)
    peak = np.unravel_index(length.argmax(), length.shape)
    sides = [round(size * min(1.0, _DETAIL / max(shape))) for size in shape]
    starts = (
        int(np.clip((place + 0.5) / nodes * size - side / 2, 0, size - side))
        for place, nodes, size, side in zip(peak, length.shape, shape, sides, strict=True)
    )
    return tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))


def _field_panels(maps: Maps, tops: Tops) -> Iterator[Panel]:
    moved, unit = np.hypot(*maps.displacement), maps.unit
    yield _map_panel("Displacement", "displacement |u|", moved, unit, maps, tops.displacement)
    if maps.uncertain is not None and np.isfinite(maps.uncertain).any():
        # Nothing is known of replaced vectors: they have the largest error bar.
        known = np.nan_to_num(maps.uncertain, nan=float(np.nanmax(maps.uncertain)))
        yield _map_panel("Error bar of the displacement", "standard deviation of u", known, unit, maps, None)
    pulled = f"{_largest(np.hypot(*maps.traction), maps)} Pa."
    yield Panel(
        "Traction", *embed_figure(draw_map(maps, tops)), f"Heat map of the length of the traction. {pulled}", pulled
    )
    ground = "its length in grey" if maps.image is None else "the image of the cell"
    alt = f"Arrows of the traction over {ground}, the outline of the cells dashed."
    picture = embed_figure(draw_traction(maps, tops), colors=128)
    yield Panel("Traction vectors", *picture, alt, "All frames have the same scale.", shape="image")
    if maps.std is not None:
        yield _map_panel("Error bar of the traction", "standard deviation of t", maps.std, "Pa", maps, tops.std)
    yield from _residual_panels(maps, tops)


def _residual_panels(maps: Maps, tops: Tops) -> Iterator[Panel]:
    """Yield the residual and its two parts, on one scale."""
    misfit = f"|u {MINUS} G t|"
    parts = (
        ("Residual", f"unexplained {misfit}", misfit, maps.misfit),
        ("Residual: far forces and drift", "of forces beyond the border and drift", "This part", maps.far),
        ("Residual: the rest", "of neither traction nor far forces nor drift", "This part", maps.rest),
    )
    for title, name, start, part in parts:
        panel = _map_panel(title, name, part, maps.unit, maps, tops.misfit)
        share = f"{start} / |u| over the whole field is {format_number(100 * maps.share(part))} %."
        share = share if np.isfinite(maps.share(part)) else "The field is at rest."
        yield replace(panel, note=f"{panel.note} {share}")


def _sheet_panels(item: ItemResult, maps: Maps, tops: Tops) -> Iterator[Panel]:
    stress = maps.stress
    if stress is None or "sheet" not in item.record:
        return
    look: dict[str, Any] = {"spacing": maps.spacing, "length_unit": maps.unit, "extent": maps.extent}
    look["vmax"] = tops.stress
    sheet = next((row for row in item.record["sheet"]["cells"] if row["cell"] == SHEET), None)
    if sheet is None:
        return
    level = sheet["mean_normal_stress_N_per_m"]
    note = f"Mean {format_number(1e3 * level)} mN/m in the cells; tension is red."
    labels = item.fields()["cell"].astype(int)
    figure = plot_sheet_stress(stress, labels=labels if labels.any() else None, **look)
    yield Panel("Stress in the sheet", *embed_figure(figure), f"Heat map of the mean normal stress. {note}", note)
    if item.record["sheet"]["borders"]:
        within = np.where(np.isfinite(stress).all(axis=0), labels, 0)
        figure = plot_border_tension(stress, within, **look)
        alt = "Borders between cells in the colour of their normal tension."
        yield Panel("Tension of borders", *embed_figure(figure), alt, "Force per length that two cells exert.")


def _map_panel(title: str, name: str, values: NDArray[Any], unit: str, maps: Maps, top: float | None) -> Panel:
    cmap = "inferno" if unit == "Pa" else "viridis"
    figure = plot_map(values, label=f"{name} ({unit})", cmap=cmap, vmax=top, extent=maps.extent, **_look(maps))
    largest = f"{_largest(values, maps)} {unit}."
    return Panel(title, *embed_figure(figure), f"Heat map: {name}. {largest}", largest)


def _largest(values: NDArray[Any], maps: Maps) -> str:
    """Return the largest value at a measured vector, or of all where none was measured."""
    measured = maps.flags == Flag.GOOD
    return f"Largest {format_number(float(values[measured].max() if measured.any() else values.max()))}"


def _curve_panel(record: dict[str, Any], criterion: str) -> Iterator[Panel]:
    path, chosen = record["lambda_path"], record["choice"].get("lam")
    if not path:
        return
    figure = plot_lambda_curve(path["lams"], path["criterion"], chosen=chosen, ylabel=f"{criterion} (arb. unit)")
    note = f"Lowest is best; chosen λ = {format_number(chosen)}."
    yield Panel("Choice of λ", *embed_figure(figure), f"Curve of {criterion} against λ. {note}", note, shape="curve")


def _flag_panel(counts: dict[str, int], maps: Maps) -> Panel:
    total = sum(counts.values())
    legend = [
        Key(f"flag-{flag.name.lower()}", f"{FLAG_NAMES[flag]} {format_number(100 * counts[flag.name] / total)} %")
        for flag in Flag
    ]
    alt = "Map of the quality of the displacement vectors: " + "; ".join(key.text for key in legend) + "."
    colors = np.array([FLAG_COLORS[flag] for flag in Flag], dtype=np.uint8)
    place = grid_borders(maps.flags.shape)
    figure = plot_image(colors[maps.flags], place=place, extent=maps.extent, outline=_ON_FLAGS, **_look(maps))
    return Panel("Quality of vectors", *embed_figure(figure, colors=32), alt, legend=legend, shape="image")
