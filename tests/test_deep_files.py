"""Files of DeepTFM: checkpoints that a killed training goes on from, and weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone
from skorch.callbacks import Callback

from tfmkit.deep import DeepTFM
from tfmkit.deep.files import read_tensors, write_tensors

TINY = {
    "module": "tracnet",
    "module__widths": (2, 4),
    "max_epochs": 3,
    "batch_size": 4,
    "random_state": 0,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def fields():
    return np.random.default_rng(0).normal(size=(2, 10, 2, 16, 20)) * np.reshape([1, 1_000], (2, 1, 1, 1, 1))


@pytest.fixture(scope="module")
def fitted(fields):
    return DeepTFM(**TINY).fit(*fields)


# ---------------------------------------------------------------- checkpoints


class KilledError(Exception):
    """A process that ends without warning."""


class Killer(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KilledError


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("epoch", [1, 2, 6])
def test_a_killed_training_goes_on_to_the_same_weights(fields, tmp_path, epoch, optimizer):
    params = {**TINY, "max_epochs": 6, "optimizer": optimizer}
    if optimizer is torch.optim.SGD:
        params["optimizer__momentum"] = 0.9
    uninterrupted = DeepTFM(**params).fit(*fields)
    with pytest.raises(KilledError):
        DeepTFM(**params, checkpoint_dir=tmp_path, callbacks=[Killer(epoch)]).fit(*fields)
    resumed = DeepTFM(**params, checkpoint_dir=tmp_path, callbacks=[Killer(epoch - 1)]).fit(*fields)
    assert np.array_equal(resumed.predict(fields[0]), uninterrupted.predict(fields[0]))
    assert resumed.history[:, "valid_loss"] == uninterrupted.history[:, "valid_loss"]
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]


def test_a_finished_training_stays_finished_and_can_be_prolonged(fields, tmp_path):
    params = {**TINY, "checkpoint_dir": tmp_path, "random_state": None}
    first = DeepTFM(**params).fit(*fields)
    again = DeepTFM(**params, callbacks=[Killer(4)]).fit(*fields)
    assert np.array_equal(again.predict(fields[0]), first.predict(fields[0]))
    assert len(DeepTFM(**{**params, "max_epochs": 5}).fit(*fields).history) == 5


def test_early_stopping_outlives_an_interruption(fields, tmp_path):
    params = {**TINY, "max_epochs": 50, "lr": 0.3, "callbacks__early_stopping__patience": 2}
    stopped = DeepTFM(**params, checkpoint_dir=tmp_path).fit(*fields)
    again = DeepTFM(**params, checkpoint_dir=tmp_path).fit(*fields)
    assert len(again.history) == len(stopped.history) < 50


@pytest.mark.parametrize("change", [{"lr": 0.5}, {"random_state": 3}, {"module__widths": (3, 4)}, {"young": 1.0}])
def test_another_training_is_not_continued(fields, tmp_path, change):
    DeepTFM(**{**TINY, "max_epochs": 1}, checkpoint_dir=tmp_path).fit(*fields)
    with pytest.raises(ValueError, match=f"differs in {next(iter(change))}"):
        DeepTFM(**{**TINY, **change}, checkpoint_dir=tmp_path).fit(*fields)


def test_other_data_are_not_trained_on_as_a_continuation(fields, tmp_path):
    DeepTFM(**{**TINY, "max_epochs": 1}, checkpoint_dir=tmp_path).fit(*fields)
    with pytest.raises(ValueError, match="differs in data"):
        DeepTFM(**TINY, checkpoint_dir=tmp_path).fit(fields[0], 2 * fields[1])


def test_an_optimizer_without_a_plain_state_is_refused(fields, tmp_path):
    model = DeepTFM(**{**TINY, "lr": 1e-3}, optimizer=torch.optim.LBFGS, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="tensors and numbers, .* got LBFGS"):
        model.fit(*fields)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- weight files


@pytest.fixture
def weights(fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    fitted.save_weights(path)
    return path


def test_weights_come_back_from_a_file(fitted, fields, weights):
    expected = fitted.predict(fields[0])
    same = DeepTFM(weights=weights, max_epochs=0, module__widths=(2, 4)).fit(fields[0])
    assert np.array_equal(same.predict(fields[0]), expected)
    pretrained = DeepTFM.from_pretrained(weights, young=1.0)
    np.testing.assert_allclose(pretrained.predict(fields[0]) * 10_670.0, expected, rtol=1e-6)
    assert clone(pretrained).fit(fields[0]).young == 1.0


def test_equal_weights_make_equal_files(fitted, weights):
    fitted.save_weights(weights.with_name("again.safetensors"))
    assert weights.read_bytes() == weights.with_name("again.safetensors").read_bytes()
    assert len(list(weights.parent.iterdir())) == 2


def test_half_precision_halves_the_file_and_keeps_the_traction(fitted, fields, weights):
    half = weights.with_name("half.safetensors")
    fitted.save_weights(half, half=True)
    assert half.stat().st_size < weights.stat().st_size
    expected = fitted.predict(fields[0])
    predicted = DeepTFM.from_pretrained(half).predict(fields[0])
    assert np.abs(predicted - expected).max() < 0.01 * np.abs(expected).max()


def test_pretrained_weights_are_fine_tuned_by_partial_fit(fields, weights):
    model = DeepTFM.from_pretrained(weights, max_epochs=2, lr=1e-2, random_state=0, verbose=0)
    before = model.score(*fields)
    model.partial_fit(*fields)
    assert len(model.history) == 2
    assert model.score(*fields) != before


def test_weights_are_for_one_poisson_ratio(weights):
    with pytest.raises(ValueError, match="serves only the one it was trained for"):
        DeepTFM.from_pretrained(weights, poisson=0.3)


def test_weights_of_another_architecture_are_refused(weights):
    with pytest.raises(ValueError, match=r"Expected weights of this TracNet .* has shape"):
        DeepTFM("tracnet", weights=weights, module__widths=(3, 4), max_epochs=0).fit(np.ones((1, 2, 16, 16)))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"name of packaged weights .*, got 'nonesuch'"):
        DeepTFM.from_pretrained("nonesuch")
    with pytest.raises(ValueError, match="it cannot be read"):
        DeepTFM.from_pretrained("nonesuch.safetensors")


@pytest.mark.parametrize("size", [0, 4, 100, 1_000])
def test_truncated_weights_are_refused(weights, size):
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ValueError, match="it cannot be read"):
        DeepTFM.from_pretrained(weights)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no tfmkit header"),
        ({"tfmkit": "{"}, "it is damaged"),
        ({"tfmkit": "[]"}, "Expected format 2"),
        ({"tfmkit": json.dumps({"format": 99})}, "Expected format 2"),
        ({"tfmkit": json.dumps({"format": 2})}, "match their checksum"),
    ],
)
def test_foreign_files_are_refused(tmp_path, metadata, message):
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(ValueError, match=message):
        DeepTFM.from_pretrained(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"network": "tracnet"}, "header lacks 'params'"),
        ({"network": "tracnet", "params": 3, "settings": {}}, "header lacks"),
        ({"network": "tracnet", "params": {}, "settings": {}}, "NaN or inf in a"),
    ],
)
def test_odd_headers_and_weights_are_refused(tmp_path, header, message):
    path = tmp_path / "odd.safetensors"
    write_tensors(path, {"a": torch.tensor([0, torch.nan])}, header)
    with pytest.raises(ValueError, match=message):
        DeepTFM.from_pretrained(path)


def test_a_single_wrong_bit_is_noticed(weights):
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match="they are damaged"):
        DeepTFM.from_pretrained(weights)


def test_a_changed_header_is_noticed(weights):
    tensors, header = read_tensors(weights)
    header["params"]["neck"] = 2
    save_file(tensors, weights, metadata={"tfmkit": json.dumps(header)})
    with pytest.raises(ValueError, match="they are damaged"):
        DeepTFM.from_pretrained(weights)


def test_weights_are_not_the_state_of_a_training(fields, weights):
    weights.rename(weights.with_name("training.safetensors"))
    with pytest.raises(ValueError, match="got weights without one"):
        DeepTFM(**TINY, checkpoint_dir=weights.parent).fit(*fields)


def test_pickles_of_weights_are_neither_written_nor_read(tmp_path):
    model = DeepTFM.from_pretrained("small")
    path = tmp_path / "weights.pt"
    with pytest.raises(NotImplementedError, match="use save_weights"):
        model.save_params(f_params=path)
    assert not path.exists()
    path.write_bytes(b"")
    with pytest.raises(NotImplementedError, match="does not read pickles"):
        model.load_params(f_params=path)
