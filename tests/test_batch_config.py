"""Configurations: what they say, where they are wrong, and how items are found and named."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import numpy as np
import pytest
from batch_images import settings, write_position
from hypothesis import given
from hypothesis import strategies as st

from tfmkit.batch import read_config, run
from tfmkit.batch.config import json_schema
from tfmkit.batch.items import list_items, make_key
from tfmkit.cli import main
from tfmkit.methods import DISPLACEMENT, TRACTION

GOOD = """
[input]
relaxed = "{position}/relaxed.tif"
deformed = "{position}/deformed.tif"

[gel]
young = 8000
poisson = 0.4
"""


def write(folder, text):
    """Write a configuration."""
    (folder / "experiment.toml").write_text(text)
    return folder / "experiment.toml"


def test_defaults(tmp_path):
    config = read_config(write(tmp_path, GOOD))
    assert config.gel.young == 8000.0
    assert config.drift.enabled
    assert (config.displacement.name, config.traction.name) == ("piv", "FTTCCV")
    assert config.images == tmp_path
    assert config.results == tmp_path / "experiment_results"
    assert config.model_dump()["run"] == {"results": None, "jobs": 0, "samples": 32, "seed": 0}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD.replace("[gel]", "folders = '.'\n[gel]"), 6, "unknown key 'folders'; allowed are folder, relaxed"),
        (
            "[inputs]\n",
            1,
            "unknown key 'inputs'; allowed are input, gel, drift, displacement, traction, monolayer, run",
        ),
        (GOOD + "[gels]\n", 9, "unknown key 'gels'"),
        (GOOD.replace("8000", '"soft"'), 7, "young"),
        (GOOD.replace("8000", "true"), 7, "young"),
        (GOOD.replace("8000", "-1"), 7, "young"),
        (GOOD.replace("young = 8000\n", ""), 6, "'young' is missing"),
        (GOOD.replace("0.4", "0.6"), 8, "poisson"),
        (GOOD + "depth = 3\nthickness = 2\n", 6, "depth"),
        (GOOD + "[drift]\nenabled = 1\n", 10, "true or false"),
        (GOOD + "[drift]\nmargin = nan\n", 10, "margin"),
        (GOOD + "[run]\njobs = 1.5\n", 10, "jobs"),
        (GOOD + "[displacement]\nmethod = 'magic'\n", 10, "'piv', 'cross_correlation'"),
        (GOOD + "[displacement]\nwindow = 1\n", 10, "window"),
        (GOOD + "[displacement]\n\nradius = 3\n", 11, "allowed are window, spacing, smoothing"),
        (GOOD + "[traction]\nestimator = 'magic'\n", 10, "'FTTC', 'FTTCCV'"),
        (GOOD + "[traction]\nlam = 0.1\n", 10, "unknown key 'lam'"),
        (GOOD + "[traction]\ncriterion = 'magic'\n", 10, "criterion"),
        (GOOD + "[traction]\nestimator = 'FTTC'\nlam = 'x'\n", 11, "lam"),
        (GOOD + "[traction]\nestimator = 'FTTC'\nyoung = 3\n", 11, "unknown key 'young'"),
        (GOOD + "[traction]\nlams = 'x'\n", 9, "lams"),
        (GOOD + "[traction]\nestimator = 'DeepTFM'\nweights = 'none'\n", 11, "none"),
        (GOOD + "depth = 3\n[traction]\nestimator = 'DeepTFM'\n", 10, "surface"),
        (GOOD.replace("deformed =", "cell ="), 2, "both of relaxed and deformed"),
        (GOOD.replace("relaxed =", "displacement ="), 2, "displacement alone"),
        (GOOD.replace("[gel]", "spacing = 3\n[gel]"), 6, "spacing does not go"),
        (GOOD.replace("[gel]", "folder = 'none'\n[gel]"), 6, "no folder"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, capsys, text, line, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        read_config(path)
    assert f"{path}, line {line}" in str(refused.value)
    assert main(["batch", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["experiment.toml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("[gel]\n", "").replace("young = 8000\npoisson = 0.4\n", ""), "[gel] is missing"),
        ("input = 3\n" + GOOD[GOOD.index("[gel]") :], "expected a section"),
        ("[input\n", "Expected a TOML file"),
        ("\xff", "Expected a TOML file"),
    ],
)
def test_mistakes_without_a_line(tmp_path, text, message):
    (tmp_path / "experiment.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=re.escape(message)):
        read_config(tmp_path / "experiment.toml")


def test_all_mistakes_are_named_in_the_order_of_their_lines(tmp_path):
    path = write(tmp_path, GOOD.replace("8000", "-1").replace("poisson", "poison") + "[run]\njobs = true\n")
    with pytest.raises(ValueError, match="young") as refused:
        read_config(path)
    lines = str(refused.value).splitlines()
    assert [line.partition(", [")[0] for line in lines] == [f"{path}, line {number}" for number in (6, 7, 8, 10)]
    assert lines[2].endswith("unknown key 'poison'; allowed are young, poisson, thickness, depth.")
    assert lines[1].endswith("Expected young to be greater than 0, got -1.0.")


@pytest.mark.parametrize("folder", [r"C:\Users\me", r"D:\data", r"C:\temp"])
def test_paths_of_windows_need_single_quotes(tmp_path, folder):
    path = tmp_path / "windows.toml"
    path.write_text(f'[input]\nfolder = "{folder}"\ndeformed = "a.tif"\n')
    with pytest.raises(ValueError, match=r"Line 2 has a backslash in double quotes.*single quotes, as in 'C:\\Users"):
        read_config(path)
    path.write_text("[input\n")
    with pytest.raises(ValueError, match=r"TOML file") as refused:
        read_config(path)
    assert "backslash" not in str(refused.value)


def test_numbers_of_numpy_count(tmp_path):
    config = settings(tmp_path, gel={"young": np.float32(8000)}, run={"seed": np.int64(3), "samples": np.uint8(4)})
    assert (
        read_config(config).model_dump() == read_config(settings(tmp_path, run={"seed": 3, "samples": 4})).model_dump()
    )


def test_schema_is_that_of_the_models_and_knows_every_method():
    shipped = json.loads((files("tfmkit.batch") / "experiment.schema.json").read_text())
    remake = "python -c 'from tfmkit.batch.config import json_schema; print(json_schema(), end=\"\")'"
    assert shipped == json.loads(json_schema()), f"{remake} > tfmkit/batch/experiment.schema.json"
    sections = shipped["$defs"]
    for section, key, table in (("Displacement", "method", DISPLACEMENT), ("Traction", "estimator", TRACTION)):
        rules = sections[f"{section}Settings"]["allOf"]
        names = [rule["if"]["properties"][key]["const"] for rule in rules]
        assert names == sections[f"{section}Settings"]["properties"][key]["enum"] == list(table)
    assert all("description" in key for section in sections.values() for key in section["properties"].values())


def test_displacement_files_leave_nothing_to_measure(tmp_path):
    text = '[input]\ndisplacement = "{frame}.txt"\n[gel]\nyoung = 8000\npoisson = 0.4\n'
    assert read_config(write(tmp_path, text)).input.displacement == "{frame}.txt"
    for section in ("drift", "displacement"):
        with pytest.raises(ValueError, match="line 6, \\[" + section):
            read_config(write(tmp_path, f"{text}[{section}]\n"))
    with pytest.raises(ValueError, match="channel"):
        read_config(write(tmp_path, text.replace("[gel]", "channel = 1\n[gel]")))


def test_missing_files(tmp_path, capsys):
    assert main(["batch", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="relaxed|deformed"):
        run(write(tmp_path, GOOD))
    assert main(["batch", str(write(tmp_path, GOOD)), "--jobs", "-1"]) == 2
    assert "jobs" in capsys.readouterr().err


def test_scheduler_that_is_not_there(tmp_path):
    pytest.importorskip("distributed")
    import dask

    write_position(tmp_path / "p1")
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}), pytest.raises(OSError, match="127.0.0.1"):
        run(settings(tmp_path), results=tmp_path / "results", dask="tcp://127.0.0.1:9")
    assert not (tmp_path / "results").exists()
    assert not list(tmp_path.rglob("*.parquet"))


def test_partners_are_found_by_what_they_share(tmp_path):
    write_position(tmp_path / "a", n_frames=1)
    for frame in ("1", "2", "10"):
        (tmp_path / "a" / f"image_{frame}.tif").write_bytes((tmp_path / "a" / "plain.tif").read_bytes())
        (tmp_path / "a" / f"mask_0{frame}.tif").write_bytes((tmp_path / "a" / "mask.tif").read_bytes())
    patterns = {"deformed": "{position}/image_{frame:d}.tif", "mask": "{position}/mask_{frame:d}.tif"}
    items, failures = list_items(read_config(settings(tmp_path, input=patterns)))
    assert [item.frame for item in items] == [1, 2, 10]
    assert [item.mask.name for item in items] == ["mask_01.tif", "mask_02.tif", "mask_010.tif"]
    assert {item.relaxed.name for item in items} == {"relaxed.tif"}
    assert not failures
    (tmp_path / "a" / "mask_02.tif").unlink()
    items, failures = list_items(read_config(settings(tmp_path, input=patterns)))
    assert [item.frame for item in items] == [1, 10]
    assert "Expected one mask file" in failures[0].error


def test_patterns_that_do_not_fit_are_refused(tmp_path):
    write_position(tmp_path / "a", n_frames=1)
    with pytest.raises(ValueError, match="placeholders"):
        list_items(read_config(settings(tmp_path, input={"deformed": "a/deformed.tif"})))


@given(st.lists(st.text(min_size=1, max_size=100), min_size=2, max_size=5, unique=True), st.integers(0, 10**6))
def test_keys_are_safe_and_unique(positions, frame):
    keys = [make_key(position, frame) for position in positions]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,120}", key) for key in keys)
    assert not any(key.startswith("-") for key in keys if not key.startswith("--"))
