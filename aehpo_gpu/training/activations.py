"""Activations of hidden layers, each with its derivative, as ``torch.nn`` has them by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

_aten = torch.ops.aten
_SLOPE = 0.01
"""Of LeakyReLU below zero."""


@dataclass(frozen=True)
class Activation:
    """One activation.

    Attributes
    ----------
    value
        Applied element by element.
    gradient
        Gradient by the output, and input, to the gradient by the input.
    keeps_zero
        Whether zero stays zero. If not, the units that pad a run have to be masked.
    """

    value: Callable[[torch.Tensor], torch.Tensor]
    gradient: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    keeps_zero: bool = True


ACTIVATIONS = {
    "relu": Activation(torch.relu, lambda g, x: _aten.threshold_backward(g, x, 0)),
    "leaky_relu": Activation(
        lambda x: functional.leaky_relu(x, _SLOPE),
        lambda g, x: _aten.leaky_relu_backward(g, x, _SLOPE, False),
    ),
    "gelu": Activation(functional.gelu, lambda g, x: _aten.gelu_backward(g, x)),
    "tanh": Activation(torch.tanh, lambda g, x: _aten.tanh_backward(g, torch.tanh(x))),
    "sigmoid": Activation(
        torch.sigmoid,
        lambda g, x: _aten.sigmoid_backward(g, torch.sigmoid(x)),
        keeps_zero=False,
    ),
    "silu": Activation(functional.silu, lambda g, x: _aten.silu_backward(g, x)),
    "mish": Activation(functional.mish, lambda g, x: _aten.mish_backward(g, x)),
    "elu": Activation(functional.elu, lambda g, x: _aten.elu_backward(g, 1.0, 1.0, 1.0, False, x)),
    "linear": Activation(lambda x: x, lambda g, x: g),
}
