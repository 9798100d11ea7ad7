"""Closed forms, continuation, conjugate gradients and the lambdas of other programs against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.fttc import FTTC
from tfmkit.fttc.border import extend, extended_grid
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.conjugate_gradients import Solution, conjugate_gradients
from tfmkit.fttc.iterative import bounded_inverse
from tfmkit.fttc.lambdas import lam_from_danuser, lam_from_easy_tfm, lam_from_fiji
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel
from tfmkit.gel.operator import bandlimited_symbol, convolve
from tfmkit.gel.symbol import irfft2, padded_grid, rfft2

SHAPES = [(8, 8), (9, 9), (8, 11), (11, 8)]


def _random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _matrix(apply, shape: tuple[int, int]) -> np.ndarray:
    """Columns are the images of the unit vectors."""
    size = 2 * shape[0] * shape[1]
    return apply(np.eye(size).reshape(size, 2, *shape)).reshape(size, size).T


def _normal_equations(shape: tuple[int, int], lam: float, order: float, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Dense elastic operator and penalty of the open boundary, with the band-limited symbol."""
    symbol, grid = bandlimited_symbol(shape, Gel(poisson=0.4)), padded_grid(shape)

    def crop(field: np.ndarray) -> np.ndarray:
        return field[..., : shape[0], : shape[1]]

    elastic = _matrix(lambda t: crop(irfft2(symbol.multiply(rfft2(t, grid)), grid)), shape)
    rough = _matrix(lambda t: crop(irfft2(Penalty(1.0, order).on(grid) * rfft2(t, grid), grid)), shape)
    scale = np.broadcast_to(weight, (2, *shape)).ravel()
    forward = elastic * scale
    return forward, forward.T @ forward + lam * rough, scale


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", [0.0, 0.7, 1.0])
def test_periodic_inverse_is_the_minimiser(shape: tuple[int, int], order: float) -> None:
    displacement, lam = _random((2, 2, *shape)), 0.3
    forward = _matrix(lambda t: convolve(t, Gel(poisson=0.4), boundary="periodic"), shape)
    rough = _matrix(lambda t: irfft2(Penalty(1.0, order).on(shape) * rfft2(t, shape), shape), shape)
    # The mean carries no traction; a minimum-norm solution leaves it out where the penalty does not see it.
    system = forward.T @ forward + lam * rough
    expected = np.linalg.lstsq(system, forward.T @ displacement.reshape(2, -1).T, rcond=1e-12)[0].T
    computed = fourier_inverse(displacement, Gel(poisson=0.4), Penalty(lam, order))
    np.testing.assert_allclose(computed.reshape(2, -1), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(16, 16), (17, 17), (12, 21), (104, 104)])
def test_round_trip(shape: tuple[int, int]) -> None:
    traction = _random((2, 2, *shape))
    traction -= traction.mean(axis=(-2, -1), keepdims=True)
    recovered = fourier_inverse(
        convolve(traction, Gel(poisson=0.45), boundary="periodic"), Gel(poisson=0.45), Penalty(0.0)
    )
    assert np.linalg.norm(recovered - traction) < 1e-10 * np.linalg.norm(traction)


@pytest.mark.parametrize("shape", [(9, 14), (8, 11), (24, 17)])
def test_continuation_keeps_the_field_and_meets_the_mirror_image(shape: tuple[int, int]) -> None:
    field, grid, up = _random((1, 2, *shape)), extended_grid(shape), np.array([1.0, -1.0])[:, None, None]
    extended, faded = extend(field, grid, Gel(poisson=0.4))
    assert extended.shape[-2:] == grid
    np.testing.assert_allclose(extended[..., : shape[0], : shape[1]], field, atol=1e-14)
    mirrored, faded_mirrored = extend(up * field[..., ::-1, :], grid, Gel(poisson=0.4))
    np.testing.assert_allclose(np.roll(up * mirrored[..., ::-1, :], shape[0], axis=-2), extended, atol=1e-13)
    np.testing.assert_allclose(up * faded_mirrored[..., ::-1, :], faded, atol=1e-13)


@pytest.mark.parametrize("gel", [Gel(poisson=0.4), Gel(poisson=0.4, thickness=10.0, depth=0.5)])
def test_continuation_is_that_of_the_gel(gel: Gel) -> None:
    traction = np.zeros((1, 2, 96, 96))
    traction[0, :, 52:60, 34:38] = 1
    truth = convolve(traction, gel)
    height, width = 48, 40
    inside = truth[..., 24 : 24 + height, 24 : 24 + width]
    extended = extend(inside, extended_grid((height, width)), gel).displacement
    # The pixels past the right border, up to where the continuation begins to fade; traction is within three of it.
    known, continued = truth[..., 24 : 24 + height, 64:68], extended[..., :height, width : width + 4]
    edge = np.repeat(inside[..., -1:], 4, axis=-1)
    assert np.abs(continued - known).max() < 0.4 * np.abs(edge - known).max()


@pytest.mark.parametrize("gel", [Gel(poisson=0.4), Gel(poisson=0.4, thickness=20.0)])
@pytest.mark.parametrize("shape", [(64, 64), (61, 73)])
def test_continuation_keeps_net_force_and_moment(shape: tuple[int, int], gel: Gel) -> None:
    traction = np.zeros((2, 2, *shape))
    traction[0, 0, 30:35, 30:35] = 1
    traction[1, 0, 30:35, 19:24] = 1
    traction[1, 0, 30:35, 40:45] = -1
    computed = fourier_inverse(convolve(traction, gel), gel, Penalty(1e-5, 1.0), boundary="extended")
    # The forces of one patch, whose reaction lies far outside, and the contractile moment of two.
    assert computed[0, 0].sum() == pytest.approx(25, rel=0.03)
    assert computed[1, 0].sum(axis=0) @ np.arange(shape[1]) == pytest.approx(-25 * 21, rel=0.03)


@pytest.mark.parametrize("order", [0.0, 1.0])
def test_correlated_noise_weighs_the_data_by_its_covariance(order: float) -> None:
    shape, lam, correlation = (8, 9), 0.3, 0.8
    displacement = _random((1, 2, *shape))
    displacement -= displacement.mean(axis=(-2, -1), keepdims=True)
    forward = _matrix(lambda t: convolve(t, Gel(poisson=0.4), boundary="periodic"), shape)
    rough, noise = (
        _matrix(lambda t, w=weight: irfft2(w * rfft2(t, shape), shape), shape)
        for weight in (Penalty(1.0, order).on(shape), Penalty(1.0, 0.0, correlation).on(shape))
    )
    weighed = forward.T @ np.linalg.inv(noise)
    expected = np.linalg.lstsq(weighed @ forward + lam * rough, weighed @ displacement.ravel(), rcond=1e-12)[0]
    computed = fourier_inverse(displacement, Gel(poisson=0.4), Penalty(lam, order, correlation))
    np.testing.assert_allclose(computed.ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(8, 11), (9, 8)])
@pytest.mark.parametrize("order", [0.0, 1.0])
def test_open_inverse_is_the_minimiser(shape: tuple[int, int], order: float) -> None:
    displacement, lam = _random((2, 2, *shape)), 0.3
    forward, system, _ = _normal_equations(shape, lam, order, np.ones(shape))
    expected = np.linalg.solve(system, forward.T @ displacement.reshape(2, -1).T).T.reshape(displacement.shape)
    solution = bounded_inverse(displacement, Gel(poisson=0.4), Penalty(lam, order), tol=1e-10, max_iter=300)
    np.testing.assert_allclose(solution.x, expected, atol=1e-8)
    assert (solution.residual <= 1e-10).all()
    assert (solution.n_iter < 60).all()


@pytest.mark.parametrize("soft", [False, True])
def test_masked_inverse_is_the_minimiser_on_the_support(soft: bool) -> None:
    shape, lam = (8, 11), 0.2
    weight = np.zeros(shape)
    weight[2:6, 3:9] = np.linspace(0.3, 1, 6) if soft else 1
    displacement = _random((1, 2, *shape))
    forward, system, scale = _normal_equations(shape, lam, 0.5, weight)
    inside = scale > 0
    expected = np.zeros(scale.size)
    expected[inside] = np.linalg.solve(system[np.ix_(inside, inside)], (forward.T @ displacement.ravel())[inside])
    solution = bounded_inverse(
        displacement,
        Gel(poisson=0.4),
        Penalty(lam, 0.5),
        mask=weight[None],
        tol=1e-10,
        max_iter=300,
        start=_random((1, 2, 8, 11)),
    )
    np.testing.assert_allclose(solution.x.ravel(), scale * expected, atol=1e-8)


def test_an_empty_mask_and_no_displacement_give_no_traction() -> None:
    displacement = _random((2, 2, 8, 8))
    displacement[1] = 0
    empty = bounded_inverse(displacement, Gel(poisson=0.4), Penalty(0.1), mask=np.zeros((2, 8, 8)))
    np.testing.assert_array_equal(empty.x, 0)
    nothing = bounded_inverse(displacement, Gel(poisson=0.4), Penalty(0.1))
    np.testing.assert_array_equal(nothing.x[1], 0)
    assert nothing.residual[1] == 0


def test_periodic_conjugate_gradients_find_the_closed_form() -> None:
    displacement = _random((1, 2, 9, 12))
    iterated = bounded_inverse(
        displacement, Gel(poisson=0.3), Penalty(0.5, 1.0), boundary="periodic", tol=1e-11, max_iter=200
    )
    closed = fourier_inverse(displacement, Gel(poisson=0.3), Penalty(0.5, 1.0))
    # The mean moves nothing and costs nothing under a first-order penalty: it is whatever the iteration leaves.
    np.testing.assert_allclose(iterated.x - iterated.x.mean(axis=(-2, -1), keepdims=True), closed, atol=1e-8)


def test_converged_fields_stand_still() -> None:
    matrix = np.diag(np.linspace(1, 50, 20))
    right = _random((2, 20))
    right[1] *= 1e-9
    together = conjugate_gradients(
        lambda x: x @ matrix, np.zeros((2, 20)), right, precondition=lambda r: r, goal=np.full(2, 1e-6), max_iter=100
    )
    assert together.n_iter[1] == 0
    np.testing.assert_array_equal(together.x[1], 0)
    np.testing.assert_allclose(together.x[0], right[0] / np.diag(matrix), atol=1e-6)


def _program(displacement: np.ndarray, added: float, young: float, spacing: float, poisson: float) -> np.ndarray:
    """FTTC in physical units, wave vector by wave vector, as other programs write it."""
    n = displacement.shape[-1]
    k = 2 * np.pi * np.fft.fftfreq(n, spacing)
    spectrum = np.fft.fft2(displacement)
    traction = np.zeros_like(spectrum)
    for row, ky in enumerate(k):
        for column, kx in enumerate(k):
            size = np.hypot(kx, ky)
            if size == 0:
                continue
            cross = 0 if n % 2 == 0 and n // 2 in (row, column) else -poisson * kx * ky
            green = np.array(
                [[(1 - poisson) * size**2 + poisson * ky**2, cross], [cross, (1 - poisson) * size**2 + poisson * kx**2]]
            ) * (2 * (1 + poisson) / (young * size**3))
            system = green.T @ green + added * np.eye(2)
            traction[:, row, column] = np.linalg.solve(system, green.T @ spectrum[:, row, column])
    return np.fft.ifft2(traction).real


@pytest.mark.parametrize(
    ("young", "spacing", "added", "lam"),
    [
        (1e4, 1.0, 1e-9, lam_from_danuser(1e-9, young=1e4)),
        (1e4, 4.0, 1e-8, lam_from_danuser(1e-8, young=1e4, spacing=4.0)),
        (5e3, 2e-6, (3e-10) ** 2, lam_from_fiji(3e-10, young=5e3, spacing_m=2e-6)),
        (1.0, 10.0, 140.0, lam_from_easy_tfm(140.0, spacing_px=10.0)),
    ],
)
def test_lambdas_mean_what_the_programs_mean(young: float, spacing: float, added: float, lam: float) -> None:
    displacement = _random((2, 10, 10)) * spacing
    model = FTTC(lam, young=young, spacing=spacing, poisson=0.4, boundary="periodic").fit(displacement[None])
    expected = _program(displacement, added, young, spacing, 0.4)
    np.testing.assert_allclose(model.predict(displacement[None])[0], expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(
    "convert",
    [
        lambda: lam_from_danuser(-1.0, young=1.0),
        lambda: lam_from_danuser(1.0, young=0.0),
        lambda: lam_from_fiji(np.nan, young=1.0, spacing_m=1.0),
        lambda: lam_from_easy_tfm(1.0, spacing_px=0.0),
    ],
)
def test_bad_lambdas_are_refused(convert) -> None:
    with pytest.raises(ValueError, match="Expected"):
        convert()


def test_converged_fields_of_a_batch_stand_still_while_others_go_on() -> None:
    rng = np.random.default_rng(4)
    spectrum = 10.0 ** np.linspace(0, 3, 30)
    data = rng.normal(size=(2, 30))
    data[0, 1:] = 0  # one iteration solves this field
    goal = 1e-8 * np.linalg.norm(data, axis=1)

    def solve(fields: np.ndarray, goal: np.ndarray) -> Solution:
        return conjugate_gradients(
            lambda x: spectrum * x,
            np.zeros_like(fields),
            fields,
            precondition=lambda r: r,
            goal=goal,
            max_iter=60,
            reorthogonalise=True,
        )

    together = solve(data, goal)
    np.testing.assert_allclose(together.x, data / spectrum, rtol=1e-4, atol=1e-7)
    assert together.n_iter[0] == 1
    np.testing.assert_allclose(solve(data[1:], goal[1:]).x[0], together.x[1], rtol=1e-6)
