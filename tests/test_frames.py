"""Frames of one file: each keeps the parts that belong to it, as if it were alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from sklearn.base import clone

from tfmkit.batch import run
from tfmkit.bayes import BayesianFTTC
from tfmkit.cli import main
from tfmkit.displacement import PIV, Flag
from tfmkit.displacement.measure import measure_pair
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator
from tfmkit.io import open_images, read_displacement
from tfmkit.mechanics import force_summary
from tfmkit.metrics import displacement_residual
from tfmkit.simulate import BeadSimulator

ROWS, COLUMNS, STEP, PIXEL, YOUNG = 14, 18, 6.0, 0.25, 8000.0
# The grid begins away from the corner of the image, and lies in its middle.
X, Y = 20.0 + STEP * np.arange(COLUMNS), 35.0 + STEP * np.arange(ROWS)
SUMMED = {
    "strain_energy_J": "strain_energy", "total_force_N": "total_force", "max_traction_Pa": "max_traction",
    "contractile_moment_Nm": "contractile_moment", "mean_traction_Pa": "mean_traction",
}  # fmt: skip
IMAGE = int(Y[0] + Y[-1]) + 1, int(X[0] + X[-1]) + 1


def movie():
    """Three frames: forces, noise, holes and errors of each are its own."""
    rng = np.random.default_rng(0)
    traction = np.zeros((3, 2, ROWS, COLUMNS))
    for frame in range(3):
        traction[frame, 0, 5:7, 4 + frame], traction[frame, 0, 5:7, 13] = 1000.0, -1000.0
    forward = ForwardOperator((ROWS, COLUMNS), young=YOUNG, poisson=0.4, spacing=STEP, thickness=80.0)
    std = rng.uniform(0.01, 0.03, size=(3, 2, ROWS, COLUMNS)) * np.array([1, 2, 3])[:, None, None, None]
    measured = rng.random((3, ROWS, COLUMNS)) > np.array([0.02, 0.1, 0.2])[:, None, None]
    return {
        "displacement": forward.apply(traction) + std * rng.standard_normal(std.shape),
        "std": np.where(measured[:, None], std, np.nan),
        "measured": measured,
    }


def settings(folder, pattern, traction):
    return {
        "input": {
            "folder": str(folder), "displacement": pattern, "mask": "cell.tif",
            "pixel_size": PIXEL, "interval": 20.0,
        },
        "gel": {"young": YOUNG, "poisson": 0.4, "thickness": 80.0 * PIXEL, "depth": 2.0 * PIXEL},
        "traction": traction,
        "run": {"jobs": 1, "samples": 3, "seed": 5},
    }  # fmt: skip


@pytest.mark.parametrize("traction", [{"estimator": "FTTC", "lam": 1e-3}, {"estimator": "BayesianFTTC"}])
def test_a_frame_in_a_file_is_that_frame_in_a_file_of_its_own(tmp_path, traction):
    parts = movie()
    cell = np.zeros(IMAGE, dtype=np.uint8)
    # Pixels of the nodes in rows 3 to 9 and columns 2 to 15, and a bit more on the far sides.
    cell[int(Y[3]) : int(Y[9]) + 3, int(X[2]) : int(X[15]) + 3] = 1
    together, apart = tmp_path / "together", tmp_path / "apart"
    for folder in (together, apart):
        folder.mkdir()
        tifffile.imwrite(folder / "cell.tif", cell)
    np.savez(together / "u.npz", **parts, x=X, y=Y)
    for frame in range(3):
        np.savez(apart / f"u_{frame + 1}.npz", **{name: part[frame] for name, part in parts.items()}, x=X, y=Y)
    movies = run(settings(together, "u.npz", traction), results=tmp_path / "a")
    alone = run(settings(apart, "u_{frame}.npz", traction), results=tmp_path / "b")
    pd.testing.assert_frame_equal(movies.table, alone.table)
    inside = np.zeros((ROWS, COLUMNS), dtype=bool)
    inside[3:10, 2:16] = True
    assert movies.table["frame"].tolist() == [1, 2, 3]
    assert movies.table["time_s"].tolist() == [0.0, 20.0, 40.0]
    np.testing.assert_allclose(movies.table["area_um2"], np.count_nonzero(cell) * PIXEL**2)
    for frame, (item, other) in enumerate(zip(movies.items(), alone.items(), strict=True)):
        fields = item.fields()
        assert item.record["image_shape"] == list(IMAGE)
        np.testing.assert_array_equal(fields["cell"] > 0, inside)
        holes = ~parts["measured"][frame]
        np.testing.assert_array_equal(fields["flag"], np.where(holes, Flag.OUTLIER, Flag.GOOD))
        assert movies.table["replaced_fraction"][frame] == pytest.approx(holes[inside].mean())
        for name, component in (("x", 0), ("y", 1)):
            np.testing.assert_allclose(fields[f"u{name}_px"], parts["displacement"][frame, component], rtol=1e-6)
            told = np.nan_to_num(parts["std"][frame, component], nan=-1)
            np.testing.assert_allclose(fields[f"s{name}_px"], told, rtol=1e-6)
        # Lengths in pixels all through; standard deviations go to the methods that ask for them.
        model = {"FTTC": FTTC(1e-3), "BayesianFTTC": BayesianFTTC()}[traction["estimator"]]
        model.set_params(young=YOUNG, poisson=0.4, spacing=STEP, thickness=80.0, depth=2.0)
        moved = parts["displacement"][None, frame].astype(np.float32)
        told = {"noise": parts["std"][None, frame]} if model.takes_noise else {}
        expected = model.fit(moved).predict(moved, **told)[0]
        np.testing.assert_allclose([fields["tx_Pa"], fields["ty_Pa"]], expected, rtol=1e-4, atol=1e-2)
        for name, values in other.fields().items():
            np.testing.assert_array_equal(fields[name], values)


@pytest.mark.parametrize("model", [FTTC(1e-3), BayesianFTTC()], ids=["FTTC", "BayesianFTTC"])
def test_the_command_gives_each_frame_its_own_mask_std_and_holes(tmp_path, model, capsys):
    parts, name = movie(), type(model).__name__
    cells = np.zeros((3, *IMAGE), dtype=np.uint8)
    inside = np.zeros((3, ROWS, COLUMNS), dtype=bool)
    for frame, right in enumerate((13, 14, 15)):
        cells[frame, int(Y[3]) : int(Y[9]) + 3, int(X[2]) : int(X[right]) + 3] = 1
        inside[frame, 3:10, 2 : right + 1] = True
    tifffile.imwrite(tmp_path / "cells.tif", cells, imagej=True, metadata={"axes": "TYX"})
    np.savez(tmp_path / "u.npz", **parts, x=X, y=Y)
    gel = ["--young", str(YOUNG), "--poisson", "0.4", "--pixel-size", str(PIXEL), "--thickness", str(80 * PIXEL)]
    gel += ["--depth", str(2 * PIXEL)]
    method = ["--lam", "1e-3"] if name == "FTTC" else ["--method", name]
    files = [str(tmp_path / "u.npz"), "--mask", str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out")]
    assert main(["traction", *files, *gel, *method]) == 0
    in_px = {"young": YOUNG, "poisson": 0.4, "spacing": STEP, "thickness": 80.0, "depth": 2.0}
    model = clone(model).set_params(**in_px)
    moved = parts["displacement"]
    traction = model.fit(moved).predict(moved, **({"noise": parts["std"]} if model.takes_noise else {}))
    table = pd.read_csv(tmp_path / "out" / "traction_field.csv")
    frame, row, column = np.unravel_index(np.arange(len(table)), (3, ROWS, COLUMNS))
    ux, uy = PIXEL * moved[frame, :, row, column].T
    tx, ty = traction[frame, :, row, column].T
    expected = {
        "frame": frame + 1, "x_um": PIXEL * X[column], "y_um": PIXEL * Y[row],
        "ux_um": ux, "uy_um": uy, "tx_Pa": tx, "ty_Pa": ty, "t_Pa": np.hypot(tx, ty),
    }  # fmt: skip
    assert list(table) == list(expected)
    for each, values in expected.items():
        np.testing.assert_allclose(table[each], values, rtol=1e-6, atol=1e-9, err_msg=each)
    grid = {"spacing": PIXEL * 1e-6 * STEP, "mask": inside, "measured": parts["measured"]}
    sums = force_summary(PIXEL * 1e-6 * moved, traction, **grid)
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    for each, quantity in SUMMED.items():
        np.testing.assert_allclose(summary[each], sums[quantity], rtol=1e-5, err_msg=each)
    residual = displacement_residual(moved, traction, mask=inside, multioutput="raw_values", **in_px)
    np.testing.assert_allclose(summary["displacement_residual"], residual, rtol=1e-6)
    image = tifffile.imread(tmp_path / "out" / "traction.tif")
    np.testing.assert_allclose(image[:, 1:], traction, rtol=1e-5)
    np.testing.assert_allclose(image[:, 0], np.hypot(traction[:, 0], traction[:, 1]), rtol=1e-5)


SHAPE = (72, 96)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A movie of three pairs, the second one blank, with masks of their own, and the results of both commands."""
    folder = tmp_path_factory.mktemp("movie")
    made = [BeadSimulator(SHAPE, peak=1.5, spacing=8, random_state=seed).sample().pairs for seed in range(3)]
    pairs = np.concatenate(made)
    pairs[:, 1] = np.roll(pairs[:, 1], (1, -2), axis=(1, 2))
    pairs[1, 1] = 0
    cells, debris = np.zeros((2, 3, *SHAPE), dtype=np.uint8)
    for frame in range(3):
        cells[frame, 20 + 4 * frame : 50, 30:60], debris[frame, 8:20, 10 + 20 * frame : 26 + 20 * frame] = 1, 1
    stack = {"imagej": True, "resolution": (4.0, 4.0), "metadata": {"axes": "TYX", "unit": "um", "finterval": 7.0}}
    files = {"relaxed": pairs[:, 0], "deformed": pairs[:, 1], "cells": cells, "debris": debris}
    paths = {name: str(folder / f"{name}.tif") for name in files}
    for name, images in files.items():
        tifffile.imwrite(paths[name], images, **stack)
    options = ["--mask", paths["cells"], "--exclude", paths["debris"], "--relaxed-frame", "each", "--spacing", "8"]
    options += ["--rotation", "--margin", "5", "-o", str(folder / "out")]
    assert main(["displacement", paths["relaxed"], paths["deformed"], *options]) == 0
    names = {name: f"{name}.tif" for name in ("relaxed", "deformed")} | {"mask": "cells.tif", "exclude": "debris.tif"}
    config = {
        "input": {"folder": str(folder), "relaxed_frame": "each", **names},
        "gel": {"young": YOUNG, "poisson": 0.4},
        "drift": {"rotation": True, "margin": 5.0},
        "displacement": {"spacing": 8},
        "traction": {"estimator": "FTTC", "lam": 0.1},
        "run": {"jobs": 1, "samples": 0},
    }
    items = {item.record["frame"]: item for item in run(config, results=folder / "batch").items()}
    masks = [{"cells": cells[frame] > 0, "exclude": debris[frame] > 0, "margin": 5.0} for frame in range(3)]
    wanted = {frame: measure_pair(pairs[frame], PIV(spacing=8), rotation=True, **masks[frame]) for frame in (0, 2)}
    return folder / "out", items, wanted, cells


def test_the_command_measures_each_pair_with_its_own_masks(filmed):
    folder, _, wanted, _ = filmed
    summary = pd.read_csv(folder / "summary.csv")
    assert summary["frame"].tolist() == [1, 2, 3]
    assert summary.loc[1, "max_displacement_px":"drift_rotation_rad"].isna().all()
    archive = np.load(folder / "displacement.npz")
    assert archive["pixel_size_um"] == 0.25
    for place, (frame, one) in enumerate(wanted.items()):
        good = one.flags == Flag.GOOD
        for name in ("displacement", "std", "flags", "quality", "drift"):
            np.testing.assert_array_equal(archive[name][place], getattr(one, name), err_msg=name)
        np.testing.assert_array_equal(archive["measured"][place], good)
        numbers = {
            "max_displacement_px": np.hypot(*one.displacement).max(),
            "replaced_fraction": 1 - good.mean(),
            "quality_median": np.median(one.quality),
            "noise_px": np.sqrt(np.nanmean(np.square(one.std))),
        } | dict(zip(("drift_x_px", "drift_y_px", "drift_rotation_rad"), one.drift, strict=True))
        for name, value in numbers.items():
            assert summary[name][frame] == pytest.approx(value, rel=1e-5), name
        assert np.hypot(*(one.drift[:2] - (-2, 1))) < 0.3


def test_files_of_a_measured_movie_agree(filmed):
    folder, _, wanted, _ = filmed
    for frame, one in wanted.items():
        text = read_displacement(folder / f"displacement_{frame + 1:04}.txt")
        np.testing.assert_allclose(text.displacement[0], one.displacement, atol=1e-5)
        np.testing.assert_array_equal(text.measured[0], one.flags == Flag.GOOD)
        np.testing.assert_array_equal(text.x, one.x)
    with open_images(folder / "displacement.ome.tif") as series:
        assert (series.pixel_size, series.interval) == (pytest.approx(2.0), pytest.approx(7.0))
        channels = [series.read(1, channel) for channel in range(6)]
    one = wanted[2]
    std = np.where(np.isnan(one.std), -1, one.std)
    np.testing.assert_allclose(channels, [*one.displacement, *std, one.flags, one.quality], rtol=1e-6)


def test_a_batch_measures_as_the_command_does(filmed):
    _, items, wanted, cells = filmed
    for frame, one in wanted.items():
        fields, record = items[frame + 1].fields(), items[frame + 1].record
        np.testing.assert_array_equal([fields["ux_px"], fields["uy_px"]], one.displacement)
        np.testing.assert_array_equal(fields["flag"], one.flags)
        # Every eighth pixel from the fourth on has a node in its middle.
        np.testing.assert_array_equal(fields["cell"] > 0, cells[frame, 4::8, 4::8] > 0)
        np.testing.assert_allclose(list(record["drift"].values()), one.drift)
        assert (record["pixel_size_um"], record["interval_s"]) == (0.25, 7.0)
