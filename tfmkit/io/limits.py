"""How much a file may claim before memory is given to it."""

from __future__ import annotations

# No image may claim more bytes than this (16384 x 16384 pixels of 32 bits).
LARGEST_IMAGE = 2**30
# Up to this size, everything is decoded at any compression ratio.
_SMALL = 2**26
# Above it, the file must hold one byte in this many of it; deflate cannot do better than 1032 to 1.
_BEST_RATIO = 1100


def most_unpacked(n_bytes: int) -> int:
    """Return how many bytes of numbers a compressed file may claim.

    Parameters
    ----------
    n_bytes : int
        Size of the file.

    Returns
    -------
    int
        Bytes of all numbers together.
    """
    return max(_SMALL, _BEST_RATIO * n_bytes)


def most_in_file(n_bytes: int) -> int:
    """Return how many bytes of memory all variables of a file may take together.

    Parameters
    ----------
    n_bytes : int
        Size of the file.

    Returns
    -------
    int
        Bytes; the size of the file itself is always allowed.
    """
    return max(n_bytes, most_decoded(n_bytes))


def most_decoded(n_bytes: int) -> int:
    """Return how many bytes an image in a compressed file may claim.

    Parameters
    ----------
    n_bytes : int
        Size of the file.

    Returns
    -------
    int
        Bytes of the decoded image.
    """
    return min(most_unpacked(n_bytes), LARGEST_IMAGE)
