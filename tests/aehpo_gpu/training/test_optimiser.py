"""The stacked AdamW steps as torch.optim.AdamW does for each run alone, clipping included."""

from __future__ import annotations

import pytest
import torch

from aehpo_gpu.training.optimiser import CLIP_NORM, WEIGHT_DECAY, StackedAdamW
from aehpo_gpu.training.parameters import LayerShape, ParameterStack

RATES = [1e-4, 1e-3, 1e-2, 3e-2]
SHAPES = [LayerShape((32,) * 4, (16,) * 4, True), LayerShape((16,) * 4, (32,) * 4, False)]
STEPS = 50


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
        monkeypatch.setattr(StackedAdamW, "_step_by_run", StackedAdamW._step_at_once)
    alone = [torch.nn.Parameter(row.clone()) for row in stack.values]
    theirs = [
        torch.optim.AdamW([row], lr=rate, weight_decay=WEIGHT_DECAY)
        for row, rate in zip(alone, RATES, strict=True)
    ]
    ours = StackedAdamW(stack, torch.tensor(RATES))
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
        monkeypatch.setattr(StackedAdamW, "_step_by_run", StackedAdamW._step_at_once)
    before = stack.values.clone()
    ours = StackedAdamW(stack, torch.tensor(RATES))
    for step in range(3):
        stack.gradients.copy_(gradients_of(step, stack.values.shape))
        stack.gradients[1, 5] = float("inf") if step == 0 else 0.0
        ours.step()
    assert ours.alive.tolist() == [True, False, True, True]
    assert torch.equal(stack.values[1], before[1])
    assert (stack.values[[0, 2, 3]] != before[[0, 2, 3]]).any(1).all()
    assert torch.isfinite(stack.values).all()
