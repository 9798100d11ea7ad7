"""Sentences about the methods of a batch: the origin of the error bars, and the literature to cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmkit.error_bars import CALIBRATIONS
from tfmkit.literature import DEL_ALAMO, LORD, NIER, TAMBE, WELCH, Reference
from tfmkit.methods import DISPLACEMENT, TRACTION

_SHEETS = {"MonolayerStress": TAMBE, "BayesianStress": NIER}


def error_bars(config: Mapping[str, Any]) -> str:
    """Return a sentence about the origin of the error bars of a batch.

    Parameters
    ----------
    config : mapping
        Settings of the batch.

    Returns
    -------
    str
        The sentence.
    """
    n_samples = config["run"]["samples"]
    if n_samples < 2:
        return "There are no error bars: no draws of noise were asked for."
    name = config["traction"]["name"]
    draws = f"± is one standard deviation over {n_samples} draws of {TRACTION[name].error_bars}."
    bias = (
        " It also holds the bias of the inversion, in the size that simulated cells show."
        if name in CALIBRATIONS
        else ""
    )
    return draws + bias


def references(config: Mapping[str, Any], *, compared: bool = False) -> list[Reference]:
    """Return the literature of the methods of a batch.

    Parameters
    ----------
    config : mapping
        Settings of the batch.
    compared : bool, default=False
        Whether conditions are compared.

    Returns
    -------
    list of Reference
        The papers.
    """
    has_images = config["input"]["displacement"] is None
    measured = DISPLACEMENT[config["displacement"]["name"]].references if has_images else ()
    layer = (DEL_ALAMO,) if config["gel"]["thickness"] is not None or config["gel"]["depth"] else ()
    sheet = config.get("monolayer")
    stress = (_SHEETS[sheet["estimator"]],) if sheet else ()
    comparison = (LORD, WELCH) if compared else ()
    return [*measured, *TRACTION[config["traction"]["name"]].references, *layer, *stress, *comparison]
