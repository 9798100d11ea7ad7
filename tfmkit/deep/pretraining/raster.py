"""Put patches and single pixels of traction on a grid, for a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

DISC, HERTZ, PARABOLA, GAUSS = range(4)
_GAUSS_CUT = 3.5
# Below this semi-axis in pixels a fine pixel takes the mean over points inside it, this many a side, not its middle.
_NARROW, _SUBSAMPLES = 2.0, 3


@dataclass(frozen=True)
class PatchTable:
    """Elliptic patches of traction of a batch of fields; each column is a tensor of shape (fields, patches).

    Attributes
    ----------
    y, x : Tensor
        Centre in pixels; pixel (0, 0) begins at 0.
    a, b : Tensor
        Semi-axes (standard deviations for Gaussian profiles) in pixels.
    angle : Tensor
        Direction of the axis `a` in rad.
    profile : Tensor
        `DISC`, `HERTZ`, `PARABOLA` or `GAUSS`.
    tx, ty : Tensor
        Peak traction; 0 marks an absent patch.
    """

    y: Tensor
    x: Tensor
    a: Tensor
    b: Tensor
    angle: Tensor
    profile: Tensor
    tx: Tensor
    ty: Tensor


def draw_patches(patches: PatchTable, shape: tuple[int, int], zoom: int) -> Tensor:
    """Rasterise patches on a grid `zoom` times finer than the field.

    Parameters
    ----------
    patches : PatchTable
        The patches.
    shape : (int, int)
        Height and width of the field in its own pixels.
    zoom : int
        Refinement.

    Returns
    -------
    Tensor of shape (fields, 2, zoom * height, zoom * width)
        Mean traction over each fine pixel: over 3 x 3 points in it for patches narrower than 2 pixels of the field,
        from the curvature for Gaussian patches. The edges of discs are soft over one fine pixel (or its third), since
        they cover a part of it.

    See Also
    --------
    tfmkit.simulate.patches.rasterise : The same for the simulators, with numpy. One test holds the two together.
    """
    n, slots = patches.y.shape
    field = torch.arange(n, device=patches.y.device).repeat_interleave(slots)
    flat = PatchTable(**{f.name: getattr(patches, f.name).flatten() for f in fields(patches)})
    half = (_reach(flat) * zoom).ceil().long() + 1
    row, column = ((centre * zoom - 0.5).round().long() for centre in (flat.y, flat.x))
    keep = (flat.tx.abs() + flat.ty.abs() > 0) & (row > -half) & (row < shape[0] * zoom + half)
    keep &= (column > -half) & (column < shape[1] * zoom + half)
    margin = int(half.max())
    height, width = shape[0] * zoom + 2 * margin, shape[1] * zoom + 2 * margin
    canvas = torch.zeros(2, n * height * width, device=row.device)
    for some in _alike(flat, half, keep):
        patch, reach = _take(flat, some), int(half[some].max())
        offset = torch.arange(-reach, reach + 1, device=row.device)
        rows, columns = row[some][:, None] + offset, column[some][:, None] + offset
        dy, dx = (rows + 0.5) / zoom - patch.y[:, None], (columns + 0.5) / zoom - patch.x[:, None]
        values = _mean_profile(patch, dy[:, :, None], dx[:, None, :], zoom)
        # Windows of patches outside the field reach past the canvas, with no traction inside it.
        rows, columns = (rows + margin).clamp(0, height - 1), (columns + margin).clamp(0, width - 1)
        index = ((field[some][:, None] * height + rows) * width)[:, :, None] + columns[:, None, :]
        for component, size in enumerate((patch.tx, patch.ty)):
            canvas[component].index_add_(0, index.flatten(), (values * size[:, None, None]).flatten())
    canvas = canvas.view(2, n, height, width).transpose(0, 1)
    return canvas[..., margin : margin + shape[0] * zoom, margin : margin + shape[1] * zoom].contiguous()


def _take(patches: PatchTable, index: Tensor) -> PatchTable:
    return PatchTable(**{f.name: getattr(patches, f.name)[index] for f in fields(patches)})


def _reach(patches: PatchTable) -> Tensor:
    return torch.where(patches.profile == GAUSS, _GAUSS_CUT, 1.0) * patches.a.maximum(patches.b)


def _alike(patches: PatchTable, half: Tensor, keep: Tensor) -> Iterator[Tensor]:
    """Indices of the patches to keep, grouped by profile, width and, within a factor of 1.5, size."""
    narrow = (patches.a.minimum(patches.b) < _NARROW).long()
    size = (half.float().log() / math.log(1.5)).long()
    kind = (patches.profile.long() * 2 + narrow) * (int(size.max()) + 1) + size
    kept = torch.nonzero(keep).flatten()
    for value in kind[kept].unique().tolist():
        yield kept[kind[kept] == value]


def _mean_profile(patches: PatchTable, dy: Tensor, dx: Tensor, zoom: int) -> Tensor:
    """Mean over fine pixels of the profile of patches that are alike."""
    if patches.profile[0] == GAUSS or patches.a[0].minimum(patches.b[0]) >= _NARROW:
        return _profile(patches, dy, dx, zoom)
    shifts = [((i + 0.5) / _SUBSAMPLES - 0.5) / zoom for i in range(_SUBSAMPLES)]
    # The soft edge of a disc is as wide as the distance of the points, which is less than a fine pixel.
    parts = [_profile(patches, dy + y, dx + x, zoom * _SUBSAMPLES) for y in shifts for x in shifts]
    return torch.stack(parts).mean(0)


def _profile(patches: PatchTable, dy: Tensor, dx: Tensor, zoom: int) -> Tensor:
    cosine, sine = patches.angle.cos()[:, None, None], patches.angle.sin()[:, None, None]
    a, b = patches.a[:, None, None], patches.b[:, None, None]
    along, across = ((dx * cosine + dy * sine) / a) ** 2, ((dy * cosine - dx * sine) / b) ** 2
    square = along + across
    kind = int(patches.profile[0])
    if kind == DISC:
        return ((1 - square.sqrt()) * torch.minimum(a, b) * zoom + 0.5).clamp(0, 1)
    if kind == GAUSS:
        # The mean over a pixel of width h is 1 + h^2 nabla^2 / 24 times the value in its middle.
        curvature = (along - 1) / a**2 + (across - 1) / b**2
        return torch.exp(-square / 2) * (1 + curvature / (24 * zoom**2)) * (square < _GAUSS_CUT**2)
    inside = (1 - square).clamp(min=0)
    return inside.sqrt() if kind == HERTZ else inside


def add_pixels(
    canvas: Tensor, place: tuple[Tensor, Tensor], traction: tuple[Tensor, Tensor], *, zoom: int, spread: bool
) -> None:
    """Add tractions of one pixel, `zoom` x `zoom` fine ones each, in place.

    Parameters
    ----------
    canvas : Tensor of shape (2, fields, zoom * height, zoom * width)
        Traction to add to.
    place : tuple of two Tensors of shape (fields, points)
        Row and column of the centre, in fine pixels.
    traction : tuple of two Tensors of shape (fields, points)
        Components along x and y.
    zoom : int
        Refinement.
    spread : bool
        Whether every point is spread over 3 x 3 pixels by a kernel of weights 1, 0.6 (sides) and 0.4 (corners).
    """
    (y, x), (_, n, height, width) = place, canvas.shape
    weights = {(0, 0): 1.0}
    if spread:
        weights = {(i, j): (1.0, 0.6, 0.4)[abs(i) + abs(j)] for i in (-1, 0, 1) for j in (-1, 0, 1)}
    field = torch.arange(n, device=y.device)[:, None] * (height * width)
    flat = canvas.view(2, -1)
    for (i, j), weight in weights.items():
        for a in range(zoom):
            for b in range(zoom):
                row = (y.floor().long() - zoom // 2 + a) + i * zoom
                column = (x.floor().long() - zoom // 2 + b) + j * zoom
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                index = (field + row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten()
                for component, size in enumerate(traction):
                    flat[component].index_add_(0, index, (weight * size * inside).flatten())
