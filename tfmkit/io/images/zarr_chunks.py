"""Chunks of Zarr arrays: each is checked before its decoder sees it, and may hold no more than one chunk of pixels."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numcodecs
import numpy as np
import zarr
from numcodecs import blosc, lz4, zstd
from numcodecs.abc import Codec
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

# Version, version of the compressor, flags, bytes of a number, and the sizes decoded, of a block and encoded.
_BLOSC = struct.Struct("<4B3i")
_BLOSC_VERSION, _RESERVED, _STORED, _LAST_COMPRESSOR = 2, 0x08, 0x02, 4
_ZSTD_START = b"\x28\xb5\x2f\xfd"
# Bytes of the decoded size and of the dictionary, by two bits of a header of Zstandard.
_ZSTD_SIZES, _ZSTD_DICTIONARIES = (0, 2, 4, 8), (0, 1, 2, 4)


def checked(array: Any) -> Any:
    """Return a Zarr array that reads the same chunks, and refuses those that are damaged.

    Parameters
    ----------
    array : zarr.Array
        An array of numbers.

    Returns
    -------
    zarr.Array
        The array. Its chunks raise a ValueError where they do not hold exactly one chunk of numbers.

    Raises
    ------
    ValueError
        If a chunk needs a filter or a compressor other than Blosc, Zstandard, gzip, zlib, bzip2 and LZ4. Some of these
        run code from the file.
    """
    metadata, itemsize = array.metadata, array.dtype.itemsize
    if metadata.zarr_format == 2:
        if metadata.filters:
            raise ValueError(f"its chunks need the filter {metadata.filters[0].codec_id}: save it without filters")
        if metadata.compressor is None:
            return array
        kind = _kind(type(metadata.compressor), _COMPRESSORS)
        safe = replace(metadata, compressor=_Checked(kind, math.prod(array.chunks) * itemsize))
    else:
        safe = replace(metadata, codecs=_checked_codecs(metadata.codecs, itemsize))
    return zarr.Array(zarr.AsyncArray(metadata=safe, store_path=array.store_path))


def unpack(kind: str, content: bytes, n_bytes: int) -> Any:
    """Decode one chunk.

    Parameters
    ----------
    kind : str
        ``"blosc"``, ``"zstd"``, ``"gzip"``, ``"zlib"``, ``"bz2"`` or ``"lz4"``.
    content : bytes
        The chunk as it is stored.
    n_bytes : int
        Size of the decoded chunk.

    Returns
    -------
    bytes or ndarray
        The decoded chunk.

    Raises
    ------
    ValueError
        If the chunk is damaged or holds another number of bytes.

    Notes
    -----
    The decoder C-Blosc trusts the header of a chunk, and reads and writes other memory where it is wrong. Here every
    size and address in the header [1]_ is compared with the file. The header of Zstandard is that of RFC 8878.

    References
    ----------
    .. [1] Blosc Chunk Format, https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
    """
    decoded = _UNPACKERS[kind](content, n_bytes)
    if len(decoded) != n_bytes:
        raise ValueError(f"a chunk holds more or fewer than {n_bytes} bytes")
    return decoded


def _unpack_blosc(content: bytes, n_bytes: int) -> Any:
    if len(content) < _BLOSC.size:
        raise ValueError("a chunk ends inside its header")
    version, _, flags, width, decoded, block, encoded = _BLOSC.unpack_from(content)
    if version != _BLOSC_VERSION or flags & _RESERVED or flags >> 5 > _LAST_COMPRESSOR or not width:
        raise ValueError("a chunk has a header of no known form")
    if decoded != n_bytes or encoded != len(content) or not 0 < block <= decoded:
        raise ValueError(
            f"a chunk of {len(content)} bytes says that it holds {n_bytes} as {decoded} in {encoded}, by {block}"
        )
    if not flags & _STORED:
        _check_blocks(content, math.ceil(decoded / block))
    return blosc.decompress(content)


def _check_blocks(content: bytes, n_blocks: int) -> None:
    """Raise ValueError if a block of a Blosc chunk begins outside of it, or in its header."""
    first, last = _BLOSC.size + 4 * n_blocks, len(content) - 4
    # A chunk that is too short for the list has no room for blocks either.
    starts = np.frombuffer(content, "<i4", n_blocks if first <= last else 0, _BLOSC.size)
    if not len(starts) or starts.min() < first or starts.max() > last:
        raise ValueError("a chunk has blocks outside of its bytes")


def _unpack_zstd(content: bytes, n_bytes: int) -> Any:
    if not content.startswith(_ZSTD_START) or len(content) <= len(_ZSTD_START):
        raise ValueError("a chunk is not of Zstandard")
    described = content[len(_ZSTD_START)]
    alone, size = described >> 5 & 1, _ZSTD_SIZES[described >> 6]
    size = max(size, alone)
    begin = len(_ZSTD_START) + 2 - alone + _ZSTD_DICTIONARIES[described & 3]
    # Sizes of two bytes begin at 256. A size may be left out; then the decoder must fill the whole chunk.
    claimed = int.from_bytes(content[begin : begin + size], "little") + (256 if size == 2 else 0)
    if size and claimed != n_bytes:
        raise ValueError(f"a chunk says that it holds {claimed} bytes, not {n_bytes}")
    return zstd.decompress(content, np.empty(n_bytes, np.uint8))


def _unpack_lz4(content: bytes, n_bytes: int) -> Any:
    if int.from_bytes(content[:4], "little") != n_bytes or len(content) <= 4:
        raise ValueError(f"a chunk does not say that it holds {n_bytes} bytes")
    return lz4.decompress(content)


def _unpack_zlib(content: bytes, n_bytes: int) -> bytes:
    stream = zlib.decompressobj()
    decoded = stream.decompress(content, n_bytes + 1)
    if not stream.eof:
        raise ValueError(f"a chunk does not end after {n_bytes} bytes")
    return decoded


_UNPACKERS: dict[str, Callable[[bytes, int], Any]] = {
    "blosc": _unpack_blosc,
    "zstd": _unpack_zstd,
    "lz4": _unpack_lz4,
    "zlib": _unpack_zlib,
    # The end of these streams, with their checksum, is read with the byte that is too many.
    "gzip": lambda content, n_bytes: gzip.GzipFile(fileobj=BytesIO(content)).read(n_bytes + 1),
    "bz2": lambda content, n_bytes: bz2.BZ2File(BytesIO(content)).read(n_bytes + 1),
}
# The compressors of Zarr 2 and 3, and the parts of Zarr 3 that decode nothing.
_COMPRESSORS: dict[type, str] = {
    numcodecs.Blosc: "blosc", numcodecs.Zstd: "zstd", numcodecs.LZ4: "lz4", numcodecs.Zlib: "zlib",
    numcodecs.GZip: "gzip", numcodecs.BZ2: "bz2",
}  # fmt: skip
_COMPRESSORS_3: dict[type, str] = {BloscCodec: "blosc", ZstdCodec: "zstd", GzipCodec: "gzip"}
_PLAIN = (BytesCodec, TransposeCodec, Crc32cCodec)


class _Checked(Codec):
    """A compressor of Zarr 2 whose chunks are checked."""

    codec_id = "tfmkit_checked"

    def __init__(self, kind: str, n_bytes: int) -> None:
        self.kind, self.n_bytes = kind, n_bytes

    def encode(self, buf: Any) -> Any:
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ARG002 - the form of a codec
        return unpack(self.kind, bytes(buf), self.n_bytes)


@dataclass(frozen=True)
class _CheckedCodec(BytesBytesCodec):
    """A compressor of Zarr 3 whose chunks are checked."""

    kind: str
    itemsize: int
    is_fixed_size = False

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        raise NotImplementedError

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        n_bytes = math.prod(chunk_spec.shape) * self.itemsize
        decoded = await asyncio.to_thread(unpack, self.kind, chunk_bytes.to_bytes(), n_bytes)
        return chunk_spec.prototype.buffer.from_bytes(bytes(decoded))


def _checked_codecs(codecs: Any, itemsize: int) -> tuple[Any, ...]:
    return tuple(_checked_codec(codec, itemsize) for codec in codecs)


def _checked_codec(codec: Any, itemsize: int) -> Any:
    if isinstance(codec, _PLAIN):
        return codec
    if isinstance(codec, ShardingCodec):
        for part in codec.index_codecs:
            _kind(type(part), dict.fromkeys(_PLAIN, ""))
        return replace(codec, codecs=_checked_codecs(codec.codecs, itemsize))
    return _CheckedCodec(_kind(type(codec), _COMPRESSORS_3), itemsize)


def _kind(compressor: type, known: dict[type, str]) -> str:
    if compressor not in known:
        raise ValueError(f"its chunks are packed by {compressor.__name__}: save it with Blosc, Zstandard or gzip")
    return known[compressor]
