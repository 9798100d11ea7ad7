"""Image and region files that lie: each is refused by its name, before memory is given to what it claims."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

from tfmkit.io import open_images, read_regions, write_ome_tiff

SHAPE = (12, 16)
IMAGES = np.random.default_rng(0).integers(0, 255, (5, 2, *SHAPE)).astype(np.uint8)
GIGA = 2**31 - 1
ELSEWHERE = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0">
<Pixels DimensionOrder="XYZCT" Type="uint8" SizeX="16" SizeY="12" SizeZ="1" SizeC="1" SizeT="1">
<Channel ID="Channel:0:0"/><TiffData IFD="0"><UUID FileName="../../secret.tif">urn:uuid:2</UUID></TiffData>
</Pixels></Image></OME>"""


def patched(path, *changes):
    """Replace texts of a file by others of the same length."""
    content = path.read_bytes()
    for old, new in changes:
        assert content.count(old) == 1, old
        assert len(new) <= len(old)
        content = content.replace(old, new.ljust(len(old)))
    path.write_bytes(content)


def with_tag(path, code, value, *, kind=None, count=None, page=0):
    """Overwrite a tag of a classic little-endian TIFF: its type, number of values and value."""
    with tifffile.TiffFile(path) as file:
        offset = file.pages[page].tags[code].offset
    content = bytearray(path.read_bytes())
    for number, form, place in ((kind, "<H", 2), (count, "<I", 4), (value, "<I", 8)):
        if number is not None:
            struct.pack_into(form, content, offset + place, number)
    path.write_bytes(content)


def plain(path, images=IMAGES[:, 0], **options):
    tifffile.imwrite(path, images, metadata=None, photometric="minisblack", **options)


def imagej(path):
    tifffile.imwrite(path, IMAGES, imagej=True, metadata={"axes": "TCYX"})


def ome(path, xml=None):
    """Write OME-TIFF with other XML of the same length or shorter."""
    write_ome_tiff(path, IMAGES, channels=("a", "b"), pixel_size=0.1)
    if xml:
        patched(path, *xml)


def chain(path, length, back_to):
    """Write a TIFF whose pages, instead of ending, go on with an earlier one."""
    plain(path, np.zeros((length, *SHAPE), dtype=np.uint8))
    with tifffile.TiffFile(path) as file:
        offsets = [page.offset for page in file.pages]
    content = bytearray(path.read_bytes())
    n_tags = struct.unpack_from("<H", content, offsets[-1])[0]
    struct.pack_into("<I", content, offsets[-1] + 2 + 12 * n_tags, offsets[back_to])
    path.write_bytes(content)


def bomb(path):
    """Write a deflated strip that decodes to 256 MiB and claims a few bytes."""
    plain(path, IMAGES[0, 0], compression="zlib")
    content = path.read_bytes()
    path.write_bytes(content + zlib.compress(bytes(2**28), 1))
    with_tag(path, 273, len(content))
    with_tag(path, 279, path.stat().st_size - len(content))


def png(path, width=None, length=None):
    Image.fromarray(IMAGES[0, 0]).save(path)
    content = bytearray(path.read_bytes())
    if width:
        content[16:24] = struct.pack(">II", width, width)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    if length:
        content[33:37] = struct.pack(">I", length)
    path.write_bytes(content)


def archive(path, *contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for number, content in enumerate(contents):
            file.writestr(f"{number}.roi", content)


def roi(path, **changes):
    content = bytearray(ImagejRoi.frompoints([[2, 3], [7, 3], [7, 9.5]], name="cell").tobytes())
    for offset, value in changes.get("at", {}).items():
        content[offset : offset + len(value)] = value
    path.write_bytes(content)


IMAGE_FILES = {
    "empty.tif": ("is empty", lambda path: path.write_bytes(b"")),
    "text.tif": ("neither TIFF nor PNG", lambda path: path.write_text("x y ux uy")),
    "start.tif": ("cut short", lambda path: path.write_bytes(b"II*\0")),
    "noise.tif": ("cut short", lambda path: path.write_bytes(b"II*\0" + np.random.default_rng(1).bytes(500))),
    "version.tif": ("neither TIFF", lambda path: path.write_bytes(b"II\x99\0" + bytes(50))),
    "no_image.tif": ("no image", lambda path: path.write_bytes(b"II*\0" + bytes(50))),
    "huge.tif": (
        "claims 2147483647 x",
        lambda path: (plain(path), with_tag(path, 256, GIGA), with_tag(path, 257, GIGA)),
    ),
    "huge_deflate.tif": (
        "claims 2147483647 x",
        lambda path: (plain(path, compression="zlib"), with_tag(path, 256, GIGA), with_tag(path, 257, GIGA)),
    ),
    "large_deflate.tif": (
        "claims 16384 x",
        lambda path: (plain(path, compression="zlib"), with_tag(path, 256, 2**14), with_tag(path, 257, 2**14)),
    ),
    "tile.tif": (
        "1099511627776 bytes",
        lambda path: (
            plain(path, compression="zlib", tile=(16, 16)),
            with_tag(path, 322, 2**20),
            with_tag(path, 323, 2**20),
        ),
    ),
    "zero.tif": ("12 x 0 pixels", lambda path: (plain(path), with_tag(path, 256, 0))),
    "values.tif": (
        "tag 305 claims 2147483647 values",
        lambda path: (plain(path), with_tag(path, 305, None, count=GIGA)),
    ),
    "strips.tif": ("tag 273 claims 2147483647 values", lambda path: (plain(path), with_tag(path, 273, 8, count=GIGA))),
    "samples.tif": ("11520000 bytes", lambda path: (plain(path), with_tag(path, 277, 60000))),
    "jpeg.tif": ("method 7", lambda path: (plain(path), with_tag(path, 259, 7))),
    "second_page.tif": ("different size", lambda path: (plain(path), with_tag(path, 257, 6, page=1))),
    "cycle_1.tif": ("cycle", lambda path: chain(path, 1, 0)),
    "cycle_3.tif": ("cycle", lambda path: chain(path, 5, 2)),
    "cycle_150.tif": ("cycle", lambda path: chain(path, 150, 0)),
    "bomb.tif": ("decodes to more than 384 bytes", bomb),
    "imagej_frames.tif": (
        "16 images and has 10 pages",
        lambda path: (imagej(path), patched(path, (b"frames=5", b"frames=8"), (b"images=10", b"images=16"))),
    ),
    "shape.tif": (
        "9 images of 192 bytes",
        lambda path: (
            tifffile.imwrite(path, IMAGES[0], photometric="minisblack"),
            patched(path, (b'{"shape": [2, 12, 16]}', b'{"shape":[9, 12, 16]}')),
        ),
    ),
    "ome_times.tif": (
        "claims 18 planes and it has 10",
        lambda path: ome(path, [(b'SizeC="2" SizeT="5"', b'SizeC="2" SizeT="9"')]),
    ),
    "ome_planes.tif": (
        "claims 9999999999 planes",
        lambda path: ome(path, [(b'IFD="0" PlaneCount="10"', b'PlaneCount="9999999999"')]),
    ),
    "ome_first.tif": ("other files", lambda path: ome(path, [(b'IFD="0" PlaneCount="10"', b'FirstT="999999999999"')])),
    "ome_entities.tif": (
        "declares entities",
        lambda path: ome(path, [(b'<?xml version="1.0" encoding="UTF-8"?>', b"<!DOCTYPE OME [<!ENTITY a 'aa'>]>")]),
    ),
    "ome_damaged.tif": ("OME-XML is damaged", lambda path: ome(path, [(b"</Image>", b"</Imago>")])),
    "ome_elsewhere.tif": ("other files", lambda path: plain(path, IMAGES[0, 0], description=ELSEWHERE)),
    "nothing.png": ("cut short", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n")),
    "huge.png": ("exceeds limit", lambda path: png(path, width=GIGA)),
    "large.png": ("claims 8192 x", lambda path: png(path, width=2**13)),
    "chunk.png": ("claims 2147483647 bytes", lambda path: png(path, length=GIGA)),
    "damaged.nd2": ("cannot be read", lambda path: path.write_bytes(b"\xda\xce\xbe\x0a" + bytes(500))),
}
REGION_FILES = {
    "text.roi": ("too short", lambda path: path.write_text("Iout")),
    "points.roi": ("too small", lambda path: roi(path, at={16: struct.pack(">H", 0), 18: struct.pack(">i", GIGA)})),
    "far.roi": ("within 131072 px", lambda path: roi(path, at={76: struct.pack(">f", 1e30)})),
    "nan.roi": ("within 131072 px", lambda path: roi(path, at={76: struct.pack(">f", np.nan)})),
    "path.roi": (
        "command 9",
        lambda path: path.write_bytes(
            ImagejRoi(
                roitype=ROI_TYPE.RECT, shape_roi_size=4, multi_coordinates=np.array([0, 1, 1, 9], dtype=np.float32)
            ).tobytes()
        ),
    ),
    "no.zip": ("not a zip file", lambda path: path.write_bytes(b"PK\3\4 and nothing")),
    "empty.zip": ("got none", archive),
    "junk.zip": ("without a pixel", lambda path: archive(path, b"Iout" + bytes(100))),
    "bomb.zip": ("unpacks to more", lambda path: archive(path, bytes(2**25))),
    "bombs.zip": ("unpack to more", lambda path: archive(path, *[b"Iout" + bytes(2**23)] * 20)),
    "labels.tif": (
        "got 1599 other values",
        lambda path: plain(path, np.arange(40 * 40, dtype=np.uint16).reshape(40, 40)),
    ),
    "other.tif": ("image of .11, 16.", lambda path: plain(path, IMAGES[0, 0, :-1])),
}


def open_and_read(path):
    with open_images(path) as images:
        for frame in range(images.n_frames):
            images.read(frame)


def regions(path):
    read_regions(path, (40, 40) if path.name == "labels.tif" else SHAPE)


@pytest.mark.parametrize(
    ("read", "name"), [(open_and_read, name) for name in IMAGE_FILES] + [(regions, name) for name in REGION_FILES]
)
def test_is_refused_by_its_name(tmp_path, read, name):
    path = tmp_path / name
    reason, write = (IMAGE_FILES if read is open_and_read else REGION_FILES)[name]
    write(path)
    with pytest.raises(ValueError, match=f"{re.escape(name)}.*{reason}"):
        read(path)


PROGRAM = """
import resource, sys
from pathlib import Path
from tfmkit.io import open_images, read_regions
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
start = memory()
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        with open_images(path) as images:
            images.read(0)
    except ValueError:
        pass
    try:
        read_regions(path, (12, 16))
    except ValueError:
        pass
    print(path.name, memory() - start)
"""


def test_memory_is_bounded(tmp_path):
    for name, (_, write) in {**IMAGE_FILES, **REGION_FILES}.items():
        write(tmp_path / name)
    command = [sys.executable, "-W", "error", "-c", PROGRAM, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.split("\n")[:-1]
    assert len(lines) == len(IMAGE_FILES) + len(REGION_FILES)
    # MiB: a compressed file of a few hundred bytes may decode to 64.
    assert int(lines[-1].split()[-1]) < 200, done.stdout
