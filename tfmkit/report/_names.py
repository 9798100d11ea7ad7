"""Names of files and cells, which may hold any character, as text that leaves what stands around it alone."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
# Directional overrides, embeddings and isolates: they go on turning text around until something ends them.
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def visible(text: str) -> str:
    r"""Write the characters that have no look of their own, but an effect, as their escapes.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with control characters, halves of surrogate pairs (bytes of file names that are no UTF-8) and
        characters that turn the direction of writing as ``\x1b`` or ``\u202e``. All else, such as Hebrew, stays.
    """
    return "".join(_escaped(character) if _acts(character) else character for character in text)


def _acts(character: str) -> bool:
    if character in _KEPT:
        return False
    return unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNING


def _escaped(character: str) -> str:
    return (
        character.encode("ascii", "backslashreplace").decode() if ord(character) > 0x7F else f"\\x{ord(character):02x}"
    )
