"""Small files of the microscopes of Leica and Zeiss, written byte by byte: no free program writes them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Seconds between frames, and metres between planes and between pixels, of all files.
INTERVAL, DEPTH, PIXEL = 30.0, 1e-6, 0.2e-6
_CZI_TYPES = {"uint8": 0, "uint16": 1}
_CZI_HEADER = 256


def write_lif(path: Path, images: list[NDArray[Any]]) -> Path:
    """Write images of axes T, C, Z, Y, X as a file of Leica, version 2.

    Parameters
    ----------
    path : Path
        File to write.
    images : list of ndarray of shape (n_frames, n_channels, n_planes, height, width), uint16
        Its images.

    Returns
    -------
    Path
        The file.
    """
    elements, blocks = [], b""
    for number, stack in enumerate(images):
        # Leica stores channels beside each other within an image of time and depth.
        stored = np.moveaxis(stack, 1, 2)
        name = f"MemBlock_{number}".encode("utf-16-le")
        elements.append(_lif_element(number, stack.shape, stored))
        head = struct.pack("<IIBQBI", 0x70, 14 + len(name), 0x2A, stored.nbytes, 0x2A, len(name) // 2)
        blocks += head + name + stored.tobytes()
    xml = f'<LMSDataContainerHeader Version="2"><Element Name="a"><Children>{"".join(elements)}</Children></Element>'
    text = (xml + "</LMSDataContainerHeader>").encode("utf-16-le")
    path.write_bytes(struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text + blocks)
    return path


def _lif_element(number: int, shape: tuple[int, ...], stored: NDArray[Any]) -> str:
    sizes = dict(zip("TCZYX", shape, strict=True))
    strides, step = {}, stored.itemsize
    for axis in "XYCZT":
        strides[axis], step = step, step * sizes[axis]
    lengths = {"X": PIXEL, "Y": PIXEL, "Z": DEPTH, "T": INTERVAL}
    dimensions = "".join(
        f'<DimensionDescription DimID="{"-XYZT".index(axis)}" NumberOfElements="{sizes[axis]}" Origin="0" '
        f'Length="{lengths[axis] * (sizes[axis] - 1)}" Unit="{"s" if axis == "T" else "m"}" '
        f'BytesInc="{strides[axis]}" BitInc="0"/>'
        for axis in "XYZT"
        if sizes[axis] > 1
    )
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" NameOfMeasuredQuantity="" Min="0" '
        f'Max="1" Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="{channel * strides["C"]}" BitInc="0"/>'
        for channel in range(sizes["C"])
    )
    return (
        f'<Element Name="Series{number}" UniqueID="{number}"><Data><Image><ImageDescription><Channels>{channels}'
        f"</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{stored.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def write_czi(path: Path, stack: NDArray[Any]) -> Path:
    """Write images of axes T, C, Y, X as a file of Zeiss with one plane in each block.

    Parameters
    ----------
    path : Path
        File to write.
    stack : ndarray of shape (n_frames, n_channels, height, width), uint8 or uint16
        Its images.

    Returns
    -------
    Path
        The file.
    """
    entries, blocks, place = [], b"", 32 + 512
    for frame, channel in np.ndindex(*stack.shape[:2]):
        plane = np.ascontiguousarray(stack[frame, channel])
        entries.append(_czi_entry(plane, {"T": frame, "C": channel}, place + len(blocks)))
        head = struct.pack("<iiq", 0, 0, plane.nbytes) + entries[-1]
        blocks += _czi_segment(b"ZISRAWSUBBLOCK", head.ljust(_CZI_HEADER, b"\0") + plane.tobytes())
    xml = _czi_metadata(stack).encode()
    metadata = _czi_segment(b"ZISRAWMETADATA", struct.pack("<ii", len(xml), 0).ljust(_CZI_HEADER, b"\0") + xml)
    listed = struct.pack("<i", len(entries)).ljust(128, b"\0") + b"".join(entries)
    directory = _czi_segment(b"ZISRAWDIRECTORY", listed)
    at_metadata = place + len(blocks)
    at_directory = at_metadata + len(metadata)
    header = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, at_directory, at_metadata, 0, 0)
    path.write_bytes(_czi_segment(b"ZISRAWFILE", header.ljust(512, b"\0")) + blocks + metadata + directory)
    return path


def _czi_segment(name: bytes, content: bytes) -> bytes:
    padded = content.ljust(-(-len(content) // 32) * 32, b"\0")
    return struct.pack("<16sqq", name, len(padded), len(content)) + padded


def _czi_entry(plane: NDArray[Any], at: dict[str, int], place: int) -> bytes:
    """Return the entry of a plane in the directory, which its block repeats."""
    sizes = {"X": (0, plane.shape[1]), "Y": (0, plane.shape[0]), **{axis: (start, 1) for axis, start in at.items()}}
    head = struct.pack("<2siqiiB5si", b"DV", _CZI_TYPES[plane.dtype.name], place, 0, 0, 0, b"", len(sizes))
    parts = [struct.pack("<4siifi", axis.encode(), start, size, 0.0, size) for axis, (start, size) in sizes.items()]
    return head + b"".join(parts)


def _czi_metadata(stack: NDArray[Any]) -> str:
    n_frames, n_channels, height, width = stack.shape
    sizes = f"<SizeX>{width}</SizeX><SizeY>{height}</SizeY><SizeC>{n_channels}</SizeC><SizeT>{n_frames}</SizeT>"
    channels = "".join(f'<Channel Id="Channel:{number}" Name="c{number}"/>' for number in range(n_channels))
    times = f"<T><Positions><Interval><Start>0</Start><Increment>{INTERVAL}</Increment></Interval></Positions></T>"
    scale = "".join(f'<Distance Id="{axis}"><Value>{PIXEL}</Value></Distance>' for axis in "XY")
    return (
        f"<ImageDocument><Metadata><Information><Image>{sizes}<Dimensions><Channels>{channels}</Channels>{times}"
        f"</Dimensions></Image></Information><Scaling><Items>{scale}</Items></Scaling></Metadata></ImageDocument>"
    )
