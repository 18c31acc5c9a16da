"""Training a shard: runs that all go to their end, and the two tables that come out.

What is planned into a shard belongs to ``plan``, what is kept of it to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.hpo.columns import INFLUENCE, SCORES
from aehpo_gpu.training.checkpoint import Checkpoints
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.measure import MEASURES
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


@dataclass(frozen=True)
class ShardResult:
    """What a shard leaves behind.

    Attributes
    ----------
    runs
        One row a run: the columns of run results, in the order of the runs given.
    curves
        One row a run and rung; ``runtime`` is what the run would take alone up to there.
    influence
        (test samples, runs) what each test sample adds to the test score; None unless it is asked
        for.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    influence: np.ndarray | None = None


def train_shard(
    data: TrainingTask,
    architecture: str,
    runs: pd.DataFrame,
    fleets: Sequence[Sequence[int]],
    settings: TrainingSettings,
    cost: CostModel,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    checkpoints: Checkpoints | None = None,
) -> ShardResult:
    """Train the fleets of a shard; parameters as in ``train_rungs``, at whose rungs nobody leaves.

    Raises
    ------
    InputError
        If a run asks for ``k_filter`` below its latent dimension, or the device is not there.
    """
    given = (data, architecture, runs, fleets, settings, cost)
    rungs = train_rungs(*given, on_progress=on_progress, checkpoints=checkpoints)
    unit = settings.unit
    length = list(dict.fromkeys(["epoch", unit]))
    identity = ["config_id", "seed"]
    ends = rungs.drop_duplicates(identity, keep="last").drop(columns=length)
    given = pd.MultiIndex.from_frame(runs[identity])
    places = given.get_indexer(pd.MultiIndex.from_frame(ends[identity]))
    ends = ends.iloc[np.argsort(places, kind="stable")]
    scores = SCORES if settings.score_fidelities else ()
    measures = [f"{part}_{name}" for part in SPLITS for name in MEASURES]
    columns = ["config_id", "task", "architecture", "seed", *length, "runtime", *measures, *scores]
    curves = rungs.rename(columns={"training_runtime": "runtime"})[columns]
    influence = np.column_stack(ends.pop(INFLUENCE)) if settings.influence else None
    return ShardResult(ends.reset_index(drop=True), curves, influence)
