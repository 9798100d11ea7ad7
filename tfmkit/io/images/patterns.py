"""Which image belongs to which position and frame, from the names of files and folders."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from tfmkit.io.images.ome_zarr import is_zarr

# A placeholder, with :d where it stands for digits only.
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z_]\w*)(:d)?")
_DIGITS = re.compile("[0-9]*")
_MOST_NAMED = 5

Fields = dict[str, str]


def find_images(folder: str | PathLike[str], pattern: str) -> list[tuple[Fields, Path]]:
    """Return the files whose path in a folder follows a pattern.

    Parameters
    ----------
    folder : str or path-like
        Where to look.
    pattern : str
        Path below the folder with ``/`` between its parts and placeholders, such as
        ``"{position}/deformed_{frame}.tif"``. A placeholder stands for at least one character of one part, or, written
        ``{frame:d}``, for digits. The same placeholder twice stands for the same text. All else is taken as it is.

    Returns
    -------
    list of (dict of str to str, Path)
        The text in place of each placeholder, and the file; sorted by the placeholders in their order, numbers as
        numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no file follows the pattern.
    ValueError
        If the pattern leaves the folder or is malformed, a name can be read in two ways, or two files differ only in
        leading zeros of a number.
    """
    root = Path(folder)
    parts = _parts(pattern)
    if not root.is_dir():
        raise FileNotFoundError(f"No such folder: {root}")
    found = sorted(_walk(root, parts, {}, pattern), key=lambda item: _order(item[0]))
    if not found:
        raise FileNotFoundError(f"No file in {root} follows the pattern {pattern}")
    first: dict[Any, Path] = {}
    for fields, path in found:
        if (other := first.setdefault(_key(fields), path)) != path:
            raise ValueError(f"Expected one file for {_describe(fields)}, got {other} and {path}.")
    return found


def match_images(folder: str | PathLike[str], patterns: Mapping[str, str]) -> list[tuple[Fields, dict[str, Path]]]:
    """Return the files that belong together, such as deformed, relaxed and cell images.

    Parameters
    ----------
    folder : str or path-like
        Where to look.
    patterns : mapping of str to str
        A pattern of `find_images` for each role. Each file of the first one, such as that of the deformed images, is an
        item. The others may use some of its placeholders: one relaxed image may serve all frames of a position.

    Returns
    -------
    list of (dict of str to str, dict of str to Path)
        The text in place of each placeholder of the first pattern, and the file of each role; sorted.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no file follows one of the patterns.
    ValueError
        If a pattern has a placeholder that the first one lacks, or a file lacks a partner.
    """
    if not patterns:
        raise ValueError("Expected a pattern for at least one kind of image, got none.")
    leading, *others = patterns
    items = [(fields, {leading: path}) for fields, path in find_images(folder, patterns[leading])]
    shared = set(items[0][0])
    lacking: list[str] = []
    for role in others:
        found = find_images(folder, patterns[role])
        names = tuple(found[0][0])
        if not set(names) <= shared:
            raise ValueError(
                f"Expected placeholders of {patterns[leading]} in the pattern of {role}, got {patterns[role]}."
            )
        partners = {_key(fields): path for fields, path in found}
        wanted = [_key({name: fields[name] for name in names}) for fields, _ in items]
        lacking += [
            f"{files[leading]} has no {role} image"
            for (_, files), key in zip(items, wanted, strict=True)
            if key not in partners
        ]
        lacking += [f"{partners[key]} has no {leading} image" for key in partners if key not in set(wanted)]
        for (_, files), key in zip(items, wanted, strict=True):
            files[role] = partners.get(key, Path())
    if lacking:
        more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
        raise ValueError(f"Expected a partner for every image, got {'; '.join(lacking[:_MOST_NAMED])}{more}.")
    return items


def _parts(pattern: str) -> list[str]:
    """Return the parts of a pattern, checked."""
    parts = pattern.split("/")
    if not all(parts) or ".." in parts or "." in parts or "\\" in pattern or "\0" in pattern or Path(pattern).drive:
        raise ValueError(f"Expected a pattern below the folder, with / between its parts and no .., got {pattern!r}.")
    if "*" in pattern:
        raise ValueError(f"Expected placeholders such as {{frame}} where names differ, got * in {pattern!r}.")
    for part in parts:
        if "}{" in part or not all(_NAME.fullmatch(name) for name in _PLACEHOLDER.findall(part)):
            raise ValueError(f"Expected placeholders such as {{frame}} with text between them, got {pattern!r}.")
        if set(_PLACEHOLDER.sub("", part)) & set("{}"):
            raise ValueError(f"Expected every brace to open or close a placeholder, got {pattern!r}.")
    return parts


def _walk(folder: Path, parts: list[str], fields: Fields, pattern: str) -> Iterator[tuple[Fields, Path]]:
    """Go down only where the names follow the pattern."""
    part, *rest = parts
    for path in sorted(folder.iterdir()):
        # Hidden files, such as those that macOS puts beside each image, are meant only where the pattern says so.
        if path.name.startswith(".") and not part.startswith("."):
            continue
        found = _match(part, path.name, fields, pattern)
        if found is None:
            continue
        if rest and path.is_dir():
            yield from _walk(path, rest, found, pattern)
        elif not rest and (path.is_file() or is_zarr(path)):
            yield found, path


def _match(part: str, name: str, fields: Fields, pattern: str) -> Fields | None:
    steps = _steps(part, fields)
    short = _read(steps, name, longest=False)
    if short is None:
        return None
    if short != (long := _read(steps, name, longest=True) or short):
        raise ValueError(
            f"Expected one way to read {name} by {pattern}, got {_describe(short)} and {_describe(long)}. "
            "Write {name:d} for a placeholder that stands for digits."
        )
    return {**fields, **short}


class _Step(NamedTuple):
    """A placeholder, whether it stands for digits only, and the text behind it."""

    placeholder: str
    digits: bool
    text: str


def _steps(part: str, fields: Fields) -> list[_Step]:
    """Return the placeholders of a part that are not known yet, behind a step for the text before them."""
    steps = [_Step("", digits=False, text="")]
    for number, piece in enumerate(_PLACEHOLDER.split(part)):
        name, _, digits = piece.partition(":")
        if number % 2 == 1 and name not in fields:
            steps.append(_Step(name, bool(digits), ""))
        else:
            steps[-1] = steps[-1]._replace(text=steps[-1].text + (fields[name] if number % 2 else piece))
    return steps


def _read(steps: list[_Step], name: str, *, longest: bool) -> Fields | None:
    """Return the texts of the placeholders, the first ones as short or as long as can be; None if the name differs.

    Places from which the rest cannot be read are kept, so that nothing is tried twice. If it cannot be read from one
    place, it cannot be read from a later one either, unless a placeholder stands for digits or comes twice.
    """
    dead: set[tuple[int, int, tuple[str, ...]]] = set()
    hopeless = [len(name) + 1] * len(steps)
    # A placeholder that comes twice ties what follows to its text.
    count = Counter(step.placeholder for step in steps)
    repeated = [placeholder for placeholder, times in count.items() if times > 1]

    behind = [_places(step.text, name, last=step is steps[-1]) for step in steps]

    def go(number: int, start: int, known: Fields) -> Fields | None:
        if number == len(steps):
            return known
        state = (number, start, tuple(known.get(placeholder, "") for placeholder in repeated))
        if state in dead or start >= hopeless[number]:
            return None
        step = steps[number]
        ends = _ends(step, name, start, known, behind[number])
        for end in reversed(ends) if longest else ends:
            found = go(number + 1, end + len(step.text), {**known, step.placeholder: name[start:end]})
            if found is not None:
                return found
        dead.add(state)
        if not repeated and not step.digits:
            hopeless[number] = start
        return None

    return go(1, len(steps[0].text), {}) if behind[0][:1] == [0] else None


def _places(text: str, name: str, *, last: bool) -> list[int]:
    """Return the places of a text in a name: all of them, or the one at its end."""
    if last:
        return [len(name) - len(text)] if name.endswith(text) else []
    return [found.start() for found in re.finditer(f"(?={re.escape(text)})", name)]


def _ends(step: _Step, name: str, start: int, known: Fields, places: list[int]) -> list[int]:
    """Return the places where a placeholder may end, of those where the text behind it follows."""
    low, high = start + 1, len(name)
    if step.placeholder in known:
        low = high = start + len(known[step.placeholder])
        if not name.startswith(known[step.placeholder], start):
            return []
    if step.digits:
        high = min(high, start + len(_DIGITS.match(name, start)[0]))  # type: ignore[index]
    return places[bisect_left(places, low) : bisect_right(places, high)]


def _key(fields: Fields) -> tuple[tuple[str, Any], ...]:
    """Return fields so that 1 and 01 are the same."""
    return tuple(sorted((name, int(text) if _is_number(text) else text) for name, text in fields.items()))


def _order(fields: Fields) -> list[list[tuple[bool, int, str]]]:
    """Return a key that sorts numbers as numbers, also inside names."""
    return [
        [(not _is_number(piece), int(piece) if _is_number(piece) else 0, piece) for piece in re.split("([0-9]+)", text)]
        for text in fields.values()
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _describe(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in fields.items()) or "the pattern"
