"""The page: the content of its template, and its file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from tqdm import tqdm

from tfmkit._validation import check_count
from tfmkit.batch import ItemResult, Results, find_doubtful, read_results
from tfmkit.fttc import FTTCCV
from tfmkit.io import writing
from tfmkit.literature import as_bibtex
from tfmkit.plotting.courses import EACH, MEDIAN
from tfmkit.report.citing import error_bars, references
from tfmkit.report.conditions import Comparison, compare_batch
from tfmkit.report.courses import LINES, draw_courses, moving_positions
from tfmkit.report.downloads import offer_references, offer_tables
from tfmkit.report.frames import RULE, Tops, choose_items, find_tops, group_items, load_frames
from tfmkit.report.movies import find_movies
from tfmkit.report.names import visible
from tfmkit.report.overview import cell_table, headlines, setting_rows
from tfmkit.report.panels import FLAG_COLORS, draw_panels
from tfmkit.report.pictures import Panel


def write_report(
    results: str | PathLike[str],
    path: str | PathLike[str],
    *,
    n_full: int = 12,
    reference: str | None = None,
    paired: bool = False,
) -> None:
    """Write the results of a batch as one HTML page.

    The page contains its images, its style, and its tables to save. It has no script, and its security policy forbids
    it to use the network. Equal results give equal bytes.

    Parameters
    ----------
    results : path-like
        Folder that :func:`tfmkit.batch.run` or ``tfmkit batch`` wrote.
    path : path-like
        The `.html` file.
    n_full : int, default=12
        Largest number of frames that are shown with all their maps, and of positions that are shown over time. Where
        there are more frames, the one with the largest residual is shown, and others that are evenly spaced. The table
        always contains all of them.
    reference : str, optional
        Condition to compare the others with; by default the first of the table.
    paired : bool, default=False
        Whether replicates of the same name in two conditions belong together, such as the dishes of one day.

    Raises
    ------
    ValueError
        If the folder holds no results of a batch, a file in it is damaged, `n_full` is not a count, or `reference` is
        not a condition.

    Examples
    --------
    >>> from tfmkit.report import write_report
    >>> write_report("experiment_results", "report.html")  # doctest: +SKIP
    """
    check_count(n_full, "n_full", low=0)
    found = read_results(results)
    comparison = compare_batch(found.table, reference=reference, paired=paired)
    with _expecting_results(found.folder), writing(path) as temporary:
        content = {**_content(found, n_full), **_to_save(found, comparison), "comparison": comparison}
        content["movies"] = find_movies(found.folder, Path(path))
        # The page is written frame by frame, so that a page of any length fits into memory.
        _environment().get_template("page.html").stream(content).dump(str(temporary), encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tfmkit.report"),
        autoescape=True,
        # Markup of the template itself is another type, and safe.
        finalize=lambda value: visible(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["red_green_blue"] = lambda color: "rgb({}, {}, {})".format(*color)
    return environment


@contextmanager
def _expecting_results(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, UndefinedError) as error:
        raise ValueError(f"Expected the results of a batch in {folder}, got files that lack {error}.") from error


def _content(results: Results, n_full: int) -> dict[str, Any]:
    """Return the values in the template."""
    settings, table = results.settings, results.table
    config = settings["config"]
    style = _environment().get_template("style.css").render(flags=FLAG_COLORS, cells=LINES, many=(EACH, MEDIAN))
    doubtful = find_doubtful(table)
    in_doubt = set(doubtful["item"])
    chosen = choose_items(table, n_full, in_doubt)
    return {
        "style": style,
        "style_hash": b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
        "name": settings["name"],
        "config": config,
        "fingerprint": settings["fingerprint"],
        "versions": settings["versions"],
        "setting_rows": list(setting_rows(config)),
        "error_bars": error_bars(config),
        "failures": results.failures.to_dict("records"),
        "doubtful": doubtful.to_dict("records"),
        "headlines": headlines(table, len(results.failures)),
        "cells": cell_table(table),
        "has_lambda": bool(table["lam"].notna().any()),
        "n_items": len(results),
        "n_moving": len(moving_positions(table)),
        "rule": RULE,
        "courses": list(draw_courses(table, n_full)),
        "chosen": chosen,
        "groups": _groups(
            results, group_items(table, chosen, in_doubt), find_tops(results, set(chosen), in_doubt), len(chosen)
        ),
    }


def _to_save(results: Results, comparison: Comparison | None) -> dict[str, Any]:
    """Return the literature, and the files that the page holds."""
    version = results.settings["versions"]["tfmkit"]
    compared = None if comparison is None else comparison.table
    cited = references(results.settings["config"], compared=compared is not None)
    return {
        "references": cited,
        "bibtex": as_bibtex(cited, version),
        "bibliography": offer_references(cited, version),
        "downloads": offer_tables(results.table, compared),
    }


Frames = Iterator[tuple[ItemResult, Iterator[Panel]]]


def _groups(
    results: Results, groups: list[tuple[str, set[str]]], tops: Tops, n_items: int
) -> Iterator[tuple[str, Frames]]:
    """Give titles of groups with their items and figures, which are drawn while the page is written."""
    # Without a terminal there is no bar.
    with tqdm(total=n_items, desc="report", unit="frame", disable=None) as bar:
        for title, keys in groups:
            yield title, _frames(results, keys, tops, bar)


def _frames(results: Results, keys: set[str], tops: Tops, bar: Any) -> Frames:
    config = results.settings["config"]
    criterion = str(config["traction"]["params"].get("criterion", FTTCCV().criterion))
    for item, maps in load_frames(results, keys):
        yield item, draw_panels(item, maps, tops, criterion)
        bar.update()
