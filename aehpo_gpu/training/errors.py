"""The error of a reconstruction, by the kind that each run is trained with.

Each is summed over the samples and the features of a batch. Runs of one kind lie side by side, see
``blocks``; of squared errors there is nothing to cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import Function
from torch.nn import functional

from aehpo_gpu.training.blocks import stretches
from aehpo_gpu.training.compilation import fused_on_cuda


@dataclass(frozen=True)
class ErrorKind:
    """One kind of error, element by element.

    Attributes
    ----------
    value
        Output, target and the parameter of each run, (runs, 1, 1), to the error.
    slope
        The same to its derivative by the output.
    parameter
        Hyperparameter that is its parameter, if it has one.
    on_logits
        Whether the output is the logit of the reconstruction.
    """

    value: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    parameter: str | None = None
    on_logits: bool = False


def _log_cosh(output: torch.Tensor, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """``log(cosh(a t)) / a``, without the overflow that ``log(1 + exp(-2 a t))`` has."""
    u = (scale * (output - x)).abs()
    return (u + torch.log1p(torch.exp(-2 * u)) - math.log(2)) / scale


def _huber(output: torch.Tensor, x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    t = (output - x).abs()
    return torch.where(t < delta, 0.5 * t * t, delta * (t - 0.5 * delta))


def _pinball(output: torch.Tensor, x: torch.Tensor, quantile: torch.Tensor) -> torch.Tensor:
    t = x - output
    return torch.maximum(quantile * t, (quantile - 1) * t)


def _pinball_slope(output: torch.Tensor, x: torch.Tensor, quantile: torch.Tensor) -> torch.Tensor:
    t = x - output
    return torch.where(t > 0, -quantile, 1 - quantile) * (t != 0)


def _cross_entropy(output: torch.Tensor, x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return functional.softplus(output) - x * output


MSE = "mse"

ERRORS = {
    MSE: ErrorKind(
        lambda output, x, _: (output - x).square(), lambda output, x, _: 2 * (output - x)
    ),
    "bce": ErrorKind(
        _cross_entropy, lambda output, x, _: torch.sigmoid(output) - x, on_logits=True
    ),
    "logcosh": ErrorKind(
        _log_cosh, lambda output, x, scale: torch.tanh(scale * (output - x)), "logcosh_scale"
    ),
    "huber": ErrorKind(
        _huber, lambda output, x, delta: torch.clamp(output - x, -delta, delta), "huber_delta"
    ),
    "mae": ErrorKind(
        lambda output, x, _: (output - x).abs(), lambda output, x, _: (output - x).sign()
    ),
    "quantile": ErrorKind(_pinball, _pinball_slope, "quantile"),
}
"""Squared error, binary cross-entropy on logits, log-cosh (Chen et al. 2018), Huber (1964),
absolute error and pinball loss (Koenker & Bassett 1978)."""


@dataclass(frozen=True)
class ErrorBlock:
    """The error of a stretch of runs.

    Attributes
    ----------
    rows
        Where the runs lie.
    name
        A key of :data:`ERRORS`.
    parameter
        (runs, 1, 1).
    mask
        (runs, 1, features) of the features that each run has; None where padding adds nothing.
    """

    rows: slice
    name: str
    parameter: torch.Tensor
    mask: torch.Tensor | None

    @property
    def kind(self) -> ErrorKind:
        """The kind of its runs."""
        return ERRORS[self.name]

    def value(self, output: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Error of each sample, (runs, samples), summed over the features."""
        return self._masked(self.kind.value(output, x, self.parameter)).sum(2)

    def slope(self, output: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Derivative by the output, (runs, samples, features)."""
        return self._masked(self.kind.slope(output, x, self.parameter))

    def reconstruction(self, output: torch.Tensor) -> torch.Tensor:
        """What an output reconstructs."""
        return torch.sigmoid(output) if self.kind.on_logits else output

    def _masked(self, values: torch.Tensor) -> torch.Tensor:
        return values if self.mask is None else values * self.mask


def error_blocks(
    names: Sequence[str],
    parameters: dict[str, torch.Tensor],
    mixed: torch.Tensor | None,
    mask: torch.Tensor,
) -> list[ErrorBlock]:
    """Return the errors of the runs of a fleet.

    Parameters
    ----------
    names
        One a run.
    parameters
        Hyperparameter to (runs,), of those that are parameters of an error.
    mixed
        (runs, 1, features) of the features that each run has; None if all have all.
    mask
        The same, in any case: some errors are not zero where output and target are.
    """
    blocks = []
    for rows, name in stretches(names):
        parameter = ERRORS[name].parameter
        values = mask.new_ones(len(names)) if parameter is None else parameters[parameter]
        known = mask if name != MSE else mixed
        own = None if known is None else known[rows]
        blocks.append(ErrorBlock(rows, name, values[rows, None, None], own))
    return blocks


def unlike_squared(
    blocks: Sequence[ErrorBlock], output: torch.Tensor, x: torch.Tensor
) -> torch.Tensor | None:
    """Return the errors that are trained, over samples; None where they are the squared ones.

    Parameters
    ----------
    blocks
        Output of :func:`error_blocks`.
    output, x
        (runs, samples, features) of the network, and its input.

    Returns
    -------
    torch.Tensor or None
        (runs,).
    """
    if [block.name for block in blocks] == ["mse"]:
        return None
    return torch.cat([block.value(output[block.rows], x).sum(1) for block in blocks])


def reconstructed(blocks: Sequence[ErrorBlock], output: torch.Tensor) -> torch.Tensor:
    """Return what outputs reconstruct, in their place; zero where a run has no feature.

    Parameters
    ----------
    blocks
        Output of :func:`error_blocks`.
    output
        (runs, samples, features) of the network.
    """
    for block in blocks:
        if block.kind.on_logits:
            own = block.reconstruction(output[block.rows])
            output[block.rows] = own if block.mask is None else own * block.mask
    return output


class ReconstructionError(Function):
    """Error of each run, summed over the samples and features of the batch.

    Apply to ``(output, x, blocks)``: (runs, samples, features), (samples, features) and the errors.
    """

    @staticmethod
    def forward(
        ctx: Any, output: torch.Tensor, x: torch.Tensor, blocks: Sequence[ErrorBlock]
    ) -> torch.Tensor:
        """Return (runs,)."""
        errors, kept = [], []
        for block in blocks:
            own = output if len(blocks) == 1 else output[block.rows]
            if block.name == MSE:
                difference, error = squared_error(own, x, block.mask)
                kept.append(difference)
            else:
                error = block.value(own, x).sum(1)
                kept.append(block.slope(own, x))
            errors.append(error)
        ctx.blocks = blocks
        ctx.save_for_backward(*kept)
        return errors[0] if len(blocks) == 1 else torch.cat(errors)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradient of the output."""
        (gradient,) = gradients
        parts = []
        for block, kept in zip(ctx.blocks, ctx.saved_tensors, strict=True):
            own = gradient if len(ctx.blocks) == 1 else gradient[block.rows]
            parts.append(kept * (own * (2 if block.name == MSE else 1))[:, None, None])
        return parts[0] if len(parts) == 1 else torch.cat(parts), None, None


class ErrorOfSamples(Function):
    """Error of each sample of each run, (runs, samples).

    Arguments are those of :class:`ReconstructionError`.
    """

    @staticmethod
    def forward(
        ctx: Any, output: torch.Tensor, x: torch.Tensor, blocks: Sequence[ErrorBlock]
    ) -> torch.Tensor:
        """Return (runs, samples)."""
        ctx.blocks = blocks
        ctx.save_for_backward(*(block.slope(output[block.rows], x) for block in blocks))
        return torch.cat([block.value(output[block.rows], x) for block in blocks])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradient of the output."""
        (gradient,) = gradients
        pairs = zip(ctx.blocks, ctx.saved_tensors, strict=True)
        parts = [slope * gradient[block.rows, :, None] for block, slope in pairs]
        return torch.cat(parts), None, None


@fused_on_cuda
def squared_error(
    reconstruction: torch.Tensor, x: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The difference, and its sum of squares for each run."""
    difference = reconstruction - x
    if mask is not None:
        difference.mul_(mask)
    return difference, (difference * difference).sum((1, 2))
