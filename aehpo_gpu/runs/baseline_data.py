"""What a home's baselines are made of: the data of a task, and the scores that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping

from aehpo_assets.store.code_version import CodeVersions
from aehpo_assets.store.home import Home
from aehpo_gpu.evaluation.baselines import chosen_again
from aehpo_gpu.evaluation.kept_scores import KeptScores
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.training.task import TrainingTask


def baseline_data(data: TrainingTask, inputs: Mapping[str, str], home: Home) -> Data:
    """Return a task as baselines take it, with what the home keeps of their scores.

    Parameters
    ----------
    data
        The task, in one replicate.
    inputs
        Name to data version of what it was made of, and of nothing else.
    home
        Where scores are kept.
    """
    code = CodeVersions.of((chosen_again,)).base
    kept = KeptScores(home.baselines / data.task, {**inputs, "code": code})
    return Data(*data.given, kept)
