"""One optimiser step for the whole stack: AdamW and gradient clipping, each run on its own.

Every run has its learning rate, its gradient norm and its fate: a run whose gradient is not
finite is frozen, and the others do not notice.
"""

from __future__ import annotations

import torch

from aehpo_gpu.training.compilation import fused_on_cuda
from aehpo_gpu.training.parameters import ParameterStack

BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 1e-3
CLIP_NORM = 5.0


class StackedAdamW:
    """AdamW (Loshchilov & Hutter 2019) over (runs, parameters), as ``torch.optim.AdamW`` has it.

    The gradient of each run is first scaled to a norm of at most 5, as
    ``torch.nn.utils.clip_grad_norm_`` does it. Nothing that a step needs to know lies outside the
    device, so that a step can be replayed.

    Parameters
    ----------
    stack
        The parameters of the fleet, and their gradients.
    learning_rates
        (runs,).
    """

    def __init__(self, stack: ParameterStack, learning_rates: torch.Tensor):
        self._stack = stack
        values = stack.values
        self.values, self.gradients = values, stack.gradients
        self.learning_rates = learning_rates
        self.first, self.second = torch.zeros_like(values), torch.zeros_like(values)
        self.steps = torch.zeros((), device=values.device)
        self.alive = torch.ones(len(values), device=values.device, dtype=torch.bool)
        self._rates = learning_rates.tolist()

    def take(self, rows: torch.Tensor, stack: ParameterStack) -> None:
        """Go on with some of the runs alone, whose parameters lie in another stack.

        Parameters
        ----------
        rows
            Positions of the runs.
        stack
            What :meth:`ParameterStack.take` made of them.
        """
        self.first = self._stack.rearranged(self.first, rows, stack.shapes)
        self.second = self._stack.rearranged(self.second, rows, stack.shapes)
        self._stack, self.values, self.gradients = stack, stack.values, stack.gradients
        self.alive = self.alive[rows]
        self.learning_rates = self.learning_rates[rows]
        self._rates = self.learning_rates.tolist()

    def step(self) -> None:
        """Update every run that is still finite."""
        self.steps.add_(1)
        norms = self._stack.gradient_norms()
        if self.values.device.type == "cpu":
            self._step_by_run(norms)
        else:
            self._step_at_once(norms)

    def _step_by_run(self, norms: torch.Tensor) -> None:
        """One fused call a run: on the CPU it passes over the memory once instead of ten times."""
        self.alive &= torch.isfinite(norms)
        alive, scales = self.alive.tolist(), clip_scale(norms).tolist()
        beta1, beta2 = BETAS
        for run, rate in enumerate(self._rates):
            if not alive[run]:
                continue
            gradient = self.gradients[run]
            if scales[run] < 1.0:
                gradient.mul_(scales[run])
            # The same kernel that torch.optim.AdamW(fused=True) calls, without its bookkeeping.
            torch._fused_adamw_(
                [self.values[run]],
                [gradient],
                [self.first[run]],
                [self.second[run]],
                [],
                [self.steps],
                lr=rate,
                beta1=beta1,
                beta2=beta2,
                weight_decay=WEIGHT_DECAY,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def _step_at_once(self, norms: torch.Tensor) -> None:
        """One pass over the stack: no host synchronisation, and no launch for each run."""
        alive, scale, size, correction = step_factors(
            norms, self.alive, self.steps, self.learning_rates
        )
        self.alive.copy_(alive)
        update(
            self.values,
            self.gradients,
            self.first,
            self.second,
            self.alive,
            scale,
            self.learning_rates,
            size,
            correction,
        )


def clip_scale(norms: torch.Tensor) -> torch.Tensor:
    """What the gradient of a run is multiplied by, (runs,), as clip_grad_norm_ has it."""
    return (CLIP_NORM / (norms + 1e-6)).clamp(max=1.0)


@fused_on_cuda
def step_factors(
    norms: torch.Tensor, alive: torch.Tensor, steps: torch.Tensor, rates: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Everything about a step that is one number a run.

    Parameters
    ----------
    norms
        (runs,) of the gradients.
    alive
        (runs,) whether all earlier gradients were finite.
    steps
        Number of the step, from 1.
    rates
        (runs,) learning rates.

    Returns
    -------
    tuple of torch.Tensor
        (runs,) each: whether the run is updated, what its gradient is multiplied by, the step size
        with the correction of the first moment's bias, and the root of the second one's.
    """
    # 1 - 0.999 ** 1 has four digits in float32.
    powers = [beta ** steps.to(torch.float64) for beta in BETAS]
    size = rates / (1 - powers[0]).to(rates.dtype)
    correction = (1 - powers[1]).sqrt().to(rates.dtype).expand(rates.shape)
    return alive & torch.isfinite(norms), clip_scale(norms), size, correction


@fused_on_cuda
def update(
    values: torch.Tensor,
    gradients: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    alive: torch.Tensor,
    scale: torch.Tensor,
    rates: torch.Tensor,
    size: torch.Tensor,
    correction: torch.Tensor,
) -> None:
    """Step all parameters, in place; a run that is not alive keeps everything as it is.

    Parameters
    ----------
    values, gradients, first, second
        (runs, parameters): what is updated, its gradient, and the two moments of that.
    alive, scale, rates, size, correction
        (runs,), see :func:`step_factors`.
    """
    beta1, beta2 = BETAS
    going = alive[:, None]
    clipped = gradients * scale[:, None]
    mean = torch.lerp(first, clipped, 1 - beta1)
    square = second * beta2 + clipped * clipped * (1 - beta2)
    direction = mean / (square.sqrt() / correction[:, None] + EPSILON)
    stepped = values * (1 - rates * WEIGHT_DECAY)[:, None] - size[:, None] * direction
    values.copy_(torch.where(going, stepped, values))
    first.copy_(torch.where(going, mean, first))
    second.copy_(torch.where(going, square, second))
