"""Good images of microscopes that other packages read, and folders of OME-Zarr; without a package they are left out."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.damaged_files import IMAGE, Subject, mutate_json
from benchmarks.vendor_files import write_czi, write_lif
from tfmkit.io import open_images, write_ome_zarr

# Packages of the readers, by the ends of names.
PACKAGES = {"lif": "liffile", "czi": "czifile", "zarr": "zarr"}


def _stack() -> Any:
    return np.random.default_rng(0).integers(0, 255, (3, 2, *IMAGE)).astype(np.uint16)


def _lif(folder: Path) -> Path:
    return write_lif(folder / "a.lif", [_stack()[:, :, None]])


def _czi(folder: Path) -> Path:
    return write_czi(folder / "a.czi", _stack())


def _zarr(folder: Path, *, part: str) -> Path:
    write_ome_zarr(folder / "a.zarr", _stack(), channels=("a", "b"), pixel_size=0.1, interval=2.0)
    return folder / "a.zarr" / part


def _read(path: Path) -> None:
    with open_images(path, z=0) as images:
        for frame in range(min(images.n_frames, 4)):
            images.read(frame, images.n_channels - 1)


def _read_zarr(path: Path) -> None:
    _read(next(folder for folder in path.parents if folder.suffix == ".zarr"))


def _chunk(folder: Path, *, kind: str) -> Path:
    """Pack one image of an OME-Zarr by another compressor, or as shards of Zarr 3, and return the file of its chunk."""
    import numcodecs
    import zarr

    path = _zarr(folder, part=".zattrs").parent
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    version, places = (3, "c/2/1/0/0") if kind == "sharded" else (2, "2.1.0.0")
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.attrs.update(attributes if version == 2 else {"ome": attributes})
    options: dict[str, Any] = {"chunks": (1, 1, *IMAGE), "compressors": getattr(numcodecs, kind, None)}
    if version == 2:
        options["compressors"] = options["compressors"]()
    else:
        shards = {"shards": (1, 1, *IMAGE), "chunks": (1, 1, *(side // 2 for side in IMAGE))}
        options = {**shards, "compressors": zarr.codecs.BloscCodec(cname="zstd")}
    stack = np.repeat(_stack(), 3, axis=-1)[..., : IMAGE[1]]
    group.create_array("0", shape=stack.shape, dtype=stack.dtype, **options)[:] = stack
    return path / "0" / places


# Some parts of the description, and compressors of numcodecs.
_PARTS = (".zattrs", "0/.zarray")
_KINDS = ("Blosc", "Zstd", "LZ4", "Zlib", "GZip", "BZ2", "sharded")
VENDORS = {
    "leica.lif": Subject(_lif, _read),
    "zeiss.czi": Subject(_czi, _read),
    **{f"zarr/{part}": Subject(partial(_zarr, part=part), _read_zarr) for part in _PARTS},
    **{f"zarr/chunk_{kind}": Subject(partial(_chunk, kind=kind), _read_zarr) for kind in _KINDS},
    **{f"zarr/{part}_values": Subject(partial(_zarr, part=part), _read_zarr, mutate_json) for part in _PARTS},
}


def lacking(name: str) -> str:
    """Return the package that a kind of file needs and that is not installed; empty if there is none."""
    kind = name.partition("/")[0]
    package = next((package for end, package in PACKAGES.items() if kind.endswith(end)), "")
    return package if package and find_spec(package) is None else ""
