"""Fields that are foreign to a network, told by the residual of other readings of the same field."""

import numpy as np
import pytest

from tfmkit.deep import DeepTFM
from tfmkit.deep.foreign import Signs, find_signs
from tfmkit.deep.misfit import Residual
from tfmkit.doubts import LEAST_MISFIT_AT_OTHER_POISSON, LEAST_MISFIT_TURNED
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve
from tfmkit.simulate import CellSimulator, add_noise

FAMILIAR = {"whole": 1.0, "drift": 0.5, "rest": 0.5, "noise": 0.5, "displacement": 20.0, "allowed": 1.0}


def signs(turned=1.0, other_poisson=1.0, **changes):
    parts = {name: np.array([value]) for name, value in {**FAMILIAR, **changes}.items()}
    own = Residual(**parts)
    return Signs(own, own, np.array([turned]), np.array([other_poisson]))


@pytest.mark.parametrize(
    ("changes", "foreign"),
    [
        ({}, False),
        # Long waves alone are no sign: forces beyond the border make them.
        ({"whole": 15.0, "drift": 14.0}, False),
        ({"whole": 15.0, "drift": 14.9}, True),
        ({"rest": 5.9}, False),
        ({"rest": 6.1}, True),
        ({"noise": 12.3}, False),
        ({"noise": 12.5}, True),
        ({"turned": 0.66}, False),
        ({"turned": 0.64}, True),
        ({"other_poisson": 0.81}, False),
        ({"other_poisson": 0.79}, True),
    ],
)
def test_each_sign_has_its_limit(changes, foreign):
    assert signs(**changes).foreign(2.0).tolist() == [foreign]


def test_a_small_misfit_excuses_drift_and_rest():
    assert not signs(whole=1.9, drift=1.9, displacement=2.9, rest=1.0).foreign(2.0).any()


def test_other_readings_are_tried_and_the_best_counts():
    traction = np.zeros((1, 2, 40, 40))
    traction[0, 0, 15:20, 8:12], traction[0, 0, 15:20, 28:32] = 1.0, -1.0
    gel = Gel(poisson=0.3)
    right = convolve(traction, gel)
    asked = []

    def predict(fields, noise, gel):
        """Know one field only, and its negative."""
        asked.append(gel.poisson)
        return traction * (np.isclose(fields, right).all() - 1.0 * np.isclose(fields, -right).all())

    turned = np.stack([-right[:, 1], right[:, 0]], axis=1)
    found = find_signs(turned, 0 * traction, gel, predict, knows_gel=False)
    assert found.turned[0] < 0.1
    assert found.other_poisson[0] == 1
    assert asked == [0.3, 0.3, 0.3]
    found = find_signs(right, traction, gel, predict, knows_gel=True)
    assert found.turned[0] == found.other_poisson[0] == 1
    np.testing.assert_allclose(asked[3:], [0.3, 0.3, 0.3, 0.1, 0.5])


def test_a_correction_does_not_hide_a_mistake():
    """Where the noise is told, signs are those of the network's own traction, and the misfit that of the reported."""
    rng = np.random.default_rng(0)
    traction, gel = rng.normal(size=(1, 2, 24, 24)), Gel(poisson=0.3)
    displacement = convolve(traction, gel)
    noise = np.full_like(displacement, 0.1)
    found = find_signs(displacement, traction, gel, lambda *_: 0 * traction, noise, knows_gel=False)
    # White tractions make a smooth field, of which nothing is left by the right traction and all by none.
    assert found.numbers(None)["misfit"][0] < 1e-6
    assert found.own.misfit[0] > 10
    plain = find_signs(displacement, traction, gel, lambda *_: 0 * traction, knows_gel=False)
    assert plain.own is plain.reported


def test_a_field_of_zeros_is_read_in_one_way():
    zeros = np.zeros((1, 2, 32, 32))
    found = find_signs(zeros, zeros, Gel(), lambda *_: zeros, knows_gel=True)
    assert (found.turned[0], found.other_poisson[0]) == (1, 1)
    assert not found.foreign(2.0).any()


@pytest.fixture(scope="module")
def displacement():
    cells = CellSimulator("adhesion", shape=64, oversample=3, random_state=4).sample(2)
    return add_noise(cells.noise_free_displacement, 0.04, unit="rms", random_state=0)


@pytest.fixture(scope="module")
def small():
    return DeepTFM.from_pretrained("small")


def test_familiar_fields_have_no_signs(small, displacement):
    assert not small.is_foreign(displacement).any()


@pytest.mark.parametrize("matrix", [((0, 1), (1, 0)), ((1, 0), (0, -1)), ((0, -1), (1, 0))])
def test_turned_components_are_told(small, displacement, matrix):
    fields = np.einsum("ij,njyx->niyx", matrix, displacement)
    found = small.doubts(fields, small.predict(fields))
    assert (found["misfit_turned"] < LEAST_MISFIT_TURNED).all()
    assert found["foreign"].all()


def test_a_wrong_poisson_ratio_is_told(displacement):
    told = DeepTFM.from_pretrained("small", poisson=0.25)
    found = told.doubts(displacement, told.predict(displacement))
    assert (found["misfit_other_poisson"] < LEAST_MISFIT_AT_OTHER_POISSON).all()
    assert found["foreign"].all()


def test_units_change_nothing(small, displacement):
    metres = DeepTFM.from_pretrained("small", young=1e3, spacing=1e-6)
    pixels = small.doubts(displacement[:1], small.predict(displacement[:1]))
    other = metres.doubts(1e-6 * displacement[:1], metres.predict(1e-6 * displacement[:1]))
    for name, values in pixels.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-4)


def test_measured_colonies_pass(measured_data):
    for name in ("KO_04", "WT_03"):
        field = np.stack([np.load(measured_data / "pytfm" / f"{name}{part}.npy") for part in "uv"])[None] / 10.5
        field = field - np.median(field, axis=(2, 3), keepdims=True)
        model = DeepTFM.from_pretrained("small", poisson=0.49)
        assert not model.is_foreign(field.astype(np.float32)).any(), name
