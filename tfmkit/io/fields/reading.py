"""One entry to all readers."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tfmkit.io.fields import displfield, easy_tfm, fiji, openpiv, pivlab, plain_text, wang_lin
from tfmkit.io.fields.arrays import read_arrays
from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.fields.lengths import Lengths
from tfmkit.io.fields.mat import load_mat
from tfmkit.io.fields.pytfm import component_v, read_pytfm
from tfmkit.io.fields.sidecar import add_pixel_size
from tfmkit.io.fields.table import read_table
from tfmkit.io.units import check_pixel_size

# TIFF, PNG, JPEG, and the files of Nikon, Zeiss and Leica.
_IMAGE_STARTS = (
    b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG", b"\xff\xd8\xff", b"\xda\xce\xbe\x0a", b"ZISR", b"p\0\0\0",
)  # fmt: skip


@quiet
def read_displacement(
    path: str | PathLike[str],
    *,
    interpolate: bool = False,
    spacing: float | None = None,
    length_unit: str | None = None,
    pixel_size: float | None = None,
) -> DisplacementData:
    """Read a displacement file of any known layout.

    Parameters
    ----------
    path : str or path-like
        A `.mat` file of Easy-to-use TFM, PIVlab, Wang & Lin or the Danuser lab (``displField``), a `.npy` or `.npz`
        array, the x component of pyTFM (``<frame>u.npy`` or ``.txt``), or a text table of OpenPIV, Fiji's PIV, PIVlab
        or any program with columns for x, y and both components.
    interpolate : bool, default=False
        Whether missing vectors of text tables and arrays are filled from the others, and scattered ones brought onto a
        grid.
    spacing : float, optional
        Distance between grid points in pixels, for files that do not hold it (arrays, where it is 1 by default,
        and pyTFM, which needs it).
    length_unit : str, optional
        Unit of positions and displacements in the file: ``"px"``, ``"um"``, ``"mm"``, ``"m"`` or ``"nm"``. By default
        the unit in the names of its columns, else pixels; must be given if pixels are unlikely. For arrays it is the
        unit of the displacements; `spacing` is in pixels.
    pixel_size : float, optional
        Micrometres per pixel, needed to turn another unit into pixels.

    Returns
    -------
    DisplacementData
        The fields and all that the file knows about them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, damaged or of no known layout, `spacing` is given for a file that holds its own, or the
        unit of lengths is not clear.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    if file.stat().st_size == 0:
        raise ValueError(f"Expected a displacement file, got {file}, which is empty.")
    with file.open("rb") as opened:
        if opened.read(4).startswith(_IMAGE_STARTS):
            raise ValueError(
                f"Expected displacements, got {file}, which is an image: tfmkit displacement measures them."
            )
    if pixel_size is not None:
        check_pixel_size(pixel_size)
    if spacing is not None and 0 < spacing < 1:
        raise ValueError(
            f"Expected the spacing of {file} in pixels, got {spacing:g}, which is likely in micrometres: divide it by "
            "the size of a pixel."
        )
    lengths = Lengths(length_unit, pixel_size)
    if component_v(file) is not None:
        return lengths.convert(read_pytfm(file, spacing=spacing, interpolate=interpolate), positions=False)
    if file.suffix in (".npy", ".npz"):
        return _read_arrays(file, spacing, interpolate, lengths)
    if spacing is not None:
        raise ValueError(f"{file} holds the positions of its vectors: leave spacing out.")
    if file.suffix == ".mat":
        data = _read_mat(file)
        return lengths.convert(data, positions=data.layout != "wang-lin")
    return add_pixel_size(_read_text(file, interpolate, lengths), file)


def _read_arrays(path: Path, spacing: float | None, interpolate: bool, lengths: Lengths) -> DisplacementData:
    data = read_arrays(path, spacing=spacing, interpolate=interpolate)
    in_file = spacing is None and data.spacing != 1
    if lengths.unit not in (None, "px") and spacing is None and not in_file:
        raise ValueError(f"{path} does not hold the distance between its grid points: give spacing in image pixels.")
    return lengths.convert(data, positions=in_file)


def _read_text(path: Path, interpolate: bool, lengths: Lengths) -> DisplacementData:
    table = read_table(path)
    if openpiv.is_openpiv(table):
        return openpiv.from_table(table, interpolate=interpolate, lengths=lengths)
    if path.name.startswith("Traction_"):
        raise ValueError(f"Expected displacements, got {path}, which is a result of FTTC: read_fiji_traction reads it.")
    if table.names:
        return plain_text.from_table(table, interpolate=interpolate, lengths=lengths)
    return fiji.from_piv_table(table, interpolate=interpolate, lengths=lengths)


def _read_mat(path: Path) -> DisplacementData:
    variables = load_mat(path)
    if "input_data" in variables:
        return easy_tfm.from_variables(variables, path)
    if "dspl" in variables:
        return wang_lin.from_variables(variables, path)
    if "displField" in variables:
        return displfield.from_variables(variables, path)
    if pivlab.is_pivlab(variables):
        return pivlab.from_variables(variables, path)
    raise ValueError(
        f"Expected input_data (Easy-to-use TFM), dspl (Wang & Lin), displField (Danuser lab) or x, y, u, v "
        f"(PIVlab) in {path}, got {', '.join(variables) or 'no variable'}."
    )
