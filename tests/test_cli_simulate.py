"""The commands around simulated cells: make them, recover them, compare methods on them."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tfmkit.benchmark import compare
from tfmkit.cli import main
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.simulate import CellSimulator, PatchSimulator

GEL = ("--young", "5000", "--poisson", "0.3")


@pytest.fixture
def cells(tmp_path):
    """Return a file of three simulated cells."""
    path = tmp_path / "cells.npz"
    assert (
        main(["simulate", "-n", "3", "--family", "adhesion", "--shape", "32", "--seed", "5", *GEL, "-o", str(path)])
        == 0
    )
    return path


def test_simulate_writes_what_the_simulator_makes(cells, tmp_path):
    expected = CellSimulator("adhesion", shape=32, young=5_000.0, poisson=0.3, random_state=5).sample(3)
    with np.load(cells) as archive:
        for key in ("displacement", "traction", "mask", "patches"):
            np.testing.assert_array_equal(archive[key], expected[key])
    assert main(["simulate", "-n", "1", "--family", "disc", "--shape", "32", "40", "-o", str(tmp_path / "d.npz")]) == 0
    discs = PatchSimulator("disc", shape=(32, 40), poisson=0.45, random_state=0).sample(1)
    with np.load(tmp_path / "d.npz") as archive:
        np.testing.assert_array_equal(archive["displacement"], discs.displacement)


def test_traction_reads_what_simulate_writes(cells, tmp_path):
    gel = ["--young", "10670", "--poisson", "0.45"]
    assert main(["traction", str(cells), *gel, "--lam", "0.01", "-o", str(tmp_path / "a")]) == 0
    assert (tmp_path / "a" / "traction_map_0003.png").exists()


def test_benchmark_compares_on_them(cells, tmp_path, capsys):
    table = tmp_path / "errors.csv"
    arguments = ["--method", "FTTCCV", "--lam", "0.01", "1", "--noise", "0", "0.05", "-o", str(table)]
    assert main(["benchmark", str(cells), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "FTTC (lam=0.01)" in printed
    assert "FTTC oracle (lam and order, whole field)" in printed
    gel = {"young": 5_000.0, "poisson": 0.3}
    with np.load(cells) as archive:
        expected = compare(
            archive["displacement"],
            archive["traction"],
            {"FTTC (lam=0.01)": FTTC(0.01, **gel), "FTTC (lam=1)": FTTC(1.0, **gel), "FTTCCV": FTTCCV(**gel)},
            noise=(0.0, 0.05),
            mask=archive["mask"],
            random_state=0,
            progress=False,
        )
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    keys = ["estimator", "noise", "cell", "metric"]
    assert [[row[key] for key in keys] for row in rows] == expected[keys].astype(str).to_numpy().tolist()
    np.testing.assert_allclose([float(row["value"]) for row in rows], expected["value"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "-n", "0"], "n_samples"),
        (["simulate", "--shape", "4"], "grid"),
        (["simulate", "--shape", "9", "9", "9"], "grid shape"),
        (["simulate", "--poisson", "0.7"], "poisson"),
        (["simulate", "-o", "cells.txt"], "ends in .npz"),
        (["benchmark", "none.npz"], "none.npz"),
        (["benchmark", "bad.npz"], "tfmkit simulate"),
    ],
)
def test_refuses(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.npz").write_bytes(b"PK no archive")
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npz"]
