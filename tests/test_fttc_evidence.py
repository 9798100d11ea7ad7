"""The evidence against the likelihood of the data, written down without the package.

Source: D. J. C. MacKay, Neural Comput. 4, 415 (1992). With the singular values ``s`` of the forward operator, traction
of variance ``n^2 / lam`` and noise of variance ``n^2``, the data have the variances ``n^2 (1 + s^2 / lam)`` along the
left singular vectors. Boussinesq and Cerruti's tensor is that of Butler et al., Am. J. Physiol. Cell Physiol. 282, C595
(2002).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import griddata
from scipy.optimize import minimize_scalar

from tfmkit.fttc import FTTCCV
from tfmkit.io import read_displacement

NU, PATH = 0.3, np.geomspace(1e-2, 1e3, 801)
PERIODIC: dict[str, Any] = {
    "lams": PATH, "orders": [0.0], "criterion": "evidence", "boundary": "periodic", "poisson": NU,
}  # fmt: skip


def tensor(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return xx, yy and xy at all wave vectors of the grid, 0 for the mean and for xy at the Nyquist frequency."""
    ky, kx = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    k = np.hypot(ky, kx)
    k[0, 0] = np.inf
    scale = 2 * (1 + NU) / k**3
    mixed = np.where((np.abs(ky) < np.pi) & (np.abs(kx) < np.pi), -NU * kx * ky, 0)
    k[0, 0] = 0
    return scale * ((1 - NU) * k**2 + NU * ky**2), scale * ((1 - NU) * k**2 + NU * kx**2), scale * mixed


def best(variances: np.ndarray, squares: np.ndarray, noise: float) -> float:
    """Return the lambda of the largest likelihood of squared amplitudes, whose signal has variances over lambda."""

    def minus_twice(log_lam: float) -> float:
        total = 1 + variances / np.exp(log_lam)
        return float(np.log(total).sum() + (squares / total).sum() / noise**2)

    return float(np.exp(minimize_scalar(minus_twice, bounds=np.log(PATH[[0, -1]]), method="bounded").x))


def test_evidence_is_largest_where_the_likelihood_of_dense_matrices_is() -> None:
    shape, noise, rng = (15, 17), 0.1, np.random.default_rng(0)
    place = np.indices(shape).reshape(2, -1)
    xx, yy, xy = (np.fft.ifft2(part).real[tuple(place[:, :, None] - place[:, None])] for part in tensor(shape))
    left, values, _ = np.linalg.svd(np.block([[xx, xy], [xy, yy]]))
    for lam in (0.3, 3.0):
        traction = rng.normal(size=len(values)) * noise / np.sqrt(lam)
        u = np.block([[xx, xy], [xy, yy]]) @ traction + noise * rng.normal(size=len(values))
        found = FTTCCV(noise=noise, **PERIODIC).fit(u.reshape(1, 2, *shape)).lam_[0]
        assert found == pytest.approx(best(values**2, (left.T @ u) ** 2, noise), rel=0.03)
        assert found == pytest.approx(lam, rel=0.5)


def by_wave_vectors(u: np.ndarray, noise: float) -> float:
    """Return the best lambda of a field on a periodic gel: the same likelihood, one wave vector after another."""
    xx, yy, xy = tensor(u.shape[1:])
    gains, turns = np.linalg.eigh(np.stack([xx, xy, xy, yy], axis=-1).reshape(*xx.shape, 2, 2))
    amplitude = np.einsum("hwij,ihw->hwj", turns, np.fft.fft2(u, norm="ortho"))
    return best(gains**2, np.abs(amplitude) ** 2, noise)


def on_the_published_grid(u: np.ndarray) -> np.ndarray:
    """Return vectors as Easy-to-use TFM takes them: cubic, on an even grid halfway between the moved points."""
    y, x = np.indices(u.shape[1:])
    points = np.stack([(x + u[0]).ravel(), (y + u[1]).ravel()], axis=1)
    n = np.floor(np.ptp(points, axis=0)).astype(int) // 2 * 2
    ticks = [first + 0.5 + np.arange(size) for first, size in zip(points.min(axis=0), n, strict=True)]
    moved = np.stack([griddata(points, part.ravel(), tuple(np.meshgrid(*ticks)), method="cubic") for part in u])
    return np.nan_to_num(moved)


@pytest.mark.parametrize(("cell", "stands", "published"), [(0, 114, (138, 141)), (1, 155, (193, 193))])
def test_published_lambda_of_easy_to_use_tfm(
    measured_data: Any, cell: int, stands: float, published: tuple[float, float]
) -> None:
    # The two fields have vectors every 10 image pixels; that package prints lambda in squared image pixels.
    data = read_displacement(measured_data / "easy_to_use_tfm" / "input_data.mat")
    u = data.displacement[cell] / data.spacing
    noise = float(np.ravel(data.noise)[cell]) / data.spacing
    for field, low, high in ((u, stands, stands), (on_the_published_grid(u), *published)):
        independent = 100 * by_wave_vectors(field, noise)
        assert 0.98 * low < independent < 1.02 * high
        found = 100 * FTTCCV(noise=noise, **PERIODIC).fit(field[None]).lam_[0]
        assert found == pytest.approx(independent, rel=0.025)
