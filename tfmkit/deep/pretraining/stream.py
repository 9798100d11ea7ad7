"""An endless, reproducible stream of simulated fields for training.

No field is seen twice, and no field is read from a disk. A chunk of fields is drawn, rasterised on a grid three times
finer than the field, and pushed through the exact open operator there, all on the training device. A chunk depends on
the seed and its number alone, so a stream can be resumed anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tfmkit.deep.pretraining import priors
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.holes import lose_vectors
from tfmkit.deep.pretraining.raster import DISC, GAUSS, HERTZ, PARABOLA, draw_patches
from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import convolve, pixel_sources

ZOOM = 3
# Training grids. The size of the fields in Wang & Lin (2021) is drawn most often.
SHAPES = (
    *[(104, 104)] * 3,
    *[(64, 64), (80, 112), (128, 128), (131, 97), (160, 160), (256, 256), (48, 40), (24, 32)],
)
# Shares of the chunks with a thin gel and with beads below the surface; thicknesses in pixels.
_THIN, _DEEP = 0.15, 0.1
_THICKNESSES = (2.0, 60.0)
FAMILIES = {"cell": 0.34, "adhesion": 0.15, "disc": 0.15, "hertz": 0.12, "blob": 0.19, "smooth": 0.05}


@dataclass(frozen=True)
class Batch:
    """Fields ready for training, scaled so that the displacement has unit RMS.

    Attributes
    ----------
    displacement, traction : Tensor of shape (n, 2, height, width)
        Noisy displacement and true traction (over Young's modulus), both divided by the displacement's RMS.
    gel : Gel
        The gel, with lengths in pixels of the field.
    noise : Tensor of shape (n, 2, height, width) or None
        Standard deviation of the displacement, divided by its RMS too, NaN for replaced vectors; None if nothing is
        known of it.
    """

    displacement: Tensor
    traction: Tensor
    gel: Gel
    noise: Tensor | None = None


class FieldStream:
    """Draw chunks of simulated displacement and traction.

    Parameters
    ----------
    cells : tuple of two Tensors of shape (n_cells, 360)
        Border radii (longest side of the cell 1) of circuit-model cells, and the magnitudes of their vectors.
    seed : int
        Seed of the stream.
    pixels : int
        Pixels per part of a chunk; grids are drawn at random and the number of fields follows.
    parts : int, default=1
        Parts of equal size that a chunk will be split into.
    leave_out : sequence of str, default=()
        Families that are not drawn; a left-out disc or Hertz family also loses its profile in the family of blobs.
    missing : float, default=0.0
        Part of the fields that lose 1-25 % of their vectors.
    withheld : float, default=0.0
        Part of the fields whose noise is not told to a network that is told it in the others.
    depth : float, default=0.0
        Largest depth of the beads below the surface, in pixels, of the tenth of the chunks whose beads are not at it.
    device : str or torch.device, default="cpu"
        Where fields are made.
    """

    def __init__(
        self,
        cells: tuple[Tensor, Tensor],
        *,
        seed: int,
        pixels: int,
        parts: int = 1,
        leave_out: Any = (),
        missing: float = 0.0,
        withheld: float = 0.0,
        depth: float = 0.0,
        device: Any = "cpu",
    ) -> None:
        self.cells = tuple(part.to(device) for part in cells)
        self.seed, self.pixels, self.parts, self.device = seed, pixels, parts, torch.device(device)
        self.missing, self.withheld, self.depth = missing, withheld, depth
        self.weights = {name: weight for name, weight in FAMILIES.items() if name not in leave_out}
        lost = {"disc": DISC, "hertz": HERTZ}
        self.profiles = tuple(
            p for p in (DISC, HERTZ, PARABOLA, GAUSS) if p not in [lost.get(name) for name in leave_out]
        )

    def chunk(self, number: int) -> Batch:
        """Make one chunk.

        Parameters
        ----------
        number : int
            Number of the chunk; the same number gives the same fields.

        Returns
        -------
        Batch
            Its fields, in random order.
        """
        clean, draw = self.clean(number)
        displacement = clean.displacement + noise(draw, clean.displacement)
        displacement = lose_vectors(draw, displacement, self.missing)
        return scaled(Batch(displacement, clean.traction, clean.gel))

    def clean(self, number: int) -> tuple[Batch, Draw]:
        """Make the fields of one chunk without noise.

        Parameters
        ----------
        number : int
            Number of the chunk.

        Returns
        -------
        fields : Batch
            Noise-free displacement in pixels of the field and traction over Young's modulus, in random order.
        draw : Draw
            Randomness for their noise.
        """
        choice = np.random.default_rng((self.seed, number))
        generator = torch.Generator(self.device).manual_seed(int(choice.integers(2**62)))
        draw = Draw(generator)
        shape = SHAPES[choice.integers(len(SHAPES))]
        n = self.parts * max(1, self.pixels // (shape[0] * shape[1]))
        margin = int(0.25 * min(shape)) if choice.random() < 0.25 else 0
        gel = _draw_gel(choice, self.depth)
        fine, family = self.traction(draw, n, (shape[0] + 2 * margin, shape[1] + 2 * margin), choice)
        displacement, traction = observe(fine, gel, margin, varies_inside(family))
        keep = _worth_learning(displacement, traction, draw)
        return Batch(displacement[keep], traction[keep], gel), draw

    def traction(
        self, draw: Draw, n: int, shape: tuple[int, int], choice: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.str_]]:
        """Draw traction on the fine grid.

        Parameters
        ----------
        draw : Draw
            Randomness of the fields.
        n : int
            Number of fields.
        shape : (int, int)
            Height and width in pixels of the field.
        choice : numpy Generator
            Randomness of the families.

        Returns
        -------
        fine : Tensor of shape (n, 2, ZOOM * height, ZOOM * width)
            Traction over Young's modulus, as means over the fine pixels; the fields of a family stand together.
        family : ndarray of str, shape (n,)
            Family of each field.
        """
        names = list(self.weights)
        share = np.array([self.weights[name] for name in names])
        counts = choice.multinomial(n, share / share.sum())
        parts = [self._family(draw, name, int(k), shape) for name, k in zip(names, counts, strict=True) if k]
        return torch.cat(parts), np.repeat(names, counts)

    def _family(self, draw: Draw, name: str, n: int, shape: tuple[int, int]) -> Tensor:
        if name == "cell":
            return priors.circuit_cells(draw, n, shape, ZOOM, self.cells)
        if name == "smooth":
            return priors.smooth_fields(draw, n, shape, ZOOM)
        if name == "blob":
            patches = priors.blobs(draw, n, shape, self.profiles)
        else:
            patches = {"adhesion": priors.adhesion_cells, "disc": priors.discs, "hertz": priors.hertz_pairs}[name](
                draw, n, shape
            )
        return draw_patches(patches, shape, ZOOM)


def scaled(fields: Batch) -> Batch:
    """Scale fields so that their displacement has unit RMS.

    Parameters
    ----------
    fields : Batch
        Fields in any unit.

    Returns
    -------
    Batch
        Displacement, traction and, where it is known, standard deviation over the RMS of each displacement.
    """
    rms = fields.displacement.square().mean((1, 2, 3), keepdim=True).sqrt()
    known = None if fields.noise is None else fields.noise / rms
    return Batch(fields.displacement / rms, fields.traction / rms, fields.gel, known)


def varies_inside(family: NDArray[np.str_]) -> Tensor:
    """Tell which families vary inside the fine pixels. Circuit-model cells do not: they consist of whole fine pixels.

    Parameters
    ----------
    family : ndarray of str, shape (n,)
        Family of each field.

    Returns
    -------
    Tensor of bool, shape (n,)
        True where the traction varies.
    """
    return torch.as_tensor(family != "cell")


def push(fine: Tensor, gel: Gel, curved: Tensor) -> Tensor:
    """Push fine traction through the open operator.

    Parameters
    ----------
    fine : Tensor of shape (n, 2, ZOOM * height, ZOOM * width)
        Traction over Young's modulus, as means over the fine pixels.
    gel : Gel
        The gel, with lengths in pixels of the field.
    curved : Tensor of bool, shape (n,)
        True for a field whose traction varies inside the fine pixels, False where it is constant on each of them.

    Returns
    -------
    Tensor of shape (n, 2, ZOOM * height, ZOOM * width)
        Displacement in the middles of the fine pixels, in pixels of the field.
    """
    sources = torch.where(curved.to(fine.device)[:, None, None, None], pixel_sources(fine), fine)
    return convolve(sources, gel.on_grid(1 / ZOOM)) / ZOOM


def observe(fine: Tensor, gel: Gel, margin: int, curved: Tensor) -> tuple[Tensor, Tensor]:
    """Push fine traction through the open operator, and take displacement and traction on the field's grid.

    Parameters
    ----------
    fine : Tensor of shape (n, 2, ZOOM * (height + 2 margin), ZOOM * (width + 2 margin))
        Traction over Young's modulus, as means over the fine pixels.
    gel : Gel
        The gel, with lengths in pixels of the field.
    margin : int
        Pixels of the field's grid that are cut off on every side, with the tractions in them.
    curved : Tensor of bool, shape (n,)
        True for a field whose traction varies inside the fine pixels, False where it is constant on each of them.

    Returns
    -------
    displacement : Tensor of shape (n, 2, height, width)
        Displacement at the centres of the pixels, in pixels of the field.
    traction : Tensor of shape (n, 2, height, width)
        Mean traction over each pixel.
    """
    displacement = push(fine, gel, curved)[..., ZOOM // 2 :: ZOOM, ZOOM // 2 :: ZOOM]
    traction = functional.avg_pool2d(fine, ZOOM)
    height, width = traction.shape[-2:]
    inner = (..., slice(margin, height - margin), slice(margin, width - margin))
    return displacement[inner].contiguous(), traction[inner].contiguous()


def noise(draw: Draw, displacement: Tensor) -> Tensor:
    """Draw measurement noise: none, white or correlated, in some fields with outliers or drift.

    Parameters
    ----------
    draw : Draw
        Randomness.
    displacement : Tensor of shape (n, 2, height, width)
        Noise-free displacement.

    Returns
    -------
    Tensor of shape (n, 2, height, width)
        Noise to add.
    """
    n = len(displacement)
    rms = displacement.square().mean((1, 2, 3), keepdim=True).sqrt()
    level = draw.log_uniform(0.003, 0.6, n, 1, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) > 0.18)
    white = draw.normal(*displacement.shape)
    length = draw.log_uniform(0.5, 2.5, n, 1, 1, 1)
    correlated = (draw.uniform(0, 1, n, 1, 1, 1) < 0.3).float()
    total = level * rms * torch.lerp(white, smoothed(white, length), correlated)
    share = 0.015 * draw.uniform(0, 1, n, 1, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) < 0.08)
    hit = draw.uniform(0, 1, n, 1, *displacement.shape[-2:]) < share
    total = total + hit * rms * 2 * draw.normal(*displacement.shape)
    drift = 0.05 * rms * draw.normal(n, 2, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) < 0.08)
    return total + drift


def smoothed(white: Tensor, length: Tensor) -> Tensor:
    """Filter noise by a Gaussian. The filter wraps round, which is harmless for noise.

    Parameters
    ----------
    white : Tensor of shape (n, k, height, width)
        White noise.
    length : Tensor of shape (n, 1, 1, 1)
        Standard deviation of the Gaussian in pixels.

    Returns
    -------
    Tensor of shape (n, k, height, width)
        Smooth noise of unit variance.
    """
    height, width = white.shape[-2:]
    fy = torch.fft.fftfreq(height, device=white.device)[:, None]
    fx = torch.fft.rfftfreq(width, device=white.device)[None]
    gain = torch.exp(-2 * (torch.pi * length) ** 2 * (fy**2 + fx**2))
    smooth = torch.fft.irfft2(torch.fft.rfft2(white) * gain, s=(height, width))
    return smooth / smooth.square().mean((1, 2, 3), keepdim=True).sqrt()


def draw_poisson(choice: np.random.Generator) -> float:
    """Draw a Poisson ratio, often one of those that are taken for gels.

    Parameters
    ----------
    choice : numpy Generator
        Randomness.

    Returns
    -------
    float
        Poisson ratio in [0, 0.5].
    """
    return float(choice.choice([0.45, 0.49, 0.5, choice.uniform(0.3, 0.5), choice.uniform(0, 0.5)]))


def _draw_gel(choice: np.random.Generator, most_depth: float) -> Gel:
    """Draw a gel: mostly the half-space with beads at its surface."""
    poisson = draw_poisson(choice)
    thin, deep = choice.random(2) < (_THIN, _DEEP)
    thickness = float(np.exp(choice.uniform(*np.log(_THICKNESSES)))) if thin else np.inf
    depth = float(choice.uniform(0, min(most_depth, thickness / 2))) if deep else 0.0
    return Gel(poisson=poisson, thickness=thickness, depth=depth)


def _worth_learning(displacement: Tensor, traction: Tensor, draw: Draw) -> Tensor:
    """Indices in random order. Others take the place of fields with next to no traction of their own."""
    sizes = [part.square().mean((1, 2, 3)).sqrt() for part in (displacement, traction)]
    good = torch.nonzero((sizes[1] > 0.005 * sizes[0]) & (sizes[0] > 0)).flatten()
    order = torch.randperm(len(displacement), generator=draw.generator, device=draw.device)
    return good[order % len(good)]
