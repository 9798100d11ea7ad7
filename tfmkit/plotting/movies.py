"""Figures one after the other, as a movie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_choice, check_count, check_number
from tfmkit.io import remove_unfinished, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("mp4", "gif")
_Add = Callable[[NDArray[np.uint8]], None]


def save_movie(figures: Iterable[Figure], path: str | PathLike[str], *, fps: float = 5.0, width: int = 800) -> int:
    """Write figures of one size as a movie; one figure at a time is in memory.

    Parameters
    ----------
    figures : iterable of matplotlib.figure.Figure
        The frames, drawn when they are asked for.
    path : path-like
        File that ends in ``.mp4`` (H.264, by imageio-ffmpeg, which ``pip install tfmkit[movie]`` installs) or ``.gif``
        (by Pillow). A file of that name is replaced once the new one is complete.
    fps : float, default=5.0
        Frames per second, from 0.1 to 100.
    width : int, default=800
        Width in pixels; odd numbers are rounded down.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    ValueError
        If there is no frame, the frames have different sizes, imageio-ffmpeg is missing, or an argument is refused.
    """
    target = Path(path)
    kind = check_choice(target.suffix.removeprefix(".").lower(), "format of a movie", FORMATS)
    rate = check_number(fps, "fps", low=0.1, high=100)
    check_count(width, "width", low=16)
    frames = _pixels(figures, width)
    first = next(frames, None)
    if first is None:
        raise ValueError("Expected at least one frame for a movie, got none.")
    remove_unfinished(target.parent, target.name)
    count = 1
    with writing(target) as temporary, _WRITERS[kind](temporary, first.shape, rate) as add:
        add(first)
        for frame in frames:
            if frame.shape != first.shape:
                raise ValueError(f"Expected frames of one size, got {first.shape[1::-1]} and {frame.shape[1::-1]}.")
            add(frame)
            count += 1
    return count


def _pixels(figures: Iterable[Figure], width: int) -> Iterator[NDArray[np.uint8]]:
    """Give the pixels of figures, with even sides, which the encoder needs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for figure in figures:
        figure.set_dpi(width / figure.get_figwidth())
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        yield np.ascontiguousarray(pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2])


@contextmanager
def _mp4(path: Path, shape: tuple[int, ...], fps: float) -> Iterator[_Add]:
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise ValueError("Expected imageio-ffmpeg for MP4: install tfmkit[movie], or write a .gif.") from error
    writer = write_frames(str(path), (shape[1], shape[0]), fps=fps, quality=8, macro_block_size=2)
    writer.send(None)
    try:
        yield lambda frame: writer.send(frame.tobytes())
    finally:
        writer.close()


@contextmanager
def _gif(path: Path, _shape: tuple[int, ...], fps: float) -> Iterator[_Add]:
    """Collect frames with one palette, a byte per pixel, and write them at the end."""
    from PIL import Image

    frames: list[Image.Image] = []

    def add(frame: NDArray[np.uint8]) -> None:
        image = Image.fromarray(frame)
        palette = frames[0] if frames else None
        frames.append(image.quantize(256, palette=palette, dither=Image.Dither.NONE))

    yield add
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=1000 / fps, loop=0)


_WRITERS = {"mp4": _mp4, "gif": _gif}
