"""The unit of files that do not say it, missing vectors of arrays, and words in tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from tfmkit.cli import main
from tfmkit.io import read_displacement

STEP = 16.0
AXIS = STEP * np.arange(1, 16)
X, Y = np.meshgrid(AXIS, AXIS)
BUMP = np.exp(-((X - 128) ** 2 + (Y - 128) ** 2) / 3200)
FIELD = np.stack([3 * BUMP, -2 * BUMP])


def save(folder, name, field, position_factor=1.0):
    """Write a field as a file of the kind that the name says, and return the path and its options."""
    path = folder / name
    positions, vectors = position_factor * np.stack([X.ravel(), Y.ravel()], 1), field.reshape(2, -1).T
    if name.endswith(".npy"):
        np.save(path, field)
    elif name.endswith(".npz"):
        np.savez(path, u=field[0], v=field[1], x=position_factor * X, y=position_factor * Y)
    elif name.endswith("u.txt"):
        np.savetxt(path, field[0])
        np.savetxt(path.with_name(name.replace("u.", "v.")), field[1])
    elif name == "pivlab.mat":
        savemat(path, {"x": position_factor * X, "y": position_factor * Y, "u": field[0], "v": field[1]})
    elif name == "displ.mat":
        frames = np.zeros((1, 1), dtype=[("pos", object), ("vec", object)])
        frames[0, 0]["pos"], frames[0, 0]["vec"] = positions, vectors
        savemat(path, {"displField": frames})
    else:
        np.savetxt(path, np.hstack([positions, vectors]))
    return path, {"spacing": STEP} if name.endswith((".npy", "u.txt")) else {}


KINDS = ("a.npy", "a.npz", "01u.txt", "pivlab.mat", "displ.mat", "a.txt")


@pytest.mark.parametrize("name", KINDS)
def test_displacements_larger_than_the_field_name_the_likely_unit(tmp_path, name):
    path, options = save(tmp_path, name, 1e3 * FIELD)
    with pytest.raises(ValueError, match="got 3000 in a field of 240.*likely in nm"):
        read_displacement(path, **options)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("unit", "factor"), [("m", 1e-7), ("mm", 1e-4)])
def test_tiny_lengths_name_the_likely_unit(tmp_path, name, unit, factor):
    path, options = save(tmp_path, name, factor * FIELD, factor)
    with pytest.raises(ValueError, match=f"likely in {unit}: give length_unit='{unit}'"):
        read_displacement(path, **options)
    data = read_displacement(path, **options, length_unit=unit, pixel_size=0.1)
    assert data.spacing == pytest.approx(STEP)
    np.testing.assert_allclose(data.displacement[0], FIELD, atol=1e-8)


def test_grid_pixels_that_are_image_pixels_are_told(tmp_path):
    path, _ = save(tmp_path, "a.npy", 20 * FIELD)
    with pytest.raises(ValueError, match="likely in pixels of the image: give spacing"):
        read_displacement(path)
    assert read_displacement(path, spacing=STEP).spacing == STEP
    with pytest.raises(ValueError, match="give spacing in image pixels"):
        read_displacement(path, length_unit="um", pixel_size=0.1)
    savemat(tmp_path / "wang.mat", {"dspl": np.moveaxis(20 * FIELD, 0, -1)})
    with pytest.raises(ValueError, match="in grid pixels"):
        read_displacement(tmp_path / "wang.mat")


def test_an_archive_in_pixels_takes_no_other_unit(tmp_path):
    grid = {"x": AXIS, "y": AXIS, "measured": np.ones((1, 15, 15), dtype=bool), "pixel_size_um": 0.1}
    np.savez(tmp_path / "a.npz", displacement=FIELD[None], **grid)
    with pytest.raises(ValueError, match="leave length_unit out"):
        read_displacement(tmp_path / "a.npz", length_unit="um", pixel_size=0.1)


def test_a_coarse_grid_that_may_be_in_micrometres_is_asked_for_where_the_pixel_counts(tmp_path):
    path, _ = save(tmp_path, "a.txt", FIELD, 0.325)
    assert read_displacement(path).spacing == pytest.approx(5.2)
    with pytest.raises(ValueError, match="vectors 5.2 apart. They are likely in um"):
        read_displacement(path, pixel_size=0.325)
    assert read_displacement(path, pixel_size=0.325, length_unit="px").spacing == pytest.approx(5.2)


@pytest.mark.parametrize("name", ["a.npy", "01u.txt", "a.npz"])
def test_missing_vectors_of_arrays_are_told_and_filled(tmp_path, name):
    holes = FIELD.copy()
    holes[:, 3, 3] = np.nan
    path, options = save(tmp_path, name, holes)
    with pytest.raises(ValueError, match=r"1 hole\(s\) of NaN in .*interpolate=True"):
        read_displacement(path, **options)
    data = read_displacement(path, **options, interpolate=True)
    assert np.argwhere(~data.measured[0]).tolist() == [[3, 3]]
    assert np.abs(data.displacement[0] - FIELD).max() < 0.05


def test_archives_say_their_spacing_and_positions(tmp_path):
    np.savez(tmp_path / "a.npz", displacement=FIELD, spacing=STEP)
    assert read_displacement(tmp_path / "a.npz").spacing == STEP
    with pytest.raises(ValueError, match="leave spacing out"):
        read_displacement(tmp_path / "a.npz", spacing=2.0)
    path, _ = save(tmp_path, "b.npz", FIELD)
    np.testing.assert_array_equal(read_displacement(path).x, AXIS)
    np.savez(tmp_path / "c.npz", u=FIELD[0], v=FIELD[1, :-1])
    with pytest.raises(ValueError, match="components of one shape"):
        read_displacement(tmp_path / "c.npz")


def test_scattered_vectors_are_measured_where_they_are(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, size=(900, 2))
    vectors = np.stack([0.01 * points[:, 0], 1 - 0.02 * points[:, 1]], 1)
    vectors[np.hypot(*(points - 100).T) < 40] = np.nan
    frames = np.zeros((1, 1), dtype=[("pos", object), ("vec", object)])
    frames[0, 0]["pos"], frames[0, 0]["vec"] = points, vectors
    savemat(tmp_path / "a.mat", {"displField": frames})
    data = read_displacement(tmp_path / "a.mat")
    at = np.hypot(data.x[None] - 100, data.y[:, None] - 100)
    assert not data.measured[0][at < 25].any()
    assert data.measured[0][at > 50].mean() > 0.9
    assert main(["traction", str(tmp_path / "a.mat"), "--young", "10kPa", "--poisson", "0.5"]) == 0


WORDS = {
    "pipes": "x | y | u | v\n",
    "true": "x,y,u,v,valid\n",
    "dash": "x,y,u,v\n",
    "tecplot": 'TITLE="a"\nVARIABLES="x","y","u","v"\nZONE I=15, J=15\n',
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_tables(tmp_path, name):
    lines = [[repr(float(number)) for number in row] for row in np.stack([X, Y, *FIELD]).reshape(4, -1).T]
    if name == "dash":
        lines[16][2:] = ["-", "-"]
    ends = {"true": ",True"}
    text = "".join((" | " if name == "pipes" else ",").join(row) + ends.get(name, "") + "\n" for row in lines)
    (tmp_path / "a.txt").write_text(WORDS[name] + text)
    data = read_displacement(tmp_path / "a.txt", interpolate=name == "dash")
    assert np.argwhere(~data.measured[0]).tolist() == ([[1, 1]] if name == "dash" else [])
    np.testing.assert_allclose(data.displacement[0][:, data.measured[0]], FIELD[:, data.measured[0]])


@pytest.mark.parametrize("name", ["a.npz", "pivlab.mat", "displ.mat", "a.txt"])
def test_whole_steps_in_micrometres_are_doubted_where_the_field_would_be_smaller_than_a_cell(tmp_path, name):
    # 15 x 15 vectors every 2 um: read as pixels of 0.1 um, the field would be 3 um wide.
    path, _ = save(tmp_path, name, 0.125 * FIELD, 0.125)
    with pytest.raises(ValueError, match="likely in um: give length_unit='um'"):
        read_displacement(path, pixel_size=0.1)
    np.testing.assert_allclose(
        read_displacement(path, pixel_size=0.1, length_unit="um").displacement[0], 1.25 * FIELD, atol=1e-6
    )
    pixels = read_displacement(path, pixel_size=0.1, length_unit="px")
    np.testing.assert_allclose(pixels.displacement[0], 0.125 * FIELD, atol=1e-6)
    # Without the size of a pixel, or with a large one, whole steps are those of pixels.
    for size in (None, 1.0):
        assert read_displacement(path, pixel_size=size).spacing == 2
