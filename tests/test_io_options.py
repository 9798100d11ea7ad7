"""Options of files reach every file: the channel, the plane, the position and the pixel size."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from batch_images import settings
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from tfmkit.batch import read_config, read_results, run
from tfmkit.cli import main
from tfmkit.io import read_displacement
from tfmkit.simulate import BeadSimulator


@pytest.fixture(scope="module")
def pair():
    """A relaxed and a deformed image of 96 px, of 16 bit."""
    return BeadSimulator(96, peak=2.0, spacing=8, random_state=0).sample().pairs[0].astype(np.uint16)


def imagej(path, images, axes, **options):
    tifffile.imwrite(path, images, imagej=True, metadata={"axes": axes, "unit": "um"}, **options)


def positions(path, images):
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number in range(2):
            writer.write(np.roll(images, 5 * (1 - number), axis=-1), photometric="minisblack")


def ask(tmp_path, pair, write, *arguments):
    """Measure the displacement of two files, with and without drift; return the exit status."""
    write(tmp_path / "relaxed.tif", pair[0])
    write(tmp_path / "deformed.tif", pair[1])
    files = [str(tmp_path / name) for name in ("relaxed.tif", "deformed.tif")]
    return main(["displacement", *files, "--spacing", "8", "--no-drift", *arguments, "-o", str(tmp_path / "out")])


CASES = {
    "colour": (
        lambda path, image: tifffile.imwrite(path, np.stack([image * 0, image, image * 0], axis=-1), photometric="rgb"),
        ["--channel", "1"],
        "red, green, blue",
    ),
    "deep": (
        lambda path, image: imagej(path, np.stack([image // 3, image, image // 2]), "ZYX"),
        ["--z", "1"],
        "along Z",
    ),
    "maximum": (
        lambda path, image: imagej(path, np.stack([image // 3, image, image // 2]), "ZYX"),
        ["--z", "max"],
        "z='max'",
    ),
    "positions": (positions, ["--position", "1"], "2 positions"),
    "uneven": (
        lambda path, image: imagej(path, image, "YX", resolution=(5.0, 4.0)),
        ["--pixel-size", "0.2"],
        "pixel_size",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_command_line(tmp_path, pair, capsys, name):
    write, options, question = CASES[name]
    assert ask(tmp_path, pair, write) == 2
    assert question in capsys.readouterr().err
    assert ask(tmp_path, pair, write, *options) == 0
    found = read_displacement(tmp_path / "out" / "displacement_0001.txt").displacement
    for place in ("relaxed.tif", "deformed.tif"):
        (tmp_path / place).unlink()
    assert ask(tmp_path, pair, tifffile.imwrite) == 0
    np.testing.assert_array_equal(found, read_displacement(tmp_path / "out" / "displacement_0001.txt").displacement)


def test_a_stack_of_frames_along_z(tmp_path, pair):
    imagej(tmp_path / "all.tif", np.stack([*pair, pair[1]]), "ZYX")
    arguments = ["--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]
    assert main(["displacement", str(tmp_path / "all.tif"), *arguments]) == 2
    assert main(["displacement", str(tmp_path / "all.tif"), "--z", "time", *arguments]) == 0
    assert len(list((tmp_path / "out").glob("displacement_*.txt"))) == 2


def test_each_file_has_its_channel(tmp_path, pair, capsys):
    tifffile.imwrite(tmp_path / "relaxed.tif", pair[0])
    imagej(tmp_path / "deformed.tif", np.stack([pair[1][::-1], pair[1]]), "CYX")
    files = [str(tmp_path / name) for name in ("relaxed.tif", "deformed.tif")]
    arguments = ["--spacing", "8", "--no-drift", "-o", str(tmp_path / "out")]
    assert main(["displacement", *files, *arguments]) == 2
    assert "give channel" in capsys.readouterr().err
    assert main(["displacement", *files, "--channel", "1", *arguments]) == 0
    first = read_displacement(tmp_path / "out" / "displacement_0001.txt").displacement
    imagej(tmp_path / "relaxed.tif", np.stack([pair[0], pair[0].T]), "CYX")
    assert main(["displacement", *files, "--channel", "1", "--relaxed-channel", "0", *arguments]) == 0
    np.testing.assert_array_equal(first, read_displacement(tmp_path / "out" / "displacement_0001.txt").displacement)


def test_batch(tmp_path, pair):
    folder = tmp_path / "images" / "a"
    folder.mkdir(parents=True)
    for name, image in zip(("relaxed", "deformed"), pair, strict=True):
        stack = np.stack([np.stack([image // 2, image[::-1]]), np.stack([image, image[::-1]])])
        imagej(folder / f"{name}.tif", stack, "ZCYX", resolution=(5.0, 4.0))
    base = settings(tmp_path / "images", run={"jobs": 1, "samples": 0, "results": str(tmp_path / "one")})
    with pytest.raises(ValueError, match=r"Expected z to be one of"):
        read_config({**base, "input": {**base["input"], "z": "all"}})
    base["input"] |= {"z": 1, "channel": 0, "pixel_size": 0.2}
    run(base)
    results = read_results(tmp_path / "one")
    assert len(results.table) == 1
    assert len(results.failures) == 0
    for name, image in zip(("relaxed", "deformed"), pair, strict=True):
        tifffile.imwrite(folder / f"{name}.tif", image)
    plain = settings(tmp_path / "images", run={"jobs": 1, "samples": 0, "results": str(tmp_path / "two")})
    plain["input"] |= {"pixel_size": 0.2}
    run(plain)
    energy = "strain_energy_J"
    assert results.table[energy].tolist() == read_results(tmp_path / "two").table[energy].tolist()


def test_unit_of_a_table(tmp_path, pair, capsys):
    y, x = np.mgrid[:12, :12] * 8.0
    field = np.stack([np.sin(x / 20), np.cos(y / 20)])
    np.savetxt(tmp_path / "a.txt", np.stack([x, y, *field], axis=-1).reshape(-1, 4) * 0.1, fmt="%.8f")
    np.savetxt(tmp_path / "px.txt", np.stack([x, y, *field], axis=-1).reshape(-1, 4), fmt="%.8f")
    arguments = ["--young", "8000", "--poisson", "0.5", "--lam", "0.01", "--pixel-size", "0.1"]
    assert main(["traction", str(tmp_path / "a.txt"), *arguments]) == 2
    assert "length_unit='um'" in capsys.readouterr().err
    for name, more in (("a.txt", ["--length-unit", "um"]), ("px.txt", [])):
        assert main(["traction", str(tmp_path / name), *arguments, *more, "-o", str(tmp_path / name[:-4])]) == 0
    energies = [
        np.genfromtxt(tmp_path / name / "summary.csv", delimiter=",", names=True)["strain_energy_J"]
        for name in ("a", "px")
    ]
    assert energies[0] == pytest.approx(energies[1], rel=1e-4)
    # The table of this very result is in micrometres and says so.
    again = read_displacement(tmp_path / "a" / "traction_field.csv", pixel_size=0.1)
    np.testing.assert_allclose(again.displacement[0], field, atol=1e-5)
    base = settings(tmp_path, run={"jobs": 1, "samples": 0, "results": str(tmp_path / "out")})
    base = {name: base[name] for name in ("gel", "traction", "run")}
    base["input"] = {"folder": str(tmp_path), "displacement": "a.txt", "pixel_size": 0.1}
    assert "length_unit='um'" in run(base).failures["error"][0]
    assert len(run({**base, "input": {**base["input"], "length_unit": "um"}}).table) == 1


def outlines(path, n_frames, **bad):
    """Write a region for each frame, and perhaps one that is not a cell."""
    regions = [
        ImagejRoi.frompoints(np.array([[10, 10], [50 + 5 * n, 10], [50 + 5 * n, 60], [10, 60]]), name=f"cell {n}")
        for n in range(n_frames)
    ]
    for number, region in enumerate(regions, start=1):
        region.position = region.t_position = number
    roiwrite(path, [*regions, *(ImagejRoi(name=name, **place) for name, place in bad.items())])


@pytest.fixture
def movie(tmp_path, pair):
    """Folder of a relaxed image and three deformed ones, in one file and one by one; settings of a batch."""
    folder = tmp_path / "images" / "a"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "relaxed.tif", pair[0])
    imagej(folder / "deformed.tif", np.stack([pair[1]] * 3), "TYX")
    for number in range(3):
        tifffile.imwrite(folder / f"deformed_{number}.tif", pair[1])
    return folder, settings(tmp_path / "images", run={"jobs": 1, "samples": 0, "results": str(tmp_path / "out")})


@pytest.mark.parametrize("deformed", ["deformed.tif", "deformed_{frame}.tif"])
@pytest.mark.parametrize("kind", ["regions", "labels"])
def test_each_frame_has_its_cells(movie, deformed, kind):
    folder, base = movie
    if kind == "regions":
        point = {"roitype": ROI_TYPE.POINT, "n_coordinates": 1}
        outlines(folder / "cells.zip", 3, dot=point)
        base["input"]["mask"] = "{position}/cells.zip"
    else:
        labels = np.zeros((3, 96, 96), dtype=np.uint8)
        labels[0, 10:60, 10:50] = labels[2, 10:60, 10:60] = 7
        imagej(folder / "cells.tif", labels, "TYX")
        base["input"]["mask"] = "{position}/cells.tif"
    base["input"]["deformed"] = "{position}/" + deformed
    base["input"]["pixel_size"] = 0.2
    results = run(base)
    assert len(results.failures) == 0
    table = results.table
    areas = table["area_um2"] / 0.04
    if kind == "regions":
        assert table["cell"].tolist() == ["cell 0", "cell 1", "cell 2"]
        np.testing.assert_allclose(areas, [2000, 2250, 2500])
        assert "'dot'" in results.remarks["remark"][0]
    else:
        assert table["cell"].tolist() == ["7", "7"]
        np.testing.assert_allclose(areas, [2000, 2500])
        assert results.remarks["remark"].str.contains("no cell in frame 2").tolist() == [True]
    # Regions of one file per frame hold for that frame, whatever number they are bound to.
    if "frame" in deformed and kind == "regions":
        for number in range(3):
            outlines(folder / f"cells_{number}.zip", 1)
        base["input"]["mask"] = "{position}/cells_{frame}.zip"
        assert run(base).table["cell"].tolist() == ["cell 0"] * 3


def test_masks_of_the_command_line_have_frames(movie, tmp_path, capsys, monkeypatch):
    folder, _ = movie
    seen = []

    def measure(pair, transformer, *, cells, **options):
        seen.append(int(cells.sum()))
        if len(seen) == 3:
            raise ValueError("seen")
        return SimpleNamespace(remarks=np.array([], dtype=str))

    outlines(folder / "cells.zip", 3, line={"roitype": ROI_TYPE.LINE})
    monkeypatch.setattr("tfmkit.displacement.measure.measure_pair", measure)
    files = [str(folder / name) for name in ("relaxed.tif", "deformed.tif")]
    assert main(["displacement", *files, "--mask", str(folder / "cells.zip"), "-o", str(tmp_path / "out")]) == 2
    assert seen == [2000, 2250, 2500]
    assert "'line'" in capsys.readouterr().err
