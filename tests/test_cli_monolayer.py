"""``tfmkit monolayer``: its tables, maps and units, and the input that it refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.io import loadmat

from tfmkit.cli import main
from tfmkit.io import write_tiff
from tfmkit.monolayer import MonolayerStress, cell_table, fill_gaps
from tfmkit.simulate import MonolayerSimulator


@pytest.fixture(scope="module")
def colony():
    return MonolayerSimulator(shape=64, cell_size=14, colony_size=0.6, random_state=0).sample(2)


@pytest.fixture
def files(tmp_path, colony):
    traction = colony.traction
    images = np.concatenate([np.hypot(traction[:, :1], traction[:, 1:]), traction], axis=1)
    write_tiff(tmp_path / "traction.tif", images, pixel_size=2.0, labels=("|t| Pa", "tx Pa", "ty Pa"))
    # Label images have the pixels of the microscope, three of them for each grid point.
    tifffile.imwrite(
        tmp_path / "cells.tif", np.kron(colony.labels, np.ones((3, 3))).astype(np.uint16), metadata={"axes": "TYX"}
    )
    return tmp_path


def test_tables_and_maps_are_those_of_the_library(files, colony, capsys):
    out = files / "out"
    assert main(["monolayer", str(files / "traction.tif"), "--mask", str(files / "cells.tif"), "-o", str(out)]) == 0
    assert "mN/m" in capsys.readouterr().out
    labels = np.stack([fill_gaps(image) for image in colony.labels])
    stress = MonolayerStress(spacing=2e-6).fit(colony.traction).predict(colony.traction, mask=labels)
    wanted = cell_table(stress, labels, spacing=2e-6)
    table = pd.read_csv(out / "cells.csv")
    np.testing.assert_allclose(table["mean_normal_stress_N_per_m"], wanted["mean_normal_stress_N_per_m"], rtol=1e-4)
    assert len(pd.read_csv(out / "borders.csv")) > 10
    assert set(pd.read_csv(out / "balance.csv")["field"]) == {0, 1}
    np.testing.assert_allclose(tifffile.imread(out / "stress.tif"), stress, rtol=1e-4, atol=1e-9)
    matlab = loadmat(out / "stress.mat")
    np.testing.assert_allclose(matlab["stress_N_per_m"][..., 1, 0], stress[0, 1], rtol=1e-4, atol=1e-9)
    assert {path.name for path in out.glob("*.png")} == {
        f"{name}_{n:04}.png" for name in ("stress_map", "border_tension") for n in (1, 2)
    }
    settings = json.loads((out / "settings.json").read_text())
    assert settings["spacing_um"] == 2.0


def test_bayes_with_a_margin_and_drawn_outlines(tmp_path, colony):
    np.save(tmp_path / "traction.npy", colony.traction[0])
    labels = colony.labels[0]
    edge = np.zeros(labels.shape, dtype=np.uint8)
    for axis in (0, 1):
        edge |= (labels != np.roll(labels, 1, axis)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "lines.tif", 255 * edge)
    arguments = ["--mask", str(tmp_path / "lines.tif"), "--outlines", "--spacing", "2", "--margin", "4"]
    arguments += ["--method", "BayesianStress", "--noise", "5", "-o", str(tmp_path / "out")]
    assert main(["monolayer", str(tmp_path / "traction.npy"), *arguments]) == 0
    assert len(pd.read_csv(tmp_path / "out" / "cells.csv")) > labels.max() / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--noise", "3"], "BayesianStress"),
        (["--spacing", "-1"], "spacing"),
        (["--margin", "-1"], "margin"),
        (["--poisson", "2"], "poisson"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(files, capsys, arguments, message):
    given = ["monolayer", str(files / "traction.tif"), "--mask", str(files / "cells.tif"), "-o", str(files / "out")]
    assert main([*given, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (files / "out").exists()


@pytest.mark.parametrize("end", [0, 6, 10, 60, 200])
def test_a_damaged_array_is_refused_by_its_name(files, colony, capsys, end):
    np.save(files / "traction.npy", colony.traction)
    (files / "traction.npy").write_bytes((files / "traction.npy").read_bytes()[:end])
    arguments = ["--mask", str(files / "cells.tif"), "--spacing", "4"]
    assert main(["monolayer", str(files / "traction.npy"), *arguments]) == 2
    assert "traction.npy" in capsys.readouterr().err


def test_a_file_without_a_spacing_asks_for_it(files, colony, capsys):
    np.save(files / "traction.npy", colony.traction)
    assert main(["monolayer", str(files / "traction.npy"), "--mask", str(files / "cells.tif")]) == 2
    assert "spacing" in capsys.readouterr().err
    assert main(["monolayer", str(files / "none.tif"), "--mask", str(files / "cells.tif")]) == 2
