"""Finite gels and deep beads, from the forward operator to the estimators that invert it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from tfmkit.bayes import BayesianFTTC
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.criteria import CRITERIA, SINGLE_ORDER
from tfmkit.gel import ForwardOperator
from tfmkit.mechanics import total_force
from tfmkit.metrics import displacement_residual, relative_rmse
from tfmkit.simulate import CellSimulator, PatchSimulator, add_noise
from tfmkit.sparse import ElasticNetTFM

SHAPES = [(12, 12), (13, 13), (12, 17), (17, 12)]
BOUNDARIES = ("open", "periodic")


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return a random batch of fields."""
    return np.random.default_rng(seed).normal(size=(2, 2, *shape))


def balanced(shape: tuple[int, int]) -> np.ndarray:
    """Return a pair of opposite forces in the middle of a field."""
    traction = np.zeros((1, 2, *shape))
    traction[0, :, shape[0] // 2, shape[1] // 2 - 2] = 1.0, 0.5
    traction[0, :, shape[0] // 2, shape[1] // 2 + 2] = -1.0, -0.5
    return traction


@pytest.fixture(scope="module")
def cells():
    """Return cells with their traction, at rest as a whole."""
    return CellSimulator("adhesion", shape=48, oversample=3, random_state=3).sample(3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("thickness", "depth"), [(5.0, 0.0), (5.0, 2.0), (None, 3.0)])
def test_operator_is_its_own_adjoint(shape: tuple[int, int], boundary: str, thickness: float, depth: float) -> None:
    gel = ForwardOperator(shape, young=2.0, spacing=3.0, boundary=boundary, thickness=thickness, depth=depth)
    traction, displacement = noise(shape, 1), noise(shape, 2)
    assert_allclose((gel.apply(traction) * displacement).sum(), (traction * gel.apply(displacement)).sum(), rtol=1e-11)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_no_base_is_the_half_space_bit_for_bit(boundary: str) -> None:
    plain, infinite = (
        ForwardOperator((12, 17), boundary=boundary, thickness=h).apply(noise((12, 17))) for h in (None, np.inf)
    )
    assert_array_equal(plain, infinite)
    assert_array_equal(plain, ForwardOperator((12, 17), boundary=boundary).apply(noise((12, 17))))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_thick_layer_tends_to_the_half_space(boundary: str) -> None:
    traction = balanced((24, 30))
    half = ForwardOperator((24, 30), boundary=boundary).apply(traction)
    errors = [
        np.abs(ForwardOperator((24, 30), boundary=boundary, thickness=h).apply(traction) - half).max() / half.max()
        for h in (10.0, 100.0, 1000.0)
    ]
    assert errors[0] > 10 * errors[1]
    assert errors[2] < 1e-4


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_thin_layer_is_sheared_where_it_is_pulled(boundary: str) -> None:
    # Traction that varies over many thicknesses: u = t 2 (1 + nu) (h - d) / E, lengths in the unit of spacing.
    y, x = np.mgrid[:64, :64]
    bell = np.exp(-((y - 32.0) ** 2 + (x - 30.0) ** 2) / (2 * 7.0**2))
    traction = 100 * np.stack([bell, -0.5 * bell])[None]
    gel = {"young": 1000.0, "poisson": 0.3, "spacing": 0.5, "thickness": 0.2, "depth": 0.05}
    displacement = ForwardOperator(64, boundary=boundary, **gel).apply(traction)
    sheared = traction * 2 * 1.3 * 0.15 / 1000
    assert np.abs(displacement - sheared).max() < 0.01 * sheared.max()


def test_boundaries_agree_where_the_layer_is_thin_against_the_margin() -> None:
    # Unlike on the half-space a single force is forgotten within a few thicknesses.
    y, x = np.mgrid[:64, :64]
    traction = np.stack([np.exp(-((y - 32.0) ** 2 + (x - 32.0) ** 2) / 18), 0 * x])[None]
    open_, periodic = (ForwardOperator(64, boundary=b, thickness=3.0, depth=0.5).apply(traction) for b in BOUNDARIES)
    # What remains is the mean over the pixel, which the open operator takes: k^2 / 24 for waves of 3 px.
    assert np.abs(open_ - periodic).max() < 0.01 * np.abs(open_).max()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_lengths_share_the_unit_of_spacing(boundary: str) -> None:
    traction = noise((12, 15))
    pixels = ForwardOperator((12, 15), boundary=boundary, thickness=8.0, depth=1.0).apply(traction)
    microns = ForwardOperator((12, 15), boundary=boundary, spacing=0.25, thickness=2.0, depth=0.25).apply(traction)
    assert_allclose(microns, 0.25 * pixels, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_deeper_beads_move_less(boundary: str) -> None:
    depths = (0.0, 0.5, 1.0, 2.0, 4.0)
    moved = [
        np.square(ForwardOperator((24, 24), boundary=boundary, thickness=10.0, depth=d).apply(balanced((24, 24)))).sum()
        for d in depths
    ]
    assert (np.diff(moved) < 0).all()


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_gives_what_numpy_gives(boundary: str, dtype: str) -> None:
    traction = noise((12, 15)).astype(dtype)
    gel = ForwardOperator((12, 15), boundary=boundary, thickness=4.0, depth=0.5)
    ours, theirs = gel.apply(traction), gel.apply(torch.from_numpy(traction))
    assert ours.dtype == np.dtype(dtype)
    assert theirs.dtype == getattr(torch, dtype)
    assert_allclose(theirs.numpy(), ours, atol={"float32": 2e-6, "float64": 1e-14}[dtype] * np.abs(ours).max())


@pytest.mark.parametrize("shape", [(13, 13), (12, 17)])
@pytest.mark.parametrize(("thickness", "depth"), [(6.0, 0.0), (6.0, 1.0), (0.5, 0.2)])
def test_round_trip_on_a_periodic_layer(shape: tuple[int, int], thickness: float, depth: float) -> None:
    # Unlike on the half-space the mean traction comes back too.
    gel = {"young": 500.0, "spacing": 2.0, "boundary": "periodic", "thickness": thickness, "depth": depth}
    traction = noise(shape) + 3.0
    displacement = ForwardOperator(shape, **gel).apply(traction)
    recovered = FTTC(0.0, **gel).fit(displacement).predict(displacement)
    assert_allclose(recovered, traction, rtol=0, atol=1e-8)


@pytest.mark.filterwarnings("ignore:The best lambda")  # of noise alone
def test_lambdas_on_offer_reach_lower_for_deeper_beads() -> None:
    lowest = [FTTCCV(spacing=2.0, depth=d).fit(noise((16, 16))).lams_[0] for d in (0.0, 2.0, 200.0)]
    assert_allclose(lowest, 1e-3 * np.exp([0.0, -2.0, -20.0]))


def test_estimators_without_a_base_are_what_they_were(cells) -> None:
    for model in (FTTC, FTTCCV):
        plain = model().fit(cells.displacement).predict(cells.displacement)
        assert_array_equal(model(thickness=np.inf).fit(cells.displacement).predict(cells.displacement), plain)


@pytest.mark.parametrize("gel", [{"thickness": 3.0}, {"depth": 1.0}, {"thickness": 8.0, "depth": 1.0}])
def test_the_right_gel_is_the_better_one(cells, gel: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    clean = ForwardOperator(48, **gel).apply(cells.traction.astype(float))
    displacement = clean + 0.05 * clean.std() * rng.standard_normal(clean.shape)
    error = {}
    for name, parameters in (("layer", gel), ("half-space", {})):
        recovered = FTTCCV(**parameters).fit(displacement).predict(displacement)
        error[name] = relative_rmse(cells.traction, recovered)
        assert displacement_residual(clean, cells.traction, **parameters) < (1e-6 if name == "layer" else np.inf)
    assert error["layer"] < 0.9 * error["half-space"]
    oracle = min(
        relative_rmse(cells.traction, FTTC(lam, order=order, **gel).fit(displacement).predict(displacement))
        for lam in np.geomspace(1e-3, 1e2, 11)
        for order in (0.0, 1.0, 2.0)
    )
    assert error["layer"] < 1.1 * oracle


@pytest.mark.filterwarnings("ignore:The best lambda")  # of noise alone
@pytest.mark.parametrize("criterion", CRITERIA)
def test_beads_far_below_the_surface_break_no_criterion(criterion: str) -> None:
    orders = [1.0] if criterion in SINGLE_ORDER else [0.0, 1.0]
    for depth in (10.0, 400.0):
        model = FTTCCV(orders=orders, criterion=criterion, depth=depth).fit(noise((20, 20)))
        # A candidate that the path does not reach has an infinite score.
        assert not np.isnan(model.cv_results_["score"]).any()
        assert np.isfinite(model.path()["criterion"]).all()
        assert np.isfinite(model.predict(noise((20, 20)))).all()


@pytest.mark.filterwarnings("ignore:The best lambda")  # The lower of two is the better one.
def test_cross_validation_against_truth_knows_the_gel(cells) -> None:
    displacement = ForwardOperator(48, thickness=3.0).apply(cells.traction)
    model = FTTCCV([1e-4, 1e-2], orders=[0.0], cv=3, thickness=3.0).fit(displacement, cells.traction)
    assert (
        relative_rmse(cells.traction, model.predict(displacement)) < -1.05 * model.cv_results_["mean_test_score"].min()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thickness": 0.0}, "thickness"),
        ({"thickness": -1.0}, "thickness"),
        ({"thickness": np.nan}, "thickness"),
        ({"thickness": "thin"}, "thickness"),
        ({"depth": -1.0}, "depth"),
        ({"depth": np.inf}, "depth"),
        ({"thickness": 2.0, "depth": 2.0}, "depth"),
    ],
)
def test_impossible_gels_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ForwardOperator(8, **change)
    for model in (FTTC, FTTCCV):
        with pytest.raises(ValueError, match=message):
            model(**change).fit(noise((8, 8)))


WAYS = {
    "open": FTTC(0.05, boundary="open", order=1.0, tol=1e-6),
    "periodic, fitted": FTTC(0.05, boundary="periodic", support="fit", tol=1e-6),
    "extended, fitted": FTTC(0.05, support="fit", tol=1e-6),
    "Bayes": BayesianFTTC(),
    "elastic net": ElasticNetTFM(tol=0.2),
}


def with_mask(model, displacement: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Predict with the mask where the model fits within it."""
    given = {"mask": mask} if getattr(model, "support", "cut") == "fit" else {}
    return model.fit(displacement).predict(displacement, **given)


@pytest.mark.parametrize("name", WAYS)
def test_every_way_of_inverting_tends_to_the_half_space(cells, name: str) -> None:
    displacement, mask = cells.displacement[:1].astype(float), cells.mask[:1]
    half = with_mask(WAYS[name], displacement, mask)
    errors = [
        np.abs(with_mask(clone(WAYS[name]).set_params(thickness=h), displacement, mask) - half).max()
        / np.abs(half).max()
        for h in (8.0, 5e4)
    ]
    assert errors[1] < min(0.02, errors[0])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("gel", [{"thickness": 3.0}, {"thickness": 8.0, "depth": 0.5}])
def test_every_way_of_inverting_knows_the_gel(name: str, gel: dict[str, float]) -> None:
    cells = CellSimulator("adhesion", shape=40, oversample=3, noise=0.04, noise_unit="rms", random_state=5, **gel)
    displacement, traction, mask = (cells.sample(1)[key] for key in ("displacement", "traction", "mask"))
    layer, half = (
        relative_rmse(traction, with_mask(clone(WAYS[name]).set_params(**known), displacement, mask))
        for known in (gel, {})
    )
    assert layer < 0.85 * half


@pytest.mark.parametrize("simulator", [CellSimulator("adhesion", shape=32, oversample=3), PatchSimulator(shape=32)])
def test_simulated_cells_stand_on_the_gel(simulator) -> None:
    displacements = {
        h: clone(simulator).set_params(thickness=h, random_state=0).sample(1).displacement
        for h in (None, 2.0, 30.0, 3e3)
    }
    moved = [np.square(displacements[h]).sum() for h in (2.0, 30.0, 3e3)]
    assert moved[0] < moved[1] < moved[2]
    assert_allclose(displacements[3e3], displacements[None], atol=2e-3 * np.abs(displacements[None]).max())
    deep = clone(simulator).set_params(depth=2.0, random_state=0).sample(1)
    assert_array_equal(deep.traction, clone(simulator).set_params(random_state=0).sample(1).traction)
    assert np.square(deep.displacement).sum() < np.square(displacements[None]).sum()


def test_intervals_know_the_gel() -> None:
    gel = {"thickness": 4.0, "depth": 0.5}
    cells = CellSimulator("adhesion", shape=40, oversample=3, noise=0.1, noise_unit="rms", random_state=6, **gel)
    displacement, traction = cells.sample(1, return_X_y=True)
    layer, half = (
        BayesianFTTC(**known)
        .fit(displacement)
        .intervals(displacement, n_samples=4, random_state=0)
        .set_index("quantity")
        .estimate["total_force"]
        for known in (gel, {})
    )
    force = total_force(traction)[0]
    assert abs(layer / force - 1) < 0.05
    assert abs(half / force - 1) > 0.2


@pytest.mark.parametrize("model", [BayesianFTTC, ElasticNetTFM])
def test_estimators_with_priors_refuse_impossible_gels(model) -> None:
    with pytest.raises(ValueError, match="depth"):
        model(thickness=2.0, depth=2.0).fit(noise((8, 8)))


@pytest.mark.parametrize("depth", [2.0, 4.0])
def test_the_continued_field_of_deep_beads_stays_bounded(depth: float) -> None:
    cells = CellSimulator("adhesion", shape=48, random_state=0).sample(2)
    moved = ForwardOperator(48, depth=depth).apply(cells.traction)
    noisy = add_noise(moved, 0.1, unit="rms", random_state=0)
    extended, periodic = (
        relative_rmse(cells.traction, FTTC(0.1, boundary=boundary, depth=depth).fit(noisy).predict(noisy))
        for boundary in ("extended", "periodic")
    )
    # Zero traction has an error of 1. The continuation once made 19 of it.
    assert extended < min(1.0, 1.05 * periodic)
