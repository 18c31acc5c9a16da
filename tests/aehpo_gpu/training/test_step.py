"""What a GPU needs of a step: few passes over the memory, and nothing that leaves the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from plain_training import make_runs
from torch.utils._python_dispatch import TorchDispatchMode

from aehpo_gpu.training import blocks, errors, layers, normalisation, optimiser
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.parameters import LayerShape, ParameterStack
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

RUNS, UNITS = 3, 64
SHAPES = [LayerShape((UNITS,) * RUNS, (UNITS,) * RUNS, False)]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step be taken on the CPU as it is on a GPU."""
    monkeypatch.setattr(blocks, "is_on_cpu", lambda values: False)
    monkeypatch.setattr(StackedOptimiser, "_step_by_run", StackedOptimiser._step_at_once)


class Passes(TorchDispatchMode):
    """Counts the bytes that a step moves if every chain of element-wise operations is one kernel.

    Such a kernel reads and writes each tensor that was there before once; anything else, a sum say,
    is a pass of its own over what it is given.
    """

    def __init__(self, large: int, *present: torch.Tensor):
        super().__init__()
        self._large = large
        self._present = {t.untyped_storage().data_ptr(): t.element_size() for t in present}
        self.read: set[int] = set()
        self.written: set[int] = set()
        self.other_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = [a for a in args if isinstance(a, torch.Tensor) and a.numel() >= self._large]
        storages = [tensor.untyped_storage().data_ptr() for tensor in given]
        if func == torch.ops.aten.copy_.default and given:
            self.written.add(storages[0])
            self.read |= set(storages[1:])
        elif torch.Tag.pointwise in func.tags:
            assert "out" not in (kwargs or {})
            self.read |= set(storages)
        elif not func.is_view:
            self.other_bytes += sum(t.numel() * t.element_size() for t in given)
        return func(*args, **(kwargs or {}))

    def bytes_a_number(self, count: int) -> float:
        fused = sum(
            size
            for moved in (self.read, self.written)
            for storage, size in self._present.items()
            if storage in moved
        )
        return fused + self.other_bytes / count


@pytest.mark.usefixtures("at_once")
def test_the_optimiser_moves_at_most_32_bytes_a_parameter() -> None:
    stack = ParameterStack.allocate(SHAPES, torch.device("cpu"), torch.float32)
    stack.gradients.copy_(torch.randn(stack.gradients.shape))
    ours = StackedOptimiser(stack, torch.full((RUNS,), 1e-3))
    count = stack.values.numel()
    with Passes(count // 2, ours.values, ours.gradients, ours.first, ours.second) as passes:
        ours.step()
    # Four tensors read and three written, and the gradient once more for its norm.
    assert passes.bytes_a_number(count) == 32
    assert len(passes.read) >= 4
    assert len(passes.written) == 3


class NothingLeaves(TorchDispatchMode):
    """Fails where a number has to reach the host before the next kernel can be launched."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        leaving = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal")
        assert not any(name in str(func) for name in leaving), func
        return func(*args, **(kwargs or {}))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("architecture", ["vanillix", "varix", "disentanglix"])
@pytest.mark.parametrize("vae_loss", ["kl", "mmd"])
def test_a_step_can_be_replayed_since_nothing_leaves_the_device(
    task: TrainingTask, architecture: str, vae_loss: str
) -> None:
    settings = TrainingSettings(epochs=2, vae_loss=vae_loss, device="cpu")
    runs = make_runs(3, k_filter=[48, 32, 16], drop_p=0.3)
    training = FleetTraining(architecture, runs, ResidentMatrix(task, settings), settings)
    x = training._matrix.train[:32, : training.network.width]
    noise = training.network.draw_noise(0, range(32))
    before = training.network.stack.values.clone()
    with NothingLeaves():
        training._step(x, noise)
    assert not torch.equal(before, training.network.stack.values)
    assert training.optimiser.steps == 1


@pytest.mark.usefixtures("at_once")
def test_a_fleet_trains_on_a_gpu_to_where_it_does_on_the_cpu(task: TrainingTask) -> None:
    settings = TrainingSettings(epochs=4, precision="float64", device="cpu")
    runs = make_runs(3, k_filter=[48, 32, 16], drop_p=0.3, lr_fixed=[1e-3, 1e30, 1e-2])
    matrix = ResidentMatrix(task, settings)
    at_once = FleetTraining("varix", runs, matrix, settings)
    at_once.advance(settings.epochs)
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        patch.setattr(StackedOptimiser, "_step_by_run", _step_by_run)
        by_run = FleetTraining("varix", runs, matrix, settings)
        by_run.advance(settings.epochs)
    assert at_once.diverged.tolist() == by_run.diverged.tolist() == [False, True, False]
    torch.testing.assert_close(
        at_once.latents[[0, 2]], by_run.latents[[0, 2]], rtol=1e-6, atol=1e-9
    )


_step_by_run = StackedOptimiser._step_by_run


def rows(units: int = 32) -> torch.Tensor:
    return torch.rand(RUNS, 1, units)


def batch(samples: int = 24, units: int = 32) -> torch.Tensor:
    return torch.randn(RUNS, samples, units)


def numbers() -> torch.Tensor:
    return torch.rand(RUNS) + 0.1


def some_alive() -> torch.Tensor:
    return torch.tensor([True, False, True])


def columns() -> torch.Tensor:
    return torch.rand(RUNS, 40)


FUSED: list[tuple[Callable[..., Any], Callable[[], tuple[Any, ...]]]] = [
    (
        normalisation.normalised,
        lambda: (batch(), *(rows() for _ in range(5)), batch()[0], rows(1) / 2),
    ),
    (normalisation.normalised, lambda: (batch(), *(rows() for _ in range(5)), None, rows(1) / 2)),
    (
        normalisation.normalised_gradients,
        lambda: (batch(), batch().relu(), batch(), rows(), rows(1), rows()),
    ),
    (errors.squared_error, lambda: (batch(), batch()[0], rows().round())),
    (
        optimiser.step_factors,
        lambda: (numbers(), some_alive(), torch.tensor(3.0), numbers(), numbers()),
    ),
    (
        optimiser.update,
        lambda: (*(columns() for _ in range(4)), some_alive(), *(numbers() for _ in range(5))),
    ),
    (
        optimiser.update_each,
        lambda: (
            *(columns() for _ in range(4)),
            some_alive(),
            *(numbers() for _ in range(5)),
            torch.tensor([0, 3, 2]),
            numbers(),
        ),
    ),
]


@pytest.fixture
def sums_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(normalisation, "sum_over_rows", lambda x: x.sum(1, keepdim=True))
    monkeypatch.setattr(normalisation, "dot_over_rows", lambda x, y: (x * y).sum(1, keepdim=True))
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("sums_of_a_gpu")
@pytest.mark.parametrize(
    ("function", "arguments"), FUSED, ids=lambda x: getattr(x, "__name__", "") or "."
)
def test_what_is_compiled_on_a_gpu_is_one_graph_with_the_same_numbers(
    function: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]]
) -> None:
    written = function.__wrapped__  # type: ignore[attr-defined]
    compiled = torch.compile(written, fullgraph=True, dynamic=True, backend="aot_eager")
    given = arguments()
    expected, found = ([None if x is None else x.clone() for x in given] for _ in range(2))
    with torch.no_grad():
        returned = [f(*a) or () for f, a in ((written, expected), (compiled, found))]
    for ours, theirs in zip((*found, *returned[1]), (*expected, *returned[0]), strict=True):
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_tf32_is_on_for_products_of_layers_and_for_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = torch.backends.cuda.matmul
    seen: list[bool] = []
    real = torch.bmm

    def watched(*arguments: Any, **options: Any) -> torch.Tensor:
        seen.append(flags.allow_tf32)
        return real(*arguments, **options)

    monkeypatch.setattr(torch, "bmm", watched)
    for precision in ("float32", "tf32"):
        layers.product(batch(8, 16), batch(16, 8), precision)
    assert seen == [False, True]
    assert not flags.allow_tf32


def test_weights_are_brought_into_a_reduced_type_once_a_step(task: TrainingTask) -> None:
    settings = TrainingSettings(epochs=1, precision="bfloat16", device="cpu")
    training = FleetTraining("vanillix", make_runs(2), ResidentMatrix(task, settings), settings)
    stack = training.network.stack

    casts: list[int] = []

    class Casts(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            source = args[1] if func == torch.ops.aten.copy_.default else args[0]
            out = func(*args, **(kwargs or {}))
            copied = func in (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)
            storage = stack.values.untyped_storage().data_ptr()
            if copied and out.dtype == torch.bfloat16:
                casts.extend([source.numel()] * (source.untyped_storage().data_ptr() == storage))
            return out

    x = training._matrix.train[:30, : training.network.width]
    with Casts():
        training._step(x, training.network.draw_noise(0, range(30)))
    assert casts == [stack.values.numel()]
    before = stack.values.to(torch.bfloat16)
    training._step(x, training.network.draw_noise(0, range(30)))
    assert stack.reduced is not None
    assert torch.equal(stack.reduced, before)


class Kernels(TorchDispatchMode):
    """Counts what a GPU launches: every operation that is no view, a fused function as one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.inside = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        allocation = "empty" in str(func) or "detach" in str(func)
        self.count += not (self.inside or func.is_view or allocation)
        return func(*args, **(kwargs or {}))

    def fused(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.count += 1
            self.inside = True
            try:
                return function(*arguments)
            finally:
                self.inside = False

        return call


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("architecture", "depth", "most"),
    [("vanillix", 2, 40), ("vanillix", 4, 72), ("varix", 2, 86), ("varix", 4, 118)],
)
def test_a_step_launches_few_kernels(
    task: TrainingTask,
    architecture: str,
    depth: int,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bounds are what was counted, and two; with nothing fused it was 146, 328, 194 and 377."""
    settings = TrainingSettings(epochs=1, device="cpu")
    runs = make_runs(3, k_filter=48, n_layers=depth, drop_p=0.3)
    training = FleetTraining(architecture, runs, ResidentMatrix(task, settings), settings)
    kernels = Kernels()
    for module, name in (
        (blocks, "normalised"),
        (blocks, "normalised_gradients"),
        (errors, "squared_error"),
        (optimiser, "step_factors"),
        (optimiser, "update"),
    ):
        monkeypatch.setattr(module, name, kernels.fused(getattr(module, name)))
    x = training._matrix.train[:32, : training.network.width]
    noise = training.network.draw_noise(0, range(32))
    with kernels:
        training._step(x, noise)
    assert kernels.count <= most
