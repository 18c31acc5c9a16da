"""BatchNorm, Dropout and ReLU of a stack in one pass of a processor, with their gradients.

What ``normalisation`` says in two dozen operations of torch, of which most work on a few numbers a
unit and cost what it takes to call them. Sums are added up in the order of ``row_sums``, so that a
run is the same in any fleet.
"""

from __future__ import annotations

import numpy as np
import torch

from aehpo_gpu.training.loops import differentiate, normalise
from aehpo_gpu.training.normalisation import EPSILON, MOMENTUM

_NOTHING = torch.empty(0, 0)


def normalised(
    z: torch.Tensor,
    draws: torch.Tensor | None,
    bias: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running_mean: np.ndarray,
    running_variance: np.ndarray,
    dropout: np.ndarray,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Do what :func:`aehpo_gpu.training.normalisation.normalised` does.

    What is the same in every step is given as arrays, which take time to be made of tensors.
    """
    z = z.contiguous()
    runs, _, units = z.shape
    inverse, gain, y = z.new_empty(runs, 1, units), z.new_empty(runs, 1, 1), torch.empty_like(z)
    drawn = _NOTHING.to(z.dtype) if draws is None else draws.contiguous()
    normalise(
        z.numpy(),
        *(bias, gamma, beta, running_mean, running_variance, drawn.numpy(), dropout),
        *(inverse.numpy(), gain.numpy(), y.numpy(), EPSILON, MOMENTUM),
    )
    return z, inverse, gain, y


def normalised_gradients(
    gradient: torch.Tensor,
    y: torch.Tensor,
    centred: torch.Tensor,
    inverse: torch.Tensor,
    gain: torch.Tensor,
    gamma: np.ndarray,
    beta_gradient: np.ndarray,
    gamma_gradient: np.ndarray,
) -> torch.Tensor:
    """Do what :func:`aehpo_gpu.training.normalisation.normalised_gradients` does.

    The gradients of shift and scale are written into what is given for them.
    """
    dz = torch.empty_like(y)
    arrays = (one.numpy() for one in (gradient.contiguous(), y, centred, inverse, gain))
    differentiate(*arrays, gamma, dz.numpy(), beta_gradient, gamma_gradient)
    return dz
