"""The displacement command: what it writes, that traction reads it, and what it refuses."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from tfmkit.batch import run as run_batch
from tfmkit.cli import main
from tfmkit.displacement import PIV, CrossCorrelation, Flag
from tfmkit.io import open_images, read_displacement, read_fiji_piv
from tfmkit.simulate import BeadSimulator

GEL = ["--young", "8000", "--poisson", "0.4"]


@pytest.fixture(scope="module")
def beads():
    """A relaxed and a deformed image of 96 px."""
    return BeadSimulator(96, peak=2.0, spacing=8, random_state=0).sample()


@pytest.fixture
def files(tmp_path, beads):
    """The relaxed image, and two deformed ones of which the second has drifted by (2, -1) px."""
    relaxed, deformed = beads.pairs[0]
    tifffile.imwrite(tmp_path / "relaxed.tif", relaxed)
    stack = np.stack([deformed, np.roll(deformed, (-1, 2), axis=(0, 1))])
    scale = {"resolution": (5.0, 5.0), "metadata": {"axes": "TYX", "unit": "um", "finterval": 30.0}}
    tifffile.imwrite(tmp_path / "deformed.tif", stack, imagej=True, **scale)
    return [str(tmp_path / name) for name in ("relaxed.tif", "deformed.tif")]


def summary(folder):
    """Return the columns of the summary."""
    with (folder / "summary.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "doubts"}


def test_everything_is_written(files, tmp_path, beads, capsys):
    output = tmp_path / "new" / "out"
    assert main(["displacement", *files, "--spacing", "8", "--no-drift", "-o", str(output)]) == 0
    numbered = {f"displacement_{number:04}.{end}" for number in (1, 2) for end in ("txt", "png")}
    whole = {"displacement.npz", "displacement.ome.tif", "summary.csv", "settings.json"}
    assert {path.name for path in output.iterdir()} == numbered | whole

    expected = PIV(spacing=8).measure(beads.pairs)
    table = read_fiji_piv(output / "displacement_0001.txt")
    np.testing.assert_allclose(table.displacement, expected.displacement, rtol=1e-6)
    np.testing.assert_allclose(table.x, expected.grid_x)
    archive = read_displacement(output / "displacement.npz")
    assert archive.displacement.shape == (2, 2, 12, 12)
    assert archive.spacing == 8
    np.testing.assert_array_equal(archive.displacement[0], table.displacement[0].astype(np.float32))
    np.testing.assert_array_equal(archive.y, expected.grid_y)
    np.testing.assert_allclose(archive.std[:1], expected.std, rtol=1e-6)
    with open_images(output / "displacement.ome.tif") as images:
        assert images.channels == ("ux_px", "uy_px", "sx_px", "sy_px", "flag", "quality")
        assert (images.n_frames, images.pixel_size, images.interval) == (2, pytest.approx(1.6), 30.0)
        np.testing.assert_allclose(images.read(0, 1), expected.displacement[0, 1], rtol=1e-6)
    assert str(output) in capsys.readouterr().out


def test_drift_is_found_and_undone(files, tmp_path, beads):
    assert main(["displacement", *files, "--spacing", "8", "-o", str(tmp_path / "out")]) == 0
    columns = summary(tmp_path / "out")
    np.testing.assert_allclose(columns["drift_x_px"], [0, 2], atol=0.15)
    np.testing.assert_allclose(columns["drift_y_px"], [0, -1], atol=0.15)
    frames = read_displacement(tmp_path / "out" / "displacement.npz").displacement
    inside = np.s_[:, 1:-1, 1:-1]
    assert np.abs(frames[0][inside] - frames[1][inside]).mean() < 0.1


def test_traction_reads_text_and_archive_with_spacing_and_flags(files, tmp_path, monkeypatch):
    def measure(self, X, exclude=None):
        """Flag one vector, whatever the images show."""
        result = measured(self, X, exclude=exclude)
        result.flags[0, 3, 4] = Flag.OUTLIER
        return result

    measured = PIV.measure
    monkeypatch.setattr(PIV, "measure", measure)
    assert main(["displacement", *files, "--spacing", "8", "-o", str(tmp_path / "out")]) == 0
    assert summary(tmp_path / "out")["replaced_fraction"] == pytest.approx([1 / 144] * 2)
    results = []
    for name, frames in (("displacement_0001.txt", 1), ("displacement.npz", 2)):
        folder = tmp_path / f"{frames}"
        arguments = [*GEL, "--pixel-size", "0.2", "--lam", "0.1", "-o", str(folder)]
        assert main(["traction", str(tmp_path / "out" / name), *arguments]) == 0
        settings = json.loads((folder / "settings.json").read_text())
        assert settings["spacing_px"] == 8
        assert settings["filled_vectors"] == frames
        results.append(tifffile.imread(folder / "traction.tif").reshape(frames, 3, 12, 12)[0])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["displacement_0001.txt", "displacement.npz"])
def test_pixel_size_travels_by_the_file(files, tmp_path, capsys, name):
    assert main(["displacement", *files, "--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]) == 0
    assert read_displacement(tmp_path / "out" / name).pixel_size == pytest.approx(0.2)
    assert main(["traction", str(tmp_path / "out" / name), *GEL, "--lam", "0.1", "-o", str(tmp_path / "a")]) == 0
    assert "pixel size: 0.2 µm" in capsys.readouterr().out
    assert json.loads((tmp_path / "a" / "settings.json").read_text())["pixel_size_um"] == pytest.approx(0.2)
    # A size that the user gives comes first, and settings of another program mean nothing.
    arguments = [*GEL, "--lam", "0.1", "--pixel-size", "0.4", "-o", str(tmp_path / "a")]
    assert main(["traction", str(tmp_path / "out" / name), *arguments]) == 0
    assert json.loads((tmp_path / "a" / "settings.json").read_text())["pixel_size_um"] == 0.4
    for content in ("{", "[1]", '{"pixel_size_um": 0.2}'):
        (tmp_path / "out" / "settings.json").write_text(content)
        assert (read_displacement(tmp_path / "out" / name).pixel_size is None) == name.endswith("txt")


def test_damaged_pixel_sizes_end_in_a_message(files, tmp_path, capsys):
    assert main(["displacement", *files, "--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]) == 0
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    (tmp_path / "out" / "settings.json").write_text(json.dumps({**settings, "pixel_size_um": -1}))
    assert main(["traction", str(tmp_path / "out" / "displacement_0001.txt"), *GEL]) == 2
    assert "pixel size" in capsys.readouterr().err


def test_unknown_methods_are_refused_with_the_choices(files, capsys):
    with pytest.raises(SystemExit):
        main(["displacement", *files, "--method", "magic"])
    assert "cross_correlation" in capsys.readouterr().err


@pytest.mark.parametrize(("order", "relaxed"), [(-1, ["--relaxed-frame", "2"]), (1, [])])
def test_one_stack_holds_relaxed_and_deformed(tmp_path, beads, order, relaxed):
    tifffile.imwrite(tmp_path / "stack.tif", beads.pairs[0][::order].copy(), imagej=True, metadata={"axes": "TYX"})
    arguments = [str(tmp_path / "stack.tif"), *relaxed, "--spacing", "8", "--no-drift"]
    assert main(["displacement", *arguments]) == 0
    found = read_displacement(tmp_path / "stack_displacement" / "displacement.npz")
    np.testing.assert_array_equal(found.displacement, PIV(spacing=8).measure(beads.pairs).displacement)


def test_several_relaxed_images_ask_which_one_is_meant(tmp_path, beads, capsys):
    relaxed, deformed = beads.pairs[0]
    tifffile.imwrite(tmp_path / "relaxed.tif", np.stack([relaxed, relaxed[::-1]]), metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "deformed.tif", np.stack([deformed, deformed[::-1]]), metadata={"axes": "TYX"})
    arguments = [str(tmp_path / "relaxed.tif"), str(tmp_path / "deformed.tif"), "--spacing", "8", "--no-drift"]
    output = ["-o", str(tmp_path / "out")]
    assert main(["displacement", *arguments, *output]) == 2
    said = capsys.readouterr().err
    assert "--relaxed-frame each" in said
    assert "relaxed_frame = N in [input]" in said
    assert not (tmp_path / "out").exists()

    assert main(["displacement", *arguments, "--relaxed-frame", "each", *output]) == 0
    upper, lower = read_displacement(tmp_path / "out" / "displacement.npz").displacement
    assert np.abs(upper - lower[:, ::-1] * [[[1]], [[-1]]]).max() < 0.05
    assert main(["displacement", *arguments, "--relaxed-frame", "1", *output]) == 0
    assert "frame 2: in doubt" in capsys.readouterr().err


@pytest.mark.parametrize("n_relaxed", [1, 3])
def test_frame_by_frame_needs_as_many_relaxed_frames(files, tmp_path, beads, capsys, n_relaxed):
    tifffile.imwrite(tmp_path / "more.tif", np.stack([beads.pairs[0][0]] * n_relaxed), photometric="minisblack")
    command = ["displacement", str(tmp_path / "more.tif"), files[1], "-o", str(tmp_path / "out"), "--relaxed-frame"]
    assert main([*command, "each"]) == 2
    assert f"got {n_relaxed} in {tmp_path / 'more.tif'} for 2: save as many" in capsys.readouterr().err
    assert main([*command, "4"]) == 2
    assert f"Expected a relaxed frame from 1 to {n_relaxed}" in capsys.readouterr().err
    settings = {
        "input": {"folder": str(tmp_path), "relaxed": "more.tif", "deformed": "deformed.tif", "relaxed_frame": "each"},
        "gel": {"young": 8000.0, "poisson": 0.5},
    }
    assert run_batch(settings, results=tmp_path / "batch").failures["error"].str.contains("save as many").all()


def test_one_stack_of_all_images_has_one_relaxed_frame(tmp_path, beads, capsys):
    tifffile.imwrite(tmp_path / "stack.tif", beads.pairs[0], metadata={"axes": "TYX"})
    for frame in ("each", "3", "last"):
        assert main(["displacement", str(tmp_path / "stack.tif"), "--relaxed-frame", frame]) == 2
        assert "frame" in capsys.readouterr().err


def test_a_margin_of_nan_is_left_out(files, tmp_path, beads, capsys):
    images = beads.pairs[0][1].astype(np.float32)
    images[:12] = np.nan
    tifffile.imwrite(tmp_path / "shifted.tif", images)
    settings = {
        "input": {"folder": str(tmp_path), "relaxed": "relaxed.tif", "deformed": "shifted.tif"},
        "gel": {"young": 8000.0, "poisson": 0.5},
        "run": {"samples": 0},
    }
    assert main(["displacement", files[0], str(tmp_path / "shifted.tif"), "--spacing", "8", "-o", str(tmp_path)]) == 0
    assert "12 % of the image is left out: values that are not finite" in capsys.readouterr().err
    results = run_batch(settings, results=tmp_path / "batch")
    assert results.failures.empty
    assert "not finite" in results.remarks["remark"][0]
    images[:] = np.nan
    tifffile.imwrite(tmp_path / "shifted.tif", images)
    assert main(["displacement", files[0], str(tmp_path / "shifted.tif")]) == 2


def test_a_blank_frame_costs_itself_only(tmp_path, beads, capsys):
    relaxed, deformed = beads.pairs[0]
    tifffile.imwrite(tmp_path / "relaxed.tif", relaxed)
    frames = np.stack([deformed, np.full_like(deformed, 7), deformed])
    tifffile.imwrite(tmp_path / "deformed.tif", frames, photometric="minisblack")
    command = ["displacement", str(tmp_path / "relaxed.tif"), str(tmp_path / "deformed.tif"), "--spacing", "8"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    assert "frame 2: in doubt, the image is blank" in capsys.readouterr().err
    columns = summary(tmp_path / "out")
    assert columns["frame"].tolist() == [1, 2, 3]
    assert np.isnan(columns["quality_median"]).tolist() == [False, True, False]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == [
        "displacement_0001.txt", "displacement_0003.txt",
    ]  # fmt: skip
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert (settings["frames"], settings["blank_frames"]) == ([1, 3], [2])
    assert len(read_displacement(tmp_path / "out" / "displacement.npz").displacement) == 2

    tifffile.imwrite(tmp_path / "deformed.tif", np.full_like(frames, 7), photometric="minisblack")
    assert main([*command, "-o", str(tmp_path / "none")]) == 2
    assert "blank" in capsys.readouterr().err


def test_mask_keeps_the_cell_out_of_the_drift(files, tmp_path):
    mask = np.zeros((96, 96), dtype=np.uint8)
    mask[:, 40:] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    drifts = []
    for extra in ([], ["--margin", "4"]):
        arguments = [*files, "--spacing", "8", "--mask", str(tmp_path / "mask.tif"), *extra]
        assert main(["displacement", *arguments, "-o", str(tmp_path / "out")]) == 0
        drifts.append(summary(tmp_path / "out")["drift_x_px"][1])
    assert drifts[0] != drifts[1]


def test_excluded_places_are_flagged(files, tmp_path):
    mask = np.zeros((96, 96), dtype=np.uint8)
    mask[:, 48:] = 1
    tifffile.imwrite(tmp_path / "debris.tif", mask)
    arguments = [*files, "--spacing", "8", "--no-drift", "--exclude", str(tmp_path / "debris.tif")]
    assert main(["displacement", *arguments, "-o", str(tmp_path / "out")]) == 0
    measured = read_displacement(tmp_path / "out" / "displacement.npz").measured
    assert not measured[..., 6:].any()
    assert measured[..., :4].mean() > 0.9


def test_settings_say_what_was_done(files, tmp_path):
    arguments = ["--method", "cross_correlation", "--window", "24", "--spacing", "8", "-o", str(tmp_path / "out")]
    assert main(["displacement", *files, *arguments]) == 0
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    method = settings["method"]
    assert (method["name"], method["window"], method["spacing"]) == ("cross_correlation", 24, 8)
    assert method.keys() == {"name", *CrossCorrelation().get_params()}
    assert settings["input"].keys() == set(files)
    assert settings["pixel_size_um"] == pytest.approx(0.2)


def test_frames_of_a_longer_run_do_not_stay(files, tmp_path):
    arguments = ["--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]
    assert main(["displacement", *files, *arguments]) == 0
    assert main(["displacement", files[0], files[0], *arguments]) == 0
    assert not list((tmp_path / "out").glob("displacement_0002.*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window", "1"], "--window"),
        (["--spacing", "0"], "--spacing"),
        (["--radius", "3"], "radius"),
        (["--method", "cross_correlation", "--window", "20.5"], "--window"),
        (["--channel", "1"], "channel"),
        (["--relaxed-frame", "0"], "relaxed frame"),
        (["--relaxed-frame", "2"], "frame"),
        (["--margin", "-1"], "margin"),
        (["--pixel-size", "0"], "pixel_size"),
        (["--mask", "none.tif"], "none.tif"),
        (["--mask", "none.tif", "--no-drift"], "--no-drift"),
    ],
)
def test_bad_arguments_end_in_a_message(files, tmp_path, capsys, arguments, message):
    before = sorted(tmp_path.iterdir())
    assert main(["displacement", *files, *arguments, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_bad_images_end_in_a_message(files, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "small.tif", np.arange(64.0 * 64).reshape(64, 64))
    (tmp_path / "text.tif").write_text("no image")
    for relaxed, message in (("small.tif", "one size"), ("text.tif", "text.tif"), ("none.tif", "none.tif")):
        assert main(["displacement", str(tmp_path / relaxed), files[1]]) == 2
        assert message in capsys.readouterr().err
    assert main(["displacement", files[0]]) == 2
    assert "got one image" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [{"x": np.zeros(12)}, {"x": np.arange(5.0)}, {"measured": np.ones(7)}, {"std": np.ones(7)}]
)
def test_damaged_archives_end_in_a_message(tmp_path, capsys, change):
    arrays = {"displacement": np.ones((2, 12, 12)), "x": np.arange(12.0), "y": np.arange(12.0)}
    np.savez(tmp_path / "a.npz", **{**arrays, "measured": np.ones((12, 12), dtype=bool), **change})
    assert main(["traction", str(tmp_path / "a.npz"), *GEL]) == 2
    assert "tfmkit: " in capsys.readouterr().err


def test_spacing_of_an_archive_is_its_own(files, tmp_path, capsys):
    assert main(["displacement", *files, "--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]) == 0
    assert main(["traction", str(tmp_path / "out" / "displacement.npz"), *GEL, "--spacing", "4"]) == 2
    assert "leave spacing out" in capsys.readouterr().err
