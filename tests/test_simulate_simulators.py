"""The simulators: every claim of their docstrings, on small fields."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from tfmkit._validation import root_stream
from tfmkit.gel import ForwardOperator
from tfmkit.simulate import CELL_FAMILIES, PATCH_FAMILIES, CellSimulator, PatchSimulator
from tfmkit.simulate.circuit import CIRCUITS
from tfmkit.simulate.families import Frame, circuit_cells
from tfmkit.simulate.placement import PROTOCOLS

SIMULATORS = [*(CellSimulator(f, shape=64) for f in CELL_FAMILIES), *(PatchSimulator(f) for f in PATCH_FAMILIES)]


def magnitude(field):
    return np.hypot(field[:, 0], field[:, 1])


@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda s: s.family)
def test_every_family_gives_fields_masks_and_patches(simulator):
    fields = clone(simulator).set_params(random_state=0, noise=0.01).sample(3)
    height = width = simulator.shape
    assert (
        fields.displacement.shape
        == fields.traction.shape
        == fields.noise_free_displacement.shape
        == (3, 2, height, width)
    )
    assert fields.displacement.dtype == fields.traction.dtype == np.float32
    assert fields.mask.shape == fields.patches.shape == (3, height, width)
    assert fields.mask.dtype == bool
    assert not (fields.patches[~fields.mask]).any()
    assert (fields.patches.max(axis=(1, 2)) >= 1).all()
    for labels in fields.patches:
        np.testing.assert_array_equal(np.unique(labels)[1:], np.arange(labels.max()) + 1)
    assert np.isfinite(fields.displacement).all()
    np.testing.assert_allclose(fields.noise_level, 0.01, rtol=0.1)
    inside = (magnitude(fields.traction) * fields.mask).sum() / magnitude(fields.traction).sum()
    assert inside > 0.95


@pytest.mark.parametrize("simulator", [CellSimulator(shape=32), PatchSimulator(shape=32)])
def test_the_words_of_the_paper_name_the_same_arrays(simulator):
    fields = pickle.loads(pickle.dumps(simulator.sample(1)))
    assert fields.strain is fields["strain"] is fields.displacement
    assert fields.stress is fields["stress"] is fields.traction
    assert not {"strain", "stress"} & set(fields)
    with pytest.raises(AttributeError, match="energy"):
        _ = fields.energy


@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda s: s.family)
def test_the_first_fields_of_a_seed_do_not_depend_on_how_many(simulator):
    simulator = clone(simulator).set_params(random_state=3, noise=0.02)
    many, few = simulator.sample(5), simulator.sample(2)
    again = simulator.sample(5)
    for name in many:
        assert many[name].tobytes() == again[name].tobytes()
    np.testing.assert_array_equal(many.traction[:2], few.traction)
    # Fourier transforms of other batch sizes may round the last bit differently.
    np.testing.assert_allclose(many.displacement[:2], few.displacement, atol=1e-5 * np.abs(many.displacement).max())


def test_other_seeds_and_generators_give_other_cells():
    traction = [CellSimulator(shape=32, random_state=seed).sample(1).traction for seed in (0, 1)]
    assert not np.allclose(*traction)
    simulator = CellSimulator(shape=32, random_state=np.random.default_rng(0))
    assert not np.allclose(simulator.sample(1).traction, simulator.sample(1).traction)


@pytest.mark.parametrize("family", CELL_FAMILIES)
@pytest.mark.parametrize("oversample", [1, 3])
def test_cells_are_balanced_and_within_their_traction_and_size(family, oversample):
    n = 12 if oversample == 1 else 4
    cells = CellSimulator(family, shape=(48, 60), oversample=oversample, random_state=1).sample(n)
    size = magnitude(cells.traction)
    net = np.abs(cells.traction.sum(axis=(2, 3))) / size.sum(axis=(1, 2))[:, None]
    assert net.max() < 0.1
    largest = size.max(axis=(1, 2))
    assert largest.min() >= 999.9
    assert largest.max() <= 8_000.1
    sides = np.ptp(cells.border, axis=1)
    np.testing.assert_allclose(sides.max(axis=1), 0.4 * 48, rtol=1e-4)


@pytest.mark.parametrize("family", ["generic", "keratocyte", "neuron"])
def test_traction_points_to_the_centre(family):
    cells = CellSimulator(family, shape=104, random_state=0).sample(8)
    y, x = np.mgrid[:104, :104]
    for traction, border in zip(cells.traction, cells.border, strict=True):
        # Opposite corners of the outline lie on a line through the centre.
        centre = _meeting_point(border)
        outwards = np.stack([x - centre[0], y - centre[1]])
        along = (traction * outwards).sum(axis=0) / np.maximum(np.hypot(*outwards), 1e-9)
        size = np.hypot(*traction)
        # Vectors act on whole pixels, so near the centre the direction is coarse.
        assert (-along).sum() > 0.9 * size.sum()


def _meeting_point(border):
    start, across = border[0], border[180] - border[0]
    other, direction = border[90], border[270] - border[90]
    matrix = np.stack([across, -direction], axis=1)
    return start + np.linalg.solve(matrix, other - start)[0] * across


@pytest.mark.parametrize("protocol", ["tfmkit", "wang2021"])
@pytest.mark.parametrize("family", CIRCUITS)
def test_cells_of_the_circuit_are_balanced_along_each_axis(family, protocol):
    cells = CellSimulator(family, protocol=protocol, shape=64, random_state=0).sample(12)
    net = np.abs(cells.traction.sum(axis=(2, 3))) / np.abs(cells.traction).sum(axis=(2, 3))
    assert net.max() < 0.1


def test_cells_are_the_first_candidates_in_balance():
    # One candidate at a time, as the companion code draws them.
    streams, found = root_stream(5).spawn(60), []
    frame = Frame((32, 32), 1, 0.4, PROTOCOLS["tfmkit"])
    for stream in streams:
        cell = circuit_cells(CIRCUITS["neuron"], [stream], 1, frame)
        found += [*cell.traction]
    drawn = CellSimulator("neuron", shape=32, max_traction=1.0, random_state=5).sample(4)
    expected = np.stack(found[:4]) / np.array([np.hypot(*each).max() for each in found[:4]])[:, None, None, None]
    np.testing.assert_allclose(drawn.traction, expected, rtol=1e-5, atol=1e-6)


def test_vectors_of_the_paper_lie_further_inside():
    # 3 of 160 px, plus the rounding to pixels.
    depths = []
    for protocol in ("tfmkit", "wang2021"):
        cells = CellSimulator(protocol=protocol, shape=160, cell_size=0.6, random_state=1).sample(6)
        y, x = np.indices((160, 160))
        share = []
        for traction, border in zip(cells.traction, cells.border, strict=True):
            size = np.hypot(*traction)
            rows, columns = np.nonzero(size)
            distance = np.hypot(x[rows, columns, None] - border[:, 0], y[rows, columns, None] - border[:, 1]).min(
                axis=1
            )
            share.append(np.quantile(distance, 0.1))
        depths.append(np.mean(share))
    assert 1.5 < depths[1] - depths[0] < 3.5


@pytest.mark.parametrize("family", ["adhesion", lambda *_: None])
def test_the_protocol_of_the_paper_is_for_cells_of_the_circuit(family):
    with pytest.raises(ValueError, match="Expected a family out of 'generic', .* for protocol='wang2021'"):
        CellSimulator(family, protocol="wang2021").sample(1)


def test_displacement_is_that_of_the_traction():
    cells = CellSimulator(shape=(40, 56), young=5_000.0, poisson=0.3, spacing=2.0, random_state=0).sample(3)
    operator = ForwardOperator((40, 56), young=5_000.0, poisson=0.3, spacing=2.0)
    expected = operator.apply(cells.traction.astype(float))
    np.testing.assert_allclose(cells.displacement, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("family", ["generic", "adhesion"])
def test_a_finer_grid_changes_displacements_a_little(family):
    cells = CellSimulator(family, shape=48, oversample=3, random_state=0).sample(3)
    same_grid = ForwardOperator(48).apply(cells.traction)
    difference = magnitude(cells.displacement - same_grid)
    relative = np.sqrt((difference**2).sum() / (magnitude(cells.displacement) ** 2).sum())
    assert 1e-3 < relative < 0.15


def test_young_spacing_and_size_scale_as_they_should():
    base = CellSimulator(shape=32, random_state=0).sample(2)
    soft = CellSimulator(shape=32, young=10_670.0 / 2, random_state=0).sample(2)
    wide = CellSimulator(shape=32, spacing=1.925, random_state=0).sample(2)
    np.testing.assert_array_equal(base.traction, soft.traction)
    np.testing.assert_allclose(soft.displacement, 2 * base.displacement, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(wide.displacement, 1.925 * base.displacement, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("spacing", [1.0, 1.925])
def test_mean_displacement_inside_the_cell_is_what_was_asked_for(spacing):
    cells = CellSimulator(shape=64, mean_displacement=0.4277, spacing=spacing, random_state=0).sample(4)
    inside = [magnitude(cells.displacement)[i][cells.mask[i]].mean() / spacing for i in range(4)]
    np.testing.assert_allclose(inside, 0.4277, rtol=1e-4)


def test_ranges_and_single_numbers():
    cells = CellSimulator(shape=64, cell_size=(0.2, 0.7), max_traction=2_000.0, random_state=0).sample(8)
    sides = np.ptp(cells.border, axis=1).max(axis=1) / 64
    assert sides.min() >= 0.2
    assert sides.max() <= 0.7
    assert np.ptp(sides) > 0.1
    np.testing.assert_allclose(magnitude(cells.traction).max(axis=(1, 2)), 2_000, rtol=1e-5)


def test_noise_has_the_stated_size_in_the_bunch():
    cells = CellSimulator(shape=64, noise=0.0188, spacing=1.925, random_state=0).sample(4)
    noise = (cells.displacement - cells.noise_free_displacement) / 1.925
    np.testing.assert_allclose(np.sqrt((noise**2).sum(axis=1).mean(axis=(1, 2))), cells.noise_level, rtol=1e-3)
    np.testing.assert_allclose(cells.noise_level, 0.0188, rtol=0.05)
    assert noise.std() == pytest.approx(0.0188 / np.sqrt(2), rel=0.03)
    clean = CellSimulator(shape=64, spacing=1.925, random_state=0).sample(4)
    np.testing.assert_array_equal(clean.displacement, cells.noise_free_displacement)


@pytest.mark.parametrize("family", PATCH_FAMILIES)
def test_closed_form_and_operator_agree_away_from_rims(family):
    settings = {"shape": 104, "pixel_size": 0.4, "relative_traction": (0.1, 0.5), "random_state": 2}
    fields = PatchSimulator(family, **settings).sample(2)
    computed = ForwardOperator(104, poisson=0.49).apply(fields.traction)
    # The operator takes the traction as constant on each pixel: a rim of few pixels costs it a few per cent there.
    error = magnitude(fields.displacement - computed)
    assert np.sqrt((error**2).mean()) < 0.02 * np.sqrt((magnitude(fields.displacement) ** 2).mean())


def test_hertz_pairs_are_balanced_on_the_grid():
    fields = PatchSimulator("hertz", shape=104, pixel_size=0.8, random_state=0).sample(4)
    net = np.abs(fields.traction.sum(axis=(2, 3))) / magnitude(fields.traction).sum(axis=(1, 2))[:, None]
    assert net.max() < 0.01


def test_pair_and_parameters():
    simulator = CellSimulator("keratocyte", shape=32, random_state=0)
    displacement, traction = simulator.sample(2, return_X_y=True)
    np.testing.assert_array_equal(displacement, simulator.sample(2).displacement)
    np.testing.assert_array_equal(traction, simulator.sample(2).traction)
    assert clone(simulator).get_params() == simulator.get_params()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"family": "amoeba"}, "family"),
        ({"shape": 4}, "grid"),
        ({"shape": (32, 32, 2)}, "shape"),
        ({"young": 0}, "young"),
        ({"poisson": 0.6}, "poisson"),
        ({"spacing": 0}, "spacing"),
        ({"cell_size": 1.5}, "cell_size"),
        ({"cell_size": (0.5, 0.2)}, "cell_size"),
        ({"cell_size": (0.1, 0.2, 0.3)}, "cell_size"),
        ({"max_traction": 0}, "max_traction"),
        ({"max_traction": "high"}, "max_traction"),
        ({"mean_displacement": -1}, "mean_displacement"),
        ({"protocol": "paper"}, "protocol"),
        ({"noise": -0.1}, "noise"),
        ({"noise_unit": "um"}, "noise_unit"),
        ({"noise_correlation": np.inf}, "noise_correlation"),
        ({"oversample": 2}, "oversample"),
        ({"oversample": 0}, "oversample"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_bad_parameters_of_cells_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        CellSimulator(**parameters).sample(1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"family": "generic"}, "family"),
        ({"pixel_size": 0}, "pixel_size"),
        ({"relative_traction": (-0.1, 0.5)}, "relative_traction"),
        ({"family": "hertz", "shape": 8}, "field large enough"),
    ],
)
def test_bad_parameters_of_patches_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        PatchSimulator(**parameters).sample(1)


@pytest.mark.parametrize("n_samples", [0, 2.5, "3"])
def test_bad_counts_are_refused(n_samples):
    with pytest.raises(ValueError, match="n_samples"):
        CellSimulator().sample(n_samples)


def test_three_times_finer_is_fine_enough_for_adhesions():
    coarse, fine = (CellSimulator("adhesion", shape=48, oversample=n, random_state=4).sample(2) for n in (3, 9))
    for name in ("traction", "noise_free_displacement"):
        assert np.linalg.norm(coarse[name] - fine[name]) < 1e-3 * np.linalg.norm(fine[name])
