"""Chunks of OME-Zarr: those of every compressor are read, and those that lie about their sizes are refused."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import struct
import zlib

import numpy as np
import pytest

from tfmkit.io import open_images, write_ome_zarr

zarr = pytest.importorskip("zarr", reason="optional extra")
numcodecs = pytest.importorskip("numcodecs", reason="optional extra")
unpack = pytest.importorskip("tfmkit.io.images.zarr_chunks").unpack

SHAPE = (2, 1, 24, 36)
STACK = (np.arange(np.prod(SHAPE)) // 7).astype(np.uint16).reshape(SHAPE)
PACKED = {
    "zstd": numcodecs.Zstd(), "lz4": numcodecs.LZ4(), "zlib": numcodecs.Zlib(), "gzip": numcodecs.GZip(),
    "bz2": numcodecs.BZ2(),
}  # fmt: skip
CONTENT = STACK[0].tobytes()
BLOSC = bytes(numcodecs.Blosc(cname="zstd", blocksize=512).encode(STACK[0]))


def write(path, version, **options):
    """Write the stack with one array of Zarr 2 or 3."""
    write_ome_zarr(path, STACK, channels=("beads",))
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.attrs.update(attributes if version == 2 else {"ome": attributes})
    group.create_array("0", shape=SHAPE, dtype="uint16", **options)[:] = STACK
    return path


@pytest.mark.parametrize(
    ("version", "options"),
    [
        *((2, {"compressors": compressor}) for compressor in (*PACKED.values(), None)),
        *((2, {"compressors": numcodecs.Blosc(name)}) for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")),
        *((2, {"compressors": numcodecs.Blosc("lz4", shuffle=shuffle, blocksize=256)}) for shuffle in (0, 1, 2)),
        (2, {"compressors": numcodecs.Blosc("lz4", clevel=0)}),
        *((3, {"compressors": getattr(zarr.codecs, name)()}) for name in ("BloscCodec", "ZstdCodec", "GzipCodec")),
        (3, {"compressors": None}),
        (3, {"compressors": [zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()]}),
        (3, {"shards": SHAPE, "compressors": zarr.codecs.BloscCodec()}),
        (3, {"shards": SHAPE, "filters": zarr.codecs.TransposeCodec(order=(0, 1, 3, 2))}),
    ],
)  # fmt: skip
def test_chunks_of_every_compressor_are_read(tmp_path, version, options):
    path = write(tmp_path / "a.zarr", version, chunks=(1, 1, 24, 12), **options)
    with open_images(path) as images:
        np.testing.assert_array_equal([images.read(0), images.read(1)], STACK[:, 0])


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (0, 1), (0, 255), (2, 0x09), (2, 0xA1), (3, 0), (4, -1), (4, 0), (4, 2**31 - 1), (4, 1727), (4, 1729), (8, 0),
        (8, -512), (8, 2**30), (8, 1), (12, -1), (12, 0), (12, 16), (12, 2**31 - 1), (12, len(BLOSC) + 1),
        (16, -4), (16, 0), (16, 24), (16, len(BLOSC) - 3), (24, 2**31 - 1),
    ],
)  # fmt: skip
def test_headers_of_blosc_that_lie_are_refused(place, number):
    """The decoder reads other memory with most of these numbers, which may end the process."""
    assert bytes(unpack("blosc", BLOSC, len(CONTENT))) == CONTENT
    damaged = bytearray(BLOSC)
    struct.pack_into("<i" if place > 3 else "<B", damaged, place, number)
    with pytest.raises(ValueError, match="a chunk"):
        unpack("blosc", bytes(damaged), len(CONTENT))


@pytest.mark.parametrize("end", [0, 1, 15, 16, 20, len(BLOSC) - 1])
def test_chunks_of_blosc_that_are_cut_off_are_refused(end):
    with pytest.raises(ValueError, match="a chunk"):
        unpack("blosc", BLOSC[:end], len(CONTENT))


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("factor", [0.5, 2, 5000])
def test_chunks_of_another_size_are_refused_before_they_are_unpacked(kind, factor):
    content = bytes(PACKED[kind].encode(bytes(int(1000 * factor))))
    with pytest.raises(ValueError, match=r"chunk"):
        unpack(kind, content, 1000)


@pytest.mark.parametrize("kind", PACKED)
def test_chunks_that_are_cut_off_are_refused(kind):
    content = bytes(PACKED[kind].encode(CONTENT))
    assert bytes(unpack(kind, content, len(CONTENT))) == CONTENT
    for end in (0, 3, 5, 9, len(content) // 2, len(content) - 1):
        with pytest.raises((ValueError, OSError, EOFError, RuntimeError, zlib.error)):
            unpack(kind, content[:end], len(CONTENT))


@pytest.mark.parametrize("n_bytes", [100, 200, 1000, len(CONTENT), 10**5])
def test_frames_of_zstandard_with_and_without_their_size(n_bytes):
    content = np.random.default_rng(0).integers(0, 9, n_bytes).astype(np.uint8).tobytes()
    packed = bytes(numcodecs.Zstd().encode(content))
    assert bytes(unpack("zstd", packed, n_bytes)) == content
    # A frame whose writer did not know the size has the size of a window instead, here 2 MB.
    described = packed[4]
    assert described & 0x23 == 0x20
    width = (1, 2, 4, 8)[described >> 6]
    unknown = packed[:4] + bytes([described & 0x04, 0x58]) + packed[5 + width :]
    assert bytes(unpack("zstd", unknown, n_bytes)) == content
    for other in (n_bytes - 1, n_bytes + 1):
        for frame in (packed, unknown):
            with pytest.raises((ValueError, RuntimeError)):
                unpack("zstd", frame, other)


class Trap:
    """An object whose pickle makes a folder when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("part", [{"compressor": {"id": "pickle"}}, {"filters": [{"id": "pickle"}]}])
def test_chunks_never_run_code(tmp_path, part):
    path = write(tmp_path / "a.zarr", 2, chunks=(1, 1, 24, 36), compressors=None)
    described = path / "0" / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | part))
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"a\.zarr"), open_images(path) as images:
        images.read(0)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compressors": numcodecs.LZMA()}, "packed by LZMA"),
        ({"filters": [numcodecs.Delta("u2")]}, "filter delta"),
    ],
)
def test_chunks_of_other_codecs_are_refused_with_their_name(tmp_path, options, told):
    path = write(tmp_path / "a.zarr", 2, chunks=(1, 1, 24, 36), **options)
    with pytest.raises(ValueError, match=rf"a\.zarr.*{told}.*save it"):
        open_images(path)


def test_a_damaged_chunk_names_its_folder(tmp_path):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, STACK, channels=("beads",))
    chunk = path / "0" / "1.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with open_images(path) as images:
        np.testing.assert_array_equal(images.read(0), STACK[0, 0])
        with pytest.raises(ValueError, match=r"image 1 of .*a\.zarr, got damaged data: a chunk"):
            images.read(1)


@pytest.mark.parametrize("n_bytes", [10**8])
def test_chunks_that_unpack_to_more_than_memory_allows_are_refused_in_time(n_bytes):
    packed = {
        "gzip": gzip.compress(bytes(n_bytes), 1),
        "zlib": zlib.compress(bytes(n_bytes), 1),
        "bz2": bz2.compress(bytes(n_bytes), 1),
    }
    for kind, content in packed.items():
        with pytest.raises(ValueError, match="chunk"):
            unpack(kind, content, 1000)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [({"chunks": [1, 1, 1, 1], "shape": [1, 1, 1000, 1000]}, "1000000 chunks")],
)
def test_arrays_of_countless_chunks_are_refused(tmp_path, sizes, told):
    path = write(tmp_path / "a.zarr", 2, chunks=(1, 1, 24, 36))
    described = path / "0" / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | sizes))
    with pytest.raises(ValueError, match=told):
        open_images(path)


def test_shards_that_claim_memory_are_refused(tmp_path):
    path = write(tmp_path / "a.zarr", 3, shards=SHAPE, chunks=(1, 1, 24, 12))
    described = path / "0" / "zarr.json"
    values = json.loads(described.read_text())
    values["chunk_grid"]["configuration"]["chunk_shape"] = [2, 1, 24 * 2**14, 36 * 2**14]
    described.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"its shards of .* are larger"):
        open_images(path)


def test_writing_follows_no_planted_link(tmp_path):
    write_ome_zarr(tmp_path / "mine" / "a.zarr", STACK, channels=("beads",))
    (tmp_path / "to_folder.zarr").symlink_to(tmp_path / "mine" / "a.zarr")
    (tmp_path / "to_nothing.zarr").symlink_to(tmp_path / "mine" / "new")
    before = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    for name in ("to_folder.zarr", "to_nothing.zarr"):
        with pytest.raises(ValueError, match="link"):
            write_ome_zarr(tmp_path / name, STACK + 1, channels=("beads",))
    assert {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "to_folder.zarr", "to_nothing.zarr"]
