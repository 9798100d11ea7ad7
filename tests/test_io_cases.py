"""The small files that people describe in public, where they lie beside the measured data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pandas import read_csv
from scipy.ndimage import gaussian_filter

from tfmkit import FTTC
from tfmkit.batch import read_results
from tfmkit.cli import main
from tfmkit.io import open_images, read_displacement, read_region_set, read_regions

# Pairs of measured bead images that show different beads.
MISMATCHED = {"Cell_11_Cell107", "Cell_11_Cell183", "Cell_3_Cell119"}


@pytest.fixture
def cases(measured_data) -> Path:
    """Folder of the files; skips the test if it is absent."""
    folder = measured_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist (set TFMKIT_DATA)")
    return folder


@pytest.mark.parametrize("n_frames", [2, 3])
def test_short_movies(cases, n_frames):
    with open_images(cases / "short_movie" / f"movie{n_frames}.tif") as images:
        assert (images.n_frames, images.n_channels) == (n_frames, 1)


@pytest.mark.parametrize(("name", "tolerance"), [("mask_255", 0), ("mask_in_alpha", 0), ("mask_antialiased", 0.01)])
def test_masks(cases, name, tolerance):
    _, masks = read_regions(cases / "masks" / f"{name}.png", (256, 256))
    assert len(masks) == 1
    assert masks[0].sum() == pytest.approx(15451, rel=tolerance)


def test_one_outline_per_frame(cases):
    path = cases / "roi_per_frame" / "images" / "cells.zip"
    names = [read_region_set(path, (96, 96), frame=frame).names for frame in range(3)]
    assert names == [("0001-0048-0028",), ("0002-0048-0048",), ("0003-0048-0068",)]


def test_energies_of_one_outline_per_frame(cases, tmp_path, capsys):
    config = cases / "roi_per_frame" / "experiment.toml"
    assert main(["batch", str(config), "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    energies = read_results(tmp_path).table["strain_energy_J"]
    assert energies.tolist() == pytest.approx([4.24e-15, 3.64e-15, 3.33e-15], rel=0.01)


def test_aligned_margin(cases, tmp_path, capsys):
    files = [str(cases / "aligned_margin" / name) for name in ("relaxed.tif", "deformed_aligned_black.tif")]
    folders = [str(tmp_path / name) for name in ("u", "t", "swapped", "pushing")]
    scale, gel = ["--pixel-size", "0.2"], ["--young", "10kPa", "--poisson", "0.5"]
    assert main(["displacement", *files, *scale, "-o", folders[0]]) == 0
    assert "11 % of the image is left out: a margin" in capsys.readouterr().err
    assert main(["traction", str(tmp_path / "u" / "displacement.npz"), *gel, "-o", folders[1]]) == 0
    summary = read_csv(tmp_path / "t" / "summary.csv")
    assert summary["strain_energy_J"][0] == pytest.approx(1.77e-14, rel=0.05)
    assert 900 < summary["max_traction_Pa"][0] < 1300
    assert summary["doubts"].isna().all()
    # Exchanged images are told by their push.
    assert main(["displacement", *files[::-1], *scale, "-o", folders[2]]) == 0
    assert main(["traction", str(tmp_path / "swapped" / "displacement.npz"), *gel, "-o", folders[3]]) == 0
    assert "may be exchanged" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["KO_04", "WT_03"])
def test_published_tractions_of_pytfm(measured_data, name):
    path = measured_data / "pytfm" / f"{name}u.npy"
    if not path.is_file():
        pytest.skip(f"no measured field: {path} does not exist")
    data = read_displacement(path, spacing=10.5)
    published = np.stack([np.load(path.with_name(f"{name}{part}.npy")) for part in ("tx", "ty")])
    field = data.displacement - data.displacement.mean(axis=(2, 3), keepdims=True)
    model = FTTC(1e-9, boundary="periodic", young=49_000.0, poisson=0.49, spacing=data.spacing)
    # Their Fourier solution is smoothed.
    ours = gaussian_filter(model.fit(field).predict(field)[0], (0, 1.5, 1.5))
    inner = np.s_[:, 24:-24, 24:-24]
    assert np.corrcoef(ours[inner].ravel(), published[inner].ravel())[0, 1] > 0.999
    assert np.square(ours[inner]).mean() == pytest.approx(np.square(published[inner]).mean(), rel=0.05)


def test_signs_spare_the_real_pairs_that_match(measured_data, tmp_path, capsys):
    pairs = sorted((measured_data / "bead_pairs").glob("*/relaxed.tif"))
    if not pairs:
        pytest.skip("no measured bead pairs")
    doubts = {}
    for relaxed in pairs:
        output = tmp_path / relaxed.parent.name
        assert main(["displacement", str(relaxed), str(relaxed.with_name("deformed.tif")), "-o", str(output)]) == 0
        summary = read_csv(output / "summary.csv", keep_default_na=False)
        if summary["doubts"][0]:
            doubts[output.name] = (summary["replaced_fraction"][0] >= 0.25, summary["doubts"][0])
    capsys.readouterr()
    assert {name for name, (mismatch, _) in doubts.items() if mismatch} == MISMATCHED
    matching = {name: said for name, (mismatch, said) in doubts.items() if not mismatch}
    # In this deformed image the cell glows over the beads where the gel moves most.
    assert set(matching) == {"Cell_6_Cell41"}
    assert matching["Cell_6_Cell41"].startswith("57% of the vectors where the gel moves most were replaced")


def test_a_point_costs_itself_only(cases):
    path = cases / "regions" / "cell_and_point.zip"
    regions = read_region_set(path, (208, 208))
    assert len(regions.names) == 1
    assert len(regions.skipped) == 1
    assert "POINT" in regions.skipped[0]


def test_an_empty_frame_has_no_cell(cases):
    path = cases / "empty_frame" / "images" / "labels.tif"
    counts = [len(read_region_set(path, (96, 96), frame=frame).names) for frame in range(3)]
    assert counts == [1, 0, 1]


def table(cases, name, **options):
    """Return a table, and whether it is u = 3 g and v = -2 g, g a Gaussian, at its valid vectors."""
    data = read_displacement(cases / "tables" / name, **options)
    x, y = np.meshgrid(data.x, data.y)
    g = np.exp(-((x - 128) ** 2 + (y - 128) ** 2) / 3200)
    return data, np.abs(data.displacement[0] - [3 * g, -2 * g]).max(axis=0)


@pytest.mark.parametrize("name", ["decimal_comma.txt", "plain.csv", "rows_flag1valid.txt"])
def test_tables(cases, name):
    data, error = table(cases, name)
    assert error.max() < 1e-4
    assert data.measured.all()
    assert data.spacing == 16


def test_table_of_pivlab(cases):
    data, error = table(cases, "PIVlab_0001.txt", interpolate=True)
    assert np.argwhere(~data.measured[0]).tolist() == [[0, 0]]
    assert error[data.measured[0]].max() < 1e-8


def test_table_in_micrometres(cases):
    with pytest.raises(ValueError, match="length_unit='um'"):
        table(cases, "in_um.txt")
    data, error = table(cases, "in_um.txt", length_unit="um", pixel_size=0.1)
    assert data.spacing == pytest.approx(8)
    assert error.max() < 1e-4


def test_table_with_rounded_positions(cases):
    data, error = table(cases, "rounded_positions.txt")
    assert data.spacing == pytest.approx(31 / 3, rel=1e-3)
    # Half a pixel of rounding times the steepest slope of the field.
    assert error.max() < 0.03


def test_matlab(cases):
    data = read_displacement(cases / "matlab" / "displField.mat")
    assert data.displacement.shape[0] == 2
    assert np.isfinite(data.displacement).all()
    assert read_displacement(cases / "matlab" / "easy_noise_empty.mat").noise is None


def test_one_position_of_several(cases):
    with open_images(cases / "multi_position" / "exp_MMStack_Pos0.ome.tif") as images:
        assert (images.n_frames, images.channels, images.pixel_size) == (2, ("Beads", "Phase"), 0.1)
        values = [images.read(frame, channel)[0, 0] for frame in range(2) for channel in range(2)]
    assert values == [1000, 1010, 1100, 1110]


def test_relaxed_stack_is_asked_for_or_right(cases, tmp_path, capsys):
    files = [str(cases / "relaxed_stack" / f"{name}_3.tif") for name in ("relaxed", "deformed")]
    command = ["displacement", *files, "--spacing", "8", "-o", str(tmp_path)]
    assert main(command) == 2
    assert "--relaxed-frame each" in capsys.readouterr().err
    assert main([*command, "--relaxed-frame", "each", "--no-drift"]) == 0
    data = read_displacement(tmp_path / "displacement.npz")
    middle = data.displacement[:, :, np.abs(data.y - 48).argmin(), np.abs(data.x - 48).argmin()]
    np.testing.assert_allclose(middle, [[1.5, -1]] * 3, atol=0.2)


def test_empty_frame_costs_its_cells_only(cases, tmp_path, capsys):
    config = cases / "empty_frame" / "experiment.toml"
    assert main(["batch", str(config), "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    results = read_results(tmp_path)
    assert results.table["frame"].tolist() == [1, 3]
    assert results.failures.empty
    assert results.remarks["item"].str.endswith("_0002").any()


def test_packbits(measured_data):
    folders = sorted((measured_data / "bead_pairs").glob("*"))
    assert folders
    for folder in folders:
        with open_images(folder / "relaxed.tif") as images:
            assert images.read(0).shape == (288, 288)
