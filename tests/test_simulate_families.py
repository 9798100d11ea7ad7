"""Families of one's own, for cells and for patches."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement
from tfmkit.gel.operator import ForwardOperator
from tfmkit.simulate import (
    CELL_FAMILIES,
    PATCH_FAMILIES,
    BeadSimulator,
    Cell,
    CellSimulator,
    Discs,
    PatchSimulator,
    register_cell_family,
    register_patch_family,
)


def two_squares(rng, shape, size):
    """Return a cell with two squares of traction, at the ends of a line of the given length, of a random height."""
    traction, mask = np.zeros((2, *shape)), np.zeros(shape, dtype=bool)
    side, half = max(1, round(size / 8)), round(size / 2)
    y, x = (np.array(shape) - 1) // 2
    rows, middle = slice(y - side, y + side), rng.integers(1, 5)
    traction[0, rows, x - half : x - half + side] = middle
    traction[0, rows, x + half - side : x + half] = -middle
    mask[y - 2 * side : y + 2 * side, x - half : x + half] = True
    return traction, mask


def one_disc(rng, shape, relative_traction, pixel_size):
    """Return one disc in the middle of the field, of a radius given in micrometres."""
    height, width = shape
    size = rng.uniform(*relative_traction)
    return Discs([[(width - 1) / 2, (height - 1) / 2]], [6 / pixel_size], [[size, 0.5 * size]])


@pytest.fixture
def registered():
    """Register both families under names, for one test."""
    register_cell_family("two squares", two_squares)
    register_patch_family("one disc", one_disc)
    yield
    del CELL_FAMILIES["two squares"], PATCH_FAMILIES["one disc"]


class TestCells:
    def test_the_simulator_scales_displaces_and_labels(self):
        fields = CellSimulator(
            two_squares, shape=(40, 48), cell_size=0.5, max_traction=(100, 200), random_state=0
        ).sample(3)
        assert set(fields) == {"displacement", "noise_free_displacement", "noise_level", "traction", "mask", "patches"}
        largest = np.abs(fields.traction).max(axis=(1, 2, 3))
        assert ((largest >= 100) & (largest <= 200)).all()
        assert len(np.unique(largest)) == 3
        np.testing.assert_array_equal(fields.patches > 0, fields.traction[:, 0] != 0)
        assert (fields.patches.max(axis=(1, 2)) == 2).all()
        np.testing.assert_array_equal(fields.mask[0], two_squares(np.random.default_rng(0), (40, 48), 20)[1])
        expected = ForwardOperator((40, 48)).apply(fields.traction.astype(float))
        np.testing.assert_allclose(fields.displacement, expected, atol=1e-5 * np.abs(expected).max())

    def test_a_finer_grid_is_handed_to_the_function(self):
        seen = []

        def remember(rng, shape, size):
            seen.append((shape, size))
            return two_squares(rng, shape, size)

        fields = CellSimulator(remember, shape=32, cell_size=0.5, oversample=3, random_state=0).sample(1)
        assert seen == [((96, 96), 48.0)]
        assert fields.traction.shape == (1, 2, 32, 32)
        np.testing.assert_allclose(fields.traction.sum(axis=(2, 3)), 0, atol=1e-2)

    def test_every_cell_has_its_own_stream(self):
        simulator = CellSimulator(two_squares, shape=32, noise=0.01, mean_displacement=0.4, random_state=3)
        many, few = simulator.sample(5), clone(simulator).sample(2)
        np.testing.assert_array_equal(many.traction[:2], few.traction)

    def test_labels_of_the_function_are_kept(self):
        def labelled(rng, shape, size):
            traction, mask = two_squares(rng, shape, size)
            return Cell(traction, mask, np.where(traction[0] > 0, 7, 0))

        patches = CellSimulator(labelled, shape=32, random_state=0).sample(1).patches
        assert set(np.unique(patches)) == {0, 1}

    def test_a_name_stands_for_the_function(self, registered):
        named, own = (CellSimulator(f, shape=32, random_state=1).sample(2) for f in ("two squares", two_squares))
        np.testing.assert_array_equal(named.traction, own.traction)
        pairs = BeadSimulator(64, family="two squares", random_state=0).sample(1).pairs
        assert pairs.shape == (1, 2, 64, 64)

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            (lambda t, m: t, "returns \\(traction, mask\\)"),
            (lambda t, m: None, "returns \\(traction, mask\\)"),
            (lambda t, m: (t[:, 1:], m), r"traction of shape \(2, 32, 32\)"),
            (lambda t, m: (0 * t, m), "not zero everywhere"),
            (lambda t, m: (np.nan * t, m), "finite traction of the family"),
            (lambda t, m: (t, m[1:]), "mask of shape"),
            (lambda t, m: (t, 0 * m), "empty mask"),
            (lambda t, m: (t, m, 0.5 * m), "patches as integers"),
            (lambda t, m: (t, m, -1 * m), "patches as integers"),
        ],
    )
    def test_a_wrong_result_is_refused(self, result, message):
        simulator = CellSimulator(lambda *args: result(*two_squares(*args)), shape=32, random_state=0)
        with pytest.raises(ValueError, match=message):
            simulator.sample(1)


class TestPatches:
    @pytest.mark.parametrize(
        ("profile", "closed_form"), [("uniform", disc_displacement), ("hertz", hertz_displacement)]
    )
    def test_the_displacement_is_the_closed_form(self, profile, closed_form):
        def family(*args):
            return one_disc(*args)._replace(profile=profile)

        simulator = PatchSimulator(family, shape=(32, 40), pixel_size=2.0, relative_traction=0.2, random_state=0)
        fields = simulator.sample(2)
        y, x = np.indices((32, 40)) - np.array([15.5, 19.5])[:, None, None]
        expected = closed_form(x, y, 3.0, np.array([0.2, 0.1]), 0.49)
        np.testing.assert_allclose(fields.displacement[0], expected, atol=1e-6)
        np.testing.assert_allclose(fields.traction[0, 0].max(), 0.2 * 10_670, rtol=0.05)
        assert set(np.unique(fields.patches)) == {0, 1}

    def test_a_name_stands_for_the_function(self, registered):
        named, own = (PatchSimulator(f, shape=32, random_state=1).sample(2) for f in ("one disc", one_disc))
        np.testing.assert_array_equal(named.displacement, own.displacement)

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            (([[1, 2]], [3], [[0, 1]]), "returns Discs, got <class 'tuple'>"),
            (Discs([[1, 2]], [3], [[0, 1]], "gaussian"), "one profile out of 'uniform', 'hertz', got 'gaussian'"),
            (Discs([[1, 2]], [3, 4], [[0, 1]]), "position \\(n, 2\\)"),
            (Discs(np.empty((0, 2)), [], np.empty((0, 2))), "n at least 1"),
            (Discs([[1, 2]], [0], [[0, 1]]), "radii above 0"),
            (Discs([[1, np.nan]], [1], [[0, 1]]), "finite numbers"),
        ],
    )
    def test_a_wrong_result_is_refused(self, result, message):
        with pytest.raises(ValueError, match=message):
            PatchSimulator(lambda *_: result, shape=32).sample(1)


def test_names_and_functions_are_checked(registered):
    with pytest.raises(ValueError, match="new name for a family, got 'two squares'"):
        register_cell_family("two squares", two_squares)
    with pytest.raises(ValueError, match="new name for a family, got 'disc'"):
        register_patch_family("disc", one_disc)
    with pytest.raises(ValueError, match="name of a family as text"):
        register_cell_family("", two_squares)
    with pytest.raises(ValueError, match="function that draws the family 'x'"):
        register_cell_family("x", "y")
    with pytest.raises(ValueError, match="family to be one of .*'two squares', or a function"):
        CellSimulator("squares").sample(1)
