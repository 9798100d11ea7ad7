"""One item from its files to its results, doing only what has not been done with the same files and settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tfmkit.batch._fields import read_channels, write_fields
from tfmkit.batch._fingerprints import Fingerprints
from tfmkit.batch._quantities import layer_in_pixels
from tfmkit.batch._steps import invert_item, measure_item, preview_item
from tfmkit.batch.config import Config
from tfmkit.batch.items import Failure, Item
from tfmkit.batch.record import describe, make_rows
from tfmkit.batch.store import ItemFiles, load_measurement, read_record, save_measurement, write_record


@dataclass(frozen=True)
class Plan:
    """What every item of a run needs to know.

    Attributes
    ----------
    config : Config
        The settings.
    results : Path
        Folder of the results.
    weights : str
        Fingerprint of the network's weights; empty without a network.
    """

    config: Config
    results: Path
    weights: str = ""


@dataclass(frozen=True)
class Outcome:
    """What comes back of an item.

    Attributes
    ----------
    key : str
        Key of the item.
    rows : list of dict
        Its rows of the table.
    failure : Failure or None
        Why there are none.
    """

    key: str
    rows: list[dict[str, Any]]
    failure: Failure | None = None


def process(item: Item, plan: Plan) -> Outcome:
    """Make the results of an item, or say why there are none.

    Parameters
    ----------
    item : Item
        What to do.
    plan : Plan
        How.

    Returns
    -------
    Outcome
        Rows of the table, or a failure; the results of an item that fails are removed.
    """
    files = ItemFiles(plan.results, item.key)
    try:
        # Threads of several processes fight over the cores, and their number shows in the last digits.
        with threadpool_limits(1):
            return Outcome(item.key, _rows(item, plan, files))
    except Exception as error:  # noqa: BLE001 - one bad file must not end the run
        files.remove()
        message = str(error) or type(error).__name__
        about = next((path for path in item.files if str(path) in message), item.source)
        return Outcome(item.key, [], Failure(item.key, str(about), message))


def _rows(item: Item, plan: Plan, files: ItemFiles) -> list[dict[str, Any]]:
    config = plan.config
    prints = Fingerprints(item, config, plan.weights)
    measurement = load_measurement(files, prints.measurement)
    if measurement is None:
        measurement = measure_item(item, config)
        save_measurement(files, measurement, prints.measurement)
    pixel_size = config.input.pixel_size or measurement.pixel_size
    layer = layer_in_pixels(config.gel.thickness, config.gel.depth, pixel_size)
    wanted = prints.of_item(layer, pixel_size)
    record = read_record(files)
    known = record.get("fingerprints", {})
    if known == wanted and files.complete(preview=item.has_images):
        return list(record["rows"])
    # From here on the record no longer says what the other files hold, should the run be killed.
    files.record.unlink(missing_ok=True)
    if item.has_images and (known.get("preview") != wanted["preview"] or not files.preview.is_file()):
        preview_item(item, config, measurement, files.preview)
    grid_step = None if pixel_size is None else pixel_size * measurement.spacing
    if known.get("traction") != wanted["traction"] or not files.fields.is_file():
        fields, record = invert_item(item, config, measurement, layer)
        write_fields(files.fields, fields, grid_step)
    elif known.get("scale") != wanted["scale"]:
        write_fields(files.fields, read_channels(files.fields), grid_step)
    record |= describe(item, measurement, pixel_size, config.input.interval or measurement.interval)
    record |= {"rows": make_rows(record), "fingerprints": wanted}
    write_record(files, record)
    return list(record["rows"])
