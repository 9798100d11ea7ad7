"""A skorch network for fields: physical units, the scale of a field, the seed and the split."""
# ruff: noqa: ARG002 (skorch gives every hook more than it needs)

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet, NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from torch import Tensor
from torch.utils.data import Subset

from tfmkit._validation import check_count, check_pair, check_random_state
from tfmkit.deep._training import default_callbacks
from tfmkit.deep.calibration import Calibration
from tfmkit.deep.files import Weights, load_state, load_weights
from tfmkit.deep.networks import NETWORKS, make_network
from tfmkit.gel import Gel

DEFAULT_NETWORK = "fourier_unet"
# The packaged weights that a training starts from by default, and the rates for random and for trained weights.
DEFAULT_START = "small"
_RATE, _RATE_FROM_WEIGHTS = 3e-3, 3e-4
# Parameters of skorch that DeepTFM does not name itself, with the defaults of skorch.
_SKORCH_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(NeuralNet).parameters.items()
    if parameter.default is not inspect.Parameter.empty
}


class Origin(NamedTuple):
    """The network as it was made.

    Attributes
    ----------
    network : str or torch module class
        Key of `tfmkit.deep.networks.NETWORKS`, or a class.
    params : dict
        Parameters of its constructor.
    start : Weights or None
        The weights that it started from, without their tensors; None for random ones.
    """

    network: Any
    params: dict[str, Any]
    start: Weights | None


class FieldNet(NeuralNetRegressor):
    """A skorch network whose input and output are fields in physical units. skorch calls its hooks."""

    gel_: Gel
    poisson: float
    weights: Any
    seed_: int
    calibration_: Calibration | None
    origin_: Origin

    def initialize_module(self) -> FieldNet:
        """Make the network, and give it the weights that it starts from."""
        params = self.get_params_for("module")
        name = self.start_name()
        start = None if name is None else load_weights(name)
        network = self._network_of(start)
        params = params if start is None else {**start.params, **params}
        named = isinstance(network, str)
        module = make_network(network, **params) if named else self.initialized_instance(network, params)
        if start is not None:
            load_state(module, start.tensors, str(name))
            start = start._replace(tensors={})
        self.origin_ = Origin(network, params, start)
        self.module_ = module.to(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._check_gel()
        return self

    def start_name(self) -> Any:
        """Return the name or the file of the weights to start from, or None for random ones."""
        if isinstance(self.weights, str) and self.weights == "auto":
            return DEFAULT_START if self.module is None and not self.get_params_for("module") else None
        return self.weights

    def get_params_for_optimizer(self, prefix: str, named_parameters: Any) -> Any:
        """Choose the learning rate where there is none."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        if kwargs["lr"] is None:
            kwargs["lr"] = self.default_rate()
        return args, kwargs

    def default_rate(self) -> float:
        """Return the learning rate that suits the start."""
        return _RATE if self.origin_.start is None else _RATE_FROM_WEIGHTS

    def _network_of(self, start: Weights | None) -> Any:
        names = {network: name for name, network in NETWORKS.items()}
        module = names.get(self.module, self.module)
        if start is None:
            return DEFAULT_NETWORK if module is None else module
        if module not in (None, start.network):
            raise ValueError(
                f"Expected weights of {self.module} in {self.weights}, got those of {start.network}. Leave module out, "
                f"or set weights=None to train {self.module} from random weights."
            )
        return start.network

    def _check_training(self, X: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        displacement, traction = check_pair(X, y)
        return writeable(displacement), writeable(traction)

    def _check_gel(self) -> None:
        if self.knows_gel():
            self._check_depth()
            return
        if not Gel.of(self).is_half_space:
            raise ValueError(
                f"Expected no thickness, got one for a {type(self.module_).__name__}, which knows the half-space "
                'only; a "fourier_unet", the network of the weights "small" and "default", knows layers.'
            )
        start = self.origin_.start
        trained_at = self.poisson if start is None else start.settings.get("poisson", self.poisson)
        if trained_at != self.poisson:
            raise ValueError(
                f"Expected weights for a Poisson ratio of {self.poisson}, but {self.weights} is for {trained_at} and a "
                f"{type(self.module_).__name__} serves only the one it was trained for."
            )

    def _check_depth(self) -> None:
        start = self.origin_.start
        if self.max_epochs == 0 and Gel.of(self).depth and start is not None and not _trained_on_depth(start.settings):
            raise ValueError(
                f"Expected beads at the surface for the weights {self.weights}, whose training had no others, got "
                f"depth={Gel.of(self).depth:g}. Weights of `tfmkit train depth` know beads below the surface, and so "
                "do FTTC, FTTCCV, BayesianFTTC and ElasticNetTFM."
            )

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Run the network on a batch in physical units."""
        displacement = to_tensor(x, device=next(self.module_.parameters()).device)
        amplitude = _amplitude(displacement)
        unit = (displacement / amplitude.where(amplitude > 0, 1.0)).float()
        if self.knows_gel():
            fit_params.setdefault("gel", self.gel_.dimensionless)
        if fit_params.get("noise") is not None:
            fit_params["noise"] = (fit_params["noise"].to(amplitude) / amplitude.where(amplitude > 0, 1.0)).float()
        factor = self._traction_scale(amplitude)
        output = self.module_(unit, **fit_params)
        if isinstance(output, tuple):
            return tuple((part * factor).to(displacement.dtype) for part in output)
        return (output * factor).to(displacement.dtype)

    def evaluate(
        self, displacement: NDArray[Any], noise: NDArray[Any] | None = None, gel: Gel | None = None
    ) -> tuple[NDArray[Any], ...]:
        """Run the trained network on fields in physical units, `batch_size` at a time; by default on its own gel."""
        other: dict[str, Any] = {"gel": gel.dimensionless} if gel is not None and self.knows_gel() else {}
        self._set_training(False)
        batches = []
        # Not in inference mode: filters that are made here stay in a cache, and a training may use them next.
        with torch.no_grad():
            for start in range(0, len(displacement), self.batch_size):
                some = slice(start, start + self.batch_size)
                told = {} if noise is None else {"noise": _tensor(noise[some])}
                parts = self.infer(_tensor(displacement[some]), **told, **other)
                parts = parts if isinstance(parts, tuple) else (parts,)
                batches.append([part.cpu().contiguous().numpy() for part in parts])
        return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """Compute the loss of a batch on the scale of the network."""
        traction = y_pred[0] if isinstance(y_pred, tuple) else y_pred
        factor = self._traction_scale(_amplitude(to_tensor(X, device=traction.device)))
        factor = factor.where(factor > 0, self.gel_.young)
        truth = (to_tensor(y_true, device=traction.device) / factor).float()
        if isinstance(y_pred, tuple):
            return self.criterion_(tuple((part / factor).float() for part in y_pred), truth)
        return self.criterion_((y_pred / factor).float(), truth)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Split into training and validation fields."""
        if not isinstance(self.train_split, Real):
            return super().get_split_datasets(X, y, **fit_params)
        dataset = self.get_dataset(X, y)
        n_fields = len(dataset)
        if n_fields == 1:
            return dataset, None
        # From the seed, not from the running generator, so that a resumed training holds out the same fields.
        order = np.random.default_rng(self.seed_).permutation(n_fields)
        n_held_out = min(max(1, round(float(self.train_split) * n_fields)), n_fields - 1)
        return Subset(dataset, sorted(order[n_held_out:])), Subset(dataset, sorted(order[:n_held_out]))

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Start the random numbers of an epoch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        state = np.random.SeedSequence([self.seed_, len(self.history)]).generate_state(1)
        torch.manual_seed(int(state[0]))

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return default_callbacks()

    def knows_gel(self) -> bool:
        """Tell whether the network is given the gel."""
        return "gel" in inspect.signature(self.module_.forward).parameters

    def knows_noise(self) -> bool:
        """Tell whether the network is told the noise of the displacement."""
        return bool(getattr(getattr(self, "module_", None), "takes_noise", False))

    def get_params(self, deep: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return the parameters; those of skorch that have its defaults only if `deep`, so that repr is short."""
        params: dict[str, Any] = super().get_params(deep=deep, **kwargs)
        foreign = _SKORCH_DEFAULTS.keys() - inspect.signature(type(self)).parameters
        return {
            name: value
            for name, value in params.items()
            if not name.startswith("_") and (deep or name not in foreign or value != _SKORCH_DEFAULTS[name])
        }

    def _get_params_callbacks(self, deep: bool = True) -> dict[str, Any]:
        # Every fit makes the callbacks anew; users set the settings of callbacks, not the callbacks.
        params = super()._get_params_callbacks(deep=deep)
        return {name: value for name, value in params.items() if not isinstance(value, Callback)}

    def save_params(self, *_args: Any, **_kwargs: Any) -> None:
        """Refuse skorch's way to write weights, which is a pickle without the calibration."""
        raise NotImplementedError("DeepTFM does not write pickles of weights: use save_weights, or checkpoint_dir.")

    def load_params(self, *_args: Any, **_kwargs: Any) -> None:
        """Refuse skorch's way to read weights, which can run code from the file."""
        raise NotImplementedError("DeepTFM does not read pickles of weights: pass a file of save_weights as weights.")

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return one line with the parameters that differ from the defaults."""
        return " ".join(line.strip() for line in BaseEstimator.__repr__(self, N_CHAR_MAX).splitlines())

    def __sklearn_is_fitted__(self) -> bool:
        """Tell whether there is a network."""
        return bool(self.initialized_)

    def check_is_fitted(self, attributes: Any = None, *args: Any, **kwargs: Any) -> None:
        """Raise scikit-learn's NotFittedError, not an error of skorch, if there is no network yet."""
        check_is_fitted(self)

    def _traction_scale(self, amplitude: Tensor) -> Tensor:
        return amplitude * (self.gel_.young / self.gel_.spacing)

    def _check_device(self, requested_device: Any, map_device: Any) -> Any:
        # None means a choice at run time. skorch would replace it, with a warning, when it unpickles.
        return None if requested_device is None else super()._check_device(requested_device, map_device)


def _trained_on_depth(settings: Any) -> bool:
    """Tell whether a training, or one that it went on from, had beads below the surface."""
    if not isinstance(settings, Mapping):
        return False
    recipe, training = (settings.get(name) for name in ("recipe", "training"))
    depths = [part.get("depth", 0) for part in (recipe, training) if isinstance(part, Mapping)]
    return any(str(depth) not in ("0", "0.0") for depth in depths) or _trained_on_depth(settings.get("start"))


def _amplitude(displacement: Tensor) -> Tensor:
    # In double precision and relative to the peak: squares of small displacements in metres would underflow.
    peak = displacement.abs().amax((1, 2, 3), keepdim=True).double()
    relative = displacement / peak.where(peak > 0, 1.0)
    return peak * relative.square().mean((1, 2, 3), keepdim=True).sqrt()


def _tensor(displacement: NDArray[Any]) -> Tensor:
    return torch.from_numpy(writeable(displacement))


def writeable(field: NDArray[Any]) -> NDArray[Any]:
    """Return an array that torch takes without a warning: it warns of read-only ones even if nobody writes to them."""
    return np.require(field, requirements=["C", "W"])


def draw_seed(random_state: Any) -> int:
    """Return a seed from a random state of scikit-learn's, or from the system's entropy if it is None."""
    if isinstance(random_state, Integral):
        return check_count(random_state, "random_state", low=0)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(check_random_state(random_state).integers(2**32))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give torch's global generators this seed inside the block and their own state back after it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
