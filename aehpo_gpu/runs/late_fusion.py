"""Late fusion: the recommended autoencoders of single modalities, put together for a joint task.

Their latents are joined, or the class probabilities of their probes are averaged; nothing is
trained on both. Each modality keeps the recommendation, the replicates and all the samples of its
own task. What is compared belongs to ``aehpo_assets.analysis.integration``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from aehpo_assets.analysis.names import JOINED_LATENTS, MEAN_PROBABILITIES, RECOMMENDED
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.hpo.columns import INFLUENCE
from aehpo_gpu.evaluation.averaged import score_averaged
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.runs.latents import train_latents
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

LEFT_OUT = "left out"
"""Part of samples on which the splits of the tasks do not agree."""


@dataclass(frozen=True)
class Modality:
    """The recommended configuration of a single modality in the replicates of its validation.

    Attributes
    ----------
    architecture, task
        Whose it is.
    runs
        One row a replicate: ``config_id``, the hyperparameters and ``seed``.
    data_of
        Seed to what its run was trained on.
    split_of
        Seed to the split of the task, indexed by sample.
    """

    architecture: str
    task: str
    runs: pd.DataFrame
    data_of: Callable[[int], TrainingTask]
    split_of: Callable[[int], pd.Series]

    def latents(self, seed: int, settings: TrainingSettings) -> pd.DataFrame:
        """Train the run of a seed, and return its latent means (samples, latent dimensions)."""
        own = self.runs[self.runs["seed"] == seed]
        trained = train_latents(
            self.data_of(seed), self.architecture, own, settings, self.split_of(seed).index
        )
        (latents,) = trained.values()
        return latents


def recommended_replicates(validated: pd.DataFrame, hyperparameters: Sequence[str]) -> pd.DataFrame:
    """Return the runs of the best recommendation, by its mean valid score, that ended well.

    Parameters
    ----------
    validated
        Validated recommendations of one architecture and task.
    hyperparameters
        Names of the columns that a run is trained from.

    Returns
    -------
    pandas.DataFrame
        ``config_id``, the hyperparameters and ``seed``; empty where nothing was recommended.
    """
    best = best_runs(scored_runs(validated), RECOMMENDED)
    return best.loc[~best["failed"], ["config_id", *hyperparameters, "seed"]].reset_index(drop=True)


def agreed_split(joint: pd.Series, others: Sequence[pd.Series]) -> pd.Series:
    """Return the part of each sample of a joint task that all tasks agree on.

    A modality may have samples that others lack, and draws its replicates over all of its own. A
    sample that is valid here and was trained on there would flatter the fusion.

    Parameters
    ----------
    joint
        (samples,) split of the joint task.
    others
        Splits of its modalities, which have these samples and maybe more.

    Returns
    -------
    pandas.Series
        (samples,) ``train``, ``valid``, ``test`` or :data:`LEFT_OUT`.
    """
    same = np.ones(len(joint), dtype=bool)
    for other in others:
        same &= (other.reindex(joint.index) == joint).to_numpy()
    return joint.astype(object).where(same, LEFT_OUT)


def scores_of_replicate(
    latents: Mapping[str, pd.DataFrame], split: pd.Series, targets: DownstreamTargets
) -> pd.DataFrame:
    """Score the modalities, their joined latents and their mean probabilities, in one replicate.

    Parameters
    ----------
    latents
        Task of each modality to its latents, which have at least the samples of ``split``.
    split
        Output of :func:`agreed_split`.
    targets
        Labels of the joint task, in the order of ``split``.

    Returns
    -------
    pandas.DataFrame
        One row a way: ``way`` (the task of a modality, ``joined latents`` or ``mean
        probabilities``) and the scores of :func:`~aehpo_gpu.evaluation.downstream.score_latents`
        with ``test_influence``. The single modalities are scored on the same samples.
    """
    part = split.to_numpy(dtype=str)
    views = {
        task: torch.tensor(own.loc[split.index].to_numpy(dtype=np.float64))[None]
        for task, own in latents.items()
    }
    representations = views | {JOINED_LATENTS: torch.cat(list(views.values()), dim=2)}
    rows = [
        score_latents(own, part, targets, influence=True).assign(way=way)
        for way, own in representations.items()
    ]
    rows.append(score_averaged(list(views.values()), part, targets).assign(way=MEAN_PROBABILITIES))
    return pd.concat(rows, ignore_index=True)


def fused_scores(
    joint_split: Callable[[int], pd.Series],
    joint_targets: DownstreamTargets,
    modalities: Sequence[Modality],
    settings: TrainingSettings,
) -> pd.DataFrame:
    """Score the late fusion of a joint task in every replicate that all its modalities have.

    Parameters
    ----------
    joint_split
        Seed to the split of the joint task.
    joint_targets
        Labels of the joint task.
    modalities
        Its modalities.
    settings
        The study's.

    Returns
    -------
    pandas.DataFrame
        One row a way and seed: the columns of :func:`scores_of_replicate`, ``seed`` and how many
        samples the splits agree on, ``samples``, and do not, ``left_out``. Replicates in which
        these leave a class without a sample are left out; the table is empty where the modalities
        have none in common.
    """
    seeds = set.intersection(*(set(one.runs["seed"].tolist()) for one in modalities))
    parts = []
    for seed in sorted(int(one) for one in seeds):
        joint = joint_split(seed)
        split = agreed_split(joint, [one.split_of(seed) for one in modalities])
        if not _has_every_class(split.to_numpy(dtype=str), joint_targets):
            continue
        latents = {one.task: one.latents(seed, settings) for one in modalities}
        scored = scores_of_replicate(latents, split, joint_targets)
        left_out = int((split == LEFT_OUT).sum())
        parts.append(scored.assign(seed=seed, samples=len(split) - left_out, left_out=left_out))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _has_every_class(part: np.ndarray, targets: DownstreamTargets) -> bool:
    return all(
        ((target.codes == code) & (part == name)).any()
        for target in targets.classification
        for code in range(len(target.classes))
        for name in ("train", "valid", "test")
    )


def mean_influence(scores: pd.DataFrame, patients: pd.Series) -> pd.DataFrame:
    """Average what each test sample adds to a score over the replicates of each way.

    Parameters
    ----------
    scores
        Output of :func:`fused_scores`, not empty.
    patients
        Output of :func:`aehpo_gpu.runs.influence.test_samples` for the joint task.

    Returns
    -------
    pandas.DataFrame
        One row a test sample: ``sample_id``, ``patient`` and a column a way.
    """
    means = {
        str(way): np.mean(np.stack(values.to_list()), axis=0)
        for way, values in scores.groupby("way", sort=False)[INFLUENCE]
    }
    table = pd.DataFrame(means, index=patients.index)
    table.insert(0, str(patients.name), patients)
    return table.rename_axis("sample_id").reset_index()
