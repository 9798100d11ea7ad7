"""How much a file may claim before memory is given to it."""

from __future__ import annotations

# No image may claim more bytes than this (16384 x 16384 pixels of 32 bits).
LARGEST_IMAGE = 2**30
# Variables that lie in others are read down to this depth.
DEEPEST = 32
# A variable takes at least so many bytes of the file; a small file may hold this many at any ratio.
_SMALLEST_VARIABLE, _FEW_VARIABLES = 8, 10_000
# Up to this size, everything is decoded at any compression ratio.
_SMALL = 2**26
# Above it, the file must hold one byte in this many of it; deflate cannot do better than 1032 to 1.
_BEST_RATIO = 1100
# Measured numbers hardly shrink. A file may claim so many times its size, and a small one up to this many bytes.
_USUAL_RATIO, _FROM_SMALL = 4, 2**27


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
    """Return how many bytes of memory all variables of a file may take together, each number as a float64.

    Parameters
    ----------
    n_bytes : int
        Size of the file.

    Returns
    -------
    int
        Bytes; four times the size of the file is always allowed.
    """
    return max(_USUAL_RATIO * n_bytes, min(most_unpacked(n_bytes), _FROM_SMALL))


def most_objects(n_bytes: int) -> int:
    """Return how many variables a file may hold, those that lie in others included.

    Parameters
    ----------
    n_bytes : int
        Size of the file.

    Returns
    -------
    int
        The number.
    """
    return max(_FEW_VARIABLES, n_bytes // _SMALLEST_VARIABLE)


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
