"""``tfmkit compare``: what it writes, says and refuses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from test_compare import experiment

from tfmkit.cli import main
from tfmkit.compare import compare_conditions


@pytest.fixture
def file(tmp_path):
    """A table of two conditions."""
    path = tmp_path / "table.csv"
    experiment(0.5, spread=0.05).to_csv(path, index=False)
    return path


def test_everything_is_written_and_said(file, tmp_path, capsys):
    assert main(["compare", str(file), "--format", "svg"]) == 0
    output = tmp_path / "table_compare"
    assert {path.name for path in output.iterdir()} == {"comparison.csv", "total_force_N.svg", "max_traction_Pa.svg"}
    expected = compare_conditions(pd.read_csv(file))
    written = pd.read_csv(output / "comparison.csv")
    pd.testing.assert_frame_equal(
        written[["quantity", "effect", "p_value"]], expected[["quantity", "effect", "p_value"]]
    )
    printed = capsys.readouterr().out
    assert re.search(r"KO against WT: \N{MINUS SIGN}\d+\.\d %", printed)
    assert "Welch's t-test over 3 and 3 replicates (24 and 24 cells)" in printed
    assert "total force (nN)" in (output / "total_force_N.svg").read_text()


def test_rows_at_rest_are_told(file, capsys):
    table = pd.read_csv(file).assign(displacement_residual=0.2)
    forces = ["total_force_N", "max_traction_Pa"]
    table.loc[0, [*forces, "displacement_residual"]] = [0, 0, None]
    table.to_csv(file, index=False)
    assert main(["compare", str(file)]) == 0
    said = capsys.readouterr()
    assert "1 row(s) of WT" in said.err
    assert "(24 and 23 cells)" in said.out


def test_one_replicate_is_told(file, tmp_path, capsys):
    table = pd.read_csv(file)
    table[table["replicate"] == 0].to_parquet(tmp_path / "table.parquet")
    arguments = ["--quantity", "max_traction_Pa", "--reference", "KO", "-o", str(tmp_path / "out")]
    assert main(["compare", str(tmp_path), *arguments]) == 0
    assert "No test: 1 and 1 replicates" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "drug"], "drug"),
        (["--replicate", "dish"], "dish"),
        (["--quantity", "energy"], "energy"),
        (["--reference", "mutant"], "mutant"),
        (["--confidence", "0"], "confidence"),
    ],
)
def test_bad_arguments_end_in_a_message(file, tmp_path, capsys, arguments, message):
    assert main(["compare", str(file), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]


def test_bad_tables_end_in_a_message(tmp_path, capsys):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    (tmp_path / "a.csv").write_text("")
    for name in ("", "a.csv", "none.csv"):
        assert main(["compare", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("tfmkit: ") == 3


@pytest.mark.parametrize(
    "name", ["a\x1b[31mb\x07", "5$", "x^{$\\frac{1$", "=1+1", "../../a", "n" * 3000, "\N{RIGHT-TO-LEFT OVERRIDE}a"]
)
def test_hostile_names_are_shown_letter_by_letter(tmp_path, capsys, name):
    table = experiment(0.5, spread=0.05).replace({"condition": {"KO": name}})
    table.assign(replicate=name + table["replicate"].astype(str)).to_parquet(tmp_path / "t.parquet")
    assert main(["compare", str(tmp_path / "t.parquet"), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert all(character.isprintable() or character == "\n" for character in printed.out)
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "out"}


@pytest.mark.parametrize("column", ["../../evil", "/evil", "force/area", "\x1b[2J", "q" * 400, "$\\frac{a", ".."])
def test_figures_stay_in_the_folder_whatever_the_columns(tmp_path, capsys, column):
    table = experiment(0.5, spread=0.05).rename(columns={"total_force_N": column}).assign(**{column + "?": 1.0})
    table.to_csv(tmp_path / "t.csv", index=False)
    output = tmp_path / "out"
    assert main(["compare", str(tmp_path / "t.csv"), "--quantity", column, column + "?", "-o", str(output)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "out"}
    assert len(list(output.glob("*.png"))) == 2
    assert capsys.readouterr().out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, ["--quantity", "position"], "column of numbers"),
        ({}, ["--quantity", "replicate"], "column of numbers"),
        ({}, ["--by", "replicate"], "Expected one column"),
        ({"total_force_N": np.inf}, [], "got inf"),
        ({"total_force_N": 1e308}, [], "up to 1e+150"),
        ({"total_force_N": "x"}, [], "total_force_N"),
    ],
)
def test_columns_that_cannot_be_compared_are_named(file, tmp_path, capsys, change, arguments, message):
    pd.read_csv(file).assign(**change).to_csv(file, index=False)
    assert main(["compare", str(file), *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
