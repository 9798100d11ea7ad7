"""Base class of the simulators: one random stream per field, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from tfmkit._validation import check_count, check_number, check_shape, root_stream
from tfmkit.gel import Gel
from tfmkit.noise.draw import check_noise, make_noise

# Most candidates in one block; this bounds memory and keeps arrays in the cache.
_MAX_BLOCK = 32

Array = NDArray[np.floating[Any]]
Streams = Sequence[np.random.Generator]


# The paper's words for two of the arrays.
_ALIASES = {"strain": "displacement", "stress": "traction"}


class SimulatedFields(Bunch):
    """Arrays of simulated fields by name; ``strain`` is the displacement and ``stress`` the traction."""

    def __missing__(self, name: str) -> Any:
        """Return the array that the paper calls by this name."""
        if name in _ALIASES:
            return self[_ALIASES[name]]
        raise KeyError(name)


class FieldSimulator(BaseEstimator):
    """Base class of the simulators, with `sample` and the noise."""

    def sample(self, n_samples: int = 1, *, return_X_y: bool = False) -> Any:
        """Simulate fields.

        Parameters
        ----------
        n_samples : int, default=1
            Number of fields.
        return_X_y : bool, default=False
            Whether to return the pair ``(displacement, traction)`` only.

        Returns
        -------
        Bunch or (ndarray, ndarray)
            Arrays with the names in the notes of the class. With an integer `random_state`, the first fields do not
            depend on `n_samples`.

        Raises
        ------
        ValueError
            If `n_samples` or a parameter of the simulator is invalid.
        """
        n_fields = check_count(n_samples, "n_samples")
        self._check()
        root = root_stream(self.random_state)
        blocks: list[dict[str, Any]] = []
        tried, kept = 0, 0
        while kept < n_fields:
            # Some candidates are rejected, so this makes more streams than fields; spare streams are never used.
            per_field = max(2, -(-tried // max(kept, 1)))
            n_streams = min(per_field * (n_fields - kept) + 2, _MAX_BLOCK)
            block = self._make_block(root.spawn(n_streams), n_fields - kept)
            tried += n_streams
            if block is not None:
                kept += len(block["traction"])
                blocks.append(block)
        fields = SimulatedFields(**{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
        return (fields.displacement, fields.traction) if return_X_y else fields

    def _check(self) -> None:
        check_shape(self.shape)
        Gel.of(self)
        check_noise(self.noise, self.noise_unit, self.noise_correlation)

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any] | None:
        raise NotImplementedError

    def _with_noise(self, streams: Streams, clean: NDArray[np.float32]) -> dict[str, Any]:
        settings = {"unit": self.noise_unit, "correlation": self.noise_correlation, "spacing": self.spacing}
        noise = make_noise(streams, clean, self.noise, **settings)
        length = np.sqrt((noise.astype(np.float64) ** 2).sum(axis=1).mean(axis=(1, 2))) / self.spacing
        return {"displacement": clean + noise, "noise_free_displacement": clean, "noise_level": length}


def as_range(value: Any) -> tuple[float, float]:
    """Return the ends of a range that is given as a number or a pair.

    Parameters
    ----------
    value : float or (float, float)
        One number, or low and high end.

    Returns
    -------
    (float, float)
        Low and high end.
    """
    low, high = value if isinstance(value, (tuple, list)) else (value, value)
    return float(low), float(high)


def check_range(value: Any, name: str, *, high: float = np.inf, include_low: bool = False) -> None:
    """Check a number, or a pair of numbers in rising order.

    Parameters
    ----------
    value : float or (float, float)
        Number or pair to check.
    name : str
        Name of the parameter in an error message.
    high : float, default=np.inf
        Largest allowed value; the smallest is 0.
    include_low : bool, default=False
        Whether 0 is allowed.

    Raises
    ------
    ValueError
        If `value` is neither, or a number is outside the allowed range.
    """
    ends = value if isinstance(value, (tuple, list)) else (value, value)
    if len(ends) != 2:
        raise ValueError(f"Expected {name} to be a number or a pair (low, high), got {value!r}.")
    first, last = (check_number(end, name, low=0, high=high, include_low=include_low) for end in ends)
    if first > last:
        raise ValueError(f"Expected {name} as (low, high) with low <= high, got {value!r}.")


def check_new_family(name: Any, function: Any, known: dict[str, Any]) -> str:
    """Check the name and the function of a new family.

    Parameters
    ----------
    name : str
        Name of the family.
    function : callable
        Function that draws it.
    known : dict
        The families so far.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        If the name is not a string or in use, or the function cannot be called.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"Expected the name of a family as text, got {name!r}.")
    if name in known:
        raise ValueError(f"Expected a new name for a family, got {name!r}, which is in use.")
    if not callable(function):
        raise ValueError(f"Expected a function that draws the family {name!r}, got {function!r}.")
    return name


def check_family(family: Any, known: dict[str, Any]) -> None:
    """Check the family of a simulator.

    Parameters
    ----------
    family : str or callable
        Name of a known family, or a function that draws one.
    known : dict
        The known families.

    Raises
    ------
    ValueError
        If `family` is neither.
    """
    if not callable(family) and (not isinstance(family, str) or family not in known):
        raise ValueError(
            f"Expected family to be one of {', '.join(map(repr, known))}, or a function that draws a family of your "
            f"own, got {family!r}."
        )


def draw(streams: Streams, value: Any) -> Array:
    """Draw one uniform number per stream from a range.

    Parameters
    ----------
    streams : sequence of numpy Generator
        Random streams.
    value : float or (float, float)
        The range.

    Returns
    -------
    ndarray of shape (len(streams),)
        The numbers.
    """
    low, high = as_range(value)
    return np.array([stream.uniform(low, high) for stream in streams])
