"""One optimiser step for the whole stack: clipping and update, each run on its own.

Every run has its rule, its learning rate, its gradient norm and its fate: a run whose gradient is
not finite is frozen, and the others do not notice.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aehpo_assets.space.training import OPTIMIZERS
from aehpo_gpu.training.compilation import fused_on_cuda
from aehpo_gpu.training.loops import step_by_adam
from aehpo_gpu.training.parameters import ParameterStack
from aehpo_gpu.training.rules import UpdateRule

BETAS = (0.9, 0.999)
EPSILON = 1e-8
SMOOTHING = 0.99
"""Of the squared gradient in RMSprop."""
_ADAM = OPTIMIZERS.index("adam")
"""Number of Adam, behind that of AdamW alone."""


class StackedOptimiser:
    """Update rules over (runs, parameters), each as ``torch.optim`` has it.

    AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015), SGD with momentum and RMSprop (Hinton
    2012). The gradient of each run is first scaled down to the norm of its rule, as
    ``torch.nn.utils.clip_grad_norm_`` does it. Nothing that a step needs to know lies outside the
    device, so that a step can be replayed.

    Parameters
    ----------
    stack
        The parameters of the fleet, and their gradients.
    learning_rates
        (runs,).
    rules
        One a run; AdamW by default.
    """

    def __init__(
        self,
        stack: ParameterStack,
        learning_rates: torch.Tensor,
        rules: Sequence[UpdateRule] | None = None,
    ):
        self._stack = stack
        values = stack.values
        self.values, self.gradients = values, stack.gradients
        # In SGD and RMSprop, the first moment is the buffer of the momentum.
        self.first, self.second = torch.zeros_like(values), torch.zeros_like(values)
        self.steps = torch.zeros((), device=values.device)
        self.alive = torch.ones(len(values), device=values.device, dtype=torch.bool)
        self._full_rates = learning_rates
        self._set_rules([UpdateRule()] * len(values) if rules is None else list(rules))

    def _set_rules(self, rules: Sequence[UpdateRule]) -> None:
        self._rules = rules
        self.learning_rates = self._full_rates.clone()
        values = self.values

        def column(numbers: list[float]) -> torch.Tensor:
            return torch.tensor(numbers, device=values.device, dtype=values.dtype)

        self._clips = column([rule.clip_norm for rule in rules])
        self._decays = column([rule.weight_decay for rule in rules])
        self._momenta = column([rule.momentum for rule in rules])
        numbers = [rule.number for rule in rules]
        self._numbers = torch.tensor(numbers, device=values.device)
        self._by_adam, self._couples = self._numbers <= _ADAM, self._numbers == _ADAM
        self._all_adamw = not any(numbers)
        self._scales = torch.ones_like(self._clips)
        if values.device.type == "cpu":
            # Made once, since that takes time.
            state = (values, self.gradients, self.first, self.second, self.alive, self._scales)
            rates = (self._clips, self.learning_rates, self._decays)
            every = (*state, *rates, self._by_adam, self._couples)
            self._arrays = (self._stack.places, *(one.numpy() for one in every))

    def scale_rates(self, multipliers: Sequence[float]) -> None:
        """Set what the learning rate of each run is multiplied by from now on."""
        factors = torch.tensor(multipliers, dtype=self._full_rates.dtype)
        # In place: a step that is replayed reads them where they lie.
        self.learning_rates.copy_(self._full_rates * factors.to(self._full_rates.device))

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
        self._full_rates = self._full_rates[rows]
        self._set_rules([self._rules[row] for row in rows.tolist()])

    def step(self) -> None:
        """Update every run that is still finite."""
        self.steps.add_(1)
        if self.values.device.type == "cpu":
            self._step_by_run()
        else:
            self._step_at_once()

    def _step_by_run(self) -> None:
        """On the CPU: Adam and AdamW pass over the memory once, the others a run at a time."""
        step_by_adam(*self._arrays, self.steps.item(), *BETAS, EPSILON)
        if self._all_adamw:
            return
        for run in torch.nonzero(self.alive & ~self._by_adam).flatten().tolist():
            state = (self.values, self.gradients, self.first, self.second)
            values, gradient, first, second = (one[run] for one in state)
            gradient.mul_(self._scales[run])
            rate = self.learning_rates[run].item()
            step_run(self._rules[run], values, gradient, first, second, rate)

    def _step_at_once(self) -> None:
        """One pass over the stack: no host synchronisation, and no launch for each run."""
        norms = torch.linalg.vector_norm(self.gradients, dim=1)
        alive, scale, size, correction = step_factors(
            norms, self.alive, self.steps, self.learning_rates, self._clips
        )
        self.alive.copy_(alive)
        state = (self.values, self.gradients, self.first, self.second)
        factors = (self.alive, scale, self.learning_rates, size, correction, self._decays)
        if self._all_adamw:
            update(*state, *factors)
        else:
            update_each(*state, *factors, self._numbers, self._momenta)


def step_run(
    rule: UpdateRule,
    values: torch.Tensor,
    gradient: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    rate: float,
) -> None:
    """Step the (parameters,) of one run by SGD or RMSprop, in place, as ``torch.optim`` does it."""
    decay, momentum = rule.weight_decay, rule.momentum
    if rule.optimizer == "sgd":
        torch._fused_sgd_(
            [values],
            [gradient],
            [first] if momentum else [],
            weight_decay=decay,
            momentum=momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
    else:
        if decay:
            # Not in place: nobody writes the gradient of a bias before a BatchNorm again.
            gradient = gradient.add(values, alpha=decay)
        second.mul_(SMOOTHING).addcmul_(gradient, gradient, value=1 - SMOOTHING)
        scaled = second.sqrt().add_(EPSILON)
        if momentum:
            first.mul_(momentum).addcdiv_(gradient, scaled)
            values.add_(first, alpha=-rate)
        else:
            values.addcdiv_(gradient, scaled, value=-rate)


def clip_scale(norms: torch.Tensor, clips: torch.Tensor) -> torch.Tensor:
    """What the gradient of a run is multiplied by, (runs,), as clip_grad_norm_ has it."""
    # The reciprocal first, as torch divides a plain number by a tensor.
    return ((norms + 1e-6).reciprocal() * clips).clamp(max=1.0)


@fused_on_cuda
def step_factors(
    norms: torch.Tensor,
    alive: torch.Tensor,
    steps: torch.Tensor,
    rates: torch.Tensor,
    clips: torch.Tensor,
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
    clips
        (runs,) norms that gradients are clipped to.

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
    return alive & torch.isfinite(norms), clip_scale(norms, clips), size, correction


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
    decays: torch.Tensor,
) -> None:
    """Step all parameters by AdamW, in place; a run that is not alive keeps what it has.

    Parameters
    ----------
    values, gradients, first, second
        (runs, parameters): what is updated, its gradient, and the two moments of that.
    alive, scale, rates, size, correction
        (runs,), see :func:`step_factors`.
    decays
        (runs,) of the weights.
    """
    beta1, beta2 = BETAS
    going = alive[:, None]
    clipped = gradients * scale[:, None]
    mean = torch.lerp(first, clipped, 1 - beta1)
    square = second * beta2 + clipped * clipped * (1 - beta2)
    direction = mean / (square.sqrt() / correction[:, None] + EPSILON)
    stepped = values * (1 - rates * decays)[:, None] - size[:, None] * direction
    values.copy_(torch.where(going, stepped, values))
    first.copy_(torch.where(going, mean, first))
    second.copy_(torch.where(going, square, second))


@fused_on_cuda
def update_each(
    values: torch.Tensor,
    gradients: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    alive: torch.Tensor,
    scale: torch.Tensor,
    rates: torch.Tensor,
    size: torch.Tensor,
    correction: torch.Tensor,
    decays: torch.Tensor,
    numbers: torch.Tensor,
    momenta: torch.Tensor,
) -> None:
    """Step all parameters, each run by its own rule; parameters as of :func:`update`.

    A step passes over memory rather than computes, so that all four rules in one pass cost no more
    than one of them.

    Parameters
    ----------
    numbers
        (runs,) :attr:`UpdateRule.number`.
    momenta
        (runs,).
    """
    beta1, beta2 = BETAS
    going, rate = alive[:, None], rates[:, None]
    adamw, adam, sgd, rmsprop = ((numbers == number)[:, None] for number in range(4))
    decay, momentum = decays[:, None], momenta[:, None]
    gradient = gradients * scale[:, None] + torch.where(adamw, 0.0, decay) * values
    squared = gradient * gradient
    smoothed = second * beta2 + squared * (1 - beta2)
    square = torch.where(rmsprop, second * SMOOTHING + squared * (1 - SMOOTHING), smoothed)
    square = torch.where(sgd, second, square)
    scaled = torch.where(rmsprop, gradient / (square.sqrt() + EPSILON), gradient)
    either = adamw | adam
    mean = torch.where(either, torch.lerp(first, gradient, 1 - beta1), momentum * first + scaled)
    of_adam = size[:, None] * mean / (square.sqrt() / correction[:, None] + EPSILON)
    kept = values * torch.where(adamw, 1 - rate * decay, 1.0)
    stepped = kept - torch.where(either, of_adam, rate * mean)
    values.copy_(torch.where(going, stepped, values))
    first.copy_(torch.where(going, mean, first))
    second.copy_(torch.where(going, square, second))
