"""Search along a path of lambdas, which grows where the best candidate is the first or the last.

The lowest score of a path is a minimum only if it lies inside. A field whose best candidate is at an end gets a path
that is longer by a decade at that end, and is scored again. This is done three times at each end at most.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

Array = NDArray[np.float64]

# Decades by which a path grows at each end, at most, and candidates in each of them.
MOST_DECADES = 3
_PER_DECADE = 8


class Scored(NamedTuple):
    """A path of lambdas and its scores.

    Attributes
    ----------
    lams : ndarray of shape (n_lams,)
        Candidates, ascending: the longest path of any field.
    table : ndarray of shape (n_paths, n_lams, n_fields)
        Scores, lower is better; infinite where a candidate was not tried.
    at_end : ndarray of bool, shape (n_fields,)
        True where the best candidate is the first or the last that was tried.
    """

    lams: Array
    table: Array
    at_end: NDArray[np.bool_]


def search(
    score: Callable[[Array, NDArray[np.intp]], Array], lams: Array, n_fields: int, *, grow: bool, shared: bool = False
) -> Scored:
    """Score a path of lambdas, and grow it for the fields whose best candidate is at an end.

    Parameters
    ----------
    score : callable
        Takes candidates and the numbers of fields, returns scores of shape (n_paths, n_lams, n_fields).
    lams : ndarray of shape (n_lams,)
        The path to begin with, > 0 and ascending.
    n_fields : int
        Number of fields.
    grow : bool
        Whether the path may grow.
    shared : bool, default=False
        Whether all fields share the candidate with the lowest sum of scores.

    Returns
    -------
    Scored
        The path and its scores. Every field has the result that it has alone, unless the choice is shared.
    """
    todo, found = {(0, 0): np.arange(n_fields)}, []
    while todo:
        (below, above), fields = todo.popitem()
        table = score(longer(lams, below, above), fields)
        ends = _ends(table, shared=shared)
        found.append((below, above, fields, table, ends != 0))
        if grow:
            for end, grown in ((-1, (below + 1, above)), (1, (below, above + 1))):
                some = fields[ends == end]
                if len(some) and max(grown) <= MOST_DECADES:
                    todo[grown] = np.concatenate([todo.get(grown, some[:0]), some])
    return _together(lams, found, n_fields)


def longer(lams: Array, below: int, above: int) -> Array:
    """Return a path that is longer by whole decades.

    Parameters
    ----------
    lams : ndarray of shape (n_lams,)
        The path, > 0 and ascending.
    below, above : int
        Decades to add before the first candidate and after the last.

    Returns
    -------
    ndarray of shape (n_lams + 8 * (below + above),)
        The path.
    """
    steps = 10 ** (np.arange(1, _PER_DECADE * max(below, above) + 1) / _PER_DECADE)
    before, after = lams[0] / steps[: _PER_DECADE * below][::-1], lams[-1] * steps[: _PER_DECADE * above]
    return np.concatenate([before, lams, after])


def warn_of_ends(at_end: NDArray[np.bool_], lams: Array, criterion: str, remedy: str, *, stacklevel: int = 3) -> None:
    """Warn of fields whose best candidate is the first or the last of the path.

    Parameters
    ----------
    at_end : ndarray of bool, shape (n_fields,)
        From `search`.
    lams : ndarray of shape (n_lams,)
        The path.
    criterion : str
        Name of the criterion.
    remedy : str
        The advice at the end of the sentence.
    stacklevel : int, default=3
        As for `warnings.warn`.

    Warns
    -----
    ConvergenceWarning
        If there is such a field.
    """
    if at_end.any():
        warnings.warn(
            f"The best lambda of {at_end.sum()} of {len(at_end)} fields lies at an end of the path from {lams[0]:.2g} "
            f"to {lams[-1]:.2g}, or beyond it: the criterion {criterion} has no minimum inside. {remedy}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


def _ends(table: Array, *, shared: bool) -> NDArray[np.int_]:
    """Return -1 for fields whose best candidate is the first of the path, 1 where it is the last, 0 otherwise."""
    n_paths, n_lams, n_fields = table.shape
    if n_lams == 1:
        return np.zeros(n_fields, dtype=int)
    # All fields as one, or each by itself.
    scores = table.sum(axis=2, keepdims=True) if shared else table
    path, place = np.divmod(scores.reshape(n_paths * n_lams, -1).argmin(axis=0), n_lams)
    lines = scores[path, :, np.arange(len(path))]
    # A field without displacement has the same score everywhere.
    falls = lines.min(axis=1) < lines.max(axis=1)
    ends = falls * ((place == n_lams - 1).astype(int) - (place == 0))
    return np.broadcast_to(ends, n_fields).copy()


def _together(lams: Array, found: list[tuple[Any, ...]], n_fields: int) -> Scored:
    """Put the paths of all fields into one table; of a field that was scored again, the longest path counts."""
    found = sorted(found, key=lambda each: each[0] + each[1])
    most = [max(each[i] for each in found) for i in (0, 1)]
    path = longer(lams, *most)
    table = np.full((found[0][3].shape[0], len(path), n_fields), np.inf)
    at_end = np.zeros(n_fields, dtype=bool)
    for below, above, fields, scores, ended in found:
        first = _PER_DECADE * (most[0] - below)
        table[:, :, fields] = np.inf
        table[:, first : len(path) - _PER_DECADE * (most[1] - above), fields] = scores
        at_end[fields] = ended
    return Scored(path, table, at_end)
