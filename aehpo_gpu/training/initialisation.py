"""Initial parameters of every run, drawn from its own generator, at its own shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch.nn import init

from aehpo_gpu.training.parameters import LayerShape, LinearParameters, ParameterStack

Draw = Callable[..., torch.Tensor]

INITIALISATIONS: dict[str, Draw] = {
    "xavier_uniform": init.xavier_uniform_,
    "xavier_normal": init.xavier_normal_,
    "kaiming_uniform": init.kaiming_uniform_,
    "normal": init.normal_,
    "uniform": init.uniform_,
    "torch_default": lambda weight, generator: init.kaiming_uniform_(
        weight, a=math.sqrt(5), generator=generator
    ),
    "xavier_sigmoid": lambda weight, generator: init.xavier_uniform_(
        weight, gain=4.0, generator=generator
    ),
}
"""Name to what fills (out, in): those of ``torch.nn.init``, what ``torch.nn.Linear`` does, and four
times the bounds of Xavier for layers with a sigmoid (Glorot & Bengio's tutorial code)."""

BIAS = 0.01


@dataclass(frozen=True)
class Initialisation:
    """How the parameters of a run begin.

    Attributes
    ----------
    weights
        A key of :data:`INITIALISATIONS`.
    scope
        Whether ``all`` layers are drawn like this, or the ``hidden`` ones alone; the others then
        begin as torch's own.
    bias
        ``constant`` (0.01), ``zeros``, or as ``torch.nn.Linear`` draws them (``torch``).
    batch_norm
        Whether there is a BatchNorm, which begins as 1 and 0.
    """

    weights: str
    scope: str
    bias: str
    batch_norm: bool

    def fill(
        self, layer: LinearParameters, shape: LayerShape, run: int, source: torch.Generator
    ) -> None:
        """Fill the parameters of a layer; what pads the run stays zero."""
        inputs, outputs = shape.inputs[run], shape.outputs[run]
        drawn = torch.empty(outputs, inputs, dtype=layer.weight.dtype)
        inside = self.scope == "all" or shape.hidden
        INITIALISATIONS[self.weights if inside else "torch_default"](drawn, generator=source)
        layer.weight[run, :inputs, :outputs] = drawn.T.to(layer.weight.device)
        bias = torch.full((outputs,), BIAS if self.bias == "constant" else 0.0, dtype=drawn.dtype)
        if self.bias == "torch":
            bound = 1 / math.sqrt(inputs)
            init.uniform_(bias, -bound, bound, generator=source)
        layer.bias[run, 0, :outputs] = bias.to(layer.bias.device)
        if layer.gamma is not None and self.batch_norm:
            layer.gamma[run, 0, :outputs] = 1.0


def initialisations(runs: pd.DataFrame) -> list[Initialisation]:
    """Return the initialisation of each run."""
    columns = ("init", "init_scope", "bias_init", "batch_norm")
    rows = zip(*(runs[name].tolist() for name in columns), strict=True)
    return [Initialisation(weights, scope, bias, bool(norm)) for weights, scope, bias, norm in rows]


def initialise(
    stack: ParameterStack,
    shapes: Sequence[LayerShape],
    generators: Sequence[torch.Generator],
    initialisations: Sequence[Initialisation],
) -> None:
    """Draw the initial parameters of every run from its own generator, layer by layer."""
    for run, (source, chosen) in enumerate(zip(generators, initialisations, strict=True)):
        for layer, shape in zip(stack.layers, shapes, strict=True):
            chosen.fill(layer, shape, run, source)
