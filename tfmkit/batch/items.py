"""The items of a batch: one per position and frame."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfmkit.batch.config import Config, InputSettings
from tfmkit.displacement.measure import relaxed_page
from tfmkit.io import find_images, open_images, read_displacement

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 80
# Tables hold frames as integers of 64 bits; no movie comes near this number.
_LAST_FRAME = 10**15
# Position of files without a {position} in their pattern.
_ONLY_POSITION = "all"
# Placeholders that say where an item belongs; all others are labels.
_PLACE = ("position", "frame")

_Partners = tuple[tuple[str, ...], dict[tuple[str | int, ...], list[Path]]]


@dataclass(frozen=True)
class Item:
    """One image pair, or one field of a displacement file.

    Attributes
    ----------
    key : str
        Unique name that is safe as the name of a file.
    position : str
        Text in place of the placeholders other than ``{frame}``.
    frame : int
        Number of the frame: the number in place of ``{frame}``, or the place in the file, from 1.
    page : int
        Frame of the file, from 0.
    source : Path
        Deformed image, or displacement file.
    moment : int
        Frame of the movie, from 0: the page, or the place of the file among those of its position.
    relaxed, cell, mask, exclude : Path or None
        The files that belong to it.
    labels : dict of str to str
        Text in place of each placeholder other than ``{position}`` and ``{frame}``, such as ``{condition}``.
    """

    key: str
    position: str
    frame: int
    page: int
    source: Path
    moment: int = 0
    relaxed: Path | None = None
    cell: Path | None = None
    mask: Path | None = None
    exclude: Path | None = None
    labels: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def has_images(self) -> bool:
        """Return whether there are bead images, rather than a displacement file.

        Returns
        -------
        bool
            False for a displacement file.
        """
        return self.relaxed is not None

    @property
    def files(self) -> list[Path]:
        """Return the files that the item depends on.

        Returns
        -------
        list of Path
            Those that there are.
        """
        paths = (self.source, self.relaxed, self.cell, self.mask, self.exclude)
        return [path for path in paths if path is not None]


@dataclass(frozen=True)
class Failure:
    """The reason why an item, or a whole file, has no result.

    Attributes
    ----------
    item : str
        Key of the item, or position where the file could not be opened at all.
    file : str
        The file.
    error : str
        Message of the error.
    """

    item: str
    file: str
    error: str


def list_items(config: Config) -> tuple[list[Item], list[Failure]]:
    """List the items of a configuration.

    Parameters
    ----------
    config : Config
        The settings.

    Returns
    -------
    items : list of Item
        In the order of position and frame.
    failures : list of Failure
        Files that do not open, or whose partners are missing.

    Raises
    ------
    FileNotFoundError
        If no file follows a pattern.
    ValueError
        If a pattern is malformed or has a placeholder that the leading one lacks, or two files would give the same
        position and frame.
    """
    files = config.input
    pattern = files.displacement or files.deformed
    assert pattern is not None  # noqa: S101 - the configuration has been checked
    found = find_images(config.images, pattern)
    partners = {
        name: _index(find_images(config.images, getattr(files, name)))
        for name in ("relaxed", "cell", "mask", "exclude")
        if getattr(files, name) is not None
    }
    for name, (placeholders, _) in partners.items():
        if not set(placeholders) <= found[0][0].keys():
            raise ValueError(f"Expected placeholders of {pattern!r} in the pattern of {name}.")
    items: list[Item] = []
    failures: list[Failure] = []
    for fields, path in found:
        position = _position(fields)
        try:
            others = {name: _partner(fields, index, name, path) for name, index in partners.items()}
            items += _items_of_file(files, fields, path, others)
        except (ValueError, OSError) as error:
            failures.append(Failure(position, str(path), str(error)))
    _refuse_duplicates(items)
    return [*_with_moments(items)] if "frame" in found[0][0] else items, failures


def make_key(position: str, frame: int) -> str:
    """Return the name of an item that is safe as the name of a file, and unique.

    Parameters
    ----------
    position : str
        Position, of any characters.
    frame : int
        Frame.

    Returns
    -------
    str
        Letters, digits, ``_`` and ``-``. Where the position holds anything else, a digest of it keeps two positions
        apart.
    """
    name = _UNSAFE.sub("-", position)[:_LONGEST_NAME].strip("-")
    if name != position:
        name = f"{name}-{hashlib.sha256(position.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{name}_{frame:04}"


def _position(fields: dict[str, str]) -> str:
    return "/".join(value for name, value in fields.items() if name != "frame") or _ONLY_POSITION


def _index(found: list[tuple[dict[str, str], Path]]) -> _Partners:
    """Return the names of the placeholders of files, and the files by the texts in their place."""
    files: dict[tuple[str | int, ...], list[Path]] = {}
    for fields, path in found:
        files.setdefault(tuple(map(_plain, fields.values())), []).append(path)
    return tuple(found[0][0]), files


def _partner(fields: dict[str, str], partners: _Partners, name: str, path: Path) -> Path:
    """Return the file whose placeholders all agree; that of all frames may leave {frame} out."""
    names, files = partners
    fitting = files.get(tuple(_plain(fields[key]) for key in names), [])
    if len(fitting) != 1:
        raise ValueError(f"Expected one {name} file for {path}, found {len(fitting)}.")
    return fitting[0]


def _plain(value: str) -> str | int:
    """Return a number without its leading zeros."""
    return int(value) if value.isascii() and value.isdigit() else value


def _items_of_file(files: InputSettings, fields: dict[str, str], path: Path, others: dict[str, Path]) -> list[Item]:
    _refuse_names(fields, path)
    position = _position(fields)
    labels = {name: value for name, value in fields.items() if name not in _PLACE}
    pages = _pages(files, path, others.get("relaxed"))
    if "frame" not in fields:
        return [
            Item(make_key(position, page + 1), position, page + 1, page, path, page, **others, labels=labels)
            for page in pages
        ]
    if len(pages) > 1:
        raise ValueError(f"Expected one frame in {path}, whose name has its {{frame}}, got {len(pages)}.")
    frame = int(fields["frame"])
    return [Item(make_key(position, frame), position, frame, pages[0], path, 0, **others, labels=labels)]


def _refuse_names(fields: dict[str, str], path: Path) -> None:
    """Refuse names that no table can hold."""
    frame = _plain(fields.get("frame", "0"))
    if not isinstance(frame, int) or frame > _LAST_FRAME:
        raise ValueError(f"Expected a number up to {_LAST_FRAME} as the frame of {path}, got {fields['frame']!r}.")
    for name, text in fields.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"Expected a {name} in UTF-8, got {str(path)!r}: rename the file.") from error


def _pages(files: InputSettings, path: Path, relaxed: Path | None) -> list[int]:
    """Return the frames of a file that show the deformed gel."""
    if files.displacement is not None:
        fields = read_displacement(path, **files.reading)
        return list(range(len(fields.displacement)))
    with open_images(path, **files.opening) as series:
        pages = list(range(series.n_frames))
        if relaxed == path:
            own = relaxed_page(series, files.relaxed_frame, 0, in_movie=True)
            pages = [page for page in pages if page != own]
    if not pages:
        raise ValueError(f"Expected a frame with the deformed gel in {path}, got none beside the relaxed one.")
    return pages


def _with_moments(items: list[Item]) -> Iterator[Item]:
    """Give the items of files of one frame each with their places in the movie of their position."""
    frames: dict[str, list[int]] = {}
    for item in items:
        frames.setdefault(item.position, []).append(item.frame)
    places = {position: {frame: place for place, frame in enumerate(sorted(own))} for position, own in frames.items()}
    for item in items:
        yield replace(item, moment=places[item.position][item.frame])


def _refuse_duplicates(items: list[Item]) -> None:
    seen: dict[str, Item] = {}
    for item in items:
        if item.key in seen:
            raise ValueError(
                f"Expected one file per position and frame, got {seen[item.key].source} and {item.source}; "
                "a placeholder in the pattern must tell them apart."
            )
        seen[item.key] = item
