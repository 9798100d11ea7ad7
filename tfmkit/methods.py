"""Which methods a batch knows, which of their parameters it may set, and how it makes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfmkit._validation import check_choice
from tfmkit.bayes import BayesianFTTC
from tfmkit.displacement import PIV, CrossCorrelation, DisplacementTransformer, OpticalFlow
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.sparse import ElasticNetTFM

# The place of a key of a section, or of the section, as text.
Where = Callable[[str | None], str]

# Name -> class and what makes it this method.
DISPLACEMENT_METHODS: dict[str, tuple[type[DisplacementTransformer], dict[str, Any]]] = {
    "piv": (PIV, {}),
    "cross_correlation": (CrossCorrelation, {}),
    "ilk": (OpticalFlow, {"method": "ilk"}),
    "tvl1": (OpticalFlow, {"method": "tvl1"}),
}
_ESTIMATORS: dict[str, Any] = {
    "FTTC": FTTC,
    "FTTCCV": FTTCCV,
    "BayesianFTTC": BayesianFTTC,
    "ElasticNetTFM": ElasticNetTFM,
}
TRACTION_METHODS = (*_ESTIMATORS, "DeepTFM")
# A batch sets these itself, or they mean nothing for one field without known traction.
_RESERVED = {
    "young", "poisson", "spacing", "thickness", "depth", "support", "n_jobs", "cv", "scoring", "per_field",
}  # fmt: skip
_DEEP_PARAMS = ("weights",)
_TRIAL_SIDE = 16


def make_transformer(name: str, params: Mapping[str, Any]) -> DisplacementTransformer:
    """Return the transformer from bead images to displacement.

    Parameters
    ----------
    name : str
        Key of `DISPLACEMENT_METHODS`.
    params : mapping
        Its parameters.

    Returns
    -------
    DisplacementTransformer
        The transformer.
    """
    kind, fixed = DISPLACEMENT_METHODS[name]
    return kind(**fixed, **params)


def make_estimator(name: str, params: Mapping[str, Any], gel: Mapping[str, Any]) -> Any:
    """Return the estimator from displacement to traction.

    Parameters
    ----------
    name : str
        One of `TRACTION_METHODS`.
    params : mapping
        Its parameters; ``weights`` for DeepTFM.
    gel : mapping
        ``young``, ``poisson``, ``spacing`` and, where the gel is no half-space, ``thickness`` and ``depth``.

    Returns
    -------
    estimator
        Ready to be fitted; DeepTFM is fitted already.
    """
    if name == "DeepTFM":
        # torch takes seconds to load, which nobody else should wait for.
        from tfmkit.deep import DeepTFM

        return DeepTFM.from_pretrained(params.get("weights", "default"), **gel)
    return _ESTIMATORS[name](**params, **gel)


def check_displacement_method(name: Any, params: Mapping[str, Any], where: Where) -> None:
    """Raise a ValueError, with its place, if there is no such displacement method or a parameter is refused."""
    with _placing(params, where):
        kind, fixed = DISPLACEMENT_METHODS[check_choice(name, "method", tuple(DISPLACEMENT_METHODS))]
        _refuse_foreign(params, [key for key in inspect.signature(kind).parameters if key not in fixed])
        make_transformer(name, params)._check()


def check_traction_method(name: Any, params: Mapping[str, Any], where: Where, poisson: float, *, layered: bool) -> None:
    """Raise a ValueError, with its place, if there is no such estimator or it refuses a parameter or the gel."""
    with _placing(params, where):
        check_choice(name, "estimator", TRACTION_METHODS)
        known = _DEEP_PARAMS if name == "DeepTFM" else tuple(inspect.signature(_ESTIMATORS[name]).parameters)
        _refuse_foreign(params, [key for key in known if key not in _RESERVED])
        if layered and "thickness" not in known:
            raise ValueError(f"{name} knows the half-space only: leave thickness and depth of the gel out.")
        estimator = make_estimator(name, params, {"young": 1.0, "poisson": poisson, "spacing": 1.0})
        if name != "DeepTFM":
            # Estimators check their parameters when they are fitted: a small field of noise brings that forward.
            estimator.fit(np.random.default_rng(0).standard_normal((1, 2, _TRIAL_SIDE, _TRIAL_SIDE)))


@contextmanager
def _placing(params: Mapping[str, Any], where: Where) -> Iterator[None]:
    """Put the place of the key that an error is about, or else of the section, before its message."""
    try:
        yield
    except (ValueError, TypeError) as error:
        about = [key for key in params if re.search(rf"\b{re.escape(key)}\b", str(error))]
        given = "" if about else f" (with {', '.join(params) or 'defaults'})"
        raise ValueError(f"{where(about[0] if about else None)}: {error}{given}") from error


def _refuse_foreign(params: Mapping[str, Any], allowed: list[str]) -> None:
    for key in params:
        if key not in allowed:
            raise ValueError(f"unknown key {key!r}; allowed are {', '.join(allowed)}.")
