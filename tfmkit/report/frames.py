"""The frames that are shown: the choice of frames, their maps, and the ends of their scales."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.batch import ItemResult, Results
from tfmkit.batch.sheets import IN_SHEET, sheet_stress
from tfmkit.displacement import Flag
from tfmkit.gel.far_forces import far_forces
from tfmkit.gel.operator import ForwardOperator
from tfmkit.monolayer import mean_normal_stress
from tfmkit.plotting import image_extent, longest_arrow, robust_maximum
from tfmkit.quantities import gel_in_pixels
from tfmkit.report.names import CONDITION

RULE = (
    "the one with the largest residual, those in doubt (up to a half of all), and others evenly spaced from the first "
    "to the last"
)


@dataclass(frozen=True, eq=False)
class Maps:
    """Fields of one frame on their grid.

    Attributes
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in `unit`.
    traction : ndarray of shape (2, height, width)
        Traction in Pa.
    std : ndarray of shape (height, width) or None
        Standard deviation of the traction in Pa, both components together.
    uncertain : ndarray of shape (height, width) or None
        Standard deviation of the displacement in `unit`, both components together; NaN for replaced vectors.
    misfit : ndarray of shape (height, width)
        Length of the displacement that the traction does not explain, in `unit`.
    far, rest : ndarray of shape (height, width)
        Lengths of the two parts of that displacement: the part that forces beyond the border and drift can make
        (`tfmkit.gel.far_forces`), and the rest.
    flags : ndarray of shape (height, width)
        A `tfmkit.displacement.Flag` each.
    cells : ndarray of shape (height, width) or None
        True inside the cells; None where there are no masks.
    spacing : float
        Distance between grid points in `unit`.
    unit : str
        Unit of length, ``"µm"`` or ``"px"``.
    image : ndarray of shape (rows, columns) or None
        Image of the cell, where there is one.
    extent : (float, float, float, float)
        Borders of the images in grid points: left, right, bottom and top.
    stress : ndarray of shape (3, height, width) or None
        Stress (xx, yy, xy) in N/m, NaN outside of the sheet; None where it was not asked for.
    """

    displacement: FloatArray
    traction: FloatArray
    std: FloatArray | None
    uncertain: FloatArray | None
    misfit: FloatArray
    far: FloatArray
    rest: FloatArray
    flags: NDArray[np.int64]
    cells: NDArray[np.bool_] | None
    spacing: float
    unit: str
    image: NDArray[np.uint8] | None
    extent: tuple[float, float, float, float]
    stress: FloatArray | None = None

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Return the grid points that the ends of scales are taken from.

        Returns
        -------
        ndarray of bool, shape (height, width)
            True where a vector was measured, in the cells where there are masks.
        """
        measured = self.flags == Flag.GOOD
        return measured if self.cells is None else measured & self.cells

    def share(self, part: FloatArray) -> float:
        """Return a part of the displacement as a share of the whole.

        Parameters
        ----------
        part : ndarray of shape (height, width)
            Lengths, such as `misfit`.

        Returns
        -------
        float
            Ratio of root mean squares over the whole field; NaN for a field at rest.
        """
        whole = float(np.linalg.norm(self.displacement))
        return float(np.linalg.norm(part)) / whole if whole else np.nan


@dataclass(frozen=True)
class Tops:
    """Upper ends of the scales of a report, the same for all of its frames.

    Attributes
    ----------
    displacement, misfit : float or None
        Length in the unit of the maps; None for the largest value of each map.
    traction, std : float or None
        Traction in Pa.
    pull, shift : float or None
        Longest arrows of the traction in Pa, and of the displacement in the unit of the maps.
    stress : float or None
        Size of the mean normal stress in N/m.
    """

    displacement: float | None = None
    misfit: float | None = None
    traction: float | None = None
    std: float | None = None
    pull: float | None = None
    shift: float | None = None
    stress: float | None = None

    def widened(self, maps: Maps) -> Tops:
        """Return scales that also hold the values of another frame, but for its few wild ones.

        Parameters
        ----------
        maps : Maps
            The frame.

        Returns
        -------
        Tops
            The larger ends.
        """
        counted = maps.counted
        pairs = (
            (self.displacement, robust_maximum(np.hypot(*maps.displacement), counted)),
            (self.misfit, robust_maximum(maps.misfit, counted)),
            (self.traction, robust_maximum(np.hypot(*maps.traction), counted)),
            (self.std, None if maps.std is None else robust_maximum(maps.std, counted)),
            (self.pull, longest_arrow([maps.traction], [counted])),
            (self.shift, longest_arrow([maps.displacement], [counted])),
            (self.stress, None if maps.stress is None else _largest_stress(maps.stress)),
        )
        return Tops(*(top if value is None else max(top or 0.0, value) or None for top, value in pairs))


def _largest_stress(stress: FloatArray) -> float:
    normal = np.abs(mean_normal_stress(stress))
    return robust_maximum(np.nan_to_num(normal), np.isfinite(normal))


def load_maps(item: ItemResult, gel: Mapping[str, Any], *, in_pixels: bool) -> Maps:
    """Read the maps of an item, and compute the displacement that the traction does not explain.

    Parameters
    ----------
    item : ItemResult
        The item.
    gel : mapping
        ``young`` in Pa, ``poisson``, ``thickness`` and ``depth`` in micrometres.
    in_pixels : bool
        Whether lengths stay in pixels, as they must where the pixel size is not known.

    Returns
    -------
    Maps
        Its maps.

    Raises
    ------
    ValueError
        If a file is damaged.
    """
    fields = item.fields()
    pixel_size, grid = item.record["pixel_size_um"], item.record["grid"]
    spacing = grid["spacing_px"]
    length, unit = (1.0, "px") if in_pixels else (pixel_size, "µm")
    displacement = np.stack([fields["ux_px"], fields["uy_px"]]).astype(float)
    traction = np.stack([fields["tx_Pa"], fields["ty_Pa"]]).astype(float)
    operator = ForwardOperator(
        traction.shape[1:], **asdict(gel_in_pixels(**gel, spacing=spacing, pixel_size=pixel_size))
    )
    misfit = displacement - operator.apply(traction[None])[0]
    far = far_forces(misfit, gel["poisson"])
    cells = fields["cell"] > 0
    return Maps(
        length * displacement,
        traction,
        np.hypot(fields["sx_Pa"], fields["sy_Pa"]) if "sx_Pa" in fields else None,
        length * _uncertain(fields["sx_px"], fields["sy_px"]) if "sx_px" in fields else None,
        length * np.hypot(*misfit),
        length * np.hypot(*far),
        length * np.hypot(*(misfit - far)),
        fields["flag"].astype(int),
        None if cells.all() or not cells.any() else cells,
        length * spacing,
        unit,
        item.previews().get("cell"),
        image_extent(tuple(item.record["image_shape"]), spacing, grid["x0_px"], grid["y0_px"]),
        sheet_stress(fields) if IN_SHEET in fields else None,
    )


def _uncertain(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the standard deviation of both components together; files hold -1 where it is not known."""
    return np.where(x < 0, np.nan, np.hypot(x, y))


def load_frames(results: Results, keys: Collection[str]) -> Iterator[tuple[ItemResult, Maps]]:
    """Give items with their maps, one at a time.

    Parameters
    ----------
    results : Results
        Results of a batch.
    keys : collection of str
        Keys of the items.

    Yields
    ------
    item : ItemResult
        The item.
    maps : Maps
        Its maps, in pixels if the pixel size of any item of the batch is not known.
    """
    in_pixels = bool(results.table["area_um2"].isna().any())
    for item in results.items():
        if item.key in keys:
            yield item, load_maps(item, results.settings["config"]["gel"], in_pixels=in_pixels)


def find_tops(results: Results, keys: Collection[str], doubtful: Collection[str]) -> Tops:
    """Return the upper ends of the scales of many frames.

    Parameters
    ----------
    results : Results
        Results of a batch.
    keys : collection of str
        Keys of the items.
    doubtful : collection of str
        Keys of items that do not stretch the scales, unless there are no others.

    Returns
    -------
    Tops
        The ends. All frames are read for them, so that a damaged file is found before anything is drawn.
    """
    trusted = set(keys) - set(doubtful) or set(keys)
    tops = Tops()
    for item, maps in load_frames(results, keys):
        tops = tops.widened(maps) if item.key in trusted else tops
    return tops


def choose_items(table: pd.DataFrame, n_full: int, doubtful: Collection[str] = ()) -> list[str]:
    """Return the keys of the items to show in full, in the order of the table.

    Parameters
    ----------
    table : DataFrame
        Table of a batch: ``item`` and ``displacement_residual``, one row per cell.
    n_full : int
        Largest number of items.
    doubtful : collection of str, default=()
        Keys of items in doubt.

    Returns
    -------
    list of str
        All keys if there are no more than `n_full`, else those that `RULE` names.
    """
    worst = table.groupby("item", sort=False)["displacement_residual"].max().fillna(-np.inf)
    if not n_full or worst.empty:
        return []
    chosen = spread(len(worst), n_full)
    in_doubt = [place for place, key in enumerate(worst.index) if key in doubtful]
    leaders = [int(worst.to_numpy().argmax()), *(in_doubt[place] for place in spread(len(in_doubt), n_full // 2))]
    for leader in leaders:
        if leader not in chosen:
            # It replaces its nearest neighbour, but neither the first nor the last while there is a third.
            others = [place for place in chosen if place not in leaders]
            inner = [place for place in others if place not in (0, len(worst) - 1)] or others[-1:]
            chosen[chosen.index(min(inner, key=lambda place: abs(place - leader)))] = leader
    return [str(worst.index[place]) for place in sorted(chosen)]


def group_items(table: pd.DataFrame, chosen: Collection[str], doubtful: Collection[str]) -> list[tuple[str, set[str]]]:
    """Return the items in groups with titles: those in doubt first, then each condition.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.
    chosen : collection of str
        Keys of the items to group.
    doubtful : collection of str
        Keys of items in doubt.

    Returns
    -------
    list of (str, set of str)
        Title and keys of each group. With neither doubts nor conditions there is one group without a title.
    """
    items = table[table["item"].isin(list(chosen))].drop_duplicates("item")
    apart = items["item"].isin(list(doubtful))
    trusted = items[~apart]
    groups = [("In doubt", set(items["item"][apart]))]
    if CONDITION in table and table[CONDITION].nunique() > 1:
        groups += [(str(name), set(part["item"])) for name, part in trusted.groupby(CONDITION, sort=False)]
    else:
        groups.append(("Not in doubt" if apart.any() else "", set(trusted["item"])))
    return [(title, keys) for title, keys in groups if keys]


def spread(n_all: int, n_wanted: int) -> list[int]:
    """Return places that are evenly spaced from the first to the last.

    Parameters
    ----------
    n_all : int
        Number of places.
    n_wanted : int
        Largest number of places to return.

    Returns
    -------
    list of int
        The places, in order.
    """
    return np.unique(np.rint(np.linspace(0, n_all - 1, min(n_all, n_wanted)))).astype(int).tolist()
