"""Figure S1: TracNet drawn from the module itself, with its layers counted in the paper's way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from benchmarks.paper.panels import in_style, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage
from tfmkit.deep.networks import TracNet

SIDE = 104


@dataclass(frozen=True)
class Level:
    """A level of the network.

    Attributes
    ----------
    name : str
        "en1" and so on, as in the paper.
    side : int
        Pixels along a side of its grid.
    channels : tuple of int
        Channels before, between and after its two convolutions.
    layers : tuple of str
        Its layers in order.
    """

    name: str
    side: int
    channels: tuple[int, int, int]
    layers: tuple[str, ...]


def stage(settings: Settings) -> Stage:
    """Return the stage."""
    return Stage(("figure_s1.csv", "figure_s1.png"), {"side": SIDE, "seed": settings["seed"]}, _make)


def levels(network: TracNet, side: int) -> list[Level]:
    """Return the levels in the order in which a field passes them."""
    depth = len(network.encoder)
    found = [
        Level(f"en{number + 1}", side >> number, _channels(block), (*_layers(block), "maxpool"))
        for number, block in enumerate(network.encoder)
    ]
    for number, block in enumerate(network.decoder):
        height = depth - number
        layers = (*(("concatenate",) if number else ()), *_layers(block), "transconv" if height else "conv")
        found.append(Level(f"de{height + 1}" if number else "bottom", side >> height, _channels(block), layers))
    return found


def count_layers(network: TracNet) -> int:
    """Return the number of layers, with the input and the regression output as the paper has it."""
    return 2 + sum(len(level.layers) for level in levels(network, SIDE))


def _layers(block: Any) -> tuple[str, ...]:
    parts = []
    for norm in (block.norm1, block.norm2):
        parts += ["conv", *([] if isinstance(norm, nn.Identity) else ["bn"]), "relu"]
    return tuple(parts)


def _channels(block: Any) -> tuple[int, int, int]:
    first, second = block.conv1.weight, block.conv2.weight
    return first.shape[1], first.shape[0], second.shape[0]


def _coupling(network: TracNet, seed: int) -> tuple[float, float]:
    """Return how much of each output component changes with the other input component, over its own size."""
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn(1, 2, 32, 32, generator=generator)
    parts = []
    with torch.inference_mode():
        before = network.eval()(field)
        for other in (1, 0):
            changed = field.clone()
            changed[:, other] = 0
            change = (network(changed) - before)[:, 1 - other]
            parts.append(float(change.norm() / before[:, 1 - other].norm()))
    return parts[0], parts[1]


@in_style
def _make(folder: Path, settings: Settings) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings["seed"])
        network = TracNet()
    x_from_y, y_from_x = _coupling(network, settings["seed"])
    facts = {
        "layers": count_layers(network),
        "skip connections": sum("concatenate" in level.layers for level in levels(network, SIDE)),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "change of x without y, relative": x_from_y,
        "change of y without x, relative": y_from_x,
    }
    save_table(pd.DataFrame({"quantity": list(facts), "value": list(facts.values())}), "figure_s1", folder, settings)
    save_figure(_draw(levels(network, SIDE), count_layers(network)), "figure_s1", folder, settings)


def _draw(path: list[Level], n_layers: int) -> Any:
    """Draw each level as a box as tall as its grid, with the layers under it, and the skip connections over it."""
    figure = new_figure(7.2, 3.6)
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set(xlim=(-0.7, len(path) - 0.3), ylim=(-1.65, 2.1))
    for place, level in enumerate(path):
        height = 0.35 + level.side / SIDE
        kind = "#9ecae1" if level.name.startswith("en") else "#fdae6b" if level.name.startswith("de") else "0.8"
        axis.bar(place, height, 0.5, bottom=0, color=kind, edgecolor="0.2", linewidth=0.6)
        channels = "\n".join(map(str, level.channels))
        axis.text(place, height / 2, channels, ha="center", va="center", fontsize=6.5, linespacing=1.1)
        axis.text(place, -0.06, level.name, ha="center", va="top", fontweight="bold")
        axis.text(place, -0.24, f"{level.side} x {level.side} x 2", ha="center", va="top", fontsize=6.5)
        axis.text(place, -0.42, "\n".join(level.layers), ha="center", va="top", fontsize=6.5, linespacing=1.15)
        if place:
            _arrow(axis, (place - 0.74, 0.17), (place - 0.26, 0.17), 0)
    depth = len(path) // 2
    for number in range(depth):
        top = 0.35 + path[number].side / SIDE
        _arrow(axis, (number, top), (len(path) - 1 - number, top), -0.12 - 0.02 * number)
    axis.text(-0.62, 0.17, "u", ha="center", va="center", fontsize=9, fontweight="bold")
    axis.text(len(path) - 0.4, 0.17, "t", ha="center", va="center", fontsize=9, fontweight="bold")
    axis.text(
        depth, 2.08, f"TracNet: {n_layers} layers in the paper's count: input, those listed, regression output",
        ha="center", va="top",
    )  # fmt: skip
    return figure


def _arrow(axis: Any, start: tuple[float, float], end: tuple[float, float], bend: float) -> None:
    look = {"arrowstyle": "-|>", "color": "0.3", "linewidth": 0.7, "connectionstyle": f"arc3,rad={bend}"}
    axis.annotate("", end, start, arrowprops=look)
