"""The losses, rates and means of the trainings, against formulas and brute force."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tfmkit.deep.pretraining import fourier_unet, priors
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.loop import Training
from tfmkit.deep.pretraining.stream import Batch, observe
from tfmkit.gel import Gel


@pytest.fixture
def draw():
    return Draw(torch.Generator().manual_seed(0))


# ---------------------------------------------------------------- losses


def test_half_widths_that_hold_nine_tenths_of_the_errors_have_the_least_loss():
    truth = torch.ones(1, 2, 20, 20)
    error = torch.rand(1, 2, 20, 20, generator=torch.Generator().manual_seed(0))
    widths = torch.linspace(0.5, 1, 51)
    losses = [fourier_unet._interval_loss(torch.full_like(error, width), error, truth) for width in widths.tolist()]
    assert widths[int(torch.stack(losses).argmin())].item() == pytest.approx(0.9, abs=0.03)


def test_half_widths_count_near_the_forces_and_over_the_whole_field():
    truth, error, right = torch.zeros(1, 2, 20, 20), torch.full((1, 2, 20, 20), 0.1), torch.full((1, 2, 20, 20), 0.1)
    truth[..., 10, 10] = 1
    near, far = right.clone(), right.clone()
    near[..., 10, 10] += 1
    far[..., 2, 2] += 1
    loss = {name: float(fourier_unet._interval_loss(each, error, truth)) for name, each in
            {"right": right, "near": near, "far": far}.items()}  # fmt: skip
    # Both are wrong at one pixel; the one near the force stands among few others too.
    assert loss["near"] - loss["right"] > 5 * (loss["far"] - loss["right"]) > 0


def test_the_last_step_counts_most_and_the_relative_error_alone_counts():
    truth = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    width = torch.ones_like(truth)

    def loss(*factors, scale=1.0):
        steps = [scale * factor * truth for factor in factors]
        return [float(part) for part in fourier_unet._loss(steps, scale * width, scale * truth)]

    base, early, late = loss(1.5, 1.5), loss(2.5, 1.5), loss(1.5, 2.5)
    change = math.sqrt(1.5) - math.sqrt(0.5)
    assert early[0] - base[0] == pytest.approx(0.3 * change, rel=0.01)
    assert late[1] == pytest.approx(1.5, rel=1e-3)
    # The intervals change, too, but their part of the loss is a tenth.
    assert late[0] - base[0] == pytest.approx(change, abs=0.09)
    assert loss(1.5, 2.5, scale=50.0) == pytest.approx(late, rel=1e-3)


def test_the_net_force_is_a_share_of_the_summed_lengths():
    truth = torch.zeros(1, 2, 8, 8)
    truth[0, 0, 2, 2], truth[0, 0, 5, 5] = 1.0, -1.0
    found = truth.clone()
    found[0, 0, 2, 2] = 1.5
    assert float(fourier_unet._net_force(found, truth)) == pytest.approx(0.25, rel=1e-3)
    assert float(fourier_unet._net_force(truth, truth)) < 1e-3


# ---------------------------------------------------------------- rates and sources


def test_the_rate_rises_over_a_fiftieth_and_falls_as_a_half_cosine():
    assert fourier_unet._schedule(0.0) == pytest.approx(0.001)
    assert fourier_unet._schedule(0.02) == pytest.approx(1.0, abs=0.005)
    assert fourier_unet._schedule(0.01) == pytest.approx(0.5, abs=0.005)
    for progress in (0.1, 0.25, 0.5, 0.9, 1.0):
        expected = math.cos(math.pi / 2 * progress) ** 2
        assert fourier_unet._schedule(progress) == pytest.approx(expected, abs=0.002)


def test_each_part_of_the_stream_goes_with_a_file_of_its_own():
    class Stream:
        def chunk(self, number):
            fields = torch.full((4, 2, 8, 8), float(number))
            fields[2:] += 0.5
            return Batch(fields, fields, Gel())

    class Measured:
        def chunk(self, number):
            return number

    training = SimpleNamespace(update=0, recipe=SimpleNamespace(chunk=2), stream=Stream(), measured=Measured())
    seen = []
    for _ in range(3):
        for part, file in fourier_unet.FourierTraining.batches(training):
            seen.append((float(part.displacement.mean()), file))
            training.update += 1
    assert seen == [(0, 0), (0.5, 1), (1, 2), (1.5, 3), (2, 4), (2.5, 5)]
    training.measured = None
    assert all(len(batch) == 1 for batch in fourier_unet.FourierTraining.batches(training))


# ---------------------------------------------------------------- the loop


class Line(Training):
    """One weight that is pulled to the number of the update."""

    def batches(self):
        yield torch.tensor([float(self.update)])

    def rate(self):
        return 0.1 / (1 + self.update)

    def loss(self, batch):
        distance = (self.network.weight - batch).square().sum()
        return distance / 2, distance.sqrt()


def line(ema):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 3.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=77.0)
    return Line(network, optimizer, {}, 30, "cpu", bfloat16=False, ema=ema)


def test_the_loop_follows_the_rate_clips_and_averages():
    training, weight, mean = line(0.9), 3.0, 3.0
    for update in range(30):
        training.learn(torch.tensor([float(update)]))
        # A gradient is at most 1 long.
        weight -= 0.1 / (1 + update) * float(np.clip(weight - update, -1, 1))
        decay = min(0.9, (1 + update) / (10 + update))
        mean = decay * mean + (1 - decay) * weight
        assert training.network.weight.item() == pytest.approx(weight, rel=1e-4)
        assert training.averaged()["weight"].item() == pytest.approx(mean, rel=1e-4)
    assert training.update == 30


def test_without_a_mean_the_weights_themselves_are_kept():
    training = line(0.0)
    training.learn(torch.tensor([0.0]))
    assert torch.equal(training.averaged()["weight"], training.network.weight.detach())


# ---------------------------------------------------------------- fields


def test_forces_beyond_the_border_are_cut_off_alike_on_all_sides(draw):
    fine = draw.normal(2, 2, 3 * 14, 3 * 20)
    curved = torch.zeros(2, dtype=torch.bool)
    whole, part = (observe(fine, Gel(poisson=0.45), margin, curved) for margin in (0, 3))
    for all_pixels, inner in zip(whole, part, strict=True):
        assert inner.shape == (2, 2, 8, 14)
        torch.testing.assert_close(inner, all_pixels[..., 3:11, 3:17])


def test_pairs_of_hertz_patches_pull_against_each_other(draw):
    patches = priors.hertz_pairs(draw, 40, (64, 80))
    first, second = slice(15), slice(15, None)
    for tractions in (patches.tx, patches.ty):
        torch.testing.assert_close(tractions[:, first], -tractions[:, second])
    # Pairs in line pull towards each other.
    apart = torch.stack([patches.x[:, second] - patches.x[:, first], patches.y[:, second] - patches.y[:, first]])
    pull = torch.stack([patches.tx[:, second], patches.ty[:, second]])
    share = (apart * pull).sum(0) / (apart.norm(dim=0) * pull.norm(dim=0) + 1e-12)
    in_line = (share.abs() > 0.999).float().sum(1) == (pull.norm(dim=0) > 0).float().sum(1)
    assert 0.4 < in_line.float().mean() < 0.8
    assert (share[in_line][pull.norm(dim=0)[in_line] > 0] < 0).all()
    torch.testing.assert_close(patches.a[:, first], patches.a[:, second])
