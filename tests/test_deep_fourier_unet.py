"""FourierUNet: shapes, symmetry of the physics inside, and what it measures."""

import pytest
import torch

from tfmkit.deep.networks.fourier_unet import FourierUNet, noise_level
from tfmkit.deep.networks.inverses import FILTERS, filtered_inverses
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve


def unit_fields(n=2, shape=(24, 30), seed=0):
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn(n, 2, *shape, generator=generator)
    return field / field.square().mean((1, 2, 3), keepdim=True).sqrt()


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FourierUNet((8, 12, 16), blocks=1, steps=2)
        # The corrections start at zero; shake them so that the tests see every path.
        for unet in network.unets:
            torch.nn.init.normal_(unet.leave.weight, std=0.05)
    return network.eval()


@pytest.mark.parametrize("shape", [(16, 16), (17, 16), (19, 33), (40, 24)])
def test_any_grid_gives_traction_and_positive_interval(network, shape):
    traction, half_width = network(unit_fields(shape=shape), Gel(poisson=0.3))
    assert traction.shape == half_width.shape == (2, 2, *shape)
    assert torch.isfinite(traction).all()
    assert (half_width > 0).all()


def test_untrained_network_is_the_gated_inverse():
    fields = unit_fields()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = FourierUNet((8, 12), blocks=1, steps=2)
    traction, _ = network(fields, Gel(poisson=0.45))
    weights = network.gate(noise_level(fields).view(-1, 1)).softmax(-1)
    inverses = filtered_inverses(fields, Gel(poisson=0.45))
    expected = (weights[:, :, None, None, None] * inverses).sum(1)
    assert torch.allclose(traction, expected, atol=1e-6)


def test_one_field_alone_is_the_field_in_a_batch(network):
    fields = unit_fields(3)
    together, _ = network(fields, Gel(poisson=0.45))
    alone, _ = network(fields[1:2], Gel(poisson=0.45))
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_poisson_ratio_reaches_the_physics(network):
    fields = unit_fields(1)
    soft, _ = network(fields, Gel(poisson=0.1))
    incompressible, _ = network(fields, Gel(poisson=0.5))
    assert (soft - incompressible).abs().max() > 0.1


def test_weakest_filter_undoes_the_operator_away_from_the_border():
    shape = (40, 40)
    traction = torch.zeros(1, 2, *shape, dtype=torch.float64)
    y, x = torch.meshgrid(*(torch.arange(n) - n / 2 for n in shape), indexing="ij")
    bump = torch.exp(-(x**2 + y**2) / 18)
    traction[0, 0], traction[0, 1] = x * bump, y * bump
    inverses = filtered_inverses(convolve(traction, Gel(poisson=0.45)), Gel(poisson=0.45))
    assert inverses.shape == (1, len(FILTERS), 2, *shape)
    assert (inverses[:, 0] - traction).norm() < 0.02 * traction.norm()


@pytest.mark.parametrize("sigma", [0.03, 0.3, 1.0])
def test_noise_level_is_measured_from_a_smooth_field_with_noise(sigma):
    y, x = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 3, 64), indexing="ij")
    smooth = torch.stack([x.sin(), y.cos()])[None]
    noise = sigma * torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(3))
    assert noise_level(smooth + noise).exp().item() == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("params", [{"widths": (0, 4)}, {"blocks": 0}, {"steps": 1.5}])
def test_bad_sizes_are_refused(params):
    with pytest.raises(ValueError, match="integer of at least 1"):
        FourierUNet(**params)


@pytest.mark.parametrize("widths", [[], 4])
def test_a_network_has_at_least_one_width(widths):
    with pytest.raises(ValueError, match="at least one number of channels"):
        FourierUNet(widths)
