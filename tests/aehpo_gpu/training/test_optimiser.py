"""Each run of a stack steps as torch.optim does for it alone, clipping included."""

from __future__ import annotations

import math

import pytest
import torch

from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.parameters import LayerShape, ParameterStack
from aehpo_gpu.training.rules import UpdateRule

RATES = [1e-4, 1e-3, 1e-2, 3e-2]
SHAPES = [LayerShape((32,) * 4, (16,) * 4, True), LayerShape((16,) * 4, (32,) * 4, False)]
STEPS = 50
CLIP_NORM, WEIGHT_DECAY = 5.0, 1e-3
RULES = [
    UpdateRule("adamw", weight_decay=0.1),
    UpdateRule("adam", weight_decay=0.01, clip_norm=1.0),
    UpdateRule("sgd", weight_decay=0.01, clip_norm=math.inf),
    UpdateRule("sgd", momentum=0.9, weight_decay=0.0),
    UpdateRule("rmsprop", weight_decay=0.01, clip_norm=math.inf),
    UpdateRule("rmsprop", momentum=0.9, weight_decay=0.0),
    UpdateRule(),
]


def torch_optimiser(
    rule: UpdateRule, row: torch.nn.Parameter, rate: float
) -> torch.optim.Optimizer:
    options = {"lr": rate, "weight_decay": rule.weight_decay}
    if rule.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = rule.momentum
    kinds = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "sgd": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
    }
    return kinds[rule.optimizer]([row], **options)


@pytest.fixture
def stack() -> ParameterStack:
    made = ParameterStack.allocate(SHAPES, torch.device("cpu"), torch.float32)
    made.values.copy_(torch.randn(made.values.shape, generator=torch.Generator().manual_seed(0)))
    return made


def gradients_of(step: int, shape: torch.Size) -> torch.Tensor:
    """Norms from far below to far above what is clipped."""
    source = torch.Generator().manual_seed(step + 1)
    scale = torch.logspace(-2, 1, shape[0])[:, None] * (1 + step % 5)
    return torch.randn(shape, generator=source) * scale


@pytest.mark.parametrize("at_once", [False, True], ids=["as on the CPU", "as on a GPU"])
def test_each_run_steps_as_torch_has_it(
    stack: ParameterStack, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:
        monkeypatch.setattr(StackedOptimiser, "_step_by_run", StackedOptimiser._step_at_once)
    alone = [torch.nn.Parameter(row.clone()) for row in stack.values]
    theirs = [
        torch.optim.AdamW([row], lr=rate, weight_decay=WEIGHT_DECAY)
        for row, rate in zip(alone, RATES, strict=True)
    ]
    ours = StackedOptimiser(stack, torch.tensor(RATES))
    clipped = 0
    for step in range(STEPS):
        gradients = gradients_of(step, stack.values.shape)
        clipped += int((gradients.norm(dim=1) > CLIP_NORM).sum())
        stack.gradients.copy_(gradients)
        ours.step()
        for parameter, optimiser, gradient in zip(alone, theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
            torch.nn.utils.clip_grad_norm_([parameter], CLIP_NORM)
            optimiser.step()
    assert STEPS < clipped < 3 * STEPS + 50
    torch.testing.assert_close(stack.values, torch.stack(list(alone)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("at_once", [False, True], ids=["as on the CPU", "as on a GPU"])
def test_a_run_with_an_infinite_gradient_is_frozen_and_the_others_step_on(
    stack: ParameterStack, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:
        monkeypatch.setattr(StackedOptimiser, "_step_by_run", StackedOptimiser._step_at_once)
    before = stack.values.clone()
    ours = StackedOptimiser(stack, torch.tensor(RATES))
    for step in range(3):
        stack.gradients.copy_(gradients_of(step, stack.values.shape))
        stack.gradients[1, 5] = float("inf") if step == 0 else 0.0
        ours.step()
    assert ours.alive.tolist() == [True, False, True, True]
    assert torch.equal(stack.values[1], before[1])
    assert (stack.values[[0, 2, 3]] != before[[0, 2, 3]]).any(1).all()
    assert torch.isfinite(stack.values).all()


@pytest.mark.parametrize("at_once", [False, True], ids=["as on the CPU", "as on a GPU"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_rule_steps_as_torch_has_it_beside_all_others(
    at_once: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:
        monkeypatch.setattr(StackedOptimiser, "_step_by_run", StackedOptimiser._step_at_once)
    runs = len(RULES)
    shapes = [LayerShape((32,) * runs, (16,) * runs, True)]
    stack = ParameterStack.allocate(shapes, torch.device("cpu"), dtype)
    drawn = torch.randn(stack.values.shape, generator=torch.Generator().manual_seed(0))
    # What pads a run has no gradient either, and has to stay exactly zero.
    drawn[:, -16:] = 0
    stack.values.copy_(drawn)
    rates = [1e-3] * runs
    alone = [torch.nn.Parameter(row.clone()) for row in stack.values]
    theirs = [torch_optimiser(*one) for one in zip(RULES, alone, rates, strict=True)]
    ours = StackedOptimiser(stack, torch.tensor(rates, dtype=dtype), RULES)
    for step in range(STEPS):
        gradients = gradients_of(step, stack.values.shape).to(dtype)
        gradients[:, -16:] = 0
        stack.gradients.copy_(gradients)
        ours.step()
        for rule, parameter, optimiser, gradient in zip(
            RULES, alone, theirs, gradients, strict=True
        ):
            parameter.grad = gradient.clone()
            torch.nn.utils.clip_grad_norm_([parameter], rule.clip_norm)
            optimiser.step()
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    expected = torch.stack(list(alone)).detach()
    torch.testing.assert_close(stack.values, expected, rtol=10 * tolerance, atol=tolerance)
    assert not stack.values[:, -16:].any()
    assert len({tuple(row.tolist()) for row in stack.values}) == runs


def test_a_run_keeps_its_rule_and_its_state_when_others_leave() -> None:
    runs = len(RULES)
    shapes = [LayerShape((16,) * runs, (16,) * runs, False)]
    rates = torch.full((runs,), 1e-2)
    device = torch.device("cpu")
    stacks = [ParameterStack.allocate(shapes, device, torch.float32) for _ in range(2)]
    whole, cut = (StackedOptimiser(stack, rates, RULES) for stack in stacks)
    rows = torch.tensor([1, 3, 5])
    for step in range(6):
        gradients = gradients_of(step, whole.values.shape)
        for optimiser in (whole, cut):
            optimiser.scale_rates([0.5**step] * len(optimiser.values))
            optimiser.gradients.copy_(gradients[rows] if len(optimiser.values) == 3 else gradients)
            optimiser.step()
        if step == 2:
            left = cut._stack.take(rows, [LayerShape((16,) * 3, (16,) * 3, False)])
            cut.take(rows, left)
    assert torch.equal(cut.values, whole.values[rows])


def test_what_pads_a_run_changes_no_digit_of_its_step() -> None:
    shapes = [LayerShape((48, 20), (32, 9), True), LayerShape((32, 9), (48, 20), False)]
    alone = [LayerShape((20,), (9,), True), LayerShape((9,), (20,), False)]
    row, rates = torch.tensor([1]), torch.tensor([1e-3, 1e-2])
    stack = ParameterStack.allocate(shapes, torch.device("cpu"), torch.float32)
    own = stack.take(row, alone)
    whole, cut = StackedOptimiser(stack, rates), StackedOptimiser(own, rates[1:])
    source = torch.Generator().manual_seed(0)
    for _ in range(3):
        for layer, shape in zip(stack.layers, shapes, strict=True):
            inputs, outputs = shape.inputs[1], shape.outputs[1]
            weights = layer.weight_gradient[1, :inputs, :outputs]
            weights.copy_(torch.randn(inputs, outputs, generator=source))
            layer.bias_gradient[1, 0, :outputs] = torch.randn(outputs, generator=source)
        own.gradients.copy_(stack.rearranged(stack.gradients, row, alone))
        whole.step()
        cut.step()
        assert float(own.gradients.norm()) > CLIP_NORM
        assert torch.equal(stack.rearranged(stack.values, row, alone), own.values)
    assert own.values.any()
