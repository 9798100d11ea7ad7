"""Text tables as programs and people write them: encodings, separators, names, flags, gaps, units."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from skimage.io import imsave

from tfmkit.io import read_displacement

HEIGHT, WIDTH, STEP = 9, 12, 16
Y, X = (24.0 + STEP * np.arange(side) for side in (HEIGHT, WIDTH))


@pytest.fixture
def field() -> np.ndarray:
    """Return a field whose every number is different."""
    return np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH)).round(4)


def rows_of(field, *more, x=X, y=Y):
    """Return lines of x, y, ux, uy and more columns, row by row."""
    at_x, at_y = np.meshgrid(x, y)
    return np.stack([at_x, at_y, *field, *more], axis=-1).reshape(-1, 4 + len(more))


def text_of(rows, separator=" ", decimal=".", quote="", newline="\n", end=""):
    lines = []
    for row in rows:
        words = [f"{quote}{number:.6f}{quote}".replace(".", decimal) for number in row]
        lines.append(separator.join(words) + end)
    return newline.join(lines) + newline


def read(path, text, encoding="utf-8", **options):
    path.write_bytes(text.encode(encoding))
    return read_displacement(path, **options)


DIALECTS = [
    (separator, decimal, quote)
    for separator, decimal, quote in itertools.product([" ", "\t", ";", ",", ", ", "; ", "   "], ".,", ["", '"'])
    if not (separator.startswith(",") and decimal == "," and not quote)
]


@pytest.mark.parametrize(("separator", "decimal", "quote"), DIALECTS)
@pytest.mark.parametrize("header", [None, "x{0}y{0}u{0}v", "# x y u v"])
def test_separators_and_decimal_marks(tmp_path, field, separator, decimal, quote, header):
    text = "" if header is None else header.format(separator) + "\n"
    data = read(tmp_path / "a.txt", text + text_of(rows_of(field), separator, decimal, quote))
    np.testing.assert_array_equal(data.displacement[0], field)
    np.testing.assert_array_equal(data.x, X)
    assert data.spacing == STEP
    assert data.measured.all()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings(tmp_path, field, encoding, newline):
    text = f"Größe{newline}x [px];y [px];dx [px];dy [px]{newline}" + text_of(rows_of(field), ";", newline=newline)
    np.testing.assert_array_equal(read(tmp_path / "a.csv", text, encoding).displacement[0], field)


@pytest.mark.parametrize("end", [";", "\t", " ", ""])
def test_separators_at_the_end_of_lines(tmp_path, field, end):
    text = text_of(rows_of(field), end.strip(" ") or "\t", end=end)
    np.testing.assert_array_equal(read(tmp_path / "a.csv", text).displacement[0], field)


NAMES = {
    "u, v": ["x", "y", "u", "v"],
    "capitals and brackets": ["X (px)", "Y (px)", "U (px)", "V (px)"],
    "dx": ["x", "y", "dx", "dy"],
    "underscores": ["pos_x", "pos_y", "disp_x", "disp_y"],
    "per frame": ["x [px]", "y [px]", "u [px/frame]", "v [px/frame]"],
    "suffix": ["x_px", "y_px", "ux_px", "uy_px"],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2)])
def test_columns_by_name(tmp_path, field, name, order):
    rows = np.insert(rows_of(field), 4, 7.5, axis=1)[:, [*order, 4]]
    names = [NAMES[name][number] for number in order] + ["correlation"]
    for separator in (",", "\t"):
        text = separator.join(names) + "\n" + text_of(rows, separator)
        np.testing.assert_array_equal(read(tmp_path / "a.csv", text).displacement[0], field)


def test_the_index_of_pandas_is_no_position(tmp_path, field):
    lines = text_of(rows_of(field), ",").splitlines()
    text = ",x,y,u,v\n" + "".join(f"{number},{line}\n" for number, line in enumerate(lines))
    np.testing.assert_array_equal(read(tmp_path / "a.csv", text).displacement[0], field)


def test_names_without_a_displacement_are_refused(tmp_path, field):
    with pytest.raises(ValueError, match=r"Expected columns x, y, ux and uy .*'tx \[Pa\]'"):
        read(tmp_path / "a.csv", "x,y,tx [Pa],ty [Pa]\n" + text_of(rows_of(field), ","))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("by_column", [False, True])
def test_order_of_lines_says_nothing_about_y(tmp_path, field, descending, by_column):
    rows = rows_of(field)[:: -1 if descending else 1]
    rows = rows[np.argsort(rows[:, 0], kind="stable")] if by_column else rows
    for header in ("", "x,y,u,v\n"):
        data = read(tmp_path / "a.csv", header + text_of(rows, ","))
        np.testing.assert_array_equal(data.displacement[0], field)
        np.testing.assert_array_equal(data.y, Y)


@pytest.mark.parametrize("header", ["", "x,y,u,v,flag\n", "x,y,u,v,Vector type\n"])
def test_one_may_stand_for_a_good_vector(tmp_path, field, header):
    flags = np.ones((HEIGHT, WIDTH))
    flags[3, 4] = 2
    data = read(tmp_path / "a.csv", header + text_of(rows_of(field, flags), ","))
    np.testing.assert_array_equal(data.displacement[0], field)
    assert data.measured.all()
    flags[2, 2] = 0
    text = header + text_of(rows_of(field, flags), ",")
    with pytest.raises(ValueError, match=r"1 hole.*interpolate"):
        read(tmp_path / "a.csv", text)
    data = read(tmp_path / "a.csv", text, interpolate=True)
    assert np.argwhere(~data.measured[0]).tolist() == [[2, 2]]


def test_zero_may_stand_for_a_good_vector(tmp_path, field):
    flags = np.zeros((HEIGHT, WIDTH))
    flags[3, 4] = 1
    for header in ("", "x,y,u,v,flag\n"):
        data = read(tmp_path / "a.csv", header + text_of(rows_of(field, flags), ","))
        assert np.argwhere(~data.measured[0]).tolist() == [[3, 4]]


@pytest.mark.parametrize("word", ["NaN", "nan", "-nan(ind)", "NA"])
@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_missing_vectors(tmp_path, field, word, separator):
    field[:, 4, 5] = 77777
    text = "x y u v\n".replace(" ", separator) + text_of(rows_of(field), separator)
    text = text.replace("77777.000000", word)
    with pytest.raises(ValueError, match=r"finite.*line\(s\) \[55\].*interpolate"):
        read(tmp_path / "a.csv", text)
    data = read(tmp_path / "a.csv", text, interpolate=True)
    assert np.argwhere(~data.measured[0]).tolist() == [[4, 5]]
    assert np.isfinite(data.displacement).all()
    with pytest.raises(ValueError, match="finite"):
        read(tmp_path / "a.csv", text.replace(word, "inf"), interpolate=True)


def test_empty_cells_are_missing_vectors(tmp_path, field):
    field[:, 4, 5] = 77777
    for separator in (",", "\t", ";"):
        text = text_of(rows_of(field), separator).replace("77777.000000", "")
        data = read(tmp_path / "a.csv", "x,y,u,v\n".replace(",", separator) + text, interpolate=True)
        assert np.argwhere(~data.measured[0]).tolist() == [[4, 5]]


@pytest.mark.parametrize(("step", "digits"), [(10.333, 0), (21.5, 0), (7.77, 0), (16.25, 1), (12.123, 1), (5.5, 0)])
def test_rounded_positions(tmp_path, step, digits):
    height, width = 14, 21
    x, y = (16 + step * np.arange(side) for side in (width, height))
    field = np.random.default_rng(0).normal(size=(2, height, width)).round(4)
    data = read(tmp_path / "a.txt", text_of(rows_of(field, x=x.round(digits), y=y.round(digits))))
    np.testing.assert_array_equal(data.displacement[0], field)
    assert data.spacing == pytest.approx(step, rel=3e-3)


def test_steps_that_are_uneven_are_refused(tmp_path, field):
    for x in (X**1.1, np.where(X > 100, X + 3, X)):
        with pytest.raises(ValueError, match="evenly spaced"):
            read(tmp_path / "a.txt", text_of(rows_of(field, x=x.round())))


def test_scattered_vectors(tmp_path):
    rng = np.random.default_rng(0)
    at = rng.uniform(0, 400, size=(900, 2))
    rows = np.column_stack([at, 0.01 * at[:, 0], 1 - 0.02 * at[:, 1]])
    text = "x,y,dx,dy\n" + text_of(rows, ",")
    with pytest.raises(ValueError, match=r"on a grid.*a.csv.*interpolate"):
        read(tmp_path / "a.csv", text)
    data = read(tmp_path / "a.csv", text, interpolate=True)
    x, y = np.meshgrid(data.x, data.y)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(data.displacement[0][inner], np.stack([0.01 * x, 1 - 0.02 * y])[inner], atol=1e-4)
    # Grid points that lie beside a point are measured; a random cloud has gaps.
    assert data.measured.mean() > 0.9


PIVLAB = (
    "PIVlab, ASCII chart output - 01-Jan-2024\n"
    "FRAME: 1, filenames: a.tif & b.tif, conversion factor xy (px -> m): {xy}, conversion factor uv (px/frame -> m/s): "
    "{uv}\n"
    "x [{x}]{s}y [{x}]{s}u [{u}]{s}v [{u}]{s}Vector type [-]{more}\n"
)


@pytest.mark.parametrize("separator", [",", "\t", " ", ";"])
@pytest.mark.parametrize("calibrated", [False, True])
def test_pivlab(tmp_path, field, separator, calibrated):
    kinds = np.ones((HEIGHT, WIDTH))
    kinds[2, 3], kinds[5, 5] = 0, 2
    xy, uv = (1e-6, 2e-6) if calibrated else (1, 1)
    rows = rows_of(field, kinds) * [xy, xy, uv, uv, 1]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    units = {"x": "m", "u": "m/s"} if calibrated else {"x": "px", "u": "px/frame"}
    text = PIVLAB.format(xy=xy, uv=uv, s=separator, more="", **units)
    for row in rows:
        words = ["NaN" if row[4] == 0 and number in (2, 3) else f"{word:.10g}" for number, word in enumerate(row)]
        text += separator.join(words) + "\n"
    with pytest.raises(ValueError, match="hole"):
        read(tmp_path / "PIVlab_0001.txt", text)
    data = read(tmp_path / "PIVlab_0001.txt", text, interpolate=True)
    assert data.layout == "pivlab"
    there = kinds > 0
    np.testing.assert_allclose(data.displacement[0][:, there], field[:, there], rtol=1e-9)
    np.testing.assert_allclose(data.x, X)
    np.testing.assert_array_equal(data.measured[0], there)


UNITS = {"um": 1.0, "µm": 1.0, "mm": 1e3, "m": 1e6, "nm": 1e-3, "micron": 1.0}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("pixel_size", [0.1, 0.32])
def test_units_in_the_names_of_columns(tmp_path, field, unit, pixel_size):
    rows = rows_of(field) * pixel_size / UNITS[unit]
    text = f"x [{unit}],y [{unit}],u [{unit}],v [{unit}]\n" + "".join(
        ",".join(f"{number:.12g}" for number in row) + "\n" for row in rows
    )
    with pytest.raises(ValueError, match=f"pixel_size for .*a.csv.* in {unit}"):
        read(tmp_path / "a.csv", text)
    data = read(tmp_path / "a.csv", text, pixel_size=pixel_size)
    np.testing.assert_allclose(data.displacement[0], field, rtol=1e-9)
    assert data.spacing == pytest.approx(STEP)


@pytest.mark.parametrize("flags", [False, True])
@pytest.mark.parametrize("step", [4, 8, 16])
@pytest.mark.parametrize(("unit", "factor"), [("um", 1.0), ("mm", 1e3), ("m", 1e6)])
def test_units_that_nobody_says_are_asked_for(tmp_path, field, unit, factor, step, flags):
    pixel_size = 0.11
    x, y = (24.0 + step * np.arange(side) for side in (WIDTH, HEIGHT))
    rows = rows_of(field, *([np.zeros((HEIGHT, WIDTH))] * flags), x=x, y=y)
    rows[:, :4] *= pixel_size / factor
    text = "".join(" ".join(f"{number:.12g}" for number in row) + "\n" for row in rows)
    with pytest.raises(ValueError, match=f"likely in {unit}: give length_unit='{unit}' and pixel_size"):
        read(tmp_path / "a.txt", text)
    data = read(tmp_path / "a.txt", text, length_unit=unit, pixel_size=pixel_size)
    np.testing.assert_allclose(data.displacement[0], field, rtol=1e-9)
    assert data.spacing == pytest.approx(step)
    assert read(tmp_path / "a.txt", text, length_unit="px").spacing == pytest.approx(step * pixel_size / factor)


def test_tecplot_names_stand_above_the_zone(tmp_path, field):
    head = 'TITLE = "B00001"\nVARIABLES = "x", "y", "Vx", "Vy"\nZONE T="Frame 0", I=9, J=8, F=POINT\nSTRANDID=1\n'
    data = read(tmp_path / "a.dat", head + text_of(rows_of(field), " "))
    np.testing.assert_allclose(data.displacement[0], field)


@pytest.mark.parametrize("units", ["um,um,um,um", "[um],[um],[um],[um]"])
def test_units_may_stand_below_the_names(tmp_path, field, units):
    text = f"x,y,u,v\n{units}\n" + text_of(0.1 * rows_of(field), ",")
    with pytest.raises(ValueError, match="pixel_size for .* in um"):
        read(tmp_path / "a.csv", text)
    np.testing.assert_allclose(read(tmp_path / "a.csv", text, pixel_size=0.1).displacement[0], field, rtol=1e-6)
    with pytest.raises(ValueError, match="velocities"):
        read(tmp_path / "a.csv", text.replace(units, "px,px,px/s,px/s"))


def test_a_third_column_of_zeros_is_asked_for(tmp_path, field):
    rows = rows_of(field)
    spatial = np.column_stack([rows[:, :2], 0 * rows[:, 0], rows[:, 2:], 0 * rows[:, 0]])
    with pytest.raises(ValueError, match="zeros in the third, as if it was z"):
        read(tmp_path / "a.csv", text_of(spatial, ","))
    named = read(tmp_path / "a.csv", "x,y,z,u,v,w\n" + text_of(spatial, ","))
    np.testing.assert_allclose(named.displacement[0], field)


def test_velocities_are_refused(tmp_path, field):
    for unit in ("um/s", "m/s", "mm s-1", "px/s"):
        with pytest.raises(ValueError, match="velocities"):
            read(tmp_path / "a.csv", f"x [px],y [px],u [{unit}],v [{unit}]\n" + text_of(rows_of(field), ","))
    with pytest.raises(ValueError, match="different units, or these are velocities"):
        read(tmp_path / "a.csv", text_of(rows_of(1000 * field), ","))


def test_wrong_units_are_refused(tmp_path, field):
    for options in ({"length_unit": "furlong"}, {"length_unit": "um"}, {"length_unit": "um", "pixel_size": 0.0}):
        with pytest.raises(ValueError, match="unit of lengths|pixel_size"):
            read(tmp_path / "a.csv", text_of(rows_of(field), ","), **options)


def test_frames_in_one_table(tmp_path, field):
    fields = [field, 2 * field, -field]
    rows = np.concatenate([np.insert(rows_of(one), 0, number, axis=1) for number, one in enumerate(fields, start=1)])
    data = read(tmp_path / "a.csv", "frame,x_px,y_px,ux_px,uy_px\n" + text_of(rows, ","))
    np.testing.assert_allclose(data.displacement, fields)
    assert data.measured.shape == (3, HEIGHT, WIDTH)


def test_words_alone_are_refused(tmp_path):
    for text, message in (
        ("one two three four\nfive six seven eight\n", "Expected numbers"),
        ("1 2 3\n4 5 6\n", r"\[3\] columns"),
        ("1.5,-2e-3\n4,5\n", r"\[2\] columns"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path / "a.txt", text)


def test_an_image_is_told_from_a_table(tmp_path):
    for name in ("a.tif", "a.png", "a.jpg"):
        imsave(tmp_path / name, np.zeros((20, 20), dtype=np.uint8), check_contrast=False)
        with pytest.raises(ValueError, match=f"{name}, which is an image: tfmkit displacement"):
            read_displacement(tmp_path / name)


def test_the_readers_load_no_tables_of_pandas():
    program = "import sys, tfmkit.io; sys.exit('pandas' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
