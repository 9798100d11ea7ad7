"""Training fields that tfmkit has measured itself: traction moves simulated beads, and PIV finds the displacement.

White noise on a true displacement is not the error of a displacement that was measured in images: PIV smooths, here
more, there less. A network that is trained on such fields, and told the standard deviation of every vector, does not
take the smoothing for the cell.

Fields are made once and kept in files of 32, in half precision, in the format of `tfmkit.deep.files`. A file depends
on the seed and its number alone, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import Bunch
from torch import Tensor
from torch.nn import functional

from tfmkit._validation import FloatArray
from tfmkit.deep.files import SUFFIX, read_tensors, write_tensors
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.stream import ZOOM, Batch, FieldStream, draw_poisson, push, scaled, varies_inside
from tfmkit.deep.pretraining.told import balanced, withhold_noise
from tfmkit.deep.turns import turn
from tfmkit.displacement import PIV, CrossCorrelation, DisplacementTransformer, OpticalFlow
from tfmkit.gel import Gel
from tfmkit.simulate import BeadSimulator

FIELDS_PER_FILE = 32
# Shares of the families; fewer circuit-model cells than without images, for no image resolves their pixels.
FAMILIES = {"cell": 0.15, "adhesion": 0.22, "disc": 0.17, "hertz": 0.16, "blob": 0.25, "smooth": 0.05}
# Pixels between nodes, nodes along a side, and pixels along a side.
_SPACINGS, _NODES, _SIDES = (4, 16), (24, 104), (256, 320, 384, 448, 512)
_BEADS_PER_NODE, _DENSITIES = (0.3, 6.0), (0.003, 0.1)
_PEAKS = (0.3, 20.0)
# Fields of a file.
_PARTS = ("displacement", "noise", "traction")
# Largest slope of the displacement: neighbouring beads would change places.
_MOST_STRAIN = 0.5
# Share of vectors without a match from which a field teaches nothing.
_MOST_FLAGGED = 0.3
# So does a field whose displacement is mostly wrong.
_MOST_ERROR = 1.0
_PLAIN_IMAGES, _DEFAULT_PIV = 0.4, 0.75
# Share of fields whose forces balance, as those of single cells do.
_BALANCED = 0.9
# Share of chunks of which every third node is kept, as if the spacing were larger, and the least side that is left.
_COARSE, _LEAST_SIDE = 0.25, 24
# Share of pairs with drift, and its standard deviation in pixels and as a share of the longest vector: what is left of
# a drift that was measured beside a cell.
_DRIFTING, _DRIFT = 0.5, (0.05, 0.03)
# Spread of the logarithm of the stated noise by field: real images are not those that the statement was checked on.
_UNSURE = 0.3


def make_files(cells: tuple[Tensor, Tensor], folder: Path, numbers: range, *, seed: int = 0) -> Iterator[Path]:
    """Make the files of a folder that are not there yet.

    Parameters
    ----------
    cells : tuple of two Tensors of shape (n_cells, 360)
        Circuit-model borders and magnitudes, as for `FieldStream`.
    folder : Path
        Where the files go.
    numbers : range
        Which files.
    seed : int, default=0
        Seed of the fields.

    Yields
    ------
    Path
        Each file, new or old.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream = FieldStream(cells, seed=seed, pixels=1)
    stream.weights = dict(FAMILIES)
    for number in numbers:
        path = folder / f"{seed}-{number:05d}{SUFFIX}"
        if not path.exists():
            write_tensors(path, *_make(stream, np.random.default_rng((seed, 1, number))))
        yield path


def _make(stream: FieldStream, rng: np.random.Generator) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Draw fields of one grid and one Poisson ratio, and measure them."""
    spacing = int(np.rint(_log_uniform(rng, *_SPACINGS)))
    shape = _grid(rng, spacing)
    gel = Gel(poisson=draw_poisson(rng))
    margin = int(0.25 * min(shape)) if rng.random() < 0.2 else 0
    draw = Draw(torch.Generator().manual_seed(int(rng.integers(2**62))))
    fine, family = stream.traction(draw, FIELDS_PER_FILE, (shape[0] + 2 * margin, shape[1] + 2 * margin), rng)
    fine = balanced(fine, torch.from_numpy(rng.random(len(fine)) < _BALANCED))
    moved = push(fine, gel, varies_inside(family))
    rows, columns = (slice(ZOOM * margin, ZOOM * (margin + side)) for side in shape)
    truth = functional.avg_pool2d(fine[..., rows, columns], ZOOM).numpy()
    displacements, deviations, tractions, fields = [], [], [], []
    for name, field, traction in zip(family, moved[..., rows, columns].numpy(), truth, strict=True):
        found = _measure(rng, field * spacing, spacing) if traction.any() else None
        if found is not None:
            displacements.append(found[0].displacement[0] / spacing)
            deviations.append(found[0].std[0] / spacing)
            tractions.append(traction * found[1])
            fields.append({"family": str(name), **found[2]})
    if not fields:
        return _make(stream, rng)
    tensors = {"displacement": _half(displacements), "noise": _half(deviations), "traction": _half(tractions)}
    return tensors, {"poisson": gel.poisson, "spacing": spacing, "fields": fields}


def _grid(rng: np.random.Generator, spacing: int) -> tuple[int, int]:
    most = [int(np.clip(rng.choice(_SIDES) // spacing, *_NODES)) for _ in range(2)]
    return (most[0], most[0]) if rng.random() < 0.7 else (most[0], most[1])


def _measure(rng: np.random.Generator, field: FloatArray, spacing: int) -> tuple[Bunch, float, dict[str, Any]] | None:
    """Scale a displacement (2, height, width) on the fine grid, photograph it and measure it.

    Returns the measurement in pixels, the scale, and the conditions; None where too little was found.
    """
    longest = float(np.hypot(*field).max())
    slope = max(np.abs(np.diff(field, axis=axis)).max() for axis in (1, 2)) * ZOOM / spacing
    scale = float(min(_log_uniform(rng, *_PEAKS) / longest, _MOST_STRAIN / slope))
    drift = rng.normal(0, _DRIFT[0] + _DRIFT[1] * scale * longest, (2, 1, 1)) * (rng.random() < _DRIFTING)
    conditions = draw_conditions(rng, spacing)
    shape = tuple(side // ZOOM * spacing for side in field.shape[1:])
    simulator = BeadSimulator(shape, spacing=spacing, **conditions, random_state=int(rng.integers(2**31)))
    pairs = simulator.sample(displacement=(field * scale + drift)[None]).pairs
    method = _method(rng, spacing)
    try:
        found = method.measure(pairs)
    except ValueError:  # an image without a single bead
        return None
    true = field[:, ZOOM // 2 :: ZOOM, ZOOM // 2 :: ZOOM] * scale
    error = float(np.sqrt(np.square(found.displacement[0] - true).sum() / np.square(true).sum()))
    if (found.flags > 0).mean() > _MOST_FLAGGED or not error < _MOST_ERROR:
        return None
    results = {"peak": scale * longest, "error": error, "method": repr(method)}
    return found, scale, results | conditions


def draw_conditions(rng: np.random.Generator, spacing: int) -> dict[str, Any]:
    """Draw how images are taken.

    Parameters
    ----------
    rng : numpy Generator
        Randomness.
    spacing : int
        Pixels between the nodes, of which there are 0.3 to 6 beads each.

    Returns
    -------
    dict
        Parameters of a :class:`tfmkit.simulate.BeadSimulator`; images are plain in 40 % of the cases, and have beads
        out of focus, missing beads, haze, vignetting or debris in the others.
    """
    values: dict[str, Any] = {
        "density": float(np.clip(_log_uniform(rng, *_BEADS_PER_NODE) / spacing**2, *_DENSITIES)),
        "sigma": _log_uniform(rng, 0.8, 2.2),
        "photons": _log_uniform(rng, 40, 1000),
        "background": _log_uniform(rng, 5, 100),
        "read_noise": float(rng.uniform(1, 5)),
        "brightness_spread": float(rng.uniform(0, 0.8)),
    }
    if rng.random() < _PLAIN_IMAGES:
        return values
    plane = float(rng.normal(0, 1))
    return values | {
        "missing": float(rng.choice([0, rng.uniform(0, 0.3)])),
        "depth_spread": _log_uniform(rng, 0.2, 2.5),
        "focus": (plane, plane + float(rng.normal(0, 1))),
        "haze": float(rng.choice([0, rng.uniform(0, 3)])),
        "vignetting": float(rng.choice([0, rng.uniform(0, 0.6)])),
        "debris": float(rng.choice([0, rng.uniform(0, 8)])),
    }


def _method(rng: np.random.Generator, spacing: int) -> DisplacementTransformer:
    choice = (rng.random() - _DEFAULT_PIV) / (1 - _DEFAULT_PIV)
    if choice < 0:
        return PIV(spacing=spacing)
    if choice < 0.6:
        return PIV(_log_uniform(rng, 10, 30), spacing=spacing, smoothing=_log_uniform(rng, 0.05, 3))
    if choice < 0.85:
        return CrossCorrelation(spacing=spacing)
    return OpticalFlow(spacing=spacing)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _half(fields: Sequence[FloatArray]) -> Tensor:
    return torch.from_numpy(np.stack(fields).astype(np.float16, order="C"))


class MeasuredFields:
    """Chunks of measured fields, in an order that depends on the seed and turned and mirrored at random.

    Parameters
    ----------
    folder : Path
        Folder of `make_files`.
    n_files : int
        Number of files to use, the first by name: a folder that grows leaves a training as it is.
    seed : int
        Seed of the order.
    n_fields : int, default=32
        Most fields of a chunk.
    withheld : float, default=0.0
        Part of the fields whose noise is not told.
    leave_out : sequence of str, default=()
        Families that are not used. A left-out disc or Hertz family takes the blobs with it, which have its profile.
    device : str or torch.device, default="cpu"
        Where fields are put.

    Raises
    ------
    ValueError
        If the folder holds fewer files.
    """

    def __init__(
        self,
        folder: Path,
        n_files: int,
        *,
        seed: int,
        n_fields: int = FIELDS_PER_FILE,
        withheld: float = 0.0,
        leave_out: Any = (),
        device: Any = "cpu",
    ) -> None:
        self.seed, self.n_fields, self.withheld, self.device = seed, n_fields, withheld, torch.device(device)
        profiles = {"disc", "hertz"} & set(leave_out)
        self.left_out = {*leave_out, *(["blob"] if profiles else [])}
        self.paths = field_files(folder)[:n_files]
        if len(self.paths) < n_files:
            raise ValueError(f"Expected {n_files} files of measured fields in {folder}, got {len(self.paths)}.")

    def chunk(self, number: int) -> Batch:
        """Read one chunk.

        Parameters
        ----------
        number : int
            Which chunk; the same number gives the same fields, as long as the folder holds the same files.

        Returns
        -------
        Batch
            Fields of one grid and one Poisson ratio, in random order.
        """
        epoch, place = divmod(number, len(self.paths))
        order = np.random.default_rng((self.seed, 2, epoch)).permutation(len(self.paths))
        rng = np.random.default_rng((self.seed, 3, number))
        fields, header = read_fields(self.paths[order[place]])
        kept = np.flatnonzero([field["family"] not in self.left_out for field in header["fields"]])
        if len(kept) == 0:
            return self.chunk(number + 1)
        kept = rng.permutation(kept)[: self.n_fields]
        quarters, mirror = int(rng.integers(4)), bool(rng.integers(2))
        coarse = rng.random() < _COARSE and min(fields["traction"].shape[2:]) >= 3 * _LEAST_SIDE
        found: dict[str, NDArray[Any]] = every_third(fields) if coarse else {**fields}
        turned = {
            name: torch.from_numpy(np.ascontiguousarray(turn(part[kept].astype(np.float32), quarters, mirror)))
            for name, part in found.items()
        }
        on_device = {name: part.to(self.device) for name, part in turned.items()}
        # Turns change signs, which standard deviations have none of.
        unsure = torch.from_numpy(np.exp(_UNSURE * rng.normal(size=(len(kept), 1, 1, 1)))).to(on_device["noise"])
        noise = on_device["noise"].abs() * unsure
        told = scaled(Batch(on_device["displacement"], on_device["traction"], Gel(poisson=header["poisson"]), noise))
        if not self.withheld:
            return told
        return withhold_noise(told, torch.from_numpy(rng.random(len(kept)) < self.withheld).to(self.device))


def every_third(fields: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Keep every third node of measured fields along both axes.

    Parameters
    ----------
    fields : mapping of str to ndarray of shape (n, 2, height, width)
        ``"displacement"``, ``"noise"`` and ``"traction"``, as `read_fields` returns them.

    Returns
    -------
    dict of str to ndarray of shape (n, 2, height // 3, width // 3)
        The same on pixels three times as wide: displacement and noise at their middles, the mean traction of each.
    """
    height, width = (side // 3 for side in fields["traction"].shape[2:])
    blocks = {name: part[..., : 3 * height, : 3 * width] for name, part in fields.items()}
    mean = blocks["traction"].astype(np.float32).reshape(-1, 2, height, 3, width, 3).mean(axis=(3, 5))
    nodes = {name: blocks[name][..., 1::3, 1::3] / 3 for name in ("displacement", "noise")}
    return {**nodes, "traction": mean}


def field_files(folder: Path) -> list[Path]:
    """List the files of measured fields in a folder.

    Parameters
    ----------
    folder : Path
        Folder of `make_files`.

    Returns
    -------
    list of Path
        Its files by name, without those that are being written.
    """
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))


def read_fields(path: Path) -> tuple[dict[str, NDArray[np.float16]], dict[str, Any]]:
    """Read a file of measured fields.

    Parameters
    ----------
    path : Path
        One file of `make_files`.

    Returns
    -------
    fields : dict of str to ndarray of shape (n, 2, height, width), float16
        ``"displacement"``, as measured, and ``"noise"``, its standard deviation (NaN where a vector was replaced), in
        pixels of the field; ``"traction"``, the true one over Young's modulus, mean over each pixel.
    header : dict
        ``poisson``, ``spacing`` (image pixels per pixel of the field) and ``fields``, the conditions of each field.

    Raises
    ------
    ValueError
        If the file is missing or damaged, or holds something else.
    """
    tensors, header = read_tensors(path)
    if set(tensors) != set(_PARTS) or not {"poisson", "spacing", "fields"} <= set(header):
        raise ValueError(
            f"Expected a file of `tfmkit train fields` at {path}, got one with {', '.join(sorted(tensors))}."
        )
    return {name: tensors[name].numpy() for name in _PARTS}, header
