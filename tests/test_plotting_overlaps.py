"""Nothing in a figure covers anything else: measured from the boxes of the drawn artists."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.quiver import Quiver
from matplotlib.transforms import Bbox
from scipy.spatial.distance import cdist

from tfmkit import plotting
from tfmkit.simulate import CellSimulator


@pytest.fixture(scope="module")
def cell():
    """One simulated cell on 48 x 48 grid points."""
    return CellSimulator("adhesion", shape=48, random_state=3).sample(1)


def fields(cell):
    """Return fields that are hard to draw: a cell, a strong field everywhere, noise, nothing, and slim ones."""
    rng = np.random.default_rng(0)
    strong = np.stack([np.full((30, 40), 900.0), np.full((30, 40), -900.0)])
    return {
        "cell": cell.traction[0],
        "strong": strong,
        "noise": rng.normal(size=(2, 64, 32)) * 5e4,
        "zero": np.zeros((2, 20, 20)),
        "flat": rng.normal(size=(2, 10, 60)),
        "tall": rng.normal(size=(2, 60, 9)),
    }


def segments(figure):
    """Return roots and tips of all arrows on the screen."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    quiver = next(artist for artist in axes.collections if isinstance(artist, Quiver))
    middle, half = np.reshape(quiver.XY, (-1, 2)), np.stack([quiver.U, quiver.V], axis=-1) / quiver.scale / 2
    return [axes.transData.transform(middle + side * half) for side in (-1, 1)]


def boxes(figure):
    """Return the boxes of all texts, bars and keys on the screen."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    found = {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_text()}
    for number, line in enumerate(axes.lines):
        found[f"line {number}"] = line.get_window_extent()
    for key in [artist for artist in axes.collections if isinstance(artist, Quiver)][1:]:
        (left, right), scale = axes.get_xlim(), axes.bbox.width
        x, y = axes.transAxes.transform(key.XY[0])
        half = 2.25 * key.width * scale / (right - left)
        found["key arrow"] = Bbox([[x, y - half], [x + key.U[0] / key.scale * scale / (right - left), y + half]])
    return found


def closest(points, start, end):
    """Return the distance from points to a segment."""
    along = end - start
    share = np.clip((points - start) @ along / max(along @ along, 1e-12), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * along, axis=1)


@pytest.mark.parametrize("name", ["cell", "strong", "noise", "zero", "flat", "tall"])
@pytest.mark.parametrize("n_arrows", [9, 20])
def test_no_arrow_reaches_a_root_or_a_text(cell, name, n_arrows):
    field = fields(cell)[name]
    figure = plotting.plot_vectors(field, n_arrows=n_arrows, spacing=0.5, length_unit="µm")
    found = boxes(figure)
    roots, tips = segments(figure)
    middles = (roots + tips) / 2
    for number, (start, end) in enumerate(zip(roots, tips, strict=True)):
        others = np.arange(len(roots)) != number
        if others.any():
            spacing = cdist([middles[number]], middles[others]).min()
            assert np.linalg.norm(end - start) <= 0.91 * spacing
            for places in (roots, middles, tips):
                assert closest(places[others], start, end).min() > 0.05 * spacing
    for box in found.values():
        for places in (roots, tips):
            assert not ((places > box.min) & (places < box.max)).all(axis=1).any()


@pytest.mark.parametrize("name", ["cell", "noise", "zero", "flat", "tall"])
@pytest.mark.parametrize("over_image", [False, True])
def test_texts_bars_and_keys_stay_apart_and_on_the_page(cell, name, over_image):
    field = fields(cell)[name]
    image = np.random.default_rng(0).normal(size=(400, 500)) if over_image else None
    extent = plotting.image_extent((400, 500), 10, 20, 20) if over_image else None
    look = {"spacing": 0.16, "length_unit": "µm"}
    figures = [
        plotting.plot_vectors(field, unit="µm", name="displacement", image=image, extent=extent, **look),
        plotting.plot_traction_map(field, mask=np.ones(field.shape[1:], dtype=bool), **look),
    ]
    for figure in figures:
        found = boxes(figure)
        for (first, one), (second, other) in combinations(found.items(), 2):
            # The key's text lies beside its arrow, the bar's text below its bar.
            assert not one.overlaps(other), (first, second)
        map_box = figure.axes[0].get_window_extent()
        for label, box in found.items():
            assert not map_box.shrunk_to_aspect(1).overlaps(box) or box.y1 <= map_box.y0 + 1, label
            assert figure.bbox.x0 - 1 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1, label
            assert figure.bbox.y0 - 1 <= box.y0, label


def test_overlaps_would_be_seen(cell):
    figure = plotting.plot_vectors(cell.traction[0])
    roots, _ = segments(figure)
    axes = figure.axes[0]
    axes.text(*axes.transData.inverted().transform(roots[0] - 5), "over an arrow")
    found = boxes(figure)
    roots, _ = segments(figure)
    assert any(((roots > box.min) & (roots < box.max)).all(axis=1).any() for box in found.values())
