"""TracNet: its two forms agree, it takes any grid, and both components see each other."""

from __future__ import annotations

import pytest
import torch

from tfmkit.deep.networks import NETWORKS, TracNet, make_network
from tfmkit.deep.networks.tracnet import ComponentConv

WIDTHS = (4, 8, 8, 16)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def both_forms(**params):
    folded, deep = TracNet(WIDTHS, **params), TracNet(WIDTHS, folded=False, **params)
    deep.load_state_dict(folded.state_dict())
    return folded, deep


@pytest.mark.parametrize("shape", [(16, 16), (17, 17), (16, 23), (26, 19), (40, 16)])
@pytest.mark.parametrize("training", [True, False])
def test_folded_form_equals_the_3d_form(shape, training):
    folded, deep = both_forms()
    displacement = torch.randn(3, 2, *shape)
    with torch.no_grad():
        outputs = [network.train(training)(displacement) for network in (folded, deep)]
    assert outputs[0].shape == displacement.shape
    assert outputs[0].std() > 0.01
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-5 * float(outputs[1].abs().max()))


def test_folded_form_has_the_gradients_and_running_statistics_of_the_3d_form():
    folded, deep = (network.double() for network in both_forms(neck=3))
    displacement = torch.randn(2, 2, 16, 24, dtype=torch.float64)
    for network in (folded, deep):
        network(displacement).square().mean().backward()
    for (name, parameter), other in zip(folded.named_parameters(), deep.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-8, atol=1e-12, msg=name)
    for name, value in folded.named_buffers():
        torch.testing.assert_close(value, deep.get_buffer(name))


@pytest.mark.parametrize(
    ("behind", "expected"),
    [(True, [[1.0, 10.0], [0.0, 1.0]]), (False, [[10.0, 0.0], [1.0, 10.0]])],
)
def test_a_component_convolution_by_hand(behind, expected):
    # Kernel: 1 at the centre of the first slice, 10 at that of the second; one field is 1 in x, the other in y.
    conv = ComponentConv(1, 1, behind=behind, folded=True)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, :, 1, 1] = torch.tensor([1.0, 10.0])
    planes = torch.zeros(2, 2, 1, 4, 4)
    planes[0, 0], planes[1, 1] = 1, 1
    centre = conv(planes.flatten(0, 1)).unflatten(0, (2, 2))[:, :, :, 2, 2]
    torch.testing.assert_close(centre[..., 0], torch.tensor(expected))


@pytest.mark.parametrize("source", [0, 1])
def test_either_component_of_the_traction_sees_either_of_the_displacement(source):
    network = TracNet(WIDTHS).eval()
    displacement = torch.randn(1, 2, 16, 16)
    changed = displacement.clone()
    changed[:, source] += torch.randn(16, 16)
    difference = (network(changed) - network(displacement)).abs().amax((0, 2, 3))
    assert (difference > 1e-4).all()


def test_fields_do_not_see_each_other_in_evaluation():
    network = TracNet(WIDTHS).eval()
    displacement = torch.randn(3, 2, 16, 16)
    alone = torch.cat([network(field[None]) for field in displacement])
    torch.testing.assert_close(network(displacement), alone, rtol=1e-4, atol=1e-5)


def test_the_paper_has_51_layers_with_these_filters():
    network = TracNet()
    convolutions = [module for module in network.modules() if isinstance(module, ComponentConv)]
    assert [conv.weight.shape[0] for conv in convolutions[:-1]] == [
        *(32, 64, 64, 128, 128, 256),
        *(128, 256, 64, 128, 32, 64, 1, 32),
    ]
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    relus, pools, concatenations, input_and_output = 14, 3, 3, 2
    layers = len(convolutions) + len(norms) + len(network.upsampling) + relus + pools + concatenations
    assert layers + input_and_output == 51


@pytest.mark.parametrize("widths", [(4,), 8, "ab", (4, 0), (4, 8.0), (4, True)])
def test_wrong_widths_are_refused(widths):
    with pytest.raises(ValueError, match=r"Expected .*widths"):
        TracNet(widths)


def test_wrong_neck_is_refused():
    with pytest.raises(ValueError, match="Expected neck"):
        TracNet(WIDTHS, neck=0)


def test_networks_are_made_by_name():
    assert isinstance(make_network("tracnet", widths=(2, 4)), TracNet)
    assert NETWORKS["tracnet"] is TracNet
    with pytest.raises(ValueError, match="Expected module to be one of .*'tracnet'"):
        make_network("resnet")
    with pytest.raises(ValueError, match="Expected parameters that TracNet takes"):
        make_network("tracnet", depth=3)
