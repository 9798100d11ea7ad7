"""All methods by name: one table for bead images to displacement, one for displacement to traction.

The command line, batches, reports and benchmarks take a method's name, parameters and literature from here. A new
method is one more row. Classes are imported when they are asked for, so that the names are there without a wait.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmkit._validation import check_choice
from tfmkit.literature import BUTLER, HUANG, LE_BESNERAIS, LUCAS, SABASS, SCARANO, WANG, WESTERWEEL, ZACH, Reference

if TYPE_CHECKING:
    from tfmkit.gel import Gel

# A batch sets these itself, or they mean nothing for one field without known traction.
_RESERVED = {
    "young", "poisson", "spacing", "thickness", "depth", "support", "n_jobs", "cv", "scoring", "per_field",
}  # fmt: skip
_TRIAL_SIDE = 16


class MethodError(ValueError):
    """A method, or a parameter of it, is refused.

    Parameters
    ----------
    message : str
        The reason.
    key : str or None
        The parameter that is refused; None for the method as a whole.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Method:
    """A row of a table of methods.

    Attributes
    ----------
    source : str
        Class or function that makes the transformer or estimator, as ``"module:name"``.
    references : tuple of Reference
        Literature to cite.
    fixed : dict
        Its parameters that make it this method and no other.
    """

    source: str
    references: tuple[Reference, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)

    def make(self, **params: Any) -> Any:
        """Return the transformer or estimator.

        Parameters
        ----------
        **params : dict
            Its parameters.

        Returns
        -------
        DisplacementTransformer or TractionEstimator
            Ready to be fitted; a network with its trained weights is fitted already.
        """
        return resolve_name(self.source)(**self.fixed, **params)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that a user may set.

        Returns
        -------
        dict of str to object
            Their names and defaults.
        """
        signature = inspect.signature(resolve_name(self.source))
        return {name: each.default for name, each in signature.parameters.items() if name not in self.fixed}


@dataclass(frozen=True)
class TractionMethod(Method):
    """A row of the table of methods from displacement to traction.

    Attributes
    ----------
    error_bars : str
        Meaning of the draws behind the error bars.
    """

    error_bars: str = ""

    def on_gel(self, gel: Gel, **params: Any) -> Any:
        """Return the estimator for a gel.

        Parameters
        ----------
        gel : Gel
            The gel. Thickness and depth are handed on only where they are not those of a half-space.
        **params : dict
            Other parameters of the estimator.

        Returns
        -------
        TractionEstimator
            Ready to be fitted; a network with its trained weights is fitted already.
        """
        surface = {"young": gel.young, "poisson": gel.poisson, "spacing": gel.spacing}
        layer = {} if gel.thickness == np.inf else {"thickness": gel.thickness}
        return self.make(**surface, **layer, **({"depth": gel.depth} if gel.depth else {}), **params)

    @property
    def knows_layers(self) -> bool:
        """Return whether the method knows gels of finite thickness.

        Returns
        -------
        bool
            False if it knows gels without end only.
        """
        return "thickness" in super().parameters()

    @property
    def knows_depth(self) -> bool:
        """Return whether the method knows beads below the surface.

        Returns
        -------
        bool
            False if it knows beads at the surface only.
        """
        return "depth" in super().parameters()

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that a user may set; the gel and the grid are settings of their own.

        Returns
        -------
        dict of str to object
            Their names and defaults.
        """
        return {name: default for name, default in super().parameters().items() if name not in _RESERVED}


def load_network(
    weights: str = "default",
    *,
    balanced: bool = False,
    young: float = 10_670.0,
    poisson: float = 0.45,
    spacing: float = 1.0,
    thickness: float | None = None,
    depth: float = 0.0,
) -> Any:
    """Return `DeepTFM` with trained weights.

    Parameters
    ----------
    weights : str, default="default"
        Name of packaged weights, or a ``.safetensors`` file.
    balanced : bool, default=False
        Whether the net force of every field is taken out, for single cells that lie in the field as a whole.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    thickness : float, optional
        Thickness of the gel, in the unit of `spacing`; by default the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface, in the unit of `spacing`; for weights of ``tfmkit train depth``.

    Returns
    -------
    DeepTFM
        The fitted estimator.

    Raises
    ------
    ValueError
        If there are no such weights, or they are for another Poisson ratio.
    """
    from tfmkit.deep import DeepTFM

    gel: dict[str, Any] = {"young": young, "poisson": poisson, "spacing": spacing}
    return DeepTFM.from_pretrained(weights, balanced=balanced, thickness=thickness, depth=depth, **gel)


_FTTC = (BUTLER, SABASS)
_NOISE = "noise as strong and as correlated as that in the frame's own displacement"

# From bead images to displacement.
DISPLACEMENT = {
    "piv": Method("tfmkit.displacement:PIV", (LUCAS, SCARANO, WESTERWEEL)),
    "cross_correlation": Method("tfmkit.displacement:CrossCorrelation", (SCARANO, WESTERWEEL)),
    "ilk": Method("tfmkit.displacement:OpticalFlow", (LE_BESNERAIS,), {"method": "ilk"}),
    "tvl1": Method("tfmkit.displacement:OpticalFlow", (ZACH,), {"method": "tvl1"}),
}
# From displacement to traction.
TRACTION = {
    "FTTC": TractionMethod("tfmkit.fttc:FTTC", _FTTC, error_bars=_NOISE),
    "FTTCCV": TractionMethod("tfmkit.fttc:FTTCCV", _FTTC, error_bars=_NOISE),
    "BayesianFTTC": TractionMethod(
        "tfmkit.bayes:BayesianFTTC", (*_FTTC, HUANG), error_bars="the posterior of the traction"
    ),
    "ElasticNetTFM": TractionMethod("tfmkit.sparse:ElasticNetTFM", (HUANG,), error_bars=_NOISE),
    "DeepTFM": TractionMethod(
        "tfmkit.methods:load_network",
        (WANG,),
        error_bars="errors as large as the network expects at every grid point",
    ),
}
# Those of them that need neither a choice of the user nor training: the ones that comparisons run by default.
DEFAULT_TRACTION = ("FTTCCV", "ElasticNetTFM", "DeepTFM")


def check_displacement(name: Any, params: Mapping[str, Any]) -> None:
    """Refuse a displacement method that does not exist, or a parameter that it refuses.

    Parameters
    ----------
    name : str
        Key of `DISPLACEMENT`.
    params : mapping
        Its parameters.

    Raises
    ------
    MethodError
        If the method or a parameter is refused.
    """
    with _blaming({**params, "method": name}):
        method = DISPLACEMENT[check_choice(name, "method", tuple(DISPLACEMENT))]
        _refuse_foreign(params, method)
        method.make(**params)._check()


def check_traction(name: Any, params: Mapping[str, Any], gel: Gel | None = None) -> None:
    """Refuse a traction method that does not exist, a parameter that it refuses, or a gel that it does not know.

    Parameters
    ----------
    name : str
        Key of `TRACTION`.
    params : mapping
        Its parameters.
    gel : Gel, optional
        The gel; its lengths may have any unit.

    Raises
    ------
    MethodError
        If the method, a parameter or the gel is refused.
    """
    from sklearn.utils import get_tags

    from tfmkit.gel import Gel

    wanted = gel or Gel()
    with _blaming({**params, "estimator": name}):
        method = TRACTION[check_choice(name, "estimator", tuple(TRACTION))]
        _refuse_foreign(params, method)
        if wanted.thickness != np.inf and not method.knows_layers:
            raise ValueError(f"{name} knows the half-space only: leave the thickness of the gel out.")
        if wanted.depth and not method.knows_depth:
            raise ValueError(f"{name} knows beads at the surface only: leave the depth of the beads out.")
        # The unit of the lengths is not known here: any layer and depth show whether the method knows them.
        layer = {} if wanted.thickness == np.inf else {"thickness": float(_TRIAL_SIDE)}
        layer |= {"depth": 0.5} if wanted.depth else {}
        estimator = method.on_gel(Gel(young=1.0, poisson=wanted.poisson, **layer), **params)
        if not get_tags(estimator).target_tags.required:
            # Estimators check their parameters when they are fitted: a small field of noise brings that forward.
            estimator.fit(np.random.default_rng(0).standard_normal((1, 2, _TRIAL_SIDE, _TRIAL_SIDE)))


def _refuse_foreign(params: Mapping[str, Any], method: Method) -> None:
    allowed = method.parameters()
    for key in params:
        if key not in allowed:
            raise MethodError(f"unknown key {key!r}; allowed are {', '.join(allowed)}.", key)


@contextmanager
def _blaming(given: Mapping[str, Any]) -> Iterator[None]:
    """Turn an error into one that names the parameter that its message mentions, or else all that were given."""
    try:
        yield
    except MethodError:
        raise
    except (ValueError, TypeError) as error:
        about = [key for key in given if re.search(rf"\b{re.escape(key)}\b", str(error))]
        message = str(error) if about else f"{error} (with {', '.join(given)})"
        raise MethodError(message, about[0] if about else None) from error
