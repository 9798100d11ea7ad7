"""Names: those of columns with labels, and those of files and cells, which may hold any character, as safe text."""

from __future__ import annotations

import unicodedata

# Placeholders in the patterns of a batch, and so columns of its table.
CONDITION, REPLICATE = "condition", "replicate"
_KEPT = "\n\t"
# Directional overrides, embeddings and isolates turn the text that follows them.
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def visible(text: str) -> str:
    r"""Write control characters as their escapes.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text in which control characters, halves of surrogate pairs (bytes of file names that are not UTF-8) and
        characters that turn the direction of writing are written as ``\x1b`` or ``\u202e``. All other characters, such
        as Hebrew letters, stay.
    """
    return "".join(_escaped(character) if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    if character in _KEPT:
        return False
    return unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNING


def _escaped(character: str) -> str:
    return (
        character.encode("ascii", "backslashreplace").decode() if ord(character) > 0x7F else f"\\x{ord(character):02x}"
    )
