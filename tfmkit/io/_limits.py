"""How much an image file may claim before memory is given to it."""

from __future__ import annotations

# No image may claim more bytes than this (16384 x 16384 pixels of 32 bits).
LARGEST_IMAGE = 2**30
# An image up to this size is decoded whatever its compression ratio is.
_SMALL_IMAGE = 2**26
# For a larger one the file must hold one byte in this many of it; deflate cannot do better than 1032 to 1.
_BEST_RATIO = 1100


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
    return min(max(_SMALL_IMAGE, _BEST_RATIO * n_bytes), LARGEST_IMAGE)
