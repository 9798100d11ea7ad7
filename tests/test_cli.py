"""The command line: what it writes, in which units, and what it refuses without writing anything."""

from __future__ import annotations

import csv
import hashlib
import json
import re

import numpy as np
import pytest
import tifffile
from scipy.io import savemat

from tfmkit.cli import main
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.io import read_displacement
from tfmkit.mechanics import force_summary, significant_force
from tfmkit.methods import TRACTION
from tfmkit.metrics import displacement_residual, relative_rmse

GEL = ["--young", "8000", "--poisson", "0.4"]
SPACING = 8.0


@pytest.fixture
def traction() -> np.ndarray:
    """Return two fields of 16 x 18 with a balanced pair of forces each."""
    traction = np.zeros((2, 2, 16, 18))
    traction[:, 0, 8, 5] = 1000.0, 500.0
    traction[:, 0, 8, 12] = -1000.0, -500.0
    return traction


@pytest.fixture
def file(tmp_path, traction):
    """Return a file with the displacement of these forces, in image pixels of a grid every 8 px."""
    gel = ForwardOperator((16, 18), young=8000, poisson=0.4, spacing=SPACING)
    np.save(tmp_path / "cell.npy", gel.apply(traction))
    return tmp_path / "cell.npy"


def read_csv(path):
    """Return the columns of a table."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "doubts"}


def test_everything_is_written_in_the_units_it_says(file, tmp_path, traction, capsys):
    output = tmp_path / "new" / "results"
    arguments = [*GEL, "--spacing", "8", "--pixel-size", "0.25", "--lam", "1e-6", "-o", str(output)]
    assert main(["traction", str(file), *arguments]) == 0
    names = {path.name for path in output.iterdir()}
    figures = {f"traction_{kind}_{number:04}.png" for kind in ("map", "vectors") for number in (1, 2)}
    assert names == figures | {"traction_field.csv", "summary.csv", "traction.tif", "settings.json"}

    recovered = tifffile.imread(output / "traction.tif")
    assert recovered.shape == (2, 3, 16, 18)
    assert recovered.dtype == np.float32
    solver = FTTC(1e-6, young=8000, poisson=0.4, spacing=SPACING).fit(np.load(file))
    np.testing.assert_allclose(recovered[:, 1:], solver.predict(np.load(file)), rtol=1e-5, atol=1e-3)
    assert relative_rmse(traction, recovered[:, 1:]) < 0.2
    traction = solver.predict(np.load(file))

    table = read_csv(output / "traction_field.csv")
    at = (table["frame"] == 2) & (table["x_um"] == 5 * 8 * 0.25) & (table["y_um"] == 8 * 8 * 0.25)
    assert table["tx_Pa"][at] == pytest.approx(traction[1, 0, 8, 5], rel=1e-5)
    assert table["ux_um"][at] == pytest.approx(0.25 * np.load(file)[1, 0, 8, 5])

    summary = read_csv(output / "summary.csv")
    metres = 0.25e-6 * np.load(file)
    expected = force_summary(metres, traction, spacing=2e-6)
    np.testing.assert_allclose(summary["strain_energy_J"], expected["strain_energy"], rtol=1e-5)
    np.testing.assert_allclose(summary["total_force_N"], significant_force(traction, spacing=2e-6), rtol=1e-5)
    np.testing.assert_allclose(summary["contractile_moment_Nm"], [-7 * 2e-6 * 4e-9, -7 * 2e-6 * 2e-9], rtol=0.2)
    np.testing.assert_allclose(
        summary["max_traction_Pa"], np.hypot(*np.moveaxis(traction, 1, 0)).max((1, 2)), rtol=1e-5
    )
    assert str(output) in capsys.readouterr().out


def test_summary_is_that_of_the_estimator(file, tmp_path):
    assert main(["traction", str(file), *GEL, "--spacing", "8", "--lam", "0.3", "-o", str(tmp_path / "a")]) == 0
    displacement = np.load(file)
    expected = FTTC(0.3, young=8000, poisson=0.4, spacing=SPACING).fit(displacement).predict(displacement)
    summary = read_csv(tmp_path / "a" / "summary.csv")
    np.testing.assert_allclose(summary["max_traction_Pa"], np.hypot(*expected.swapaxes(0, 1)).max(axis=(1, 2)))
    # Without the size of a pixel there are neither joules nor newtons.
    assert not [name for name in summary if name.endswith(("_J", "_N", "_Nm"))]
    assert significant_force(expected).shape == summary["frame"].shape


def test_gel_of_finite_thickness_is_given_in_micrometres(file, tmp_path, traction):
    layer = {"thickness": 6 / 0.25, "depth": 0.5 / 0.25}
    gel = {"young": 8000, "poisson": 0.4, "spacing": SPACING, **layer}
    displacement = ForwardOperator((16, 18), **gel).apply(traction)
    np.save(file, displacement)
    arguments = ["--spacing", "8", "--pixel-size", "0.25", "--lam", "0.01", "--thickness", "6", "--depth", "0.5"]
    assert main(["traction", str(file), *GEL, *arguments, "-o", str(tmp_path / "a")]) == 0
    expected = FTTC(0.01, **gel).fit(displacement).predict(displacement)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "a" / "traction.tif")[:, 1:], expected, rtol=1e-5, atol=1e-3)
    assert relative_rmse(traction, expected) < 0.3
    residual = displacement_residual(displacement, expected, **gel)
    summary = read_csv(tmp_path / "a" / "summary.csv")
    np.testing.assert_allclose(summary["displacement_residual"], residual, rtol=1e-6)
    settings = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert (settings["thickness_um"], settings["depth_um"]) == (6.0, 0.5)
    assert settings["method"].items() >= layer.items()


def test_settings_say_what_was_done(file, tmp_path):
    assert main(["traction", str(file), *GEL, "--lam", "0.3", "-o", str(tmp_path / "a")]) == 0
    settings = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert settings["input"] == {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}
    assert settings["method"]["lam"] == 0.3
    assert settings["young_Pa"] == 8000
    assert settings["grid"] == [16, 18]
    assert settings["versions"].keys() >= {"tfmkit", "python", "numpy"}


def test_lambda_is_chosen_for_every_frame(file, tmp_path):
    assert main(["traction", str(file), *GEL, "--spacing", "8", "-o", str(tmp_path / "a")]) == 0
    displacement = np.load(file)
    chosen = FTTCCV(young=8000, poisson=0.4, spacing=SPACING).fit(displacement)
    summary = read_csv(tmp_path / "a" / "summary.csv")
    np.testing.assert_allclose(summary["lam"], chosen.lam_)
    np.testing.assert_allclose(summary["order"], chosen.order_)
    np.testing.assert_allclose(
        tifffile.imread(tmp_path / "a" / "traction.tif")[:, 1:], chosen.predict(displacement), rtol=1e-5
    )


def test_default_folder_lies_beside_the_file_and_holds_one_run(file):
    assert main(["traction", str(file), *GEL]) == 0
    output = file.with_name("cell_traction")
    assert (output / "traction_map_0002.png").exists()
    (output / "notes.txt").write_text("mine")
    np.save(file, np.load(file)[0])
    assert main(["traction", str(file), *GEL]) == 0
    assert not (output / "traction_map_0002.png").exists()
    assert (output / "traction_map_0001.png").exists()
    assert (output / "notes.txt").exists()


def test_mask_of_the_file_limits_the_summary(tmp_path):
    rng = np.random.default_rng(0)
    border = {"brdx": [3, 12, 12, 3], "brdy": [3, 3, 12, 12]}
    savemat(tmp_path / "a.mat", {"dspl": rng.normal(size=(16, 16, 2)), **border})
    assert main(["traction", str(tmp_path / "a.mat"), *GEL, "--lam", "1", "-o", str(tmp_path / "a")]) == 0
    traction = tifffile.imread(tmp_path / "a" / "traction.tif")[None, 1:]
    inside = read_displacement(tmp_path / "a.mat").mask[0]
    assert 0 < inside.sum() < inside.size
    mean = significant_force(traction, mask=inside) / inside.sum()
    assert read_csv(tmp_path / "a" / "summary.csv")["mean_traction_Pa"] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--young", "-1", "--poisson", "0.4"], "young"),
        (["--young", "8000", "--poisson", "0.7"], "poisson"),
        ([*GEL, "--pixel-size", "0"], "pixel size"),
        ([*GEL, "--spacing", "-2"], "spacing"),
        ([*GEL, "--lam", "-1"], "lam"),
        ([*GEL, "--thickness", "5"], "--pixel-size"),
        ([*GEL, "--depth", "5"], "--pixel-size"),
        ([*GEL, "--pixel-size", "0.1", "--thickness", "0"], "thickness"),
        ([*GEL, "--pixel-size", "0.1", "--thickness", "inf"], "thickness"),
        ([*GEL, "--pixel-size", "0.1", "--thickness", "5", "--depth", "5"], "depth"),
        (
            [*GEL, "--pixel-size", "0.1", "--method", "DeepTFM", "--weights", "tracnet", "--thickness", "5"],
            "half-space",
        ),
        ([*GEL, "--pixel-size", "0.1", "--method", "DeepTFM", "--depth", "5"], "surface"),
        ([*GEL, "--method", "DeepTFM", "--lam", "1"], "--lam: unknown key"),
        ([*GEL, "--method", "DeepTFM", "--weights", "no/such.safetensors"], "no/such.safetensors"),
        ([*GEL, "--method", "FTTC", "--weights", "default"], "--weights: unknown key"),
        ([*GEL, "--set", "magic=1"], "--set: unknown key 'magic'"),
        ([*GEL, "--set", "orders=magic"], "--set"),
        ([*GEL, "--vmax", "0"], "vmax"),
        ([*GEL, "--mask", "none.tif"], "none.tif"),
        ([*GEL, "--image", "none.tif"], "none.tif"),
    ],
)
def test_bad_arguments_end_in_a_message(file, tmp_path, capsys, arguments, message):
    before = sorted(tmp_path.iterdir())
    assert main(["traction", str(file), *arguments, "-o", str(tmp_path / "a")]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"1 2 3\n", b"\x93NUMPY"])
@pytest.mark.parametrize("name", ["a.txt", "a.mat", "a.npy", "a.npz"])
def test_bad_files_end_in_a_message(tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    assert main(["traction", str(tmp_path / name), *GEL]) == 2
    assert name in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_masks_and_images_must_fit(file, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "small.tif", np.ones((8, 9), dtype=np.uint8))
    tifffile.imwrite(
        tmp_path / "movie.tif", np.ones((3, 16, 18), dtype=np.uint8), imagej=True, metadata={"axes": "TYX"}
    )
    for option, name, message in (("--mask", "small.tif", "8 x 9"), ("--image", "movie.tif", "got 3")):
        assert main(["traction", str(file), *GEL, option, str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["traction", str(file), *GEL, "--set", "order"])
    assert "NAME=VALUE" in capsys.readouterr().err


def test_missing_file(tmp_path, capsys):
    assert main(["traction", str(tmp_path / "none.txt"), *GEL]) == 2
    assert "none.txt" in capsys.readouterr().err


def test_gel_must_be_given(file, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["traction", str(file)])
    assert stop.value.code == 2
    assert "--young" in capsys.readouterr().err


@pytest.mark.parametrize("method", TRACTION)
def test_every_method_is_at_hand(file, tmp_path, method):
    np.save(file, np.load(file)[:1, :, :16, :16])
    arguments = ["--method", method, "--spacing", "8", "--pixel-size", "0.25", "-o", str(tmp_path / "a")]
    assert main(["traction", str(file), *GEL, *arguments]) == 0
    settings = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert settings["method"]["name"] == method
    # Defaults are settings too.
    assert settings["method"].keys() >= TRACTION[method].parameters().keys()
    assert read_csv(tmp_path / "a" / "summary.csv")["max_traction_Pa"] > 0


def test_any_parameter_can_be_set(file, tmp_path):
    arguments = ["--spacing", "8", "--lam", "0.1", "--set", "order=1", "--set", "boundary=periodic"]
    assert main(["traction", str(file), *GEL, *arguments, "-o", str(tmp_path / "a")]) == 0
    displacement = np.load(file)
    solver = FTTC(0.1, order=1, boundary="periodic", young=8000, poisson=0.4, spacing=SPACING).fit(displacement)
    found = tifffile.imread(tmp_path / "a" / "traction.tif")[:, 1:]
    np.testing.assert_allclose(found, solver.predict(displacement), rtol=1e-5, atol=1e-3)
    settings = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert (settings["method"]["order"], settings["method"]["boundary"]) == (1, "periodic")


@pytest.mark.parametrize("shape", [(16, 18), (128, 144)])
def test_mask_limits_sums_and_is_drawn(file, tmp_path, shape):
    mask = np.zeros(shape, dtype=np.uint8)
    mask[:, : shape[1] // 2] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    spacing = ["--spacing", str(shape[0] // 16)]
    arguments = [*GEL, *spacing, "--lam", "0.1", "--mask", str(tmp_path / "mask.tif"), "-o", str(tmp_path / "a")]
    assert main(["traction", str(file), *arguments]) == 0
    traction = tifffile.imread(tmp_path / "a" / "traction.tif")[:, 1:]
    mean = read_csv(tmp_path / "a" / "summary.csv")["mean_traction_Pa"]
    on_grid = np.arange(18) < np.full((16, 1), 9)
    np.testing.assert_allclose(mean, significant_force(traction, mask=on_grid) / on_grid.sum(), rtol=1e-5)


def test_an_image_of_several_planes_and_channels_is_chosen_from(tmp_path, capsys):
    np.save(tmp_path / "u.npy", np.random.default_rng(0).normal(size=(2, 16, 16)))
    planes = np.random.default_rng(1).integers(0, 99, (2, 3, 16, 16)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cell.ome.tif", planes, metadata={"axes": "CZYX"})
    command = ["traction", str(tmp_path / "u.npy"), *GEL, "--lam", "0.1", "--image", str(tmp_path / "cell.ome.tif")]
    assert main(command) == 2
    assert "give z" in capsys.readouterr().err
    assert main([*command, "--z", "max"]) == 2
    assert "give channel" in capsys.readouterr().err
    assert main([*command, "--z", "max", "--channel", "1"]) == 0


def test_figures_have_the_image_scale_and_format_that_were_asked_for(file, tmp_path):
    tifffile.imwrite(tmp_path / "cell.tif", np.random.default_rng(0).normal(size=(64, 72)).astype(np.float32))
    arguments = ["--image", str(tmp_path / "cell.tif"), "--vmax", "5000", "--format", "svg", "--lam", "0.1"]
    assert main(["traction", str(file), *GEL, *arguments, "-o", str(tmp_path / "a")]) == 0
    assert {path.suffix for path in (tmp_path / "a").glob("traction_*_000*")} == {".svg"}
    drawn = (tmp_path / "a" / "traction_vectors_0002.svg").read_text()
    assert "traction 5000 Pa" in drawn
    assert "<image" in drawn
    assert "traction |t| (kPa)" in (tmp_path / "a" / "traction_map_0001.svg").read_text()


def test_terminal_shows_readable_units(file, capsys):
    assert main(["traction", str(file), *GEL, "--spacing", "8", "--pixel-size", "0.25"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"strain energy \d[\d.]* [fpa]J \(frames: ", printed)
    assert re.search(r"total force \d[\d.]* [np]N", printed)
    assert "pixel size: 0.25 µm" in printed
    assert "e-" not in printed


def test_measured_cells(measured_data, tmp_path):
    source = measured_data / "easy_to_use_tfm" / "input_data.mat"
    assert (
        main(["traction", str(source), "--young", "1e4", "--poisson", "0.3", "--lam", "1.4", "-o", str(tmp_path)]) == 0
    )
    # Cells pull: tractions of about 200 Pa, that explain most of the displacement but not its noise.
    summary = read_csv(tmp_path / "summary.csv")
    assert ((summary["max_traction_Pa"] > 100) & (summary["max_traction_Pa"] < 500)).all()
    assert (summary["displacement_residual"] < 0.6).all()
