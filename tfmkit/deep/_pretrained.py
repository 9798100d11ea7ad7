"""Weights that a network gets from a file, or leaves in one."""

from __future__ import annotations

import os
from typing import Any, Self

from tfmkit.deep._field_net import FieldNet
from tfmkit.deep.files import Weights, find_weights, load_state, read_weights, write_weights
from tfmkit.deep.networks import NETWORKS
from tfmkit.deep.training_state import describe_params
from tfmkit.gel import Gel


class PretrainedNet(FieldNet):
    """A network for fields that knows weight files."""

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = "default",
        *,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        **kwargs: Any,
    ) -> Self:
        """Return a fitted estimator with weights that come with tfmkit, or from a file.

        Parameters
        ----------
        name : str or path-like, default="default"
            Name of packaged weights (:func:`tfmkit.deep.packaged_weights`), or a ``.safetensors`` file that
            `save_weights` wrote.
        young, poisson, spacing : float
            The gel and the grid, as in the constructor.
        **kwargs : dict
            Other parameters of the constructor.

        Returns
        -------
        Self
            Ready for `predict`, and for fine-tuning by `partial_fit`.

        Raises
        ------
        ValueError
            If there are no such weights, the file is damaged or foreign, or they are for another Poisson ratio.
        """
        Gel(young, poisson, spacing)
        path = find_weights(name)
        weights = read_weights(path)
        kwargs |= {f"module__{key}": value for key, value in weights.params.items()}
        model = cls(weights.network, young=young, poisson=poisson, spacing=spacing, **kwargs)
        return model._adopt(weights, str(path))

    def save_weights(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write the weights, the name of their network and their calibration as a safetensors file.

        Parameters
        ----------
        path : path-like
            File to write, for `load_weights` and `from_pretrained`.
        half : bool, default=False
            Whether to store 16-bit numbers.

        Raises
        ------
        ValueError
            If the network is none of tfmkit's.
        """
        self.check_is_fitted()
        settings = {
            "poisson": self.gel_.poisson,
            "epochs": len(self.history),
            "training": describe_params(self.get_params(deep=False)),
        }
        params, tensors = self.get_params_for("module"), self.module_.state_dict()
        weights = Weights(self._network_name(), params, settings, tensors, self.calibration_)
        write_weights(path, weights, half=half)

    def load_weights(self, path: str | os.PathLike[str]) -> Self:
        """Take over weights that `save_weights` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        Self
            The estimator, fitted.

        Raises
        ------
        ValueError
            If the file is damaged or foreign, or its weights are for another network or Poisson ratio.
        """
        return self._adopt(read_weights(path), str(path))

    def _adopt(self, weights: Weights, source: str) -> Self:
        if weights.network != self._network_name():
            raise ValueError(f"Expected weights of {self._network_name()} in {source}, got those of {weights.network}.")
        if not self.initialized_:
            self._begin()
        trained_at = weights.settings.get("poisson", self.poisson)
        if trained_at != self.poisson and not self.knows_poisson():
            raise ValueError(
                f"Expected weights for a Poisson ratio of {self.poisson}, but {source} is for {trained_at} and a "
                f"{type(self.module_).__name__} serves only the one it was trained for."
            )
        load_state(self.module_, weights.tensors, source)
        self.calibration_ = weights.calibration
        return self

    def _network_name(self) -> str:
        for name, network in NETWORKS.items():
            if self.module in (name, network):
                return name
        raise ValueError(f"Expected module to be one of {', '.join(NETWORKS)} for a weights file, got {self.module!r}.")
