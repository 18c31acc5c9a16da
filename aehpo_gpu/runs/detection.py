"""How many replicates of what a study validates decide a gain, and what they cost here.

The noise is that of the runs which the home holds; how a verdict is then given belongs to
``aehpo_assets.noise.verdict``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.analysis.names import OPPONENT_NAMES
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.pooled import Noise
from aehpo_assets.noise.power import replicates_to_detect
from aehpo_assets.noise.summary import known_noise
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_assets.study.results import Race
from aehpo_gpu.runs.estimate import TaskEstimate


@dataclass(frozen=True)
class Detection:
    """What deciding a gain takes for one architecture on one task.

    Attributes
    ----------
    architecture, task
        What it is about.
    replicates
        Replicates of each validated configuration; None where the noise is not known.
    hours
        Hours of all their trainings, at the mean price of a sampled run.
    most
        More replicates than that, the study trains of no configuration: ``race.max_replicates``.
    """

    architecture: str
    task: str
    replicates: int | None
    hours: float
    most: int

    @property
    def can_be_decided(self) -> bool:
        """Whether the noise is known, and the replicates are not more than the study trains."""
        return self.replicates is not None and self.replicates <= self.most


def detections(
    study: Study, estimates: Sequence[TaskEstimate], home: Home, gain: float
) -> list[Detection]:
    """Say of every architecture and task what deciding a gain takes, with a power of 80 %.

    Parameters
    ----------
    study
        The study.
    estimates
        What its runs cost.
    home
        Its home. The noise is known where it holds the same study with runs of several seeds.
    gain
        Difference of two scores, above zero.

    Returns
    -------
    list of Detection
        One an estimate. A recommendation is compared with three opponents on every task, and all
        of these verdicts share one level.
    """
    comparisons = len(OPPONENT_NAMES) * len({estimate.task for estimate in estimates})
    configurations = 2 * study.hpo.validate_top + 1
    same_study = home.study_file.exists() and home.study().name == study.name
    most = (study.race or Race()).max_replicates
    found = []
    for estimate in estimates:
        partition = (estimate.architecture, estimate.task)
        noise = _stored_noise(home, partition) if same_study else None
        needed, hours = None, 0.0
        if noise is not None:
            needed = replicates_to_detect(
                gain, noise.variance, comparisons=comparisons, configurations=configurations
            )
            hours = needed * configurations * estimate.hours / estimate.runs
        found.append(Detection(estimate.architecture, estimate.task, needed, hours, most))
    return found


def _stored_noise(home: Home, partition: tuple[str, str]) -> Noise | None:
    """Noise of the test score, by which verdicts are given, or else of the valid one.

    That of the test score is known once the test was opened; how noisy it is tells nothing of who
    is good at it.
    """
    for asset, score in (("test_results", TEST_SCORE), ("noise", VALID_SCORE)):
        if home.store.is_usable(asset, partition):
            folder = home.store.existing_folder(asset, partition)
            components = pd.read_parquet(folder / "components.parquet")
            if noise := known_noise(components, score):
                return noise
    return None
