"""A small task for the tests of training and of what depends on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_gpu.training.task import TrainingTask


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny products only wait for each other on several threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def task() -> TrainingTask:
    """300 samples of 48 features that depend on four hidden numbers; two labels."""
    source = np.random.default_rng(0)
    hidden = source.normal(size=(300, 4))
    matrix = np.tanh(hidden @ source.normal(size=(4, 48))) + 0.3 * source.normal(size=(300, 48))
    matrix = (matrix - matrix.mean(0)) / matrix.std(0)
    matrix = matrix[:, np.argsort(-matrix.var(0), kind="stable")].astype(np.float32)
    split = np.array(["train"] * 210 + ["valid"] * 30 + ["test"] * 60)
    source.shuffle(split)
    codes = np.digitize(hidden[:, 0], [-0.5, 0.5]).astype(np.int64)
    targets = DownstreamTargets(
        classification=(
            ClassificationTarget("grade", ("G1", "G2", "G3"), codes, 0.5),
            ClassificationTarget("sex", ("f", "m"), (hidden[:, 1] > 0).astype(np.int64), 0.5),
        ),
        regression=(),
        dropped={},
    )
    return TrainingTask("toy_rna", matrix, split, targets)
