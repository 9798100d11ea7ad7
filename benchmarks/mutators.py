"""Damage to files: single faults in bytes, in texts, and in values of JSON and TOML, drawn from a seed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

# Bytes that numbers of any kind, lengths and counts of headers become.
_NUMBERS = (
    b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0",
    b"\0\0\0\0\0\0\xf0\x7f", b"\0\0\0\0\0\0\xf8\x7f", b"\xff\xff\xff\xff\xff\xff\xef\x7f", b"\x01\0\0\0\0\0\0\0",
)  # fmt: skip
_WORDS = (
    b"nan", b"inf", b"-inf", b"1e400", b"-1", b"0", b"1e308", b"1e-320", b"99999999999999999999", b"=1+1", b"#", b"\t",
    b",", b";", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"x", b'"', b"{", b"]", b"[[[[[[[[", b"null",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3.5, 2**63, 10**400, -(10**400), 1e308, 5e-324, float("nan"), float("inf"), "", "x",
    "\0", "\ud800", "1e5", "../../x", "=1+1", [], [[]], [1, 2], ["a"], {}, {"a": 1}, [None], "9" * 5000,
)  # fmt: skip


def mutate_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one to three faults: flipped bits, other numbers or words, parts lost, doubled or swapped."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        # Headers stand at the start, and those of archives at the end.
        width = int(rng.choice([64, 512, max(len(damaged), 1)]))
        place = int(rng.integers(0, max(min(width, len(damaged)), 1)))
        if rng.random() < 0.15:
            place = max(len(damaged) - 1 - place, 0)
        _damage(damaged, place, rng)
    return bytes(damaged)


def _damage(content: bytearray, place: int, rng: np.random.Generator) -> None:
    size = int(rng.integers(1, 33))
    fault = rng.choice(["bit", "number", "word", "random", "lose", "double", "cut", "zero", "swap"])
    part = bytes(content[place : place + size])
    if fault == "bit" and part:
        content[place] ^= 1 << int(rng.integers(8))
    elif fault == "number":
        number = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
        content[place : place + len(number)] = number
    elif fault == "word":
        word = _WORDS[int(rng.integers(len(_WORDS)))]
        content[place : place + int(rng.integers(0, 4))] = word
    elif fault == "random":
        content[place : place + size] = rng.bytes(size)
    elif fault == "lose":
        del content[place : place + size]
    elif fault == "double":
        content[place:place] = part * int(rng.integers(1, 50))
    elif fault == "cut" and rng.random() < 0.3:
        del content[place:]
    elif fault == "zero":
        content[place : place + size] = bytes(len(part))
    elif fault == "swap":
        other = int(rng.integers(0, max(len(content), 1)))
        content[place : place + size], content[other : other + size] = content[other : other + size], part


def mutate_values(values: Any, rng: np.random.Generator) -> Any:
    """Return nested mappings and lists in which one entry has another value, another name, or is gone."""
    damaged = copy.deepcopy(values)
    places = list(_places(damaged))
    if not places:
        return VALUES[int(rng.integers(len(VALUES)))]
    parent, key = places[int(rng.integers(len(places)))]
    fault = rng.random()
    if fault < 0.15:
        del parent[key]
    elif fault < 0.25 and isinstance(parent, dict):
        parent[f"{key}x"] = parent.pop(key)
    else:
        parent[key] = VALUES[int(rng.integers(len(VALUES)))]
    return damaged


def _places(values: Any) -> Any:
    """Give every entry as its parent and its key."""
    keys = list(values) if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
    for key in keys:
        yield values, key
        yield from _places(values[key])
