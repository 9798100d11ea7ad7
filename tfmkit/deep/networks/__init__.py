"""Torch modules from displacement to traction.

A network works in grid px with Young's modulus 1. It takes a displacement ``(n_fields, 2, height, width)`` of unit RMS
and returns the traction in units of Young's modulus on the same scale, or a pair of the traction and the half-width of
its 90 % interval. A network that returns the pair says so by ``gives_interval = True``. A network whose ``forward`` has
a second parameter ``gel`` gets the :class:`tfmkit.gel.Gel`, whose Poisson ratio and layer it is to know.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from tfmkit._validation import check_choice
from tfmkit.deep.networks.fourier_unet import FourierUNet
from tfmkit.deep.networks.tracnet import TracNet

__all__ = ["NETWORKS", "FourierUNet", "TracNet", "make_network"]

NETWORKS: dict[str, type[nn.Module]] = {"fourier_unet": FourierUNet, "tracnet": TracNet}


def make_network(name: str, **params: Any) -> nn.Module:
    """Return a new network.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    **params : dict
        Parameters of its constructor.

    Returns
    -------
    torch.nn.Module
        The network with random weights, drawn from torch's global generator.

    Raises
    ------
    ValueError
        If `name` is not a key of `NETWORKS`, or the network does not take these parameters.
    """
    network = NETWORKS[check_choice(name, "module", tuple(NETWORKS))]
    try:
        return network(**params)
    except TypeError as error:
        raise ValueError(f"Expected parameters that {network.__name__} takes, got {params}: {error}.") from error
