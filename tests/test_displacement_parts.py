"""The parts that displacement is measured with: grids, images, correlation, outliers, windows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tfmkit.displacement._images import prepare
from tfmkit.displacement._lattice import Lattice, block_sum, nodes, resample
from tfmkit.displacement._match import WINDOWS, normalised_median, replace
from tfmkit.displacement._precision import describe
from tfmkit.displacement._search import correlate_windows
from tfmkit.simulate.spots import draw_spots


@pytest.mark.parametrize(("size", "spacing"), [(64, 4), (65, 4), (63, 8), (40, 1)])
def test_nodes_lie_in_the_middle(size, spacing):
    position = nodes(size, spacing)
    assert len(position) == size // spacing
    assert position[0] + position[-1] == size - 1
    np.testing.assert_allclose(np.diff(position), spacing)


def test_resample_is_exact_for_cubics():
    known, wanted = np.arange(10.0), np.linspace(0, 9, 23)
    cubic = known**3 - 4 * known
    field = resample(np.stack([cubic[:, None] + known]), (known, known), (wanted, wanted))
    np.testing.assert_allclose(field[0], (wanted**3 - 4 * wanted)[:, None] + wanted, rtol=1e-4, atol=1e-3)


def test_gather_sums_gaussian_weights():
    lattice = Lattice((64, 48), 4)
    image = np.zeros((64, 48), dtype=np.float32)
    image[32:34, 24:26] = 0.25
    rows, columns = lattice.positions()
    expected = np.exp(-((rows[:, None] - 32.5) ** 2 + (columns - 24.5) ** 2) / (2 * 5.0**2))
    got = lattice.gather_pixels(image, 5.0)
    np.testing.assert_allclose(got[expected > 1e-3], expected[expected > 1e-3], rtol=1e-5)


def test_block_sum():
    image = np.arange(35.0).reshape(5, 7)
    np.testing.assert_array_equal(block_sum(image, 2), image[:4, :6].reshape(2, 2, 3, 2).sum(axis=(1, 3)))


def test_lumped_blocks_are_all_there_and_in_their_place():
    lattice = Lattice((64, 48), 4)
    blocks = np.zeros((32, 24), dtype=np.float32)
    blocks[10, 7] = 2.0
    rows, columns = lattice.positions()
    lumped = lattice.lump(blocks)
    assert lumped.sum() == pytest.approx(2.0)
    # The block's middle is at (20.5, 14.5): bilinear weights keep the first moment.
    assert lumped.sum(axis=1) @ rows == pytest.approx(2 * 20.5)
    assert lumped.sum(axis=0) @ columns == pytest.approx(2 * 14.5)
    assert lattice.lump(np.ones_like(blocks)).sum() == pytest.approx(blocks.size)


def test_prepared_images_have_no_background():
    rng = np.random.default_rng(0)
    spots = draw_spots((128, 128), rng.uniform(0, 128, 400), rng.uniform(0, 128, 400), 1.2)
    slope = np.linspace(0, 50, 128)
    images = [rng.poisson(200 * spots + 20 + slope).astype(float) for _ in range(2)]
    prepared = prepare((images[0], images[1]), np.zeros((128, 128), dtype=bool))
    assert abs(prepared.relaxed[:, :32].mean() - prepared.relaxed[:, -32:].mean()) < 0.1 * prepared.relaxed.std()
    assert prepared.relaxed.dtype == np.float32
    # The filter takes noise out: what the two images do not share gets less.
    assert np.var(prepared.relaxed - prepared.deformed) < np.var(prepared.noisy[0] - prepared.noisy[1])


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.3, -1.6), (-5.0, 4.5)])
def test_correlation_finds_the_shift_of_each_window(shift):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-10, 106, (2, 500))
    first = draw_spots((96, 96), x, y, 1.5)
    second = draw_spots((96, 96), x + shift[0], y + shift[1], 1.5)
    starts = np.array([16, 32, 48])
    displacement, ratio = correlate_windows(first, second, (starts, starts), (32, 32))
    # Less of the content is common to both windows the further it has moved, which draws the peak towards 0.
    np.testing.assert_allclose(np.median(displacement, axis=(1, 2)), shift, atol=0.3)
    assert np.median(ratio) > 1.2


def test_empty_windows_correlate_with_nothing():
    displacement, ratio = correlate_windows(
        np.zeros((32, 32)), np.zeros((32, 32)), (np.array([0]), np.array([0])), (16, 16)
    )
    assert np.isfinite(displacement).all()
    np.testing.assert_array_equal(ratio, 1)


def test_normalised_median_by_hand():
    field = np.zeros((2, 5, 5))
    field[0, 2, 2] = 1.0
    residual = normalised_median(field)
    # All eight neighbours are 0: |1 - 0| / (0 + 0.1).
    assert residual[2, 2] == pytest.approx(10.0)
    assert residual[0, 0] == 0


def test_replace_fills_from_around_and_keeps_the_rest():
    field = np.ones((2, 12, 12)) * np.array([2.0, -1.0])[:, None, None]
    bad = np.zeros((12, 12), dtype=bool)
    bad[3:9, 3:9] = True
    spoilt = np.where(bad, 99.0, field)
    np.testing.assert_allclose(replace(spoilt, bad), field)
    np.testing.assert_array_equal(replace(spoilt, ~np.zeros_like(bad)), 0)
    lone = np.ones((12, 12), dtype=bool)
    lone[0, 0] = False
    np.testing.assert_allclose(replace(field, lone), field)


def test_vectors_are_described_by_their_errors_and_differences():
    y, x = np.mgrid[:6, :8]
    field = np.stack([0.02 * x + 0.03 * y, -0.05 * y])
    errors = {window: np.full((2, 6, 8), 0.1 * window) for window in WINDOWS}
    agreement = SimpleNamespace(errors=errors, seen=np.linspace(0.2, 1, 8) + np.zeros((6, 8)))
    *errors, curved, slope, seen = np.exp(describe(field, agreement))
    np.testing.assert_allclose(seen[1], agreement.seen, atol=0.011)
    np.testing.assert_allclose(
        errors, np.broadcast_to(np.reshape(WINDOWS, (3, 1, 1, 1)) * 0.1, (3, 2, 6, 8)), rtol=0.01
    )
    # A plane has one slope everywhere, and no curvature.
    np.testing.assert_allclose(slope, np.sqrt(0.02**2 + 0.03**2 + 0.05**2), rtol=0.05)
    assert curved.max() < 0.2 * slope.max()
