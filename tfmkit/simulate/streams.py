"""Independent random streams, one per field, so that a field does not depend on how many are made with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmkit._validation import check_random_state


def root_stream(random_state: Any) -> np.random.Generator:
    """Make the stream that all others of one call descend from.

    Parameters
    ----------
    random_state : None, int, numpy Generator or RandomState
        Seed. A Generator or RandomState gives one draw to it, so that its next call makes other fields.

    Returns
    -------
    numpy Generator
        A stream that can be asked for children by its ``spawn``.

    Raises
    ------
    ValueError
        If `random_state` is no seed.
    """
    stream = check_random_state(random_state)
    # A child of the user's own stream, whose next call then has another.
    return np.random.default_rng(int(stream.integers(2**63))) if stream is random_state else stream
