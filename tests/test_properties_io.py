"""Properties of readers: damaged files end in a ValueError, whatever was damaged."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from tfmkit.io import DisplacementData, read_displacement, read_fiji_piv

SHAPE = (9, 11)


def _mat(path, variables):
    savemat(path, variables, do_compression=True)


def _mat_hdf5(path, variables):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            file[name] = value.T


@cache
def intact(suffix: str) -> bytes:
    """Return the bytes of a good file."""
    fields = np.random.default_rng(0).normal(size=(2, *SHAPE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a" + suffix.removeprefix("7.3"))
        if suffix == ".txt":
            y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
            np.savetxt(path, np.stack([x.ravel(), y.ravel(), *fields.reshape(2, -1)], axis=1), fmt="%.5g")
        elif suffix == ".npy":
            np.save(path, fields)
        elif suffix == ".npz":
            np.savez_compressed(path, displacement=fields)
        else:
            (_mat if suffix == ".mat" else _mat_hdf5)(path, {"dspl": fields.transpose(2, 1, 0)})
        return path.read_bytes()


def read_bytes(content: bytes, suffix: str) -> DisplacementData | None:
    """Read what a file of these bytes holds; None where it is refused with a ValueError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a" + suffix.removeprefix("7.3"))
        path.write_bytes(content)
        try:
            return read_displacement(path)
        except ValueError:
            return None


SUFFIXES = (".txt", ".npy", ".npz", ".mat", "7.3.mat")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_intact_files_are_read(suffix):
    data = read_bytes(intact(suffix), suffix)
    assert data is not None
    assert data.displacement.shape == (1, 2, *SHAPE)


@pytest.mark.filterwarnings("ignore::scipy.io.matlab.MatReadWarning")
@pytest.mark.parametrize("suffix", SUFFIXES[1:])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_truncated_files_are_refused(suffix, data):
    content = intact(suffix)
    kept = data.draw(st.integers(0, len(content) - 1))
    assert read_bytes(content[:kept], suffix) is None


@given(n_lines=st.integers(0, SHAPE[0] * SHAPE[1] - 1).filter(lambda n_lines: n_lines % SHAPE[1]))
def test_tables_that_end_inside_a_row_are_refused(n_lines):
    lines = intact(".txt").splitlines(keepends=True)
    assert read_bytes(b"".join(lines[:n_lines]), ".txt") is None


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # parsers warn before they refuse
@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=30, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), junk=st.binary(min_size=1, max_size=20))
def test_overwritten_files_are_read_or_refused(suffix, position, junk):
    content = bytearray(intact(suffix))
    start = int(position * len(content))
    content[start : start + len(junk)] = junk
    data = read_bytes(bytes(content), suffix)
    assert data is None or np.isfinite(data.displacement).all()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(8, 12),
    width=st.integers(8, 12),
    step=st.floats(0.1, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_shuffled_tables_come_back(height, width, step, seed):
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(2, height, width))
    y, x = np.mgrid[:height, :width]
    table = np.stack([3 + step * x.ravel(), 5 + step * y.ravel(), *field.reshape(2, -1)], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(Path(folder) / "a.txt", rng.permutation(table), fmt="%.17g")
        data = read_fiji_piv(Path(folder) / "a.txt")
    np.testing.assert_array_equal(data.displacement[0], field)
    assert data.spacing == pytest.approx(step)
