"""TracNet, the network of Wang & Lin (2021): a U-Net whose 3-D convolutions combine the two components of a field.

The components are the two planes of a volume with one channel. A 3 x 3 x 2 convolution of two planes is three 3 x 3
convolutions, so the network can run on twice as many 2-D images; both forms share their parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tfmkit._validation import check_count


class TracNet(nn.Module):
    """The modified U-Net of Wang & Lin, for fields of any size.

    Parameters
    ----------
    widths : sequence of int, default=(32, 64, 128, 256)
        Numbers of filters. Level ``i`` of the encoder has convolutions to ``widths[i]`` and ``widths[i + 1]``
        channels; there are ``len(widths) - 1`` levels and each halves the grid.
    neck : int, default=1
        Filters of the first convolution after the last skip connection; the paper has one.
    folded : bool, default=True
        Whether 3-D convolutions run as 2-D ones. Either form has the same parameters and the same output.
    second_norm : bool, default=True
        Whether the second convolution of the bottom and of the decoder levels has batch normalisation, too. The network
        of the companion code has one normalisation per level, but the paper's count of layers asks for two.

    Raises
    ------
    ValueError
        If a width is not a positive integer, or there are fewer than two.

    Notes
    -----
    Layers, counted in the paper's way: the input (1); three encoder levels of convolution, batch normalisation,
    ReLU, convolution, ReLU and maximum over 2 x 2 x 1 (3 x 6); the bottom, which is twice convolution, batch
    normalisation and ReLU, and a transposed convolution (7); two decoder levels, which are the same layers behind a
    concatenation (2 x 8); a third level that ends in a convolution to one channel instead (8); the regression output
    (1). The sum is 51.

    A kernel of two on two planes needs one plane of padding. "Same" padding puts zeros behind in every layer. Plane 0
    then sees both planes but plane 1 sees itself alone, and the traction along y cannot depend on the displacement
    along x. Here the convolutions are padded behind and in front by turns. This costs nothing and lets each component
    see both, as the paper says it must. With ``W0`` and ``W1`` the slices of the kernel::

        behind     y0 = W0 * x0 + W1 * x1,    y1 = W0 * x1
        in front   y0 = W1 * x0,              y1 = W0 * x0 + W1 * x1

    Grids that are not a multiple of ``2 ** levels`` are continued by their edge values, and cropped afterwards.

    References
    ----------
    Y.-l. Wang and Y.-C. Lin, "Traction force microscopy by deep learning", Biophys. J. 120:3079 (2021), supplemental
    figure 1; order and numbers of the filters from its companion code.

    Examples
    --------
    >>> TracNet(widths=(4, 8, 8))(torch.zeros(1, 2, 17, 20)).shape
    torch.Size([1, 2, 17, 20])
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        *,
        neck: int = 1,
        folded: bool = True,
        second_norm: bool = True,
    ) -> None:
        super().__init__()
        self.folded = folded
        widths = _check_widths(widths)
        # Each pair is the channels after the two convolutions of a decoder level; the bottom counts as the first one.
        pairs = [*zip(widths[-2::-1], widths[:0:-1], strict=True), (check_count(neck, "neck"), widths[0])]
        self.encoder = nn.ModuleList(
            _Level(inputs, first, second, folded=folded, second_norm=False)
            for inputs, (first, second) in zip((1, *widths[1:-1]), pairwise(widths), strict=True)
        )
        self.decoder = nn.ModuleList(
            _Level(inputs, first, second, folded=folded, second_norm=second_norm)
            for inputs, (first, second) in zip((widths[-1], *(2 * pair[1] for pair in pairs[:-1])), pairs, strict=True)
        )
        self.upsampling = nn.ModuleList(_Upsampling(pair[1], folded=folded) for pair in pairs[:-1])
        self.head = ComponentConv(widths[0], 1, behind=True, folded=folded)
        # So training starts close to zero traction, not at a random traction many times too large.
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, displacement: Tensor) -> Tensor:
        """Predict traction from displacement.

        Parameters
        ----------
        displacement : Tensor of shape (n_fields, 2, height, width)
            Displacement in grid px, of unit RMS.

        Returns
        -------
        Tensor of shape (n_fields, 2, height, width)
            Traction in units of Young's modulus, on the same scale as the displacement.
        """
        height, width = displacement.shape[-2:]
        step = 2 ** len(self.encoder)
        padded = functional.pad(displacement, (0, -width % step, 0, -height % step), mode="replicate")
        planes = padded.transpose(0, 1).flatten(0, 1)[:, None] if self.folded else padded[:, None]
        planes = self._through_levels(planes)
        traction = planes.unflatten(0, (2, -1))[:, :, 0].transpose(0, 1) if self.folded else planes[:, 0]
        return traction[..., :height, :width]

    def _through_levels(self, planes: Tensor) -> Tensor:
        skipped = []
        for level in self.encoder:
            planes = level(planes)
            skipped.append(planes)
            planes = functional.max_pool2d(planes, 2) if self.folded else functional.max_pool3d(planes, (1, 2, 2))
        planes = self.decoder[0](planes)
        for upsampling, level in zip(self.upsampling, self.decoder[1:], strict=True):
            planes = level(torch.cat([skipped.pop(), upsampling(planes)], dim=1))
        return self.head(planes)


class ComponentConv(nn.Module):
    """A 3 x 3 x 2 convolution over y, x and component that keeps the size of its input.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels.
    behind : bool
        Whether the plane of zeros stands behind the two components or in front of them.
    folded : bool
        Whether it runs as 2-D convolutions, on planes of shape (2 * n_fields, channels, height, width), the first
        component of all fields before the second; otherwise on (n_fields, channels, 2, height, width).

    Notes
    -----
    Folded, one component is a convolution of both planes stacked as twice the channels and the other one of a single
    plane, with the matching half of the same kernel: the block of zeros is not multiplied.
    """

    def __init__(self, inputs: int, outputs: int, *, behind: bool, folded: bool) -> None:
        super().__init__()
        self.behind = behind
        self.folded = folded
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 2, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, planes: Tensor) -> Tensor:
        """Convolve.

        Parameters
        ----------
        planes : Tensor
            Input in the layout that `folded` says.

        Returns
        -------
        Tensor
            Output in the same layout.
        """
        if not self.folded:
            depth = (0, 1) if self.behind else (1, 0)
            return functional.conv3d(functional.pad(planes, (1, 1, 1, 1, *depth)), self.weight, self.bias)
        first, second = planes.chunk(2)
        kernels = self.weight.unbind(2)
        both = self._convolve(torch.cat([first, second], dim=1), torch.cat(kernels, dim=1))
        if self.behind:
            return torch.cat([both, self._convolve(second, kernels[0])])
        return torch.cat([self._convolve(first, kernels[1]), both])

    def _convolve(self, planes: Tensor, kernel: Tensor) -> Tensor:
        # Channels last is the faster order on a CPU, above all with 16-bit numbers.
        return functional.conv2d(planes.contiguous(memory_format=torch.channels_last), kernel, self.bias, padding=1)


class _Level(nn.Module):
    """Two convolutions with ReLU, the first one (or both) with batch normalisation."""

    def __init__(self, inputs: int, first: int, second: int, *, second_norm: bool, folded: bool) -> None:
        super().__init__()
        norm: type[nn.Module] = nn.BatchNorm2d if folded else nn.BatchNorm3d
        self.conv1 = ComponentConv(inputs, first, behind=True, folded=folded)
        self.norm1 = norm(first)
        self.conv2 = ComponentConv(first, second, behind=False, folded=folded)
        self.norm2 = norm(second) if second_norm else nn.Identity()

    def forward(self, planes: Tensor) -> Tensor:
        planes = functional.relu(self.norm1(self.conv1(planes)))
        return functional.relu(self.norm2(self.conv2(planes)))


class _Upsampling(nn.Module):
    """A transposed 3 x 3 x 1 convolution that doubles the grid."""

    def __init__(self, channels: int, *, folded: bool) -> None:
        super().__init__()
        self.folded = folded
        conv = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, planes: Tensor) -> Tensor:
        if self.folded:
            return functional.conv_transpose2d(planes, self.weight, self.bias, stride=2, padding=1, output_padding=1)
        return functional.conv_transpose3d(
            planes, self.weight[:, :, None], self.bias, stride=(1, 2, 2), padding=(0, 1, 1), output_padding=(0, 1, 1)
        )


def _check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(widths, (tuple, list)) or len(widths) < 2:
        raise ValueError(f"Expected widths to be at least two numbers of filters, got {widths!r}.")
    return tuple(check_count(width, "each of widths") for width in widths)
