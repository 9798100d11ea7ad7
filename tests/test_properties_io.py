"""Properties of readers: damaged files end in a ValueError that names them, whatever was damaged."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from roifile import ImagejRoi, roiwrite
from scipy.io import savemat

from tfmkit.io import (
    DisplacementData,
    open_images,
    read_displacement,
    read_fiji_piv,
    read_regions,
    write_ome_tiff,
)

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


@settings(max_examples=50, deadline=None)
@given(
    line=st.integers(0, SHAPE[0] * SHAPE[1]),
    words=st.lists(st.sampled_from(["nan", "inf", "-1", "0", "1e400", "x", "#", "3", "\t"]), max_size=7),
)
def test_tables_of_openpiv_with_another_line_are_read_or_refused(line, words):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    lines = ["# x\ty\tu\tv\tflags\tmask", *(f"{c}\t{r}\t0.5\t{r}\t0\t0" for c, r in zip(x.flat, y.flat, strict=True))]
    lines[line] = " ".join(words)
    data = read_bytes("\n".join(lines).encode(), ".txt")
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


IMAGE_SHAPE = (12, 16)


def _stack(dtype):
    return np.random.default_rng(0).integers(0, 255, (3, 2, *IMAGE_SHAPE)).astype(dtype)


def _tiff(dtype, **options):
    return lambda path: tifffile.imwrite(path, _stack(dtype)[:, 0], photometric="minisblack", metadata=None, **options)


def _region(name="cell"):
    return ImagejRoi.frompoints([[2, 3], [7, 3.5], [7, 9], [2, 9]], name=name)


IMAGES = {
    "ome.tif": lambda path: write_ome_tiff(path, _stack(np.uint8), channels=("a", "b"), pixel_size=0.1, interval=2.0),
    "imagej.tif": lambda path: tifffile.imwrite(
        path, _stack(np.uint16), imagej=True, resolution=(4, 4), metadata={"axes": "TCYX", "unit": "micron"}
    ),
    "named.tif": lambda path: tifffile.imwrite(
        path, _stack(np.uint8), photometric="minisblack", metadata={"axes": "TCYX"}
    ),
    "plain.tif": _tiff(np.float32),
    "tiles.tif": _tiff(np.uint16, compression="zlib", tile=(16, 16)),
    "big.tif": _tiff(np.uint16, bigtiff=True, byteorder=">"),
    "colours.tif": lambda path: tifffile.imwrite(path, np.moveaxis(_stack(np.uint8)[:, 0], 0, -1), photometric="rgb"),
    "grey.png": lambda path: Image.fromarray(_stack(np.uint8)[0, 0]).save(path),
    "cell.roi": lambda path: _region().tofile(path),
    "cells.zip": lambda path: roiwrite(path, [_region(), _region("other cell")], mode="w"),
}


@cache
def intact_image(name: str) -> bytes:
    """Return the bytes of a good image or region file."""
    with tempfile.TemporaryDirectory() as folder:
        IMAGES[name](Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def reads(content: bytes, name: str) -> bool:
    """Read all that a file of these bytes holds; False where it is refused with a ValueError that names it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            if name.endswith((".roi", ".zip")):
                names, masks = read_regions(path, IMAGE_SHAPE)
                assert masks.shape == (len(names), *IMAGE_SHAPE)
            else:
                with open_images(path, z=0) as images:
                    for frame in range(images.n_frames):
                        assert images.read(frame, images.n_channels - 1).shape == images.shape
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017 - being read is as good
            return False
        return True


@pytest.mark.parametrize("name", IMAGES)
def test_intact_images_are_read(name):
    assert reads(intact_image(name), name)


@pytest.mark.parametrize("name", [name for name in IMAGES if name != "cell.roi"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_truncated_images_are_refused(name, data):
    content = intact_image(name)
    # What may be missing unnoticed is the padding and the text behind the last image.
    kept = data.draw(st.integers(0, len(content) - 32))
    assert not reads(content[:kept], name)


@pytest.mark.parametrize("name", IMAGES)
@settings(max_examples=60, deadline=None)
@given(
    position=st.floats(0, 1, exclude_max=True),
    near_start=st.booleans(),
    junk=st.one_of(
        st.binary(min_size=1, max_size=4),
        st.sampled_from([b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0", b"\x7f\xff\xff\xff"]),
    ),
    n_removed=st.integers(0, 8),
)
def test_overwritten_images_are_read_or_refused(name, position, near_start, junk, n_removed):
    content = bytearray(intact_image(name))
    start = int(position * (min(len(content), 300) if near_start else len(content)))
    content[start : start + len(junk) + n_removed] = junk
    reads(bytes(content), name)  # whatever it does, it raises nothing
