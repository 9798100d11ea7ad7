"""The weights in the package: what they promise on cells that nobody trained on."""

import numpy as np
import pytest

from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM, packaged_weights, read_weights, write_weights
from tfmkit.displacement import PIV
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator, CellSimulator, add_noise


@pytest.fixture(scope="module")
def small():
    return DeepTFM.from_pretrained("small")


@pytest.fixture(scope="module")
def cells():
    return CellSimulator("adhesion", shape=64, oversample=3, random_state=11).sample(3)


def test_four_sets_of_weights_under_25_mb():
    packaged = packaged_weights()
    assert set(packaged) == {"default", "images", "small", "tracnet"}
    assert sum(path.stat().st_size for path in packaged.values()) < 25e6


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_half_the_error_of_the_best_fttc(small, cells, noise):
    displacement = add_noise(cells.noise_free_displacement, noise, unit="rms", random_state=0)
    oracle = OracleLambda(FTTC(boundary="periodic", order=0.0)).fit(displacement, cells.traction).predict(displacement)
    error, baseline = (relative_rmse(cells.traction, t) for t in (small.predict(displacement), oracle))
    assert error < 0.5 * baseline


@pytest.mark.parametrize("name", ["default", "small"])
def test_one_set_of_weights_serves_every_gel(name, cells):
    tau = cells.traction.astype(float)[:1, :, :40, :47] / 10_670.0
    for young, poisson, spacing in ((1e3, 0.3, 2.0), (1e5, 0.5, 1e-6)):
        gel = {"young": young, "poisson": poisson, "spacing": spacing}
        displacement = ForwardOperator((40, 47), **gel).apply(tau * young)
        model = DeepTFM.from_pretrained(name, **gel)
        assert relative_rmse(tau * young, model.predict(displacement)) < 0.15


@pytest.mark.parametrize("name", ["default", "small"])
def test_thin_gels_need_no_training_of_their_own(name, cells):
    tau = cells.traction.astype(float)
    layer = ForwardOperator(64, young=10_670.0, thickness=4.0)
    displacement = add_noise(layer.apply(tau), 0.04, unit="rms", random_state=0)
    thin, half_space = (DeepTFM(weights=name, max_epochs=0, thickness=h).fit(displacement) for h in (4.0, None))
    error, wrong = (relative_rmse(tau, model.predict(displacement)) for model in (thin, half_space))
    best = relative_rmse(tau, FTTCCV(thickness=4.0).fit(displacement).predict(displacement))
    assert error < 0.7 * best
    assert error < 0.5 * wrong


def test_only_a_training_with_deep_beads_knows_them(cells, tmp_path):
    displacement = cells.displacement[:1]
    with pytest.raises(
        ValueError, match="Expected beads at the surface for the weights small, .* `tfmkit train depth`"
    ):
        DeepTFM(max_epochs=0, weights="small", depth=0.5).fit(displacement)
    weights = read_weights(packaged_weights()["small"])
    deep = weights._replace(settings=weights.settings | {"recipe": {"depth": 1.5}})
    write_weights(tmp_path / "deep.safetensors", deep, half=True)
    # The physics inside the network is that of the deep beads: it is not the answer for the surface.
    model, surface = (DeepTFM.from_pretrained(tmp_path / "deep.safetensors", depth=d) for d in (0.5, 0.0))
    assert relative_rmse(surface.predict(displacement), model.predict(displacement)) > 0.1
    # Half a grid point of a grid with twice the spacing is one of this unit.
    twice = DeepTFM.from_pretrained(tmp_path / "deep.safetensors", depth=1.0, spacing=2.0)
    np.testing.assert_allclose(twice.predict(2 * displacement), model.predict(displacement), rtol=1e-5)


def test_prediction_scales_exactly_with_amplitude(small, cells):
    displacement = cells.displacement.astype(float)
    np.testing.assert_allclose(
        small.predict(1e-7 * displacement), 1e-7 * small.predict(displacement), rtol=1e-12, atol=1e-20
    )


def test_quarter_turns_change_little(small, cells):
    turned = np.rot90(cells.displacement, axes=(2, 3))
    turned = np.stack([turned[:, 1], -turned[:, 0]], axis=1)
    back = small.predict(turned)
    back = np.rot90(np.stack([-back[:, 1], back[:, 0]], axis=1), -1, axes=(2, 3))
    assert relative_rmse(small.predict(cells.displacement), back) < 0.05


def test_intervals_hold_nine_times_in_ten(small, cells):
    displacement = add_noise(cells.noise_free_displacement, 0.1, unit="rms", random_state=0)
    traction, std = small.predict(displacement, return_std=True)
    inside = np.broadcast_to(cells.mask[:, None], traction.shape)
    held = np.abs(traction - cells.traction) <= 1.645 * std
    assert 0.8 < held[inside].mean() < 0.98


@pytest.mark.parametrize("name", ["default", "small"])
def test_intervals_of_the_package_are_calibrated(name):
    calibration = DeepTFM.from_pretrained(name).calibration_
    assert 1 < calibration.misfit_limit < 5


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_what_no_traction_makes_is_foreign(small, cells, noise):
    displacement = add_noise(cells.noise_free_displacement, noise, unit="rms", random_state=0)
    rms = np.sqrt(np.square(displacement).mean(axis=(1, 2, 3), keepdims=True))
    y, x = np.mgrid[:64, :64] - 31.5
    foreign = {
        "motion": displacement + 0.3 * rms,
        "rotation": displacement + 0.3 * rms * np.stack([-y, x]) / 18,
        "noise": rms * np.random.default_rng(0).normal(size=displacement.shape),
    }
    assert small.is_foreign(displacement).sum() <= 1
    for kind, fields in foreign.items():
        assert small.is_foreign(fields).all(), kind


def test_fine_tuning_starts_from_the_weights(cells):
    model = DeepTFM.from_pretrained("small", max_epochs=1, lr=1e-5, train_split=None, random_state=0, verbose=0)
    before = relative_rmse(cells.traction, model.predict(cells.displacement))
    model.partial_fit(cells.displacement[:2], cells.traction[:2])
    assert relative_rmse(cells.traction, model.predict(cells.displacement)) < 1.5 * before


def test_the_papers_network_serves_its_own_poisson_ratio():
    with pytest.raises(ValueError, match=r"Poisson ratio of 0\.3"):
        DeepTFM.from_pretrained("tracnet", poisson=0.3)
    with pytest.raises(ValueError, match="half-space"):
        DeepTFM.from_pretrained("tracnet", thickness=5.0)


def test_on_images_the_network_that_is_told_the_noise_is_better_and_knows_its_error():
    """Adhesion cells at 2 beads a node, 5 px: of `default`, a third of the 90 % intervals hold there."""
    cells = CellSimulator("adhesion", shape=48, oversample=3, random_state=5).sample(2)
    length = np.hypot(cells.displacement[:, 0], cells.displacement[:, 1]).max(axis=(1, 2))[:, None, None, None]
    scale = 5 / 8 / length
    simulator = BeadSimulator(384, spacing=8, density=2 / 64, photons=200.0, random_state=5)
    found = PIV(spacing=8).measure(simulator.sample(2, displacement=8 * scale * cells.noise_free_displacement).pairs)
    told, plain = (DeepTFM.from_pretrained(name, spacing=8) for name in ("images", "default"))
    truth = scale * cells.traction
    traction, std = told.predict(found.displacement, noise=found.std, return_std=True)
    assert relative_rmse(truth, traction) < 0.85 * relative_rmse(truth, plain.predict(found.displacement))
    length = np.hypot(truth[:, 0], truth[:, 1])
    held = (np.abs(traction - truth) < 1.645 * std).mean(axis=1)[length > 0.05 * length.max()]
    assert 0.8 < held.mean() <= 1
    with pytest.raises(ValueError, match="noise"):
        told.predict(found.displacement)
