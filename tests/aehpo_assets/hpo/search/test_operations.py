"""What a training costs on every machine: counted as the cost model of the engine counts it."""

from __future__ import annotations

import numpy as np
import pytest

from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.space.batches import epochs_of_steps
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.work import TERMS

COUNTING = CostModel(
    "one second an operation", {name: float(name == "operations") for name in TERMS}
)


@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_operations_are_those_of_the_cost_model(unit: str) -> None:
    runs = sample_configurations(search_space("vanillix"), 60, 0)
    epochs = [
        7 if unit == "epoch" else epochs_of_steps(7, 100, int(size)) for size in runs["batch_size"]
    ]
    expected = COUNTING.training_runtime("vanillix", runs, 1000, 100, epochs)
    count = TrainingOperations(n_features=1000, n_train=100, length=7, unit=unit)  # type: ignore[arg-type]
    np.testing.assert_allclose(count(runs.to_dict("records")), expected, rtol=1e-12)


def test_no_blackbox_has_operations() -> None:
    """Syne Tune reads its columns by their order."""
    assert OBJECTIVE_NAMES[0] == "training_runtime"
    assert len(OBJECTIVE_NAMES) == 3
