"""The figures of one frame, each with its caption and its content in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from tfmkit._validation import FloatArray
from tfmkit.batch import ItemResult
from tfmkit.batch.sheets import sheet_stress
from tfmkit.displacement import Flag
from tfmkit.monolayer.tables import SHEET
from tfmkit.plotting import plot_border_tension, plot_lambda_curve, plot_map, plot_sheet_stress
from tfmkit.report.figures import draw_map, draw_traction
from tfmkit.report.frames import Maps, Tops
from tfmkit.report.pictures import Key, Panel, embed_beads, embed_classes, embed_figure, embed_grey
from tfmkit.units import MINUS, TIMES, format_number

# Side of the enlarged part of the bead images, in pixels of the small images.
_DETAIL = 128
# Colour-blind readers tell these colours apart, also in grey.
FLAG_COLORS = {
    Flag.GOOD: (222, 226, 230),
    Flag.OUTLIER: (230, 130, 0),
    Flag.NO_MATCH: (0, 90, 160),
    Flag.EXCLUDED: (60, 60, 60),
}
_OUTLINE = (165, 172, 180)
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
    yield from _sheet_panels(item, maps)
    yield _flag_panel(item.record["flags"], maps)
    yield from _curve_panel(item.record, criterion)


def _bead_panels(item: ItemResult, maps: Maps) -> Iterator[Panel]:
    images = item.previews()
    if not images:
        return
    relaxed, deformed = images["relaxed"], images["deformed"]
    # The stored images can be smaller than the measured ones.
    pixel = maps.spacing / item.record["grid"]["spacing_px"] * item.record["image_shape"][1] / relaxed.shape[1]
    whole = _size(relaxed, pixel, maps.unit)
    yield _overlay("Beads", relaxed, deformed, f"The whole image, {whole}, drift undone.")
    if max(relaxed.shape) > _DETAIL:
        window = around_peak(maps.displacement, relaxed.shape)
        detail = _size(relaxed[window], pixel, maps.unit)
        note = f"{detail} where the displacement is largest."
        yield _overlay("Beads, enlarged", relaxed[window], deformed[window], note)
    if "cell" in images:
        yield Panel(
            "Cell", embed_grey(images["cell"]), "Image of the cell.", f"The whole image, {whole}.", shape="image"
        )


def _overlay(title: str, relaxed: NDArray[np.uint8], deformed: NDArray[np.uint8], note: str) -> Panel:
    alt = f"Bead images on top of each other, relaxed in magenta and deformed in green; beads at rest are white. {note}"
    legend = [Key("relaxed", "relaxed"), Key("deformed", "deformed"), Key("both", "both")]
    return Panel(title, embed_beads(relaxed, deformed), alt, note, legend, shape="image")


def _size(image: NDArray[np.uint8], pixel: float, unit: str) -> str:
    height, width = image.shape
    return f"{format_number(width * pixel)} {TIMES} {format_number(height * pixel)} {unit}"


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
        Rows and columns of the part, which lies inside the image.
    """
    length = np.hypot(*displacement)
    peak = np.unravel_index(length.argmax(), length.shape)
    starts = (
        int(np.clip((place + 0.5) / nodes * size - _DETAIL / 2, 0, max(size - _DETAIL, 0)))
        for place, nodes, size in zip(peak, length.shape, shape, strict=True)
    )
    return tuple(slice(start, start + _DETAIL) for start in starts)


def _field_panels(maps: Maps, tops: Tops) -> Iterator[Panel]:
    look: dict[str, Any] = {"spacing": maps.spacing, "length_unit": maps.unit, "mask": maps.cells}
    moved, unit = np.hypot(*maps.displacement), maps.unit
    yield _map_panel("Displacement", "displacement |u|", moved, unit, vmax=tops.displacement, **look)
    largest = f"Largest {format_number(float(np.hypot(*maps.traction).max()))} Pa."
    picture = embed_figure(draw_map(maps, tops))
    yield Panel("Traction", picture, f"Heat map of the length of the traction. {largest}", largest)
    ground = "its length in grey" if maps.image is None else "the image of the cell"
    alt = f"Arrows of the traction over {ground}, the outline of the cells dashed."
    yield Panel("Traction vectors", embed_figure(draw_traction(maps, tops)), alt, "All frames have the same scale.")
    if maps.std is not None:
        yield _map_panel("Error bar of the traction", "standard deviation of t", maps.std, "Pa", vmax=tops.std, **look)
    misfit = f"|u {MINUS} G t|"
    panel = _map_panel("Residual", f"unexplained {misfit}", maps.misfit, unit, vmax=tops.misfit, **look)
    share = f"{misfit} / |u| over the whole field is {format_number(100 * maps.residual)} %."
    yield replace(panel, note=f"{panel.note} {share}")


def _sheet_panels(item: ItemResult, maps: Maps) -> Iterator[Panel]:
    if "sheet" not in item.record:
        return
    fields = item.fields()
    stress = sheet_stress(fields)
    look: dict[str, Any] = {"spacing": maps.spacing, "length_unit": maps.unit}
    sheet = next((row for row in item.record["sheet"]["cells"] if row["cell"] == SHEET), None)
    if sheet is None:
        return
    level = sheet["mean_normal_stress_N_per_m"]
    note = f"Mean {format_number(1e3 * level)} mN/m in the cells; tension is red."
    labels = fields["cell"].astype(int)
    figure = plot_sheet_stress(stress, labels=labels if labels.any() else None, **look)
    yield Panel("Stress in the sheet", embed_figure(figure), f"Heat map of the mean normal stress. {note}", note)
    if item.record["sheet"]["borders"]:
        within = np.where(np.isfinite(stress).all(axis=0), labels, 0)
        figure = plot_border_tension(stress, within, **look)
        alt = "Borders between cells in the colour of their normal tension."
        yield Panel("Tension of borders", embed_figure(figure), alt, "Force per length that two cells exert.")


def _map_panel(title: str, name: str, values: NDArray[Any], unit: str, **look: Any) -> Panel:
    figure = plot_map(values, label=f"{name} ({unit})", cmap="inferno" if unit == "Pa" else "viridis", **look)
    largest = f"Largest {format_number(float(values.max()))} {unit}."
    return Panel(title, embed_figure(figure), f"Heat map: {name}. {largest}", largest)


def _curve_panel(record: dict[str, Any], criterion: str) -> Iterator[Panel]:
    path, chosen = record["lambda_path"], record["choice"].get("lam")
    if not path:
        return
    figure = plot_lambda_curve(path["lams"], path["criterion"], chosen=chosen, ylabel=criterion)
    note = f"Lowest is best; chosen λ = {format_number(chosen)}."
    yield Panel("Choice of λ", embed_figure(figure), f"Curve of {criterion} against λ. {note}", note, shape="curve")


def _flag_panel(counts: dict[str, int], maps: Maps) -> Panel:
    total = sum(counts.values())
    legend = [
        Key(f"flag-{flag.name.lower()}", f"{FLAG_NAMES[flag]} {format_number(100 * counts[flag.name] / total)} %")
        for flag in Flag
    ]
    alt = "Map of the quality of the displacement vectors: " + "; ".join(key.text for key in legend) + "."
    classes = maps.flags
    if maps.cells is not None:
        # The outline covers good vectors only.
        border = maps.cells & ~binary_erosion(maps.cells)
        classes = np.where(border & (classes == Flag.GOOD), len(Flag), classes)
    picture = embed_classes(classes, [*(FLAG_COLORS[flag] for flag in Flag), _OUTLINE])
    return Panel("Quality of vectors", picture, alt, legend=legend, shape="image")
