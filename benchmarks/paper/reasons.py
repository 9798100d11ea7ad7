"""Why statements of the paper were not reproduced: one sentence for each."""

from __future__ import annotations

from benchmarks.paper.methods import DEEP, TRACNET

_BOTH = (DEEP, TRACNET)
_LENGTHS = (
    "Lengths are not squared, so that the many short errors weigh more here than in the relative RMSE, which is a "
    "tenth as with the networks that were released with the paper."
)
_RMSE = "The networks that were released with the paper have a relative RMSE of 0.11 inside the cell, not 0.032 either."
_EXACT = (
    "Without noise FTTC at λ = 0 is the exact inverse but for its border, whose error the filter removes; a single "
    "TracNet is as good, and the average of its eight turns is better (`tracnet.csv`)."
)
_QUIET = "TracNet was trained with noise: it leaves as little background at 2x as at 1x noise."
_LOUD = (
    "Of the fields in the training of TracNet, one in fifteen had as much noise, and weak patches lose their direction."
)
_FILTER = (
    "The filter removes background, and how much of it there is depends on the noise in the training of a network."
)
_PEAKS = (
    "A network that was trained for the least error under noise lowers uncertain peaks, while noise adds to the peaks "
    "of FTTC about as much as its λ takes away."
)
_RESIDUAL = (
    "The residual contains the noise that DeepTFM takes out, and the border costs FTTC less on these fields than on "
    "the colonies (residuals of 0.4 and 1.2)."
)
_CHOSEN = "FTTCCV has no error from a repeated border, and it follows the displacement where DeepTFM takes out noise."
_ALIKE = "FTTC at λ = 0 keeps all noise; with the λ of FTTCCV the maps are alike (cosine above 0.9)."
_PEAKS_KEPT = (
    "The peaks of these two cells are wide on their grid: λ = 3e-9 lowers them by a sixth, the bar is a fifth."
)
_SUBPIXEL = "Displacement at the middles of pixels does not tell how traction varies inside the pixels."
_SPEED = (
    "The paper's time is that of a GPU; on a CPU a network of millions of numbers takes more operations than Fourier "
    "transforms."
)

_MORE_CELLS = "The network saw 708 cells; after more cells, also in other orientations, it is below the bar."

_RECIPE = (
    "The text and the companion code leave open how many such trainings were run and which was kept; Adam with noise "
    "does better on as many cells, and better still on more."
)

# Starts of statements, their subjects and the reason. The first that fits counts.
_HEADLINE = "mean normalised error of the noise-free stress"
_REASONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (f"{_HEADLINE}, whole field, tractions made on a grid", _BOTH, _SUBPIXEL),
    (f"{_HEADLINE}, whole field (sum of lengths", _BOTH, _LENGTHS),
    (f"{_HEADLINE}, inside the cell (sum of lengths", _BOTH, _LENGTHS),
    (_HEADLINE, _BOTH, _RMSE),
    ("the cutoff filter lowers the error of deep learning", _BOTH, _FILTER),
    ("at 1x noise, deep learning keeps the peaks", _BOTH, _PEAKS),
    ("with the filter, deep learning is better than FTTC at every λ, 0x noise", (TRACNET,), _EXACT),
    ("the filter matters most where noise is high", (TRACNET,), _QUIET),
    ("qualitative features are preserved at 2x noise", (TRACNET,), _LOUD),
    ("the paper's recipe: relative RMSE inside the cell", (TRACNET,), _RECIPE),
    ("708 cells by Adam: relative RMSE inside the cell", (TRACNET,), _MORE_CELLS),
    ("displacement residual of deep learning", (DEEP,), _RESIDUAL),
    ("the same over that of FTTCCV", (DEEP,), _CHOSEN),
    ("maps of deep learning and of FTTC at λ = 0 are alike", (DEEP,), _ALIKE),
    ("FTTC at λ = 3e-9 loses resolution", ("FTTC",), _PEAKS_KEPT),
    ("is about as fast as the fastest conventional method", (DEEP,), _SPEED),
)


def reason_for(statement: str, subject: str) -> str:
    """Return the reason why a statement was not reproduced.

    Parameters
    ----------
    statement : str
        The statement.
    subject : str
        The method.

    Returns
    -------
    str
        One sentence.

    Raises
    ------
    KeyError
        If there is none: a verdict has changed, and somebody has to find out why.
    """
    for start, subjects, reason in _REASONS:
        if statement.startswith(start) and subject in subjects:
            return reason
    raise KeyError(f"No reason for {statement!r} of {subject}: add one to benchmarks/paper/reasons.py.")
