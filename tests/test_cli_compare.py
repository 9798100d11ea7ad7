"""``tfmkit compare``: what it writes, says and refuses."""

from __future__ import annotations

import re

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
