"""One optimiser step for the whole stack: AdamW and gradient clipping, each run on its own.

Every run has its learning rate, its gradient norm and its fate: a run whose gradient is not
finite is frozen, and the others do not notice.
"""

from __future__ import annotations

import math

import torch

from aehpo_gpu.training.parameters import ParameterStack

BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 1e-3
CLIP_NORM = 5.0


class StackedAdamW:
    """AdamW (Loshchilov & Hutter 2019) over (runs, parameters), as ``torch.optim.AdamW`` has it.

    The gradient of each run is first scaled to a norm of at most 5, as
    ``torch.nn.utils.clip_grad_norm_`` does it.

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
        self.steps = 0
        self.alive = torch.ones(len(values), device=values.device, dtype=torch.bool)
        self._rates = learning_rates.tolist()
        self._step = torch.zeros((), device=values.device)

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
        self.steps += 1
        norms = self._stack.gradient_norms()
        self.alive &= torch.isfinite(norms)
        scale = (CLIP_NORM / (norms + 1e-6)).clamp_(max=1.0)
        if self.values.device.type == "cpu":
            self._step_by_run(scale)
        else:
            self._step_at_once(scale)

    def _step_by_run(self, scale: torch.Tensor) -> None:
        """One fused call a run: on the CPU it passes over the memory once instead of ten times."""
        self._step.fill_(self.steps)
        alive, scales = self.alive.tolist(), scale.tolist()
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
                [self._step],
                lr=rate,
                beta1=beta1,
                beta2=beta2,
                weight_decay=WEIGHT_DECAY,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def _step_at_once(self, scale: torch.Tensor) -> None:
        """Element-wise over the stack: no host synchronisation, and no launch for each run.

        A frozen run keeps its values: its step has length zero.
        """
        beta1, beta2 = BETAS
        rates = (self.learning_rates * self.alive)[:, None]
        gradients = torch.where(self.alive[:, None], self.gradients, 0.0).mul_(
            scale.nan_to_num()[:, None]
        )
        self.first.lerp_(gradients, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
        correction = math.sqrt(1 - beta2**self.steps)
        denominator = self.second.sqrt().div_(correction).add_(EPSILON)
        self.values.mul_(1 - rates * WEIGHT_DECAY)
        self.values.addcmul_(
            torch.div(self.first, denominator, out=denominator), -rates / (1 - beta1**self.steps)
        )
