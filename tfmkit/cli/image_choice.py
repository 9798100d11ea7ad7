"""Options that say which images of a file are meant."""

from __future__ import annotations

import argparse


def add_image_choice(parser: argparse._ActionsContainer, images: str) -> None:
    """Add the options for channel, plane and position.

    Parameters
    ----------
    parser : argparse.ArgumentParser or group
        Parser of the command.
    images : str
        The images that they hold for, such as ``"of the beads"``, for the help.
    """
    parser.add_argument("--channel", type=int, metavar="N", help=f"channel {images}, from 0, if channels differ")
    parser.add_argument(
        "--z",
        type=number_or_word,
        metavar="Z",
        help=f"plane of a Z stack {images}, from 0; max, its maximum; time, if its planes are frames; channel, if they "
        "are channels",
    )
    parser.add_argument("--position", type=int, metavar="N", help="which of several positions of a file, from 0")


def number_or_word(text: str) -> int | str:
    """Return the number of a plane or frame, or the word for all of them.

    Parameters
    ----------
    text : str
        The argument.

    Returns
    -------
    int or str
        The number if it is one.
    """
    return int(text) if text.isdigit() else text
