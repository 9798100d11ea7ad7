"""Random numbers for a whole batch at once, on the training device."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class Draw:
    """Random numbers on one device from one generator.

    Parameters
    ----------
    generator : torch.Generator
        Source of randomness; its device is where tensors are made.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.device = generator.device

    def uniform(self, low: Any, high: Any, *shape: int) -> Tensor:
        """Draw from a uniform distribution.

        Parameters
        ----------
        low, high : float or Tensor
            Ends of the interval.
        *shape : int
            Shape of the result.

        Returns
        -------
        Tensor
            The numbers.
        """
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw numbers whose logarithm is uniform.

        Parameters
        ----------
        low, high : float
            Ends of the interval, > 0.
        *shape : int
            Shape of the result.

        Returns
        -------
        Tensor
            The numbers.
        """
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers.

        Parameters
        ----------
        *shape : int
            Shape of the result.

        Returns
        -------
        Tensor
            The numbers.
        """
        return torch.randn(shape, generator=self.generator, device=self.device)

    def gamma(self, shape_parameter: int, *shape: int) -> Tensor:
        """Draw from a gamma distribution with an integer shape parameter and mean 1.

        Parameters
        ----------
        shape_parameter : int
            Number of exponential variables summed.
        *shape : int
            Shape of the result.

        Returns
        -------
        Tensor
            The numbers.
        """
        u = torch.rand((shape_parameter, *shape), generator=self.generator, device=self.device)
        return -(1 - u).log().sum(0) / shape_parameter

    def present(self, low: int, high: int, n: int, n_slots: int) -> Tensor:
        """Switch on a random number of slots, log-uniform between two counts.

        Parameters
        ----------
        low, high : int
            Smallest and largest count.
        n, n_slots : int
            Fields and slots.

        Returns
        -------
        Tensor of shape (n, n_slots)
            1 where the slot is used, else 0.
        """
        count = self.log_uniform(low, high + 0.999, n, 1)
        return (torch.arange(n_slots, device=self.device) < count.floor()).float()
