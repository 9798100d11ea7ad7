"""The forward operator against direct summation, its adjoint, the other boundary and the other library."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.half_space import combine, pixel_basis
from tfmkit.gel.operator import convolve, pixel_sources
from tfmkit.gel.symbol import padded_grid

SHAPES = [(8, 8), (9, 9), (12, 17), (17, 12)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("poisson", [0.0, 0.45, 0.5])
def test_open_operator_is_the_direct_sum(shape: tuple[int, int], poisson: float) -> None:
    traction = np.random.default_rng(1).normal(size=(2, *shape))
    rows, columns = (index.ravel() for index in np.indices(shape))
    g_xx, g_yy, g_xy = combine(pixel_basis(rows[:, None] - rows, columns[:, None] - columns), poisson)
    x, y = traction.reshape(2, -1)
    direct = np.stack([g_xx @ x + g_xy @ y, g_xy @ x + g_yy @ y]).reshape(2, *shape)
    np.testing.assert_allclose(ForwardOperator(shape, young=1.0, poisson=poisson).apply(traction), direct, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boundary", ["open", "periodic"])
def test_dot_product(shape: tuple[int, int], boundary: str) -> None:
    operator = ForwardOperator(shape, young=2.0, spacing=3.0, boundary=boundary)
    traction, displacement = np.random.default_rng(2).normal(size=(2, 1, 2, *shape))
    left = (operator.apply(traction) * displacement).sum()
    right = (traction * operator.apply(displacement)).sum()
    assert abs(left - right) < 1e-12 * abs(left)


def test_boundaries_agree_where_the_images_are_far() -> None:
    # A force dipole decays quickly enough for its periodic images not to matter.
    traction = np.zeros((1, 2, 128, 128))
    traction[0, 0, 60:68, 58:62] = 1
    traction[0, 0, 60:68, 66:70] = -1
    open_, periodic = (convolve(traction, Gel(poisson=0.45), boundary=boundary) for boundary in ("open", "periodic"))
    assert np.abs(open_ - periodic).max() < 0.02 * np.abs(open_).max()


@pytest.mark.parametrize("boundary", ["open", "periodic"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_gives_what_numpy_gives(boundary: str, dtype: str) -> None:
    traction = np.random.default_rng(3).normal(size=(2, 2, 12, 15)).astype(dtype)
    operator = ForwardOperator((12, 15), boundary=boundary)
    ours, theirs = operator.apply(traction), operator.apply(torch.from_numpy(traction))
    assert ours.dtype == np.dtype(dtype)
    assert theirs.dtype == getattr(torch, dtype)
    tolerance = {"float32": 2e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(theirs.numpy(), ours, atol=tolerance * np.abs(ours).max())


def test_padded_grid_leaves_no_wrap() -> None:
    assert all(padded >= 2 * n - 1 for padded, n in zip(padded_grid((13, 104)), (13, 104), strict=True))


def test_other_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected fields of shape"):
        ForwardOperator(8).apply(np.zeros((1, 2, 8, 9)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poisson": 0.6}, "poisson"),
        ({"poisson": -0.1}, "poisson"),
        ({"young": 0.0}, "young"),
        ({"spacing": 0}, "spacing"),
        ({"boundary": "closed"}, "boundary"),
        ({"shape": 7}, "each side"),
    ],
)
def test_bad_parameters_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ForwardOperator(**{"shape": 8, **change})


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_sources_of_smooth_traction_restore_its_displacement(library) -> None:
    def means(n: int) -> np.ndarray:
        fine = np.exp(-((np.indices((240, 240)) - 119.5) ** 2).sum(axis=0) / (2 * 24.0**2))
        return np.stack([fine, -fine / 2]).reshape(2, n, 240 // n, n, 240 // n).mean(axis=(2, 4))

    exact = convolve(means(240), Gel(poisson=0.45))[..., 7::15, 7::15] / 15
    coarse = means(16)
    plain, restored = (
        np.asarray(convolve(library(part), Gel(poisson=0.45))) for part in (coarse, pixel_sources(coarse))
    )
    np.testing.assert_allclose(np.asarray(pixel_sources(library(coarse))), pixel_sources(coarse))
    assert np.linalg.norm(restored - exact) < 0.2 * np.linalg.norm(plain - exact)
