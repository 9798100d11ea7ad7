"""Good files of every kind that tfmkit reads, small and cheap, and the functions that read all of each."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import numpy as np
import tifffile
from PIL import Image
from roifile import ImagejRoi, roiwrite
from scipy.io import savemat

from benchmarks.mutators import mutate_bytes, mutate_values
from tfmkit.io import open_images, read_displacement, read_regions, write_fiji_displacement, write_ome_tiff

GRID, IMAGE = (9, 11), (12, 16)
Mutate = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Subject:
    """A kind of file: its name, the function that writes a good one, and the function that reads it.

    `writes` gets an empty folder and returns the file to damage; `reads` gets that file.
    """

    writes: Callable[[Path], Path]
    reads: Callable[[Path], Any]
    mutate: Mutate = mutate_bytes


def _fields() -> Any:
    return np.random.default_rng(0).normal(size=(2, 2, *GRID))


def _points() -> Any:
    y, x = np.mgrid[: GRID[0], : GRID[1]]
    return np.stack([10.0 * x.ravel(), 10.0 * y.ravel(), *_fields()[0].reshape(2, -1)], axis=1)


def _table(folder: Path, *, name: str, header: str = "", delimiter: str = " ", extra: int = 0) -> Path:
    columns = np.hstack([_points(), np.zeros((GRID[0] * GRID[1], extra))])
    np.savetxt(folder / name, columns, fmt="%.5g", header=header, delimiter=delimiter, comments="")
    return folder / name


def _numpy(folder: Path, *, name: str) -> Path:
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, _fields())
    else:
        axes = {"x": 10.0 * np.arange(GRID[1]), "y": 10.0 * np.arange(GRID[0])}
        measured = np.ones((2, *GRID), dtype=bool)
        np.savez_compressed(path, displacement=_fields(), **axes, measured=measured, pixel_size_um=0.2)
    return path


def _noisy(folder: Path) -> Path:
    """Write displacement with the standard deviation of every vector, as the command ``displacement`` does."""
    std = np.random.default_rng(1).uniform(0.01, 0.2, (2, 2, *GRID))
    np.savez(folder / "a.npz", displacement=_fields(), std=std, spacing=10.0)
    return folder / "a.npz"


def _structs(*frames: dict[str, Any]) -> Any:
    return np.array([[tuple(frame.values()) for frame in frames]], dtype=[(name, object) for name in frames[0]])


def _matlab(folder: Path, *, kind: str, compressed: bool = True) -> Path:
    points = _points()
    frame = {"pos": points[:, :2], "vec": points[:, 2:]}
    field = _fields()[0]
    cells = np.empty((1, 1), dtype=object)
    grid = dict(zip(("x", "y", "u_original", "v_original"), (*points[:, :2].T.reshape(2, *GRID), *field), strict=True))
    variables: dict[str, Any] = {
        "easy": {"input_data": {"displacement": _structs(frame, frame), "noise": _structs(frame, frame)}},
        "wang": {"dspl": field.transpose(2, 1, 0), "brdx": [2.0, 7.0, 7.0], "brdy": [2.0, 2.0, 6.0]},
        "danuser": {"displField": _structs({**frame, "par": 1.0})},
        "pivlab": {},
    }[kind]
    for name, value in grid.items() if kind == "pivlab" else ():
        cells = cells.copy()
        cells[0, 0] = value
        variables[name] = cells
    path = folder / f"{kind}.mat"
    savemat(path, variables, do_compression=compressed)
    return path


def _matlab_4(folder: Path) -> Path:
    # This version has matrices only, which PIVlab's variables may be.
    grid = zip(("x", "y"), _points()[:, :2].T.reshape(2, *GRID), strict=True)
    fields = zip(("u_original", "v_original"), _fields()[0], strict=True)
    savemat(folder / "a.mat", {**dict(grid), **dict(fields)}, format="4")
    return folder / "a.mat"


def _matlab_73(folder: Path, *, structs: bool) -> Path:
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        if not structs:
            file["dspl"] = _fields()[0]
            return path
        group = file.create_group("input_data/displacement")
        for part, value in (("pos", _points()[:, :2]), ("vec", _points()[:, 2:])):
            references = group.create_dataset(part, (2, 1), dtype=h5py.ref_dtype)
            for number in range(2):
                file[f"#refs#/{part}{number}"] = value.T
                references[number, 0] = file[f"#refs#/{part}{number}"].ref
    return path


def _pytfm(folder: Path) -> Path:
    for part, field in zip("uv", _fields()[0], strict=True):
        np.save(folder / f"1{part}.npy", field)
    return folder / "1u.npy"


def _sidecar(folder: Path) -> Path:
    axes = (10.0 * np.arange(GRID[1]), 10.0 * np.arange(GRID[0]))
    write_fiji_displacement(folder / "displacement_0001.txt", _fields()[0], *axes)
    settings = {"command": "tfmkit displacement", "pixel_size_um": 0.2, "frames": [1]}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder / "settings.json"


def _read_beside(settings: Path) -> None:
    read_displacement(settings.with_name("displacement_0001.txt"))


def _stack(dtype: Any) -> Any:
    return np.random.default_rng(0).integers(0, 255, (3, 2, *IMAGE)).astype(dtype)


def _tiff(folder: Path, *, dtype: Any = np.uint16, planes: Any = np.s_[:, 0], **options: Any) -> Path:
    options = {"photometric": "minisblack", "metadata": None, **options}
    tifffile.imwrite(folder / "a.tif", _stack(dtype)[planes], **options)
    return folder / "a.tif"


def _ome(folder: Path) -> Path:
    write_ome_tiff(folder / "a.ome.tif", _stack(np.uint8), channels=("a", "b"), pixel_size=0.1, interval=2.0)
    return folder / "a.ome.tif"


def _picture(folder: Path, *, name: str) -> Path:
    Image.fromarray(_stack(np.uint8)[0, 0]).save(folder / name)
    return folder / name


def _region(folder: Path, *, name: str) -> Path:
    regions = [ImagejRoi.frompoints([[2, 3], [7, 3.5], [7, 9], [2, 9]], name=each) for each in ("cell", "other")]
    if name.endswith(".roi"):
        regions[0].tofile(folder / name)
    else:
        roiwrite(folder / name, regions, mode="w")
    return folder / name


def _many_outlines(folder: Path, *, n: int) -> Path:
    places = np.random.default_rng(0).uniform(0, min(IMAGE) - 5, (n, 2))
    corners = np.array([[0, 0], [4, 0], [4, 5], [0, 5]])
    with ZipFile(folder / "a.zip", "w") as archive:
        for number, place in enumerate(places):
            outline = ImagejRoi.frompoints(place + corners, name="cell")
            archive.writestr(f"{number}.roi", outline.tobytes())
    return folder / "a.zip"


def _labels(folder: Path) -> Path:
    labels = np.zeros(IMAGE, dtype=np.uint8)
    labels[2:6, 2:6], labels[7:10, 8:14] = 1, 2
    Image.fromarray(labels).save(folder / "labels.png")
    return folder / "labels.png"


def _read_images(path: Path) -> None:
    with open_images(path, z=0) as images:
        for frame in range(min(images.n_frames, 4)):
            images.read(frame, images.n_channels - 1)


def _read_regions(path: Path) -> None:
    read_regions(path, IMAGE)


def _config(folder: Path) -> Path:
    (folder / "images").mkdir()
    text = '[input]\nfolder = "images"\nrelaxed = "{p}/r.tif"\ndeformed = "{p}/d_{frame}.tif"\nchannel = 0\n'
    text += (
        'pixel_size = 0.2\nz = "max"\n[gel]\nyoung = "10kPa"\npoisson = 0.45\nthickness = 30.0\n[drift]\nmargin = 3.0\n'
    )
    text += '[displacement]\nwindow = 12.0\n[traction]\nestimator = "BayesianFTTC"\n[run]\njobs = 1\nseed = 3\n'
    (folder / "experiment.toml").write_text(text)
    return folder / "experiment.toml"


def _read_config(path: Path) -> None:
    from tfmkit.batch import read_config

    read_config(path)


def _read_values(path: Path) -> None:
    from tfmkit.batch import read_config

    read_config(json.loads(path.read_text()))


def _values(folder: Path) -> Path:
    config = tomllib.loads(_config(folder).read_text())
    config["input"]["folder"] = str(folder / "images")
    (folder / "values.json").write_text(json.dumps(config))
    return folder / "values.json"


def _same(content: bytes, rng: np.random.Generator) -> bytes:  # noqa: ARG001 - the form of a mutation
    return content


def mutate_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Return JSON in which one entry has another value, another name, or is gone."""
    return json.dumps(mutate_values(json.loads(content), rng)).encode()


FILES = {
    "fiji.txt": partial(_table, name="a.txt"),
    "openpiv.txt": partial(_table, name="a.txt", header="# x\ty\tu\tv\tflags\tmask", delimiter="\t", extra=2),
    "table.csv": partial(_table, name="a.csv", header="x_px,y_px,ux_px,uy_px", delimiter=","),
    "array.npy": partial(_numpy, name="a.npy"),
    "arrays.npz": partial(_numpy, name="a.npz"),
    "arrays_with_std.npz": _noisy,
    "easy_to_use_tfm.mat": partial(_matlab, kind="easy"),
    "plain_easy_to_use_tfm.mat": partial(_matlab, kind="easy", compressed=False),
    "wang_lin.mat": partial(_matlab, kind="wang", compressed=False),
    "displfield.mat": partial(_matlab, kind="danuser", compressed=False),
    "pivlab.mat": partial(_matlab, kind="pivlab", compressed=False),
    "version_4.mat": _matlab_4,
    "version_7.3.mat": partial(_matlab_73, structs=False),
    "structs_7.3.mat": partial(_matlab_73, structs=True),
}
IMAGES = {
    "ome.tif": _ome,
    "imagej.tif": partial(_tiff, imagej=True, resolution=(4, 4), metadata={"axes": "TYX", "unit": "micron"}),
    "named.tif": partial(_tiff, dtype=np.uint8, planes=np.s_[:], metadata={"axes": "TCYX"}),
    "plain.tif": partial(_tiff, dtype=np.float32),
    "tiles.tif": partial(_tiff, compression="zlib", tile=(16, 16)),
    "big.tif": partial(_tiff, bigtiff=True, byteorder=">"),
    "grey.png": partial(_picture, name="a.png"),
    "grey.jpg": partial(_picture, name="a.jpg"),
}
REGIONS = {
    "cell.roi": partial(_region, name="a.roi"),
    "cells.zip": partial(_region, name="a.zip"),
    "labels.png": _labels,
}
# Whole files that are far larger than usual ones.
LARGE = {"100,000 outlines.zip": Subject(partial(_many_outlines, n=100_000), _read_regions, _same)}
SUBJECTS: dict[str, Subject] = {
    **{name: Subject(writes, read_displacement) for name, writes in FILES.items()},
    "pytfm.npy": Subject(_pytfm, partial(read_displacement, spacing=8.0)),
    "sidecar.json": Subject(_sidecar, _read_beside),
    "sidecar_values.json": Subject(_sidecar, _read_beside, mutate_json),
    **{name: Subject(writes, _read_images) for name, writes in IMAGES.items()},
    **{name: Subject(writes, _read_regions) for name, writes in REGIONS.items()},
    "experiment.toml": Subject(_config, _read_config),
    "experiment_values.json": Subject(_values, _read_values, mutate_json),
}
