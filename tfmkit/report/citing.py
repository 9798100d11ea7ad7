"""Sentences about the methods of a batch: the origin of the error bars, and the literature to cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FTTC = (
    "J. P. Butler et al., Am. J. Physiol. Cell Physiol. 282, C595 (2002): Fourier transform traction cytometry.",
    "B. Sabass et al., Biophys. J. 94, 207 (2008): its regularisation.",
)
_NETWORK = "Y.-l. Wang and Y.-C. Lin, Biophys. J. 120, 3079 (2021): traction force microscopy by deep learning."
_BAYES = "Y. L. Huang et al., Sci. Rep. 9, 539 (2019): traction force microscopy with Bayes' rule and the elastic net."
_LAYER = "J. C. del Alamo et al., Proc. Natl. Acad. Sci. USA 104, 13343 (2007): gels of finite thickness."
_WINDOWS = "F. Scarano, Meas. Sci. Technol. 13, R1 (2002): windows that deform with the image."
_OUTLIERS = "J. Westerweel and F. Scarano, Exp. Fluids 39, 1096 (2005): detection of outliers."
TRACTION = {
    "FTTC": _FTTC,
    "FTTCCV": _FTTC,
    "BayesianFTTC": (*_FTTC, _BAYES),
    "ElasticNetTFM": (_BAYES,),
    "DeepTFM": (_NETWORK,),
}
DISPLACEMENT = {
    "piv": ("B. D. Lucas and T. Kanade, IJCAI 1981, 674: image registration by least squares.", _WINDOWS, _OUTLIERS),
    "cross_correlation": (_WINDOWS, _OUTLIERS),
    "ilk": ("G. Le Besnerais and F. Champagnat, ICIP 2005, I-137: iterative Lucas-Kanade optical flow.",),
    "tvl1": ("C. Zach, T. Pock and H. Bischof, DAGM 2007, 214: TV-L1 optical flow.",),
}
_NOISE = (
    "noise as strong and as correlated as that in the frame's own displacement; the bias of the regularisation is not "
    "in it"
)
_DRAWS = {
    "BayesianFTTC": "the posterior of the traction",
    "DeepTFM": "errors as large as the network expects at every grid point",
}


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
    return f"± is one standard deviation over {n_samples} draws of {_DRAWS.get(config['traction']['name'], _NOISE)}."


def references(config: Mapping[str, Any]) -> list[str]:
    """Return the literature of the methods of a batch.

    Parameters
    ----------
    config : mapping
        Settings of the batch.

    Returns
    -------
    list of str
        One reference each.
    """
    measured = DISPLACEMENT[config["displacement"]["name"]] if config["input"]["displacement"] is None else ()
    layer = (_LAYER,) if config["gel"]["thickness"] is not None or config["gel"]["depth"] else ()
    return [*measured, *TRACTION[config["traction"]["name"]], *layer]
