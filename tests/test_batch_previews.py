"""Frames of a stack, and greys of the previews of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from batch_images import settings, write_position

from tfmkit.batch import read_config, run
from tfmkit.batch.items import list_items
from tfmkit.batch.process import read_pair


@pytest.mark.parametrize(("relaxed_frame", "frames"), [({}, [2, 3]), ({"relaxed_frame": 2}, [1, 3])])
def test_the_first_frame_of_a_stack_is_relaxed_unless_another_one_is_named(tmp_path, relaxed_frame, frames):
    tifffile.imwrite(
        tmp_path / "movie.tif", np.ones((3, 64, 64), dtype=np.uint8), imagej=True, metadata={"axes": "TYX"}
    )
    movie = {"relaxed": "movie.tif", "deformed": "movie.tif"}
    config = read_config(settings(tmp_path, input={**movie, **relaxed_frame}))
    assert [item.frame for item in list_items(config)[0]] == frames


def test_the_plane_that_is_named_is_read_from_both_files(tmp_path):
    planes = np.random.default_rng(0).integers(0, 4000, (2, 3, 64, 70), dtype=np.uint16)
    for name, stack in zip(("relaxed", "deformed"), planes, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    config = read_config(settings(tmp_path, input={"relaxed": "relaxed.tif", "deformed": "deformed.tif", "z": 1}))
    (item,) = list_items(config)[0]
    np.testing.assert_array_equal(read_pair(item, config)[0], planes[:, 1])


def test_previews_share_their_greys_and_stretch_them(tmp_path):
    folder = tmp_path / "images"
    write_position(folder / "p", n_frames=1)
    # The deformed image is the relaxed one with half of the light: its greys are those of the relaxed one, halved.
    relaxed = tifffile.imread(folder / "p" / "relaxed.tif").astype(np.uint16)
    tifffile.imwrite(folder / "p" / "deformed.tif", relaxed // 2)
    config = settings(folder, drift={"enabled": False}, input={"cell": "{position}/cell.tif"}, run={"samples": 0})
    (item,) = run(config, results=tmp_path / "results").items()
    shown = {name: image.astype(float) for name, image in item.previews().items()}
    both = np.stack([relaxed, relaxed // 2])
    black, white = np.percentile(both, (1.0, 99.8))
    expected = np.clip((both - black) / (white - black), 0, 1)
    assert [shown["relaxed"].min(), shown["relaxed"].max()] == [0, 255]
    for name, image in zip(("relaxed", "deformed"), expected, strict=True):
        np.testing.assert_allclose(shown[name], 255 * image, atol=1.5)
    # The image of the cell, which is the relaxed one upside down, is stretched by itself.
    assert [shown["cell"].min(), shown["cell"].max()] == [0, 255]
    assert np.corrcoef(shown["cell"].ravel(), relaxed[::-1].ravel())[0, 1] > 0.95
