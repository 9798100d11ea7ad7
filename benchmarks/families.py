"""The test families of the studies: noise-free fields on which nothing was tuned, made on no solver's own grid."""

from __future__ import annotations

from typing import Any

from sklearn.utils import Bunch

from tfmkit.simulate import CellSimulator, PatchSimulator

FAMILIES = ("cell", "adhesion", "disc", "hertz")
# Noise of each displacement component over the RMS of the displacement.
LEVELS = (0.0, 0.04, 0.1, 0.3)
# Standard deviation in px of the Gaussian that correlates noise, as overlapping windows of PIV do.
CORRELATION = 1.5


def family_fields(family: str, n_fields: int, *, poisson: float = 0.45, seed: int = 2021, **changes: Any) -> Bunch:
    """Simulate test fields without noise.

    Parameters
    ----------
    family : {"cell", "cell on pixels", "adhesion", "disc", "hertz"}
        Circuit-model cells and adhesion cells, made on a grid three times finer; circuit-model cells whose vectors fill
        pixels of the field, as the paper has them; or discs and Hertz patches, whose displacement is a closed form.
    n_fields : int
        Number of fields.
    poisson : float, default=0.45
        Poisson ratio.
    seed : int, default=2021
        Seed.
    **changes : dict
        Other parameters of the simulator, such as `shape`.

    Returns
    -------
    Bunch
        Result of the simulator's `sample`.
    """
    settings = {"poisson": poisson, "random_state": seed, **changes}
    if family in ("disc", "hertz"):
        return PatchSimulator(family, **settings).sample(n_fields)
    name = "adhesion" if family == "adhesion" else "generic"
    oversample = 1 if family == "cell on pixels" else 3
    return CellSimulator(name, oversample=oversample, **settings).sample(n_fields)
