"""SuperPlots: every cell is there, replicates keep their colour, and nothing covers anything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tfmkit import plotting
from tfmkit.compare import average_frames


@pytest.fixture
def cells():
    """Cells of two conditions with three replicates, the last of which only the second condition has."""
    rng = np.random.default_rng(0)
    counts = {("WT", "d1"): 5, ("WT", "d2"): 4, ("KO", "d1"): 6, ("KO", "d2"): 3, ("KO", "d3"): 7}
    rows = [(*keys, value) for keys, count in counts.items() for value in rng.uniform(1e-9, 9e-9, count)]
    return average_frames(pd.DataFrame(rows, columns=["condition", "replicate", "force"]), ["force"])


def test_cells_and_means_are_drawn_in_the_colour_of_their_replicate(cells):
    figure = plotting.plot_superplot(cells, "force", ylabel="force (nN)", factor=1e9)
    axes = figure.axes[0]
    scatters = axes.collections
    dots, means = scatters[0:6:2], scatters[1:6:2]
    assert [len(group.get_offsets()) for group in dots] == [11, 7, 7]
    assert [len(group.get_offsets()) for group in means] == [2, 2, 1]
    for dot, mean, name in zip(dots, means, ["d1", "d2", "d3"], strict=True):
        assert (dot.get_facecolor()[0, :3] == mean.get_facecolor()[0, :3]).all()
        expected = 1e9 * cells[cells["replicate"] == name].groupby("condition", sort=False)["force"].mean()
        np.testing.assert_allclose(mean.get_offsets()[:, 1], expected)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["d1", "d2", "d3"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["WT", "KO"]
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize("n_conditions", [2, 5])
@pytest.mark.parametrize("n_replicates", [1, 3, 12])
def test_texts_stay_apart_and_on_the_page(n_conditions, n_replicates):
    rng = np.random.default_rng(0)
    names = ["wild type", "knock-out", "rescue", "blebbistatin 10 µM", "Y-27632"][:n_conditions]
    rows = [
        (name, f"2026-01-{day + 1:02}", value)
        for name in names for day in range(n_replicates) for value in rng.normal(size=4)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["condition", "replicate", "force"])
    figure = plotting.plot_superplot(table, "force", ylabel="contractile moment (fN·µm)")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    ticks = [
        label for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True) if low <= tick <= high
    ]
    texts = [*axes.get_xticklabels(), *ticks, axes.yaxis.label, *figure.legends[0].get_texts()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    # The corners of slanted boxes overlap, the letters in them do not.
    slanted = axes.get_xticklabels()[0].get_rotation() > 0
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 <= box.y1 <= figure.bbox.y1 + 1
        if not slanted or number >= n_conditions:
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_the_reference_stands_to_the_left(cells):
    figure = plotting.plot_superplot(cells, "force", ylabel="force (nN)", reference="KO")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["KO", "WT"]
    means = figure.axes[0].collections[1].get_offsets()
    expected = cells[cells["replicate"] == "d1"].groupby("condition")["force"].mean()
    np.testing.assert_allclose(means[np.argsort(means[:, 0]), 1], [expected["KO"], expected["WT"]])


def test_nothing_to_draw_is_refused(cells):
    with pytest.raises(ValueError, match="got none"):
        plotting.plot_superplot(cells.assign(force=np.nan), "force", ylabel="force")
