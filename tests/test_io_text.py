"""Text tables: Fiji's PIV, four columns, pyTFM."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.io import read_displacement, read_fiji_piv, read_pytfm

HEIGHT, WIDTH, STEP = 9, 11, 16


@pytest.fixture
def field() -> np.ndarray:
    """Return a field whose every number is different."""
    return np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH)).round(4)


def lines_of(field, n_columns=4, flags=None):
    """Write a field as the lines of a table, row by row."""
    lines = []
    for row in range(HEIGHT):
        for column in range(WIDTH):
            ux, uy = field[:, row, column]
            numbers = [24 + STEP * column, 40 + STEP * row, ux, uy] + [0.5] * (n_columns - 4)
            if n_columns == 16:
                numbers[15] = 0 if flags is None else flags[row, column]
            lines.append(numbers)
    return lines


def write(path, lines, separator=" ", newline="\n", prefix=""):
    """Write the table with a trailing space, as the plugin does."""
    text = newline.join(separator.join(f"{number:g}" for number in line) + " " for line in lines)
    path.write_bytes((prefix + text).encode())
    return path


@pytest.mark.parametrize("n_columns", [4, 7, 16])
@pytest.mark.parametrize("separator", [" ", "\t", "   "])
def test_reads_any_width_and_white_space(tmp_path, field, n_columns, separator):
    data = read_displacement(write(tmp_path / "a_PIV3_disp.txt", lines_of(field, n_columns), separator))
    np.testing.assert_array_equal(data.displacement, field[None])
    assert data.spacing == STEP
    assert data.layout == "fiji-piv"
    assert data.measured.all()
    np.testing.assert_array_equal(data.x, 24 + STEP * np.arange(WIDTH))
    np.testing.assert_array_equal(data.y, 40 + STEP * np.arange(HEIGHT))


def test_reads_windows_files_with_byte_order_mark_and_comments(tmp_path, field):
    path = write(tmp_path / "a.txt", lines_of(field), newline="\r\n", prefix="\ufeff# x y ux uy\r\n\r\n")
    np.testing.assert_array_equal(read_fiji_piv(path).displacement[0], field)


def test_order_of_lines_does_not_matter(tmp_path, field):
    lines = lines_of(field)
    by_column = sorted(lines)
    shuffled = [lines[i] for i in np.random.default_rng(1).permutation(len(lines))]
    for order in (by_column, shuffled):
        np.testing.assert_array_equal(read_fiji_piv(write(tmp_path / "a.txt", order)).displacement[0], field)


def test_rounded_positions_are_still_a_grid(tmp_path, field):
    lines = [[round(x / 3, 2), round(y / 3, 2), ux, uy] for x, y, ux, uy in lines_of(field)]
    assert read_fiji_piv(write(tmp_path / "a.txt", lines)).spacing == pytest.approx(STEP / 3, rel=1e-3)


def test_flags(tmp_path, field):
    flags = np.zeros((HEIGHT, WIDTH), dtype=int)
    flags[3, 4], flags[5, 6], flags[7, 8] = 999, 21, -1
    path = write(tmp_path / "a.txt", lines_of(field, 16, flags))
    with pytest.raises(ValueError, match=r"1 hole\(s\).*x=152, y=152.*interpolate"):
        read_fiji_piv(path)
    data = read_fiji_piv(path, interpolate=True)
    assert set(zip(*np.nonzero(~data.measured[0]), strict=True)) == {(3, 4), (7, 8)}
    kept = flags != -1
    np.testing.assert_array_equal(data.displacement[0][:, kept], field[:, kept])


@pytest.mark.parametrize("lost", [slice(None), 0, 1])
def test_displacement_not_found_is_a_hole(tmp_path, field, lost):
    field[lost, 2, 2] = -999
    with pytest.raises(ValueError, match="hole"):
        read_fiji_piv(write(tmp_path / "a.txt", lines_of(field, 16)))


def test_holes_in_a_linear_field_are_filled_exactly(tmp_path):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    field = np.stack([0.1 * x + 0.02 * y, 0.3 - 0.05 * y])
    lines = lines_of(field)
    del lines[3 * WIDTH + 5]
    data = read_fiji_piv(write(tmp_path / "a.txt", lines), interpolate=True)
    np.testing.assert_allclose(data.displacement[0], field, atol=1e-12)
    assert not data.measured[0, 3, 5]
    assert data.measured.sum() == HEIGHT * WIDTH - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:0], "empty"),
        (lambda lines: [line[:3] for line in lines], r"columns, at least x y ux uy.*\[3\]"),
        (lambda lines: [*lines[:-1], lines[-1][:2]], r"\[2, 4\]"),
        (lambda lines: [*lines, lines[7]], "one vector per grid point, got 2"),
        (lambda lines: [[line[0], 0, *line[2:]] for line in lines], "on a grid"),
        (lambda lines: [[x, 2 * y, ux, uy] for x, y, ux, uy in lines], "evenly spaced square grid"),
        (lambda lines: [[x + y / 7, y - x / 9, ux, uy] for x, y, ux, uy in lines], "on a grid"),
        (lambda lines: [*lines[:4], [*lines[4][:2], np.nan, 0], *lines[5:]], r"finite.*line\(s\) \[5\]"),
        (lambda lines: [*lines[:4], [*lines[4][:3], -np.inf], *lines[5:]], r"finite.*line\(s\) \[5\]"),
        (lambda lines: [line for line in lines if line[1] < 100], "at least 8 px a side"),
    ],
)
def test_refuses(tmp_path, field, change, message):
    path = write(tmp_path / "a.txt", change(lines_of(field)))
    with pytest.raises(ValueError, match=message):
        read_displacement(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"x y ux uy\n", "Expected numbers"), (b"\n \n", "without a single line"), (b"\xff\xfe\x00", "no text")],
)
def test_refuses_what_is_no_table(tmp_path, content, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_displacement(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.txt"):
        read_displacement(tmp_path / "none.txt")


def test_spacing_is_refused_where_the_file_knows_it(tmp_path, field):
    with pytest.raises(ValueError, match="leave spacing out"):
        read_displacement(write(tmp_path / "a.txt", lines_of(field)), spacing=3.0)


@pytest.mark.parametrize("suffix", [".txt", ".npy"])
def test_pytfm_pair(tmp_path, field, suffix):
    for name, component in zip("uv", field, strict=True):
        path = tmp_path / f"01{name}{suffix}"
        np.savetxt(path, component, fmt="%.17g") if suffix == ".txt" else np.save(path, component)
    data = read_displacement(tmp_path / f"01u{suffix}", spacing=10.5)
    np.testing.assert_array_equal(data.displacement, field[None])
    assert data.layout == "pytfm"
    assert data.sources == (tmp_path / f"01u{suffix}", tmp_path / f"01v{suffix}")
    assert data.x[-1] == 10.5 * (WIDTH - 1)
    with pytest.raises(ValueError, match="give spacing"):
        read_displacement(tmp_path / f"01u{suffix}")


def test_pytfm_needs_two_components_of_one_shape(tmp_path, field):
    np.save(tmp_path / "01u.npy", field[0])
    with pytest.raises(ValueError, match="ends in v"):
        read_pytfm(tmp_path / "01u.npy", spacing=1.0)
    np.save(tmp_path / "01v.npy", field[1][1:])
    with pytest.raises(ValueError, match="one shape"):
        read_pytfm(tmp_path / "01u.npy", spacing=1.0)


def test_measured_colony(measured_data):
    data = read_displacement(measured_data / "pytfm" / "KO_04u.npy", spacing=10.5)
    assert data.displacement.shape == (1, 2, 189, 193)
    np.testing.assert_array_equal(data.displacement[0, 1], np.load(measured_data / "pytfm" / "KO_04v.npy"))
