"""The results of a preview in the viewer: layers that are updated in place, so that their colours stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmkit.napari.layers import LayerData, Place, grid_layers
from tfmkit.napari.session import Preview


def draw_preview(viewer: Any, preview: Preview, place: Place) -> None:
    """Show traction and displacement over their images.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    preview : Preview
        The results.
    place : Place
        Place of the deformed image.
    """
    grid = preview.record["grid"]
    on_grid = place.on_grid(grid["x0_px"], grid["y0_px"], grid["spacing_px"])
    maps = {name: values for name, values in preview.maps.items() if name != "cell"}
    for layer in grid_layers(maps, on_grid):
        _show(viewer, layer)


def _show(viewer: Any, layer: LayerData) -> None:
    data, options, kind = layer
    name = options["name"]
    if name not in viewer.layers:
        make = getattr(viewer, f"add_{kind}")
        make(data, **options, metadata={"result": True})
        return
    shown = viewer.layers[name]
    shown.data = data
    # Every assignment draws the layer anew, so that only those that change something are made.
    if any(not np.array_equal(getattr(shown, each), options[each]) for each in ("scale", "translate")):
        shown.scale, shown.translate, shown.units = options["scale"], options["translate"], options["units"]
    if kind == "image":
        shown.contrast_limits_range = shown.contrast_limits = options["contrast_limits"]
        return
    shown.features = options["features"]
    shown.refresh_colors(update_color_mapping=True)
    for each in ("edge_width", "length"):
        if getattr(shown, each) != options[each]:
            setattr(shown, each, options[each])
