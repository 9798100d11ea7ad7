"""Put patches and single pixels of traction on a grid, for a whole batch at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

DISC, HERTZ, PARABOLA, GAUSS = range(4)
_GAUSS_CUT = 3.5
# Semi-axis in pixels below which the middle of a fine pixel does not stand for all of it.
_NARROW = 2.0


@dataclass(frozen=True)
class Patches:
    """Elliptic patches of traction, each a tensor of shape (fields, patches).

    Attributes
    ----------
    y, x : Tensor
        Centre in pixels.
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


def draw_patches(patches: Patches, shape: tuple[int, int], zoom: int, subsamples: int = 1) -> Tensor:
    """Rasterise patches on a grid `zoom` times finer than the field.

    Parameters
    ----------
    patches : Patches
        The patches.
    shape : (int, int)
        Height and width of the field in its own pixels.
    zoom : int
        Refinement.
    subsamples : int, default=1
        Points per side of a fine pixel over which patches narrower than 2 pixels of the field are averaged.

    Returns
    -------
    Tensor of shape (fields, 2, zoom * height, zoom * width)
        Traction; the edges of discs are one fine pixel soft, as area coverage makes them.
    """
    flat = Patches(**{f.name: getattr(patches, f.name).flatten() for f in fields(patches)})
    n, slots = patches.y.shape
    reach = torch.where(flat.profile == GAUSS, _GAUSS_CUT, 1.0) * flat.a.maximum(flat.b)
    half = math.ceil(float(reach.max()) * zoom) + 1
    height, width = shape[0] * zoom + 2 * half + 1, shape[1] * zoom + 2 * half + 1
    fine_y, fine_x = flat.y * zoom - 0.5, flat.x * zoom - 0.5
    row, column = fine_y.round().long(), fine_x.round().long()
    keep = (flat.tx.abs() + flat.ty.abs() > 0) & (row > -half) & (row < shape[0] * zoom + half)
    keep &= (column > -half) & (column < shape[1] * zoom + half)
    field = torch.arange(n, device=row.device).repeat_interleave(slots)[keep]
    flat = Patches(**{f.name: getattr(flat, f.name)[keep] for f in fields(flat)})
    row, column = row[keep], column[keep]
    offset = torch.arange(-half, half + 1, device=row.device)
    dy = (row[:, None] + offset - fine_y[keep][:, None])[:, :, None] / zoom
    dx = (column[:, None] + offset - fine_x[keep][:, None])[:, None, :] / zoom
    shape_values = _profile(flat, dy, dx, zoom)
    narrow = flat.a.minimum(flat.b) < _NARROW
    if subsamples > 1 and narrow.any():
        thin = Patches(**{f.name: getattr(flat, f.name)[narrow] for f in fields(flat)})
        shape_values[narrow] = _mean_profile(thin, dy[narrow], dx[narrow], zoom, subsamples)
    index = ((row[:, None] + offset + half) * width)[:, :, None] + (column[:, None] + offset + half)[:, None, :]
    # Windows of patches outside the field reach past the canvas; they carry nothing inside.
    index = index.clamp(0, height * width - 1) + field[:, None, None] * (height * width)
    canvas = torch.zeros(2, n * height * width, device=row.device)
    for component, size in enumerate((flat.tx, flat.ty)):
        canvas[component].index_add_(0, index.flatten(), (shape_values * size[:, None, None]).flatten())
    canvas = canvas.view(2, n, height, width).transpose(0, 1)
    return canvas[..., half : half + shape[0] * zoom, half : half + shape[1] * zoom].contiguous()


def _mean_profile(patches: Patches, dy: Tensor, dx: Tensor, zoom: int, subsamples: int) -> Tensor:
    shifts = [((i + 0.5) / subsamples - 0.5) / zoom for i in range(subsamples)]
    # Discs get their soft edge from the points, which lie closer than fine pixels.
    parts = [_profile(patches, dy + y, dx + x, zoom * subsamples) for y in shifts for x in shifts]
    return torch.stack(parts).mean(0)


def _profile(patches: Patches, dy: Tensor, dx: Tensor, zoom: int) -> Tensor:
    cosine, sine = patches.angle.cos()[:, None, None], patches.angle.sin()[:, None, None]
    a, b = patches.a[:, None, None], patches.b[:, None, None]
    square = ((dx * cosine + dy * sine) / a) ** 2 + ((dy * cosine - dx * sine) / b) ** 2
    inside = (1 - square).clamp(min=0)
    soft = ((1 - square.sqrt()) * torch.minimum(a, b) * zoom + 0.5).clamp(0, 1)
    kind = patches.profile[:, None, None]
    values = torch.where(kind == DISC, soft, torch.where(kind == HERTZ, inside.sqrt(), inside))
    return torch.where(kind == GAUSS, torch.exp(-square / 2) * (square < _GAUSS_CUT**2), values)


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
