"""One frame to look at: its images, its mask, and an experiment that reads them from files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.batch import write_config
from tfmkit.io import write_ome_tiff

# Pixels of these types are the same numbers in a file that is written here.
_SAME = ("uint8", "uint16", "float32")
# Characters that a pattern of files cannot take as they are.
_PATTERN = re.compile(r"[{}*\\]")
_MASK = "mask.tif"

Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Origin:
    """The place of an image in a file, as `tfmkit.io.open_images` reads it.

    Attributes
    ----------
    path : Path
        The file.
    n_frames : int
        Number of frames in it.
    channel : int or None
        Channel, from 0; None in a file of one channel.
    z : str or None
        Meaning of planes along Z: ``"max"`` where their maximum was read.
    """

    path: Path
    n_frames: int = 1
    channel: int | None = None
    z: str | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """A pair of bead images, and a mask.

    Attributes
    ----------
    relaxed, deformed : ndarray of shape (height, width)
        The images.
    number : int
        Number of the frame in the movie of deformed images, from 1.
    relaxed_number : int or "each"
        Number of the frame among the relaxed images, from 1; ``"each"`` if frame k belongs to deformed frame k.
    mask : ndarray of shape (height, width) or None
        0 outside cells, and a number for each cell.
    origins : tuple of Origin or None
        Places of the relaxed and of the deformed image; None for images that are in no file.
    pixel_size, interval : float or None
        Micrometres per pixel and seconds per frame, as the file of the deformed image says.
    """

    relaxed: NDArray[Any]
    deformed: NDArray[Any]
    number: int = 1
    relaxed_number: int | str = 1
    mask: NDArray[np.uint16] | None = None
    origins: tuple[Origin | None, Origin | None] = (None, None)
    pixel_size: float | None = None
    interval: float | None = None


class ImageFolder:
    """Images in a folder, each of which is written only if it is another one than before.

    Parameters
    ----------
    folder : Path
        The folder; made where needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[str, str] = {}

    def save(self, images: Mapping[str, NDArray[Any]], **scale: float | None) -> None:
        """Write images; those that were saved before and are not among them are removed.

        Parameters
        ----------
        images : mapping of str to ndarray of shape (height, width)
            The images by the names of their files.
        **scale : float or None
            ``pixel_size`` and ``interval``, as `tfmkit.io.write_ome_tiff` takes them.
        """
        for name in self._written.keys() - images.keys():
            (self.folder / name).unlink()
            del self._written[name]
        for name, image in images.items():
            about = repr((image.shape, image.dtype, scale)).encode()
            digest = hashlib.sha256(about + image.tobytes()).hexdigest()
            if self._written.get(name) != digest:
                write_ome_tiff(self.folder / name, image[None, None], channels=(Path(name).stem,), **scale)
                self._written[name] = digest


def save_frame(frame: Frame, folder: ImageFolder) -> dict[str, str]:
    """Write the images and the mask of a frame.

    Parameters
    ----------
    frame : Frame
        The frame.
    folder : ImageFolder
        The folder.

    Returns
    -------
    dict of str to str
        Patterns of the files for the section ``[input]``, relative to the folder.
    """
    # The number of the frame is in the name: random numbers of its error bars depend on it.
    images = {"relaxed.tif": frame.relaxed, f"deformed_{frame.number:04}.tif": frame.deformed} | _mask_file(frame)
    folder.save(images, pixel_size=frame.pixel_size, interval=frame.interval)
    patterns = {"relaxed": "relaxed.tif", "deformed": "deformed_{frame}.tif"}
    return patterns if frame.mask is None else patterns | {"mask": _MASK}


def write_experiment(path: Path, frame: Frame, sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Write an experiment for `tfmkit batch` that gives the numbers of the preview.

    Parameters
    ----------
    path : Path
        The ``.toml`` file. Where both images come from files in its folder or below, it names those files, with all
        of their frames. Otherwise the images of the frame are saved in a folder beside it. So is a mask.
    frame : Frame
        The frame.
    sections : mapping of str to mapping
        The settings.

    Returns
    -------
    str
        A sentence about the files that the experiment reads.

    Raises
    ------
    ValueError
        If the name of the file has braces, a star or a backslash, which mean something in patterns.
    """
    if _PATTERN.search(path.name):
        raise ValueError(f"Expected a file name without braces, * and \\, got {path.name}.")
    home = ImageFolder(path.parent / f"{path.stem}_images")
    files = _name_sources(frame, path.parent)
    if files is None:
        said = f"This frame is saved in {home.folder.name}. Images below the folder of the experiment stay in place."
        files = {name: f"{home.folder.name}/{pattern}" for name, pattern in save_frame(frame, home).items()}
    else:
        home.save(_mask_file(frame))
        said = f"All frames of {files['deformed']} are in it."
        files |= {} if frame.mask is None else {"mask": f"{home.folder.name}/{_MASK}"}
    write_config(path, with_files(sections, files))
    return said


def with_files(sections: Mapping[str, Mapping[str, Any]], files: Mapping[str, Any]) -> Sections:
    """Return settings with the files in their section ``[input]``.

    Parameters
    ----------
    sections : mapping of str to mapping
        The settings.
    files : mapping of str to object
        Patterns of the files and all that belongs to them.

    Returns
    -------
    dict of str to dict
        The settings, ``[input]`` first.
    """
    given = {name: dict(keys) for name, keys in sections.items()}
    return {"input": {**files, **given.pop("input", {})}, **given}


def _mask_file(frame: Frame) -> dict[str, NDArray[Any]]:
    return {} if frame.mask is None else {_MASK: frame.mask}


def _name_sources(frame: Frame, folder: Path) -> dict[str, Any] | None:
    """Return the section ``[input]`` that reads the files of the images; None if it cannot name them."""
    relaxed, deformed = frame.origins
    if relaxed is None or deformed is None:
        return None
    names = [_below(origin.path, folder) for origin in (relaxed, deformed)]
    if None in names or any(image.dtype.name not in _SAME for image in (frame.relaxed, frame.deformed)):
        return None
    return {
        "relaxed": names[0],
        "deformed": names[1],
        "channel": deformed.channel,
        "relaxed_channel": relaxed.channel,
        "relaxed_frame": frame.relaxed_number if relaxed.n_frames > 1 else None,
        "z": relaxed.z or deformed.z,
    }


def _below(path: Path, folder: Path) -> str | None:
    """Return a path below a folder as a pattern; None if it lies elsewhere or has characters that mean something."""
    file, home = path.resolve(), folder.resolve()
    name = file.relative_to(home).as_posix() if file.is_relative_to(home) else None
    return None if name is None or _PATTERN.search(name) else name
