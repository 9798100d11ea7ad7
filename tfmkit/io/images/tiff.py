"""TIFF, OME-TIFF and ImageJ stacks, one plane at a time."""

from __future__ import annotations

import math
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import tifffile
from numpy.typing import NDArray

from tfmkit.io.images.ome import check_ome_planes, ome_planes, ome_scale, own_pixels, parse_ome
from tfmkit.io.images.scale import Scale, imagej_scale, tag_scale
from tfmkit.io.images.series import OPEN_AXIS, Planes, ZChoice, arrange, choose_position
from tfmkit.io.images.tiff_header import Directory, read_directories
from tfmkit.io.silence import silence

_DEFLATE = (8, 32946)
_NEED_IMAGECODECS = {5: "LZW", 50000: "Zstandard"}
# An encoder may fill up the last strip or tile; a part that grows beyond this is refused.
_MOST_PADDING = 2


def open_tiff(path: Path, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    """Open a TIFF file of any kind.

    Parameters
    ----------
    path : Path
        The file.
    z : int, "time" or None
        Plane of a Z stack, or that its planes are points in time.
    position : int or None
        Which of several series of images.

    Returns
    -------
    planes : Planes
        Its images.
    scale : Scale
        Pixel size, interval and channels from its metadata.

    Raises
    ------
    ValueError
        If the file is damaged or claims more than it holds.
    """
    directories = {directory.offset: directory for directory in read_directories(path)}
    with silence("tifffile"):
        file = tifffile.TiffFile(path, _multifile=False, is_ndpi=False, is_scanimage=False)
        try:
            return _open(file, path, directories, z, position)
        except BaseException:
            file.close()
            raise


def _open(
    file: tifffile.TiffFile, path: Path, directories: dict[int, Directory], z: ZChoice, position: int | None
) -> tuple[Planes, Scale]:
    xml = file.ome_metadata or ""
    described = parse_ome(xml) if file.is_ome else []
    pixels = own_pixels(described, xml, path) if described else []
    check_ome_planes(pixels, len(directories))
    if len(pixels) < len(described) or (pixels and file.series[0].kind != "ome"):
        chosen = choose_position(position, len(pixels))
        return _open_listed(file, directories, pixels[chosen], z), ome_scale(pixels[chosen])
    chosen = choose_position(position, len(file.series))
    planes = _open_series(file, directories, file.series[chosen], z)
    return planes, ome_scale(pixels[chosen]) if pixels else _scale(file, planes)


def _open_series(
    file: tifffile.TiffFile, directories: dict[int, Directory], series: tifffile.TiffPageSeries, z: ZChoice
) -> Planes:
    """Return the planes of a series that tifffile has found."""
    _check_codec(series.keyframe)
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    axes = _colour_planes(axes, series.kind)
    rows = axes.index("Y")
    if axes[rows : rows + 2] != "YX" or axes[rows + 2 :] not in ("", "S"):
        raise ValueError(f"its axes are {axes}, of which the last are not rows, columns and perhaps colours")
    arrangement = arrange(axes[:rows] + axes[rows + 2 :], shape[:rows] + shape[rows + 2 :], z)
    pages = _same_pages(list(series.pages), directories)
    form = (shape[rows : rows + 3], np.dtype(series.dtype))
    source = _Source(file, pages, math.prod(shape[:rows]), *form, series.dataoffset)
    return Planes(arrangement, (shape[rows], shape[rows + 1]), form[1], source.read, file.close)


def _open_listed(file: tifffile.TiffFile, directories: dict[int, Directory], image: Element, z: ZChoice) -> Planes:
    """Return the planes of an image that OME-XML lists page by page, beside images of other files."""
    listed = ome_planes(image, len(file.pages))
    pages = _same_pages([file.pages[number] for number in listed.pages], directories)
    keyframe = pages[0]
    _check_codec(keyframe)
    shape, dtype = keyframe.shape, np.dtype(keyframe.dtype)
    if len(shape) != 2:
        raise ValueError(f"its pages have the shape {shape}, not rows and columns; save them as one grey image each")
    source = _Source(file, pages, len(pages), shape, dtype, None)
    return Planes(arrange("TZC", listed.shape, z), (shape[0], shape[1]), dtype, source.read, file.close)


def _check_codec(page: Any) -> None:
    codec = _NEED_IMAGECODECS.get(int(page.compression))
    if codec and find_spec("imagecodecs") is None:
        raise ValueError(
            f"it is compressed by {codec}, which needs the package imagecodecs: pip install tfmkit[codecs]"
        )


def _colour_planes(axes: str, kind: str) -> str:
    """Return axes in which planes that TIFF calls red, green and blue, and may be frames, have another letter.

    tifffile and scikit-image write an array of 3 or 4 images as such planes, and describe its shape beside them.
    """
    if axes.find("S") >= axes.index("Y") or "S" not in axes:
        return axes
    return axes.replace("S", "Q" if kind == "shaped" else OPEN_AXIS)


class _Source:
    """Planes of a series, from their place in the file or from the page that has them."""

    def __init__(
        self,
        file: tifffile.TiffFile,
        pages: list[Any],
        n_planes: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        offset: int | None,
    ) -> None:
        self.file = file
        self.pages = pages
        self.shape = (*shape, 1)[:3]
        self.dtype = dtype
        self.offset = offset
        self.per_page, rest = divmod(n_planes, len(self.pages))
        n_bytes = math.prod(self.shape) * self.dtype.itemsize
        if self.offset is not None:
            if self.offset + n_planes * n_bytes > file.filehandle.size:
                raise ValueError(f"it is cut short: {n_planes} images of {n_bytes} bytes do not fit in it")
        elif rest or self.per_page * n_bytes != self.pages[0].nbytes:
            raise ValueError(f"it claims {n_planes} images and has {len(self.pages)} pages")

    def read(self, number: int) -> NDArray[Any]:
        """Return a plane, the samples of a pixel counted as planes."""
        number, sample = divmod(number, self.shape[2])
        with silence("tifffile"):
            return np.ascontiguousarray(self._read_plane(number)[:, :, sample])

    def _read_plane(self, number: int) -> NDArray[Any]:
        if self.file.filehandle.closed:
            raise ValueError("the file is closed")
        count = math.prod(self.shape)
        if self.offset is not None:
            start = self.offset + number * count * self.dtype.itemsize
            stored = self.dtype.newbyteorder(self.file.byteorder)
            return np.asarray(self.file.filehandle.read_array(stored, count, start)).reshape(self.shape)
        page, part = divmod(number, self.per_page)
        _refuse_bomb(self.pages[page], self.file.filehandle)
        return np.asarray(self.pages[page].asarray(maxworkers=1)).reshape(self.per_page, *self.shape)[part]


def _same_pages(pages: list[Any], directories: dict[int, Directory]) -> list[Any]:
    """Return pages that are alike, as tifffile takes those of a series to be."""
    claims = [None if page is None else directories.get(page.offset) for page in pages]
    if None in claims:
        raise ValueError("pages that its metadata speak of are missing")
    kinds = {(claim.shape, claim.bits, claim.compression) for claim in claims if claim is not None}
    if len(kinds) > 1:
        raise ValueError(f"its pages differ: (height, width), bits per pixel and compression are {sorted(kinds)}")
    return pages


def _refuse_bomb(page: Any, handle: tifffile.FileHandle) -> None:
    """Refuse a deflated page that decodes to more than it claims: tifffile's decoder has no bound."""
    if page.keyframe.compression not in _DEFLATE:
        return
    most = _MOST_PADDING * math.prod(page.keyframe.chunks) * np.dtype(page.keyframe.dtype).itemsize
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        decoder = zlib.decompressobj()
        if len(decoder.decompress(handle.read(length), most + 1)) > most:
            raise ValueError(f"a part of it decodes to more than {most} bytes, twice what its header claims")


def _scale(file: tifffile.TiffFile, planes: Planes) -> Scale:
    tags = file.pages.first.tags
    ratios = [tags.valueof(name) for name in ("XResolution", "YResolution")]
    resolution = tuple(ratio[0] / ratio[1] for ratio in ratios if isinstance(ratio, tuple) and ratio[1])
    if not file.is_imagej:
        return tag_scale(resolution if len(resolution) == 2 else (), int(tags.valueof("ResolutionUnit", 1)))
    metadata = file.imagej_metadata or {}
    scale = imagej_scale(metadata, resolution if len(resolution) == 2 else ())
    labels, (n_frames, n_channels) = (
        metadata.get("Labels"),
        (planes.arrangement.n_frames, planes.arrangement.n_channels),
    )
    if not isinstance(labels, list) or labels != labels[:n_channels] * n_frames or len(set(labels)) != n_channels:
        return scale
    return Scale(scale.pixel_size, scale.interval, tuple(map(str, labels[:n_channels])))
