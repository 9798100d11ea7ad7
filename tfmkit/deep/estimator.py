"""DeepTFM: a network behind scikit-learn's interface, in physical units."""

from __future__ import annotations

import os
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from tfmkit._validation import check_count, check_data, check_field, check_mask, check_number, check_pair, check_result
from tfmkit.base import TractionEstimator, cut
from tfmkit.deep._field_net import FieldNet, draw_seed, seeded
from tfmkit.deep._training import EarlyStopping, RelativeError, resume
from tfmkit.deep.balance import balance
from tfmkit.deep.calibration import HALF_WIDTH, fit_calibration
from tfmkit.deep.draws import draw_traction
from tfmkit.deep.files import Weights, write_weights
from tfmkit.deep.foreign import find_signs
from tfmkit.deep.misfit import smooth_misfit
from tfmkit.deep.networks import NETWORKS
from tfmkit.deep.stated_noise import network_of_images, predict_with_noise
from tfmkit.deep.training_state import describe_params, digest
from tfmkit.deep.turns import average_over_turns
from tfmkit.gel import Gel


class DeepTFM(TractionEstimator, FieldNet):
    """Traction from displacement by a neural network.

    Parameters
    ----------
    module : str or torch module class, optional
        The network: a key of :data:`tfmkit.deep.networks.NETWORKS`, or a class that keeps to the same rules. By default
        the network of `weights`, or ``"fourier_unet"`` without weights.
    weights : str, path-like or None, default="auto"
        The weights that `fit` starts from: ``"default"``, ``"small"``, ``"images"`` or ``"tracnet"``, which come with
        tfmkit, a file that `save_weights` wrote, or None for random weights. ``"images"`` is for displacement that was
        measured in bead images alone; `predict` then needs its standard deviation as `noise`. ``"default"`` and
        ``"small"`` take them to help where `predict` is given this standard deviation. ``"auto"`` is ``"small"`` and,
        where `module` or one of its parameters is given, None.
    young : float, default=10670.0
        Young's modulus; traction has its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points; displacement has its unit.
    criterion : torch module class, default=RelativeError
        Loss of (predicted, true) traction, both divided by Young's modulus and the RMS of the field's displacement.
    optimizer : torch optimizer class, default=torch.optim.Adam
        Optimizer of the weights.
    lr : float, optional
        Largest learning rate. By default 3e-3 from random weights and 3e-4 from others, which a larger rate spoils.
    max_epochs : int, default=50
        Passes through the training fields. With 0, `fit` takes the `weights` as they are and needs no `y`.
    batch_size : int, default=16
        Fields per step, and at a time in `predict`.
    train_split : float, callable or None, default=0.1
        Part of the fields that is held out to find the best epoch, a splitter of skorch, or None for no such fields.
    checkpoint_dir : path-like, optional
        Folder for the state of the training, written after every epoch. `fit` with the same data and parameters goes
        on from there if it was interrupted; `max_epochs` may be larger than before.
    average_turns : bool, default=False
        Whether `predict` averages over the eight quarter turns and reflections of the field. Elasticity has no
        preferred direction. A network has one, a little, and the average has none.
    balanced : bool, default=False
        Whether the net force of every field is taken out (`tfmkit.deep.balance`). It suits single cells that touch
        only the gel and lie in the field as a whole. In 11 published pairs of bead images it lowers the median net
        force inside the outline of the cell from 22 to 3 % of the total force where the noise is not told, and from
        6 to 4 % where it is.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space. Only for networks that are given the gel, such as ``"fourier_unet"``.
    depth : float, default=0.0
        Depth of the beads below the surface, in the unit of `spacing`, in [0, thickness). Only for networks that are
        given the gel, and only for weights whose training had such beads: those of ``tfmkit train depth``, or yours.
    warm_start : bool, default=False
        Whether `fit` goes on with the present weights.
    device : str, optional
        Device to compute on; by default the GPU, if there is one.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the initial weights, the split and the order of the fields. Equal seeds give equal weights on one
        machine with one number of threads; the generators of the caller stay as they are.
    verbose : int, default=1
        Whether to show a progress bar.
    **kwargs : dict
        Other parameters of :class:`skorch.NeuralNet`: ``module__widths``, ``optimizer__weight_decay``, ``callbacks``,
        ``callbacks__early_stopping__patience``, ``iterator_train__num_workers`` and so on.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network.
    history_ : skorch.history.History
        One row per epoch, with ``train_loss`` and ``valid_loss``.
    seed_ : int
        The seed that was used.
    calibration_ : Calibration or None
        Result of `calibrate`, or the calibration of `weights`. Every training forgets it: it holds for the weights
        that it was made with.
    origin_ : Origin
        Network, parameters of its constructor, and the start of the training.

    Notes
    -----
    With u in grid px and t in units of Young's modulus, elasticity has one parameter only, the Poisson ratio, and it is
    linear. The network therefore sees ``u / a``, where a is the RMS of the field's displacement, and its output is
    multiplied by ``a / spacing * young``. Predictions scale exactly with the amplitude, with Young's modulus and with
    the grid. A field without displacement gets no traction. Networks compute in float32; the traction has the
    precision of the displacement.

    Training starts from the packaged weights ``"small"`` because a start from random ones is worse, with many cells as
    with few. Adhesion cells of 64 x 64 points with 10 % noise, relative error of the traction on 40 other cells (and
    processor time of the training), from the benchmark `start_weights`:

    ================  ==============  ==============  ==============  ===============
    Start             no training     20 cells        100 cells       700 cells
    ================  ==============  ==============  ==============  ===============
    random weights    --              0.461 (15 s)    0.090 (146 s)   0.080 (207 s)
    ``"small"``       0.073           0.071 (7 s)     0.067 (38 s)    0.065 (77 s)
    ``"default"``     0.071           0.070 (49 s)    0.068 (70 s)    --
    ================  ==============  ==============  ==============  ===============

    The packaged weights have seen adhesion cells in their own training, so the gain is small here. It is larger for
    cells that are less alike: `examples/plot_train_network.py` goes from 0.095 to 0.077.

    A fitted estimator is kept in one of two ways. `save_weights` writes the network and its calibration to a
    safetensors file, and the parameter `weights` takes that file, on any machine and with later versions; opening it
    runs no code. ``joblib.dump`` keeps the whole estimator, with its parameters, history and optimizer, or the whole
    search around it. Its files are pickles: they need the same versions of all packages, and opening one can run
    code, so open only those of people whom you trust.

    Training clips the norm of the gradient at 1, raises the learning rate over 5 % of the epochs and then lowers it
    along a cosine, keeps the epoch with the smallest loss, and ends when 10 epochs have brought no improvement. These
    are callbacks named ``clipping``, ``schedule``, ``best`` and ``early_stopping``: they can be set, replaced or, with
    None, left out. ``tfmkit train tracnet --recipe paper`` trains the network of Wang and Lin as they did.

    References
    ----------
    Y.-l. Wang and Y.-C. Lin, "Traction force microscopy by deep learning", Biophys. J. 120:3079 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> displacement, traction = np.random.default_rng(0).normal(size=(2, 4, 2, 16, 16))
    >>> model = DeepTFM(max_epochs=1, random_state=0, verbose=0).fit(displacement, traction)
    >>> model.predict(displacement).shape
    (4, 2, 16, 16)
    >>> DeepTFM.from_pretrained("small")
    DeepTFM(max_epochs=0, weights='small')
    """

    __metadata_request__predict: ClassVar[dict[str, bool]] = {"noise": True}

    training_: dict[str, str] | None
    first_epoch_: int
    best_weights_: dict[str, torch.Tensor]

    def __init__(
        self,
        module: Any = None,
        *,
        weights: str | os.PathLike[str] | None = "auto",
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        criterion: Any = RelativeError,
        optimizer: Any = torch.optim.Adam,
        lr: float | None = None,
        max_epochs: int = 50,
        batch_size: int = 16,
        train_split: Any = 0.1,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        average_turns: bool = False,
        balanced: bool = False,
        thickness: float | None = None,
        depth: float = 0.0,
        warm_start: bool = False,
        device: str | None = None,
        random_state: Any = None,
        verbose: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            warm_start=warm_start,
            device=device,
            verbose=verbose,
            **kwargs,
        )
        self.weights = weights
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.checkpoint_dir = checkpoint_dir
        self.average_turns = average_turns
        self.balanced = balanced
        self.thickness = thickness
        self.depth = depth
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: Any) -> DeepTFM:
        """Train the network, from `weights` or from random ones.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        y : array-like of shape (n_fields, 2, height, width), optional
            Traction, in the unit of `young`. It may be left out only if `max_epochs` is 0.
        **fit_params : dict
            Passed to the network and to `train_split`.

        Returns
        -------
        DeepTFM
            The estimator.

        Raises
        ------
        ValueError
            If the data are not two batches of fields of one shape, a parameter is out of its range, the weights do not
            fit, or `checkpoint_dir` holds another training.
        """
        self._check_parameters()
        if self.max_epochs == 0:
            return self._take_weights(X, y)
        displacement, traction = self._check_training(X, y)
        if self.warm_start and self.initialized_:
            return self._train_further(displacement, traction, fit_params)
        self._begin()
        if self.checkpoint_dir is not None:
            self.training_ = {**self._describe(), "data": digest(displacement, traction)}
            resume(self)
        return self._train(displacement, traction, fit_params)

    def partial_fit(self, X: ArrayLike, y: ArrayLike | None = None, classes: Any = None, **fit_params: Any) -> DeepTFM:  # noqa: ARG002
        """Train the present network further, for `max_epochs` passes. Only `fit` writes checkpoints.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        y : array-like of shape (n_fields, 2, height, width)
            Traction, in the unit of `young`.
        classes : None
            Not used; a part of scikit-learn's signature.
        **fit_params : dict
            Passed to the network and to `train_split`.

        Returns
        -------
        DeepTFM
            The estimator.

        Raises
        ------
        ValueError
            If the data are not two batches of fields of one shape, or a parameter is out of its range.
        """
        self._check_parameters()
        if self.max_epochs == 0:
            raise ValueError("Expected max_epochs >= 1 to train further, got 0; set_params(max_epochs=...) sets it.")
        displacement, traction = self._check_training(X, y)
        if not self.initialized_:
            self._begin()
        return self._train_further(displacement, traction, fit_params)

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
            The parameter `weights` of the estimator: a name of packaged weights or a ``.safetensors`` file.
        young : float, default=10670.0
            Young's modulus, as in the constructor.
        poisson : float, default=0.45
            Poisson ratio.
        spacing : float, default=1.0
            Distance between grid points.
        **kwargs : dict
            Other parameters of the constructor; `max_epochs` is 0 unless it is among them.

        Returns
        -------
        Self
            ``DeepTFM(weights=name, max_epochs=0, ...)``, ready for `predict`. Its clones keep the weights.

        Raises
        ------
        ValueError
            If there are no such weights, the file is damaged, or the weights are for another Poisson ratio.
        """
        model = cls(weights=name, young=young, poisson=poisson, spacing=spacing, **{"max_epochs": 0, **kwargs})
        model._check_parameters()
        model._begin()
        return model

    def save_weights(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write the network, its calibration and the settings of its training as a safetensors file.

        Parameters
        ----------
        path : path-like
            File to write, for the parameter `weights`.
        half : bool, default=False
            Whether to store 16-bit numbers.

        Raises
        ------
        ValueError
            If the network is not one of tfmkit's.
        """
        self.check_is_fitted()
        network, params, start = self.origin_
        if not isinstance(network, str):
            raise ValueError(
                f"Expected module to be one of {', '.join(NETWORKS)} for a file of weights, got {network!r}."
            )
        settings: dict[str, Any] = {} if start is None else start.settings
        if len(self.history) or start is None:
            trained = {"poisson": self.poisson, "epochs": len(self.history), "training": self._describe()}
            settings = trained | ({} if start is None else {"start": start.settings})
        weights = Weights(network, params, settings, self.module_.state_dict(), self.calibration_)
        write_weights(path, weights, half=half)

    def predict(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        noise: ArrayLike | None = None,
        return_std: bool = False,
    ) -> Any:
        """Predict traction, `batch_size` fields at a time; eight times as slowly with `average_turns`.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            Where traction is expected, from 0 (none) to 1. It multiplies the traction.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, in its unit, as the transformers of
            `tfmkit.displacement` state it; NaN for vectors that were replaced. A network that is told the noise uses it
            itself. Beside the weights ``"default"`` and ``"small"`` it lets those for images, ``"images"``, predict the
            fields whose stated noise is that of a measurement in images. Traction that leaves most of a displacement
            unexplained is corrected until it explains it up to this noise, whatever the weights
            (`tfmkit.deep.stated_noise`). Only for networks with `takes_noise`.
        return_std : bool, default=False
            Whether to return the standard deviation of the traction, too. Only some networks know it.

        Returns
        -------
        traction : ndarray of shape (n_fields, 2, height, width)
            Traction, in the unit of `young`; float32 for a float32 displacement, else float64.
        std : ndarray of shape (n_fields, 2, height, width)
            Only if `return_std`: the interval traction +- 1.645 std is to cover the truth at 90 % of the pixels.

        Raises
        ------
        ValueError
            If `X` is not a batch of fields, the network gives no standard deviation, or `noise` does not fit or was
            given to a network that does not know it.
        """
        weight = None if mask is None else check_mask(mask, check_field(X).shape, soft=True)
        # The calibration takes time, and traction alone has no use for it.
        parts = self._outputs(X, noise, raw=noise is None and not return_std and not self.balanced)
        traction = check_result(parts[0], "traction")
        traction = traction if weight is None else cut(traction, weight)
        if not return_std:
            return traction
        return traction, check_result(self._half_width(parts), "interval of the traction") / HALF_WIDTH

    @property
    def gives_std(self) -> bool:  # type: ignore[override]
        """Whether the network knows the standard deviation of its traction.

        Returns
        -------
        bool
            True if `predict` takes `return_std`.
        """
        return bool(getattr(getattr(self, "module_", None), "gives_interval", False))

    @property
    def takes_noise(self) -> bool:  # type: ignore[override]
        """Whether `predict` makes use of the noise of the displacement.

        Returns
        -------
        bool
            True if the network gives a standard deviation, so that its traction can be corrected, or is told the noise
            itself.
        """
        return self.gives_std or self.knows_noise()

    def doubts(self, X: ArrayLike, traction: ArrayLike, *, noise: ArrayLike | None = None) -> dict[str, NDArray[Any]]:
        """Return the signs that fields are unlike those of the training.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        traction : array-like of shape (n_fields, 2, height, width)
            The traction that `predict` returned for `X`, without a mask.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of the displacement, as given to `predict`.

        Returns
        -------
        dict of str to ndarray of shape (n_fields,)
            ``"misfit"``; ``"misfit_rest"``, the rest of it beside far forces and drift; ``"misfit_turned"`` and
            ``"misfit_other_poisson"``, the smallest residual with components exchanged, mirrored or turned and with
            another Poisson ratio, over that of the field as it is (`tfmkit.deep.foreign`); and, of a calibrated
            network, ``"foreign"``, 0 or 1.
        """
        self.check_is_fitted()
        displacement, predicted = check_field(X), check_field(traction, name="traction")
        told, gel = self._check_told(noise, displacement), self.gel_

        def _predict(pixels: NDArray[Any], errors: NDArray[Any] | None, other: Gel) -> NDArray[Any]:
            return self._outputs(gel.spacing * pixels, errors, other, raw=True)[0] / gel.young

        pixels, tau = gel.in_pixels(displacement), predicted / gel.young
        signs = find_signs(pixels, tau, gel, _predict, told, knows_gel=self.knows_gel())
        return signs.numbers(None if self.calibration_ is None else self.calibration_.misfit_limit)

    def _draw_field(
        self, displacement: NDArray[Any], predicted: Any, errors: NDArray[Any], rng: Any, noise: NDArray[Any] | None
    ) -> NDArray[Any]:
        """Give the errors of a linear inverse the standard deviation that the network states for every pixel."""
        if not self.gives_std:
            return super()._draw_field(displacement, predicted, errors, rng, noise)
        return draw_traction(displacement, predicted[0], predicted[1], errors, self.gel_)

    def misfit(self, X: ArrayLike, traction: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the part of each displacement field that its predicted traction does not explain.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        traction : array-like of shape (n_fields, 2, height, width), optional
            The result of `predict` for `X`, if it is at hand.

        Returns
        -------
        ndarray of shape (n_fields,)
            :func:`tfmkit.deep.misfit.smooth_misfit`; about 1 where the traction explains the field up to its noise.
        """
        self.check_is_fitted()
        displacement = check_field(X)
        predicted = self._outputs(displacement)[0] if traction is None else check_field(traction, name="traction")
        return smooth_misfit(self.gel_.in_pixels(displacement), predicted / self.gel_.young, self.gel_)

    def is_foreign(self, X: ArrayLike, *, noise: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Tell which fields are unlike those that the network was calibrated on.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of the displacement, for a network that is told it.

        Returns
        -------
        ndarray of shape (n_fields,)
            True where one of four signs speaks against the field. With its components exchanged, mirrored or turned,
            or with a Poisson ratio 0.2 lower or higher, the network would explain it far better. The misfit is larger
            than in all but 2 % of the calibration fields, and is drift of the stage. Most of the field is noise. Or a
            large part of it can be made neither by the traction nor by drift and forces beyond the border. Long waves
            in the residual, which such forces make in most measured fields, are no sign. False does not prove that a
            field is familiar: another traction may explain it as well.

        Raises
        ------
        ValueError
            If the network has not been calibrated.

        Notes
        -----
        The network runs five or six times. `python -m benchmarks.foreign` measures the share of fields that is flagged:
        simulated and measured ones as they are, turned, moved, and with a wrong Poisson ratio.
        """
        self.check_is_fitted()
        if self.calibration_ is None:
            raise ValueError(
                "Expected a calibrated network, but this one has none, or lost it by training: call `calibrate`."
            )
        return self.doubts(X, self._outputs(X, noise)[0], noise=noise)["foreign"].astype(bool)

    def calibrate(
        self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None, *, noise: ArrayLike | None = None
    ) -> DeepTFM:
        """Learn the correction of the intervals, and the largest familiar misfit, from held-out cells.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of `spacing`, of fields that the network was not trained on, at all noise levels
            that are expected.
        y : array-like of shape (n_fields, 2, height, width)
            True traction, in the unit of `young`.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            True where intervals are to hold. By default the whole field counts; most of it has no traction.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of the displacement, for a network that is told it.

        Returns
        -------
        DeepTFM
            The estimator; `save_weights` keeps the calibration.

        Raises
        ------
        ValueError
            If the data are not two batches of fields of one shape, or the network returns no standard deviation.
        """
        displacement, truth = check_pair(X, y)
        inside = check_mask(np.ones(truth.shape[2:], dtype=bool) if mask is None else mask, displacement.shape)
        parts = self._outputs(displacement, noise, raw=True)
        misfit = smooth_misfit(self.gel_.in_pixels(displacement), parts[0] / self.gel_.young, self.gel_)
        self.calibration_ = fit_calibration(parts[0], self._half_width(parts), truth, inside, misfit)
        return self

    def _half_width(self, parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
        if len(parts) < 2:
            raise ValueError(
                f"Expected a network that returns a standard deviation, got {type(self.module_).__name__}."
            )
        return parts[1]

    def _outputs(self, X: ArrayLike, noise: Any = None, gel: Any = None, raw: bool = False) -> tuple[Any, ...]:
        """Traction and, where the network knows it, the half-width of its interval; raw, as the network gives them."""
        self.check_is_fitted()
        displacement = check_field(X)
        told = self._check_told(noise, displacement)

        def _run(fields: NDArray[Any], errors: Any = None) -> tuple[Any, ...]:
            evaluate = average_over_turns if self.average_turns else lambda function, *parts: function(*parts)
            return evaluate(partial(self.evaluate, gel=gel), fields, errors)

        if raw or told is None or self.knows_noise():
            parts = _run(displacement, told if self.knows_noise() else None)
            parts = parts if raw else self._calibrated(*parts)
        else:
            parts = predict_with_noise(displacement, told, self.gel_, _run, network_of_images(self), self._calibrated)
        return balance(*parts) if self.balanced else parts

    def _calibrated(self, *parts: Any) -> tuple[Any, ...]:
        return parts if self.calibration_ is None or len(parts) < 2 else self.calibration_.correct(*parts)

    def _check_parameters(self) -> None:
        Gel.of(self)
        if self.lr is not None:
            check_number(self.lr, "lr", low=0, include_low=False)
        check_count(self.max_epochs, "max_epochs", low=0)
        check_count(self.batch_size, "batch_size")
        if isinstance(self.train_split, Real):
            check_number(self.train_split, "train_split", low=0, high=1, include_low=False, include_high=False)

    def _take_weights(self, X: Any, y: Any) -> DeepTFM:
        """Fit without training."""
        if self.start_name() is None:
            raise ValueError("Expected weights to take as they are for max_epochs=0, got None: a random network.")
        check_data(X, y)
        self._begin()
        return self

    def _begin(self) -> None:
        """Make the network anew."""
        self.initialized_ = False  # or skorch prints that it replaces the network
        self.gel_ = Gel.of(self)
        self.seed_ = draw_seed(self.random_state)
        self.first_epoch_ = 0
        self.training_ = None
        self.best_weights_ = {}
        with seeded(self.seed_):
            self.initialize()
        self.calibration_ = None if self.origin_.start is None else self.origin_.start.calibration

    def _describe(self) -> dict[str, str]:
        """Describe all that decides the course of the training."""
        start = self.origin_.start
        return describe_params(self.get_params(deep=False)) | {"start": "" if start is None else start.checksum}

    def _train_further(self, X: NDArray[Any], y: NDArray[Any], fit_params: dict[str, Any]) -> DeepTFM:
        self.gel_ = Gel.of(self)
        for group in self.optimizer_.param_groups:
            group["lr"] = self.default_rate() if group["lr"] is None else group["lr"]
        self.first_epoch_ = len(self.history)
        self.training_ = None
        return self._train(X, y, fit_params)

    def _train(self, X: NDArray[Any], y: NDArray[Any], fit_params: dict[str, Any]) -> DeepTFM:
        done = len(self.history) - self.first_epoch_
        stopped = done > 0 and any(isinstance(cb, EarlyStopping) and cb.is_due(self) for _, cb in self.callbacks_)
        epochs = 0 if stopped else max(self.max_epochs - done, 0)
        self.calibration_ = None
        with seeded(self.seed_):
            super().partial_fit(X, y, epochs=epochs, **fit_params)
        return self

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.max_epochs != 0
        tags.non_deterministic = self.random_state is None and tags.target_tags.required
        return tags
