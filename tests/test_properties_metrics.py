"""Properties of metrics and mechanics that hold for all fields."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmkit import mechanics, metrics

WHOLE = (metrics.relative_rmse, metrics.mean_normalized_error)
OVER_PATCHES = (metrics.dtma, metrics.dtmb, metrics.snr, metrics.dma, metrics.dta, metrics.csta)


@st.composite
def cases(draw):
    """Truth, recovered field, patches and mask on a small grid of any shape."""
    n_fields, height, width = draw(st.tuples(st.integers(1, 3), st.integers(2, 7), st.integers(2, 7)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    truth, recovered = rng.normal(size=(2, n_fields, 2, height, width))
    patches = rng.integers(0, 4, size=(n_fields, height, width))
    patches[:, 0, 0], patches[:, -1, -1] = 0, 3  # at least one pixel of background and one patch
    return truth, recovered, patches, rng.random((n_fields, height, width)) < 0.7


def quarter_turn(array):
    """Turn vector fields (n, 2, h, w), or planes (n, h, w), by 90 degrees: x' = y, y' = -x."""
    turned = np.rot90(array, axes=(-2, -1))
    return np.stack([turned[:, 1], -turned[:, 0]], axis=1) if array.ndim == 4 else turned


def reflection(array):
    """Reverse x."""
    mirrored = array[..., ::-1]
    return mirrored * np.array([-1.0, 1.0])[:, None, None] if array.ndim == 4 else mirrored


def evaluate(metric, truth, recovered, patches):
    extra = {"patches": patches} if metric in OVER_PATCHES else {}
    return metric(truth, recovered, multioutput="raw_values", **extra)


@pytest.mark.parametrize("metric", WHOLE + OVER_PATCHES)
@given(case=cases(), scale=st.floats(1e-6, 1e6))
@settings(max_examples=25, deadline=None)
def test_metrics_do_not_depend_on_unit_direction_or_order(metric, case, scale):
    truth, recovered, patches, _ = case
    value = evaluate(metric, truth, recovered, patches)
    np.testing.assert_allclose(evaluate(metric, scale * truth, scale * recovered, patches), value, rtol=1e-6)
    for move in (quarter_turn, reflection):
        np.testing.assert_allclose(evaluate(metric, *map(move, (truth, recovered, patches))), value, rtol=1e-6)
    np.testing.assert_allclose(evaluate(metric, truth[::-1], recovered[::-1], patches[::-1]), value[::-1])


@given(case=cases(), factor=st.floats(0, 10))
@settings(max_examples=50, deadline=None)
def test_a_wrong_amplitude_is_what_the_errors_say(case, factor):
    truth, _, patches, _ = case
    for metric in WHOLE:
        assert metric(truth, factor * truth) == pytest.approx(abs(factor - 1), abs=1e-12)
    for metric in (metrics.dtma, metrics.dma):
        assert metric(truth, factor * truth, patches=patches) == pytest.approx(factor - 1, abs=1e-12)


@given(case=cases())
@settings(max_examples=50, deadline=None)
def test_masks_split_the_squared_error(case):
    truth, recovered, _, mask = case
    mask[:, 0, 0], mask[:, -1, -1] = True, False  # neither side is empty

    def squares(region):
        error = metrics.relative_rmse(truth, recovered, mask=region, multioutput="raw_values") ** 2
        return error * (truth**2 * region[:, None]).sum(axis=(1, 2, 3))

    np.testing.assert_allclose(squares(mask) + squares(~mask), squares(np.ones_like(mask)))


@given(case=cases(), spacing=st.floats(1e-3, 1e3))
@settings(max_examples=50, deadline=None)
def test_mechanics_scale_with_the_spacing(case, spacing):
    displacement, traction, _, mask = case
    mask[:, 0, 0] = True
    unit = mechanics.force_summary(displacement, traction, mask=mask)
    scaled = mechanics.force_summary(spacing * displacement, traction, spacing=spacing, mask=mask)
    powers = {"total_force": 2, "net_force_length": 2, "strain_energy": 3, "contractile_moment": 3, "torque": 3}
    for name, values in unit.items():
        np.testing.assert_allclose(scaled[name], values * spacing ** powers.get(name, 0), rtol=1e-9)


@given(case=cases())
@settings(max_examples=50, deadline=None)
def test_mechanics_turn_with_the_cell(case):
    displacement, traction, _, mask = case
    mask[:, 0, 0] = True
    summary = mechanics.force_summary(displacement, traction, mask=mask)
    for move, handedness in ((quarter_turn, 1), (reflection, -1)):
        moved = mechanics.force_summary(move(displacement), move(traction), mask=move(mask))
        axes, moved_axes = (np.exp(2j * values.pop("polarity_angle")) for values in (dict(summary), moved))
        for name, values in moved.items():
            sign = handedness if name == "torque" else 1
            np.testing.assert_allclose(values, sign * summary[name], rtol=1e-9, atol=1e-9)
        # The axis turns with the cell, where the moments along and across it differ.
        ratio = np.abs(summary["polarity_ratio"])
        clear = (ratio > 0) & (ratio < 0.9)
        expected = -axes if handedness == 1 else axes.conj()
        np.testing.assert_allclose(moved_axes[clear], expected[clear], atol=1e-6)
    tensor, turned = (mechanics.moment_tensor(field) for field in (traction, quarter_turn(traction)))
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_allclose(turned, turn @ tensor @ turn.T, atol=1e-9)
