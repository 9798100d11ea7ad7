"""The correction of a network's traction by the displacement, against dense algebra and by its properties."""

import numpy as np
import pytest

from tfmkit.deep import DeepTFM
from tfmkit.deep.explain import explain
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.simulate import CellSimulator, PatchSimulator

SHAPE = (10, 12)
GELS = [Gel(young=1.0, poisson=0.4), Gel(young=1.0, poisson=0.5, thickness=6.0, depth=0.5)]


def drawn_field(gel, seed=0):
    rng = np.random.default_rng(seed)
    truth, prior = rng.normal(size=(2, 1, 2, *SHAPE))
    std = rng.uniform(0.05, 0.3, size=truth.shape)
    noise = rng.uniform(0.2, 0.6, size=truth.shape)
    displacement = ForwardOperator.of_gel(SHAPE, gel).apply(truth) + noise * rng.normal(size=truth.shape)
    return displacement, prior, std, noise


def dense_operator(gel):
    """Columns by unit tractions, one at a time."""
    units = np.eye(2 * SHAPE[0] * SHAPE[1]).reshape(-1, 2, *SHAPE)
    return ForwardOperator.of_gel(SHAPE, gel).apply(units).reshape(len(units), -1).T


@pytest.mark.parametrize("gel", GELS, ids=["half-space", "layer"])
def test_correction_is_the_least_squares_solution(gel):
    displacement, prior, std, noise = drawn_field(gel)
    rms = np.sqrt(np.mean(displacement**2))
    matrix = dense_operator(gel) / np.hypot(2 * noise, 0.02 * rms).reshape(-1, 1)
    data = (displacement / np.hypot(2 * noise, 0.02 * rms)).ravel()
    # Tikhonov's normal equations: the other form of the same minimum.
    normal = matrix.T @ matrix + np.diag(1 / std.ravel() ** 2)
    wanted = np.linalg.solve(normal, matrix.T @ data + prior.ravel() / std.ravel() ** 2)
    found = explain(displacement, prior, std, noise, gel).ravel()
    start = np.linalg.norm(prior.ravel() - wanted)
    assert np.linalg.norm(found - wanted) < 0.05 * start


def test_replaced_vectors_count_for_nothing():
    gel = GELS[0]
    displacement, prior, std, noise = drawn_field(gel)
    noise[0, :, 4, 5] = np.nan
    changed = displacement.copy()
    changed[0, 0, 4, 5], changed[0, 1, 4, 5] = displacement[0, 1, 4, 5], displacement[0, 0, 4, 5]
    found, other = (explain(u, prior, std, noise, gel) for u in (displacement, changed))
    np.testing.assert_allclose(other, found, atol=1e-3 * np.abs(found).max())


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12])
def test_correction_scales_with_the_field(size):
    gel = GELS[0]
    parts = drawn_field(gel)
    found = explain(*parts, gel)
    np.testing.assert_allclose(explain(*(size * part for part in parts), gel) / size, found, rtol=1e-4, atol=1e-5)


def test_certain_traction_and_a_field_of_zeros_stay():
    gel = GELS[0]
    displacement, prior, std, noise = drawn_field(gel)
    assert np.array_equal(explain(displacement, prior, 0 * std, noise, gel), prior)
    nothing = np.zeros_like(displacement)
    assert np.array_equal(explain(nothing, nothing, nothing, nothing, gel), nothing)


def test_a_batch_is_corrected_field_by_field():
    gel = GELS[1]
    fields = [np.concatenate(pair) for pair in zip(drawn_field(gel, 1), drawn_field(gel, 2), strict=True)]
    together = explain(*fields, gel)
    for one in range(2):
        alone = explain(*(part[one : one + 1] for part in fields), gel)
        np.testing.assert_allclose(together[one], alone[0], rtol=1e-4, atol=1e-4 * np.abs(alone).max())


def test_a_false_net_force_goes():
    """A uniform push under the whole cell explains nothing, and long waves show it."""
    gel = Gel(young=1.0, poisson=0.45)
    cells = PatchSimulator("disc", shape=40, young=1.0, poisson=0.45, random_state=3).sample(1)
    truth, displacement = cells.traction, cells.noise_free_displacement
    # In balance, so that all net force is false.
    pulls = np.hypot(truth[:, :1], truth[:, 1:])
    truth = truth - pulls * truth.sum(axis=(2, 3), keepdims=True) / pulls.sum()
    displacement = ForwardOperator.of_gel((40, 40), gel).apply(truth)
    std = 0.1 * pulls.max() * (pulls > 0) + np.zeros_like(truth)
    prior = truth + 0.1 * pulls.max() * (pulls > 0)
    noise = np.full_like(truth, 0.02 * np.sqrt(np.mean(displacement**2)))
    found = explain(displacement, prior, std, noise, gel)
    assert np.abs(found.sum(axis=(2, 3))).max() < 0.05 * np.abs(prior.sum(axis=(2, 3))).max()
    assert np.linalg.norm(found - truth) < 0.3 * np.linalg.norm(prior - truth)


def test_estimator_corrects_fields_that_it_leaves_unexplained():
    """A crowd of discs under alternating pulls of one row each is unlike any cell of the training."""
    rows = np.where(np.arange(48) % 2, 1.0, -1.0)[:, None] * np.ones(48)
    traction = np.stack([1000 * rows, 0 * rows])[None]
    model = DeepTFM.from_pretrained("small")
    displacement = ForwardOperator.of_gel((48, 48), model.gel_).apply(traction) + 0.1
    noise = np.full_like(displacement, 0.02 * displacement.std())
    own, half_width = model.evaluate(displacement)
    told = model.predict(displacement, noise=noise)
    wanted = explain(displacement, own, half_width / 1.6448536269514722, noise, model.gel_)
    np.testing.assert_allclose(told, wanted, rtol=1e-5, atol=1e-5 * np.abs(told).max())
    assert np.abs(told - own).max() > 0.1 * np.abs(own).max()
    assert model.takes_noise
    np.testing.assert_array_equal(model.predict(displacement, noise=noise, return_std=True)[0], told)


def test_units_of_spacing_and_young_do_not_matter():
    cells = CellSimulator("adhesion", shape=48, random_state=5).sample(1)
    displacement = cells.displacement
    noise = np.full_like(displacement, 0.05 * displacement.std())
    one = DeepTFM.from_pretrained("small").predict(displacement, noise=noise)
    micron = DeepTFM.from_pretrained("small", young=1.0, spacing=1e-6).predict(1e-6 * displacement, noise=1e-6 * noise)
    np.testing.assert_allclose(10_670 * micron, one, rtol=1e-3, atol=1e-4 * np.abs(one).max())


def test_network_without_error_bars_takes_no_noise():
    model = DeepTFM.from_pretrained("tracnet")
    field = np.random.default_rng(0).normal(size=(1, 2, 32, 32))
    assert not model.takes_noise
    with pytest.raises(ValueError, match="Expected no noise"):
        model.predict(field, noise=np.ones_like(field))
