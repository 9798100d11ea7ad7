"""The standard deviation of every vector, on its way to the estimators that use it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import clone, config_context

from tfmkit.bayes import BayesianFTTC
from tfmkit.cli import main
from tfmkit.deep import DeepTFM
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement
from tfmkit.doubts import find_doubts
from tfmkit.filters import MissingVectorFilter
from tfmkit.fttc import FTTC
from tfmkit.io import open_images
from tfmkit.simulate import CellSimulator, add_noise
from tfmkit.sparse import ElasticNetTFM

GEL = ["--young", "8000", "--poisson", "0.4"]


@pytest.fixture(scope="module")
def displacement() -> np.ndarray:
    """Noisy displacement of two adhesion cells."""
    cells = CellSimulator("adhesion", shape=32, oversample=3, random_state=0).sample(2)
    return add_noise(cells.displacement, 0.1, unit="rms", random_state=0).astype(np.float32)


@pytest.mark.parametrize("estimator", [ElasticNetTFM(), BayesianFTTC()])
def test_noise_of_every_vector_counts_by_its_root_mean_square(displacement: Any, estimator: Any) -> None:
    # Under a quarter of the displacement, above which the elastic net limits it, and a power of 2: squared exactly.
    level = float(2 ** np.floor(np.log2(0.12 * np.sqrt(np.square(displacement).mean(axis=(1, 2, 3)).min()))))
    noise = np.full_like(displacement, level)
    noise[1] *= 2
    noise[0, :, 3, 4] = np.nan
    told = estimator.fit(displacement).predict(displacement, noise=noise)
    for field, known_level in enumerate((level, 2 * level)):
        known = clone(estimator).set_params(noise=known_level).fit(displacement)
        assert_allclose(told[field], known.predict(displacement)[field], rtol=1e-3, atol=1e-3)
    unknown = np.full_like(displacement, np.nan)
    assert_allclose(estimator.predict(displacement, noise=unknown), estimator.predict(displacement), rtol=1e-5)
    for wrong in (noise[0], -noise, np.where(np.isnan(noise), np.inf, noise)):
        with pytest.raises(ValueError, match="noise"):
            estimator.predict(displacement, noise=wrong)


def test_noise_is_routed_to_the_estimators_that_take_it(displacement: Any) -> None:
    noise = np.full_like(displacement, 0.02)
    with config_context(enable_metadata_routing=True):
        expected = BayesianFTTC().fit(displacement).predict(displacement, noise=noise)
        filled = MissingVectorFilter(BayesianFTTC()).fit(displacement)
        assert_allclose(filled.predict(displacement, noise=noise), expected)
        with pytest.raises(TypeError, match="not routed"):
            MissingVectorFilter(FTTC()).fit(displacement).predict(displacement, noise=noise)
    with pytest.raises(ValueError, match="FTTC makes no use of it"):
        FTTC().fit(displacement).predict(displacement, noise=noise)


def test_draws_have_the_size_that_is_stated(displacement: Any) -> None:
    noise = np.full_like(displacement, 0.02)
    noise[..., 20:] = 0.1
    model = BayesianFTTC().fit(displacement)
    spread = (model.draw(displacement, 40, random_state=0, noise=noise).displacement - displacement).std(axis=0)
    assert_allclose(spread[..., :20].mean(), 0.02, rtol=0.05)
    assert_allclose(spread[..., 20:].mean(), 0.1, rtol=0.05)


def test_a_draw_is_the_traction_of_its_displacement_with_the_noise_that_is_stated(displacement: Any) -> None:
    one = displacement[:1]
    noise = np.full_like(one, 0.02 * np.sqrt(np.square(one).mean()))
    model = ElasticNetTFM().fit(one)
    draws = model.draw(one, 1, 0, noise=noise)
    wanted, untold = model.predict(draws.displacement[0], noise=noise), model.predict(draws.displacement[0])
    assert_allclose(draws.traction[0], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    assert np.abs(untold - wanted).max() > 1e-2 * np.abs(wanted).max()


def test_traction_is_told_how_exact_the_displacement_is(tmp_path):
    rng = np.random.default_rng(0)
    displacement, std = rng.normal(size=(2, 16, 16)), np.full((2, 16, 16), 0.4)
    arrays = {"displacement": displacement, "x": 4.0 * np.arange(16), "y": 4.0 * np.arange(16)}
    np.savez(tmp_path / "a.npz", **arrays, measured=np.ones((16, 16), dtype=bool), std=std)
    for extra, level in (([], 0.4), (["--set", "noise=0.1"], 0.1)):
        output = tmp_path / f"out{level}"
        command = ["traction", str(tmp_path / "a.npz"), *GEL, "--method", "BayesianFTTC", *extra, "-o", str(output)]
        assert main(command) == 0
        model = BayesianFTTC(young=8000, poisson=0.4, spacing=4, noise=level).fit(displacement[None])
        with open_images(output / "traction.tif") as images:
            found = [images.read(0, channel) for channel in (1, 2)]
        np.testing.assert_allclose(found, model.predict(displacement[None])[0], rtol=1e-4, atol=1e-3)


def test_networks_without_error_bars_refuse_noise(displacement: Any) -> None:
    with pytest.raises(ValueError, match="DeepTFM makes no use of it"):
        DeepTFM.from_pretrained("tracnet").predict(displacement, noise=np.ones_like(displacement))


@pytest.mark.parametrize(("n_replaced", "doubted"), [(1, 0), (3, 1)])
def test_a_peak_of_replaced_vectors_is_in_doubt(n_replaced: int, doubted: int) -> None:
    field, flags = np.full((2, 20, 20), 0.1), np.zeros((20, 20), dtype=np.uint8)
    field[:, 5, 5:10] = 4.0
    flags[5, 5 : 5 + n_replaced] = Flag.OUTLIER
    axis = 8.0 * np.arange(20)
    whole = np.ones((20, 20), dtype=bool)
    found = Measurement(field, flags, whole * 0.9, axis, axis, 8.0, np.zeros(3), np.array([160, 160]), whole)
    assert found.signs["peak_replaced_fraction"] == pytest.approx(n_replaced / 5)
    assert len(find_doubts(found.signs, "displacement")) == doubted
