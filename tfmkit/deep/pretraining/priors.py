"""Kinds of traction in the training stream.

A function draws a `PatchTable`, whose columns have the shape (fields, patches), or rasterised traction. Sizes and
places are in pixels of the field.
"""

from __future__ import annotations

import math
from dataclasses import fields

import torch
from torch import Tensor

from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.raster import DISC, GAUSS, HERTZ, PatchTable, add_pixels


def adhesion_cells(draw: Draw, n: int, shape: tuple[int, int]) -> PatchTable:
    """Draw cells with elongated adhesions that lie inside a wobbly border and pull inwards.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.

    Returns
    -------
    PatchTable
        At most 60 adhesions per field.
    """
    slots = 60
    side = min(shape)
    radius = draw.uniform(0.13, 0.36, n, 1) * side
    theta = draw.uniform(0, 2 * math.pi, n, slots)
    border = torch.ones_like(theta)
    for mode in range(1, 6):
        border = border + draw.normal(n, 1) * 0.22 / mode * torch.cos(mode * theta + draw.uniform(0, 2 * math.pi, n, 1))
    depth = draw.uniform(0, 1, n, slots) ** 2 * draw.uniform(0.05, 0.45, n, 1)
    reach = radius * border.clamp(min=0.35) * (1 - depth)
    y0, x0 = _centres(draw, n, shape, 0.12)
    tilt = math.radians(15) * draw.uniform(0.3, 1.5, n, 1) * draw.normal(n, slots)
    strength = draw.gamma(2, n, slots) * draw.present(8, slots, n, slots)
    zoom = draw.log_uniform(0.7, 1.5, n, 1)
    patches = PatchTable(
        y=y0 + reach * theta.sin(),
        x=x0 + reach * theta.cos(),
        a=draw.uniform(0.8, 2.6, n, slots) * zoom,
        b=draw.uniform(0.5, 1.2, n, slots) * zoom,
        angle=theta + tilt,
        profile=torch.full_like(theta, GAUSS),
        tx=-(theta + tilt).cos() * strength,
        ty=-(theta + tilt).sin() * strength,
    )
    return _balanced(patches)


def discs(draw: Draw, n: int, shape: tuple[int, int]) -> PatchTable:
    """Draw non-overlapping uniform discs of random direction.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.

    Returns
    -------
    PatchTable
        At most 70 discs per field.
    """
    slots, side = 70, min(shape)
    # In most fields sizes follow the field; absolute sizes in the others give large grids small discs, too.
    reference = torch.where(draw.uniform(0, 1, n, 1) < 0.7, float(side), 104.0)
    radius = (draw.uniform(0.01, 0.05, n, slots) * reference).clamp(max=0.12 * side)
    y, x = draw.uniform(0, shape[0], n, slots), draw.uniform(0, shape[1], n, slots)
    present = draw.present(8, slots, n, slots)
    gap = torch.hypot(y[:, :, None] - y[:, None], x[:, :, None] - x[:, None]) - radius[:, :, None] - radius[:, None]
    earlier = torch.ones(slots, slots, device=draw.device).tril(-1).bool()
    alone = ~((gap < 0) & earlier & (present[:, None] > 0)).any(-1)
    angle, size = draw.uniform(0, 2 * math.pi, n, slots), draw.uniform(0, 0.5, n, slots) * present * alone
    return PatchTable(y, x, radius, radius, angle, torch.full_like(y, DISC), size * angle.cos(), size * angle.sin())


def hertz_pairs(draw: Draw, n: int, shape: tuple[int, int]) -> PatchTable:
    """Draw balanced pairs of Hertz patches.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.

    Returns
    -------
    PatchTable
        At most 15 pairs per field.
    """
    pairs = 15
    radius = draw.log_uniform(0.8, 6.0, n, 1) * draw.uniform(0.9, 1.1, n, pairs)
    half = radius * draw.uniform(4.5, 7, n, pairs)
    angle = draw.uniform(0, 2 * math.pi, n, pairs)
    y, x = draw.uniform(0, shape[0], n, pairs), draw.uniform(0, shape[1], n, pairs)
    # In 60 % of the fields pairs pull along the line between the two patches, in the others in any direction.
    aligned = (draw.uniform(0, 1, n, 1) < 0.6).float()
    pull = angle + (1 - aligned) * draw.uniform(0, 2 * math.pi, n, pairs)
    size = draw.uniform(0.1, 1, n, pairs) * draw.present(1, pairs, n, pairs)
    dy, dx, tx, ty = half * angle.sin(), half * angle.cos(), -size * pull.cos(), -size * pull.sin()
    both = [torch.cat(pair, 1) for pair in ((y + dy, y - dy), (x + dx, x - dx), (radius, radius), (tx, -tx), (ty, -ty))]
    y, x, radius, tx, ty = both
    return PatchTable(y, x, radius, radius, radius * 0, torch.full_like(y, HERTZ), tx, ty)


def blobs(draw: Draw, n: int, shape: tuple[int, int], profiles: tuple[int, ...]) -> PatchTable:
    """Draw patches of any profile, size, elongation, number and direction.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.
    profiles : tuple of int
        Profiles that may be drawn.

    Returns
    -------
    PatchTable
        At most 60 patches per field.
    """
    slots = 60
    a = (draw.log_uniform(0.5, 6.0, n, 1) * draw.log_uniform(0.5, 2.0, n, slots)).clamp(
        max=min(8.0, 0.12 * min(shape) + 1)
    )
    b = a / draw.log_uniform(1.0, 3.0, n, slots) ** draw.uniform(0, 1, n, 1)
    y0, x0 = _centres(draw, n, shape, 0.25)
    spread = draw.uniform(0.08, 0.5, n, 1)
    y = torch.where(spread < 0.35, y0 + spread * shape[0] * draw.normal(n, slots), draw.uniform(0, shape[0], n, slots))
    x = torch.where(spread < 0.35, x0 + spread * shape[1] * draw.normal(n, slots), draw.uniform(0, shape[1], n, slots))
    inward = torch.atan2(y0 - y, x0 - x)
    free = draw.uniform(0, 2 * math.pi, n, slots)
    angle = torch.where(draw.uniform(0, 1, n, 1) < 0.5, inward + 0.4 * draw.normal(n, slots), free)
    size = draw.gamma(2, n, slots) * draw.present(1, slots, n, slots)
    # In half of the fields patches have the same force, whatever their size, not the same traction.
    size = torch.where(draw.uniform(0, 1, n, 1) < 0.5, size, size / (a * b))
    choice = torch.tensor(profiles, device=draw.device, dtype=torch.float)
    index = (draw.uniform(0, 1, n, slots) * len(profiles)).long().clamp(max=len(profiles) - 1)
    single = (draw.uniform(0, 1, n, 1) < 0.5).expand(n, slots)
    index = torch.where(single, index[:, :1], index)
    lie = torch.where(draw.uniform(0, 1, n, 1) < 0.5, angle, draw.uniform(0, math.pi, n, slots))
    patches = PatchTable(y, x, a, b, lie, choice[index], size * angle.cos(), size * angle.sin())
    return _balanced(patches) if torch.rand((), generator=draw.generator, device=draw.device) < 0.6 else patches


def _centres(draw: Draw, n: int, shape: tuple[int, int], wander: float) -> tuple[Tensor, Tensor]:
    y, x = (side * (0.5 + draw.uniform(-wander, wander, n, 1)) for side in shape)
    return y, x


def _balanced(patches: PatchTable) -> PatchTable:
    """Remove the net force, from each patch in proportion to its strength."""
    weight = torch.hypot(patches.tx, patches.ty)
    area = patches.a * patches.b
    total = (weight * area).sum(1, keepdim=True) + 1e-12
    change = {
        name: getattr(patches, name) - weight * (getattr(patches, name) * area).sum(1, keepdim=True) / total
        for name in ("tx", "ty")
    }
    return PatchTable(**{f.name: change.get(f.name, getattr(patches, f.name)) for f in fields(patches)})


def smooth_fields(draw: Draw, n: int, shape: tuple[int, int], zoom: int) -> Tensor:
    """Draw smooth random tractions under a soft envelope, as cell sheets make them.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.
    zoom : int
        Refinement.

    Returns
    -------
    Tensor of shape (n, 2, zoom * height, zoom * width)
        Traction.
    """
    height, width = zoom * shape[0], zoom * shape[1]
    length = draw.log_uniform(1.0, 10.0, n, 1, 1, 1) * zoom
    fy = torch.fft.fftfreq(height, device=draw.device)[:, None]
    fx = torch.fft.rfftfreq(width, device=draw.device)[None]
    gain = (1 + (2 * math.pi * length) ** 2 * (fy**2 + fx**2)) ** -draw.uniform(1.2, 3.0, n, 1, 1, 1)
    field = torch.fft.irfft2(torch.fft.rfft2(draw.normal(n, 2, height, width)) * gain, s=(height, width))
    y0, x0 = _centres(draw, n, (height, width), 0.2)
    radius = draw.uniform(0.15, 0.6, n, 1, 1) * min(height, width)
    y, x = torch.arange(height, device=draw.device)[:, None], torch.arange(width, device=draw.device)[None]
    distance = torch.hypot(y - y0[..., None], x - x0[..., None]) / radius
    softness = draw.log_uniform(0.02, 0.3, n, 1, 1)
    return field * torch.sigmoid((1 - distance) / softness)[:, None]


def circuit_cells(draw: Draw, n: int, shape: tuple[int, int], zoom: int, cells: tuple[Tensor, ...]) -> Tensor:
    """Place the vectors of circuit-model cells as single-pixel tractions.

    Parameters
    ----------
    draw : Draw
        Randomness.
    n : int
        Number of fields.
    shape : (int, int)
        Height and width.
    zoom : int
        Refinement.
    cells : tuple of two Tensors of shape (n_cells, 360)
        Border radii (longest side 1) and magnitudes of the vectors along the border.

    Returns
    -------
    Tensor of shape (n, 2, zoom * height, zoom * width)
        Traction: squares of one pixel, on the field's own pixels in most fields, anywhere in the others.
    """
    radii, magnitudes = _turned_cells(draw, n, cells)
    radii = radii * draw.uniform(0.28, 0.55, n, 1) * min(shape)
    y0, x0 = _centres(draw, n, shape, 0.12)
    theta = torch.arange(360, device=draw.device) * (2 * math.pi / 360)
    coarse = draw.uniform(0, 1, n, 1) < 0.6
    fine = torch.zeros(2, n, zoom * shape[0], zoom * shape[1], device=draw.device)
    for stride, mean_depth, spread in ((2, 1.0, False), (6, 2.0, False), (10, 6.0, True)):
        rate = torch.full((n, 360 // stride), mean_depth, device=draw.device)
        depth = torch.poisson(rate, generator=draw.generator)
        where = theta[::stride]
        reach = (radii[:, ::stride] - depth).clamp(min=0)
        y, x = y0 + reach * where.sin(), x0 + reach * where.cos()
        size = magnitudes[:, ::stride]
        # The simulator puts vectors on the field's own pixels. Networks must not rely on that: some lie off the pixels.
        y, x = (torch.where(coarse, part.floor() + 0.5, part) for part in (y, x))
        place, pull = (y * zoom, x * zoom), (-size * where.cos(), -size * where.sin())
        add_pixels(fine, place, pull, zoom=zoom, spread=spread)
    return fine.transpose(0, 1).contiguous()


def _turned_cells(draw: Draw, n: int, cells: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Random cells under random rotations and reflections of the border."""
    which = (draw.uniform(0, 1, n) * len(cells[0])).long().clamp(max=len(cells[0]) - 1)
    turn = (draw.uniform(0, 360, n, 1)).long()
    flip = torch.where(draw.uniform(0, 1, n, 1) < 0.5, -1, 1)
    index = (flip * torch.arange(360, device=draw.device) + turn) % 360
    return tuple(part[which].gather(1, index) for part in cells)  # type: ignore[return-value]
