"""The preview of one frame is the batch of the experiment that it writes, to the byte."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from batch_images import SIDE, contents, write_position

from tfmkit.batch import read_config, run, write_config
from tfmkit.io import open_images
from tfmkit.napari.frame import Frame, ImageFolder, Origin, save_frame, write_experiment
from tfmkit.napari.session import Cancelled, Preview, PreviewError, Session

SECTIONS = {
    "input": {"pixel_size": 0.2},
    "gel": {"young": 8000.0, "poisson": 0.4},
    "displacement": {"method": "piv", "spacing": 8},
    "traction": {"estimator": "FTTCCV"},
    "run": {"samples": 4},
}


@pytest.fixture(scope="module")
def session():
    made = Session()
    yield made
    made.close()


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("experiment") / "position"
    write_position(folder, n_frames=3)
    return folder


def frame_of(folder: Path, page: int, *, mask: bool = False) -> Frame:
    """Return a frame of the movie in a folder, as napari's reader gives it."""
    relaxed, movie = folder / "relaxed.tif", folder / "deformed.tif"
    with open_images(relaxed) as first, open_images(movie) as second:
        return Frame(
            first.read(0),
            second.read(page),
            page + 1,
            mask=tifffile.imread(folder / "mask.tif").astype(np.uint16) if mask else None,
            origins=(Origin(relaxed), Origin(movie, n_frames=second.n_frames)),
            pixel_size=second.stated_pixel_size,
            interval=second.interval,
        )


def steps_of(session: Session, frame: Frame, sections=None) -> tuple[list[str], Preview]:
    """Return the steps of a preview and its result."""
    generator, steps = session.preview(frame, sections or SECTIONS), []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


@pytest.mark.parametrize("mask", [False, True])
def test_preview_is_the_batch_of_the_saved_frame_to_the_byte(session, images, tmp_path, mask):
    frame = frame_of(images, 1, mask=mask)
    _, preview = steps_of(session, frame)
    shown = contents(preview.folder)
    said = write_experiment(tmp_path / "experiment.toml", frame, SECTIONS)
    assert "experiment_images" in said
    results = run(tmp_path / "experiment.toml")
    found = contents(results.folder)
    for name in [name for name in found if name.startswith(("table.csv", "fields", "previews", "failures", "remarks"))]:
        assert shown[name] == found[name], name
    assert {"fields/all_0002.ome.tif", "table.csv"} <= found.keys()
    # The file of this table names its run.
    assert preview.table.equals(results.table)


@pytest.mark.parametrize("pixel_size", [0.3, None], ids=["given", "from the file"])
def test_preview_is_the_batch_of_the_whole_movie_where_it_lies(session, images, pixel_size):
    frame, sections = frame_of(images, 2, mask=True), SECTIONS | {"input": {"pixel_size": pixel_size}}
    _, preview = steps_of(session, frame, sections)
    file = images / "whole.toml"
    said = write_experiment(file, frame, sections)
    assert "All frames of deformed.tif" in said
    assert [path.name for path in (images / "whole_images").iterdir()] == ["mask.tif"]
    results = run(file)
    assert results.table["frame"].unique().tolist() == [1, 2, 3]
    items = {item.record["frame"]: item for item in results.items()}
    assert (preview.folder / "fields/all_0003.ome.tif").read_bytes() == items[3].files.fields.read_bytes()
    rows = results.table.query("frame == 3").drop(columns="time_s").reset_index(drop=True)
    assert rows.equals(preview.table.drop(columns="time_s"))


def test_a_turned_traction_knob_keeps_the_displacement(session, images):
    frame = frame_of(images, 0)
    assert steps_of(session, frame)[0] == ["displacement", "images", "traction", "error bars"]
    assert steps_of(session, frame)[0] == []
    softer = SECTIONS | {"gel": {"young": 4000.0, "poisson": 0.4}}
    steps, preview = steps_of(session, frame, softer)
    assert steps == ["traction", "error bars"]
    assert preview.record["estimator"] == "FTTCCV"


def test_refused_settings_are_named(session, images):
    wrong = SECTIONS | {"displacement": {"method": "piv", "spacing": -1}}
    with pytest.raises(PreviewError, match=r"(?s)\[displacement\].*spacing"):
        steps_of(session, frame_of(images, 0), wrong)


def test_images_that_do_not_fit_are_named(session, images):
    frame = frame_of(images, 0)
    odd = Frame(frame.relaxed[:, :-2], frame.deformed)
    with pytest.raises(PreviewError, match="two images of one size"):
        steps_of(session, odd)


def test_cancel_ends_the_work_at_once(images):
    session = Session()
    try:
        long = SECTIONS | {"traction": {"estimator": "ElasticNetTFM"}, "run": {"samples": 100_000}}
        before = session.process_id
        steps = session.preview(frame_of(images, 0), long)
        assert next(steps) == "displacement"
        while next(steps) != "error bars":
            pass
        session.cancel()
        with pytest.raises(Cancelled):
            next(steps)
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)
        assert session.process_id != before
        assert steps_of(session, frame_of(images, 0))[1].maps
    finally:
        session.close()


@pytest.mark.skipif(os.name == "nt", reason="no signal ends a process from outside there")
def test_a_process_that_is_killed_is_told_and_replaced(images):
    session = Session()
    try:
        steps = session.preview(frame_of(images, 0), SECTIONS)
        next(steps)
        os.kill(session.process_id, signal.SIGKILL)
        with pytest.raises(PreviewError, match="ended from outside"):
            list(steps)
        assert steps_of(session, frame_of(images, 0))[1].maps
    finally:
        session.close()


def test_report_of_the_preview(session, images):
    steps_of(session, frame_of(images, 0))
    page = session.folder / "report.html"
    assert list(session.report(page)) == []
    assert "<title>" in page.read_text(encoding="utf-8")


def test_report_without_a_preview_is_refused():
    session = Session()
    try:
        with pytest.raises(PreviewError, match="results of a batch"):
            list(session.report(session.folder / "report.html"))
    finally:
        session.close()


def test_close_removes_the_folder():
    session = Session()
    session.close()
    assert not session.folder.exists()


def test_images_are_written_when_they_change(tmp_path, images):
    folder, frame = ImageFolder(tmp_path), frame_of(images, 0, mask=True)
    save_frame(frame, folder)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    time.sleep(0.01)
    save_frame(frame_of(images, 1), folder)
    assert {path.name for path in tmp_path.iterdir()} == {"relaxed.tif", "deformed_0002.tif"}
    assert (tmp_path / "relaxed.tif").stat().st_mtime_ns == times["relaxed.tif"]


def test_only_images_below_the_experiment_are_named_by_their_place(images, tmp_path):
    frame = frame_of(images, 0)
    write_experiment(images.parent / "above.toml", frame, SECTIONS)
    assert read_config(images.parent / "above.toml").input.deformed == "position/deformed.tif"
    write_experiment(tmp_path / "elsewhere.toml", frame, SECTIONS)
    assert read_config(tmp_path / "elsewhere.toml").input.deformed == "elsewhere_images/deformed_{frame}.tif"


def test_pixels_that_change_in_a_file_are_saved(images):
    frame = frame_of(images, 0)
    double = Frame(frame.relaxed.astype(float), frame.deformed.astype(float), origins=frame.origins)
    write_experiment(images / "double.toml", double, SECTIONS)
    assert read_config(images / "double.toml").input.relaxed == "double_images/relaxed.tif"


def test_name_with_a_brace_is_refused(images, tmp_path):
    with pytest.raises(ValueError, match="without braces"):
        write_experiment(tmp_path / "a{b}.toml", frame_of(images, 0), SECTIONS)
    assert not any(tmp_path.iterdir())


def test_frames_of_relaxed_movies_are_numbered(images, tmp_path):
    frame = Frame(
        np.zeros((SIDE, SIDE), np.uint16),
        np.zeros((SIDE, SIDE), np.uint16),
        2,
        "each",
        origins=(Origin(images / "r.tif", 3, 1), Origin(images / "d.tif", 3, 0, "max")),
    )
    write_experiment(images / "each.toml", frame, SECTIONS)
    wanted = read_config(images / "each.toml").input
    assert (wanted.relaxed_frame, wanted.channel, wanted.relaxed_channel, wanted.z) == ("each", 0, 1, "max")


@pytest.mark.parametrize(
    "value",
    [True, 3, -0.1, 1e-30, 1e22, "plain", 'quo"te', "new\nline", "del\x7f", "grün 😀", "back\\slash", [1.5, 2.5]],
)
def test_values_are_read_back_as_they_were_written(tmp_path, value):
    import tomllib

    write_config(tmp_path / "a.toml", {"one": {"key": value, "none": None}, "two": {}})
    assert tomllib.loads((tmp_path / "a.toml").read_text(encoding="utf-8")) == {"one": {"key": value}, "two": {}}


def test_values_that_toml_has_not_are_refused(tmp_path):
    with pytest.raises(TypeError, match="Expected a text"):
        write_config(tmp_path / "a.toml", {"one": {"key": object()}})
    assert not any(tmp_path.iterdir())


def test_manifest_names_functions_that_exist():
    from importlib.resources import files

    text = (files("tfmkit") / "napari" / "napari.yaml").read_text(encoding="utf-8")
    names = [line.split()[-1] for line in text.splitlines() if "python_name" in line]
    assert json.dumps(names).count(":") == 4
    for name in names:
        module, _, attribute = name.partition(":")
        source = Path(str(files("tfmkit"))).parent.joinpath(*module.split(".")).with_suffix(".py")
        text = source.read_text(encoding="utf-8")
        assert f"def {attribute}(" in text or f"class {attribute}(" in text
