"""The test cells of the paper, and every method that is run on them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from tfmkit._validation import FloatArray
from tfmkit.base import TractionEstimator
from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM
from tfmkit.deep.files import find_weights
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC
from tfmkit.fttc.lambdas import lam_from_danuser
from tfmkit.methods import TRACTION
from tfmkit.simulate import CellSimulator

# The paper's numbers: gel, pixel, displacement inside the cell, and length of the noise vector in pixels.
YOUNG, POISSON, PIXEL_UM = 10_670.0, 0.45, 1.925
MEAN_DISPLACEMENT = 0.4277
# The paper's rules for traction along a border; they are made for the cells of the circuit model.
PROTOCOL = "wang2021"
LEVELS = (0.0, 0.0188, 0.0375)
# The paper's lambdas, in the convention of its companion code: for displacements in px and tractions in Pa.
PAPER_LAMBDAS = (0.0, 6e-10, 1e-9, 3e-9)

DEEP, TRACNET = "DeepTFM", "TracNet"
# The paper's FTTC repeats the field at its border; one that does not is the better baseline.
ORACLE, EXTENDED_ORACLE = "FTTC, oracle λ", "FTTC extended, oracle λ"
CUTOFF = " + cutoff"


def fttc_name(lam: float) -> str:
    """Return the name of FTTC with one of the paper's lambdas."""
    text = f"{lam:.0e}".replace("e-0", "e-")
    return f"FTTC, λ = {text if lam else 0}"


FTTC_NAMES = tuple(fttc_name(lam) for lam in PAPER_LAMBDAS)
METHODS = (DEEP, TRACNET, *FTTC_NAMES, ORACLE, EXTENDED_ORACLE, "FTTCCV", "BayesianFTTC", "ElasticNetTFM")


def paper_cells(n_cells: int, seed: int, **changes: Any) -> Bunch:
    """Simulate cells like those of the paper, without noise.

    Parameters
    ----------
    n_cells : int
        Number of cells.
    seed : int
        Seed.
    **changes : dict
        Parameters of the simulator that differ from the paper's.

    Returns
    -------
    Bunch
        What the simulator's `sample` returns.
    """
    usual = {"mean_displacement": MEAN_DISPLACEMENT, "young": YOUNG, "poisson": POISSON, "random_state": seed}
    return CellSimulator(**{"family": "generic", "protocol": PROTOCOL, **usual, **changes}).sample(n_cells)


class Once(TractionEstimator):
    """Recover a batch once, and remember it for those who ask again.

    The cutoff filter needs what the plain method made of the same batch. It also keeps the outline of the cell from
    methods that would use it: the paper's use none.

    Parameters
    ----------
    estimator : estimator
        The method.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Once:
        """Fit the method, to the truth only where that is what it is for."""
        truth = y if isinstance(self.estimator, OracleLambda) else None
        self.estimator_ = clone(self.estimator).fit(X, truth)
        self.known_: tuple[FloatArray, FloatArray] | None = None
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the traction."""
        fields = np.asarray(X)
        if self.known_ is None or not np.array_equal(self.known_[0], fields):
            self.known_ = fields, self.estimator_.predict(fields)
        return self.known_[1]


def networks(
    young: float = YOUNG, poisson: float = POISSON, names: tuple[str, ...] = (DEEP, TRACNET)
) -> dict[str, Any]:
    """Return the pretrained networks; TracNet serves the paper's Poisson ratio only."""
    weights = {DEEP: "default", TRACNET: "tracnet"}
    return {
        name: DeepTFM.from_pretrained(weights[name], young=young, poisson=poisson)
        for name in names
        if name != TRACNET or poisson == POISSON
    }


def fttc_at_paper_lambdas(young: float = YOUNG, poisson: float = POISSON, spacing: float = 1.0) -> dict[str, Any]:
    """Return FTTC at the paper's lambdas: as strong, relative to the gel and the pixel, as on the paper's gel."""
    lams = [lam_from_danuser(lam, young=YOUNG) for lam in PAPER_LAMBDAS]
    gel = {"young": young, "poisson": poisson, "spacing": spacing}
    return {name: FTTC(lam, boundary="periodic", **gel) for name, lam in zip(FTTC_NAMES, lams, strict=True)}


def all_methods() -> dict[str, Any]:
    """Return every method by its name."""
    made = {
        **networks(),
        **fttc_at_paper_lambdas(),
        ORACLE: OracleLambda(FTTC(boundary="periodic")),
        EXTENDED_ORACLE: OracleLambda(FTTC(boundary="extended")),
        "FTTCCV": TRACTION["FTTCCV"].make(),
        "BayesianFTTC": TRACTION["BayesianFTTC"].make(),
        "ElasticNetTFM": TRACTION["ElasticNetTFM"].make(n_jobs=2),
    }
    return {name: made[name] for name in METHODS}


def with_cutoff(methods: dict[str, Any], noisy: FloatArray, traction: FloatArray) -> dict[str, Any]:
    """Return each method fitted, and once more behind the cutoff filter.

    Parameters
    ----------
    methods : dict of str to estimator
        The methods.
    noisy, traction : ndarray of shape (n_fields, 2, height, width)
        The displacement that they will be asked about, and the truth, for an oracle.

    Returns
    -------
    dict of str to estimator
        Twice as many.
    """
    plain = {name: Once(method).fit(noisy, traction) for name, method in methods.items()}
    filtered = {name + CUTOFF: CutoffFilter(FrozenEstimator(once)).fit(noisy) for name, once in plain.items()}
    return plain | filtered


def weights_digest() -> dict[str, str]:
    """Return the start of the SHA-256 of the weights, which results depend on."""
    return {name: hashlib.sha256(find_weights(name).read_bytes()).hexdigest()[:16] for name in ("default", "tracnet")}
