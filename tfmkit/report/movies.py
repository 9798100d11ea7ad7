"""Movies of the positions of a batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tfmkit.batch import Results, find_doubtful
from tfmkit.plotting import save_movie
from tfmkit.plotting.movies import FORMATS
from tfmkit.report.courses import moving_positions
from tfmkit.report.figures import draw_frames
from tfmkit.report.frames import find_tops

# Names that `write_movies` gives.
SAFE_NAME = re.compile(r"[A-Za-z0-9_-]+")
# Folder of the movies in that of the results, from which the report links to them.
MOVIES = "movies"


def find_movies(results: Path, page: Path) -> list[str]:
    """Return the movies of a batch that a page beside them can link to.

    Parameters
    ----------
    results : Path
        Folder of the results.
    page : Path
        The page.

    Returns
    -------
    list of str
        Their paths from the folder of the results; none if the page lies in another folder.
    """
    if page.absolute().parent != results.absolute():
        return []
    found = [path for kind in FORMATS for path in (results / MOVIES).glob(f"*.{kind}")]
    return sorted(path.relative_to(results).as_posix() for path in found if SAFE_NAME.fullmatch(path.stem))


def write_movies(
    results: Results,
    folder: Path,
    *,
    positions: Sequence[str] | None = None,
    kind: str = "traction",
    file_format: str = "mp4",
    fps: float = 5.0,
    width: int = 800,
) -> list[Path]:
    """Write one movie for each position with more than one frame; all movies have the same scale.

    Parameters
    ----------
    results : Results
        Results of a batch.
    folder : Path
        Folder of the movies.
    positions : sequence of str, optional
        Positions; by default all with more than one frame.
    kind : str, default="traction"
        Key of :data:`tfmkit.report.figures.DRAW`.
    file_format : str, default="mp4"
        ``"mp4"`` or ``"gif"``.
    fps : float, default=5.0
        Frames per second.
    width : int, default=800
        Width in pixels.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If no position has more than one frame, a position is not in the table, or an argument is refused.
    """
    moving = moving_positions(results.table)
    unknown = [name for name in positions or () if name not in moving]
    if unknown or not moving:
        wanted = ", ".join(unknown) or "any"
        raise ValueError(
            f"Expected positions with more than one frame ({', '.join(moving) or 'there is none'}), got {wanted}."
        )
    table = results.table[results.table["position"].isin(list(positions or moving))]
    keys = table.groupby("position", sort=False)["item"].unique()
    tops = find_tops(results, set(table["item"]), set(find_doubtful(results.table)["item"]))
    paths = []
    for items in keys:
        figures = (figure for _, figure in draw_frames(results, set(items), kind, tops=tops))
        # Keys are safe as names of files, and end in the number of the frame.
        paths.append(folder / f"{items[0].rpartition('_')[0]}_{kind}.{file_format}")
        save_movie(figures, paths[-1], fps=fps, width=width)
    return paths
