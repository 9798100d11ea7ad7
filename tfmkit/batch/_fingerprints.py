"""What the results of an item depend on, step by step, so that a change undoes no more than it must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from tfmkit import __version__
from tfmkit.batch.config import Config
from tfmkit.batch.items import Item
from tfmkit.batch.store import digest, file_state


class Fingerprints:
    """Fingerprints of the steps of one item.

    Parameters
    ----------
    item : Item
        The item.
    config : Config
        The settings.
    weights : str
        Fingerprint of a network's weights.

    Notes
    -----
    Files count by size and time of the last change, and not by their place: a folder can be moved. The version of
    tfmkit is part of every fingerprint.
    """

    def __init__(self, item: Item, config: Config, weights: str) -> None:
        self._item, self._config, self._weights = item, config, weights

    @cached_property
    def measurement(self) -> str:
        """Displacement: images, drift and method; not the gel, the traction or the size of a pixel."""
        item, config = self._item, self._config
        files: list[Path | None] = [item.source, item.relaxed, item.exclude]
        names = (
            ["channel", "relaxed_channel", "relaxed_frame", "z", "position"]
            if item.has_images
            else ["spacing", "interpolate"]
        )
        settings: list[Any] = [__version__, item.page, [getattr(config.input, name) for name in names]]
        if item.has_images:
            settings += [asdict(config.drift), asdict(config.displacement)]
            # A mask says where drift is looked for.
            files += [item.mask] if config.drift.enabled else []
        return digest([*settings, file_state(files)])

    def of_item(self, layer: Mapping[str, Any], pixel_size: float | None) -> dict[str, str]:
        """Return the fingerprints of all steps.

        Parameters
        ----------
        layer : mapping
            Thickness and depth in pixels.
        pixel_size : float or None
            Micrometres per pixel.

        Returns
        -------
        dict of str to str
            ``measurement``, ``preview``, ``traction`` and ``scale``.
        """
        item, config = self._item, self._config
        gel = [config.gel.young, config.gel.poisson, dict(layer)]
        draws = [config.run.samples, config.run.seed]
        traction = [self.measurement, gel, asdict(config.traction), self._weights, draws, file_state([item.mask])]
        return {
            "measurement": self.measurement,
            "preview": digest([self.measurement, config.input.cell_channel, file_state([item.cell])]),
            "traction": digest(traction),
            "scale": digest([pixel_size, config.input.interval]),
        }
