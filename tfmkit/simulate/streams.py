"""Independent random streams, one per field, so that a field does not depend on how many are made with it."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    if isinstance(random_state, np.random.Generator):
        return np.random.default_rng(int(random_state.integers(2**63)))
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4, dtype=np.int64))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Expected random_state to be None, an integer >= 0, a numpy Generator or a RandomState, "
            f"got {random_state!r}."
        ) from error
