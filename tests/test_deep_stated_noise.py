"""The choice of a prediction where the standard deviation of every vector is stated."""

import numpy as np
import pytest

from tfmkit import PIV, DeepTFM
from tfmkit.deep.calibration import HALF_WIDTH
from tfmkit.deep.explain import explain
from tfmkit.deep.misfit import unexplained
from tfmkit.deep.stated_noise import network_of_images, predict_with_noise, smooth_noise
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator, CellSimulator, PatchSimulator

GEL = Gel(young=1.0, poisson=0.45)


@pytest.fixture(scope="module")
def cells():
    return CellSimulator("adhesion", shape=48, random_state=5).sample(2)


@pytest.fixture(scope="module")
def measured():
    """Two cells, photographed and measured."""
    gel = {"young": 1.0, "poisson": 0.45, "spacing": 8.0}
    cells = CellSimulator("adhesion", shape=48, **gel, random_state=7).sample(2)
    scale = 4 / np.abs(cells.noise_free_displacement).max()
    true = cells.noise_free_displacement * scale
    pairs = BeadSimulator(384, spacing=8, density=0.03, photons=200, random_state=1).sample(2, displacement=true).pairs
    found = PIV(spacing=8).measure(pairs)
    return found.displacement, found.std, cells.traction * scale


def uneven_noise(shape, level, seed=0):
    return level * np.random.default_rng(seed).uniform(0.5, 1.5, size=shape)


def fakes():
    """A true traction, its displacement and a noise that is uneven and smoother than white noise."""
    truth = PatchSimulator("disc", shape=32, young=1.0, poisson=0.45, random_state=1).sample(2).traction
    displacement = ForwardOperator.of_gel((32, 32), GEL).apply(truth)
    return truth, displacement, uneven_noise(displacement.shape, 0.1 * displacement.std())


def same(*parts):
    return parts


def never(*_):
    raise AssertionError("ran without need")


def test_white_noise_changes_nothing_in_familiar_cells(cells):
    model = DeepTFM.from_pretrained("small")
    level = 0.1 * cells.noise_free_displacement.std()
    noise = uneven_noise(cells.displacement.shape, level)
    noisy = cells.noise_free_displacement + noise * np.random.default_rng(2).normal(size=noise.shape)
    plain, told = (model.predict(noisy, return_std=True, **given) for given in ({}, {"noise": noise}))
    for one, other in zip(plain, told, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_number_for_all_vectors_changes_nothing_in_familiar_cells(cells):
    model = DeepTFM.from_pretrained("small")
    noise = np.full_like(cells.displacement, 0.1 * cells.noise_free_displacement.std())
    np.testing.assert_array_equal(
        model.predict(cells.noise_free_displacement, noise=noise), model.predict(cells.noise_free_displacement)
    )


@pytest.mark.parametrize("weights", ["default", "small"])
def test_measured_displacement_goes_to_the_network_for_images(measured, weights):
    displacement, noise, truth = measured
    gel = {"young": 1.0, "poisson": 0.45, "spacing": 8.0}
    model, of_images = (DeepTFM.from_pretrained(name, **gel) for name in (weights, "images"))
    told, wanted = (each.predict(displacement, noise=noise, return_std=True) for each in (model, of_images))
    for one, other in zip(told, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert relative_rmse(truth, told[0]) < 0.9 * relative_rmse(truth, model.predict(displacement))


def test_turns_balance_and_thickness_reach_the_network_for_images(measured):
    displacement, noise, _ = measured
    gel = {"young": 1.0, "poisson": 0.45, "spacing": 8.0}
    for setting in ({"average_turns": True}, {"thickness": 40.0}):
        model, of_images = (DeepTFM.from_pretrained(name, **gel, **setting) for name in ("small", "images"))
        one, other = (each.predict(displacement[:1], noise=noise[:1]) for each in (model, of_images))
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * np.abs(other).max())
    balanced = DeepTFM.from_pretrained("small", **gel, balanced=True).predict(displacement, noise=noise)
    assert np.abs(balanced.sum(axis=(2, 3))).max() < 1e-4 * np.abs(balanced).sum()


def test_network_for_images_belongs_to_untrained_packaged_weights(cells, tmp_path):
    model = DeepTFM.from_pretrained("small")
    assert network_of_images(model) is not None
    assert network_of_images(DeepTFM.from_pretrained("images")) is None
    model.save_weights(tmp_path / "own.safetensors")
    assert network_of_images(DeepTFM.from_pretrained(tmp_path / "own.safetensors")) is None
    trained = DeepTFM(max_epochs=1, verbose=0, random_state=0).fit(cells.displacement, cells.traction)
    assert network_of_images(trained) is None


def test_field_that_the_network_for_images_explains_needs_no_other():
    truth, displacement, noise = fakes()
    found, half_width = predict_with_noise(
        displacement, noise, GEL, never, lambda u, _: (truth[: len(u)], np.full_like(u, 0.3)), same
    )
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(half_width, 0.3)


def test_unexplained_field_gets_the_corrected_traction_of_the_own_network():
    truth, displacement, noise = fakes()
    prior, half_width = 0.1 * truth, np.full_like(truth, 0.2 * np.abs(truth).max())

    def wider(traction, half_width):
        return traction, 3 * half_width

    found = predict_with_noise(
        displacement, noise, GEL, lambda _: (prior, half_width), lambda u, _: (np.zeros_like(u), np.ones_like(u)), wider
    )
    wanted = explain(displacement, prior, half_width / HALF_WIDTH, noise, GEL)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found[1], 3 * half_width)
    alone = predict_with_noise(displacement, noise, GEL, lambda _: (prior, half_width), None, wider)
    np.testing.assert_allclose(alone[0], wanted, rtol=1e-6)


def test_predictions_pass_into_each_other_without_a_jump():
    truth, displacement, noise = fakes()
    prior = np.zeros_like(truth)

    def _found(share):
        networks = ((lambda u: (prior[: len(u)], np.ones_like(u))), (lambda u, _: (share * truth, np.ones_like(u))))
        return predict_with_noise(displacement, noise, GEL, *networks, same)[0]

    corrected = explain(displacement, prior, np.ones_like(prior) / HALF_WIDTH, noise, GEL)
    # A traction of half the size leaves half of the displacement unexplained, in the middle between 0.4 and 0.6.
    assert unexplained(displacement, 0.5 * truth, GEL) == pytest.approx(0.5, rel=1e-6)
    np.testing.assert_allclose(_found(0.5), (0.5 * truth + corrected) / 2, atol=1e-6 * np.abs(truth).max())
    np.testing.assert_allclose(_found(0.61), 0.61 * truth)
    np.testing.assert_allclose(_found(0.39), corrected)


def test_interval_of_a_mixture_holds_both_predictions():
    truth, displacement, noise = (part[:1] for part in fakes())
    own, of_images = 0.7 * truth, 0.9 * truth
    # Noise stated so small that the field is between white and smooth.
    for shrink in np.geomspace(1, 1e-3, 200):
        share = smooth_noise(displacement, shrink * noise)
        if ((share > 0.2) & (share < 0.8)).all():
            break
    assert ((share > 0.2) & (share < 0.8)).all()
    weight = share[:, None, None, None]
    found = predict_with_noise(
        displacement, shrink * noise, GEL, lambda _: (own, 0 * own), lambda *_: (of_images, 0 * own), same
    )
    mixed = weight * of_images + (1 - weight) * own
    np.testing.assert_allclose(found[0], mixed)
    apart = np.sqrt(weight * (1 - weight)) * np.abs(own - of_images)
    np.testing.assert_allclose(found[1] / HALF_WIDTH, apart, atol=1e-9)


def test_errors_of_images_are_told_from_white_noise():
    rng = np.random.default_rng(0)
    noise = uneven_noise((1, 2, 40, 40), 0.1)
    white = noise * rng.normal(size=noise.shape)
    assert smooth_noise(white, noise) == 0
    assert smooth_noise(0.4 * white, noise) == 1
    assert 0.3 < smooth_noise(0.7 * white, noise)[0] < 0.7
    # The scale is that of the vectors: components of unlike noise change nothing.
    unlike = np.stack([noise[:, 0], 100 * noise[:, 1]], axis=1)
    assert smooth_noise(white * unlike / noise, unlike) == 0
    # One number for each component is no measurement in images.
    assert smooth_noise(0.1 * white, np.full_like(noise, 0.1)) == 0
    holes = noise.copy()
    holes[:, :, :15] = np.nan
    assert smooth_noise(0.4 * white, holes) == 1
    assert smooth_noise(white, np.full_like(noise, np.nan)) == 0


def test_each_field_of_a_batch_is_judged_by_itself(measured, cells):
    displacement, noise, _ = measured
    model = DeepTFM.from_pretrained("small", young=1.0, spacing=8.0)
    white = cells.noise_free_displacement[:1] * displacement.std() / cells.noise_free_displacement.std()
    fields = np.concatenate([displacement, white])
    errors = np.concatenate([noise, uneven_noise(white.shape, 1e-3 * white.std())])
    together = model.predict(fields, noise=errors)
    for number in range(3):
        alone = model.predict(fields[number : number + 1], noise=errors[number : number + 1])[0]
        np.testing.assert_allclose(together[number], alone, rtol=1e-4, atol=1e-4 * np.abs(alone).max())
