"""Late fusion: the recommended autoencoders of single modalities, put together for a joint task.

Their latents are joined, or the class probabilities of their probes are averaged; nothing is
trained on both. Each modality keeps the recommendation, the replicates and all the samples of its
own task, but is trained on none that the joint one is valid by. What is compared belongs to
``aehpo_assets.analysis.integration``.
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
from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.columns import INFLUENCE
from aehpo_gpu.evaluation.averaged import score_averaged
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.runs.latents import train_latents
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


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
        Seed, and split by sample, to what its run is trained on.
    split_of
        Seed to the split of the task, indexed by sample.
    groups
        (samples,) whose samples stand in one part; None if each stands by itself.
    """

    architecture: str
    task: str
    runs: pd.DataFrame
    data_of: Callable[[int, pd.Series], TrainingTask]
    split_of: Callable[[int], pd.Series]
    groups: pd.Series | None = None

    def latents(self, seed: int, joint: pd.Series, settings: TrainingSettings) -> pd.DataFrame:
        """Train the run of a seed beside a joint task.

        Parameters
        ----------
        seed
            Which.
        joint
            (samples,) split of the joint task in that replicate.
        settings
            The study's.

        Returns
        -------
        pandas.DataFrame
            (samples, latent dimensions) latent means.
        """
        own = self.runs[self.runs["seed"] == seed]
        split = followed(joint, self.split_of(seed), self.groups)
        data = self.data_of(seed, split)
        trained = train_latents(data, self.architecture, own, settings, split.index)
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


def followed(joint: pd.Series, own: pd.Series, groups: pd.Series | None = None) -> pd.Series:
    """Return the split of a modality with the samples of a joint task where that has them.

    A modality may have samples that others lack, and draws train and valid of a replicate over all
    of its own, so that some samples are valid in the joint task and would be trained on here. They
    would flatter the fusion; without them, a small class has no sample left. Test is one for all.

    Parameters
    ----------
    joint
        (samples,) split of the joint task.
    own
        Split of the modality, which has these samples and maybe more.
    groups
        Group of each sample of the modality: those of one follow together.

    Returns
    -------
    pandas.Series
        As ``own``.

    Raises
    ------
    StaleInputError
        If they have other test samples: one was made before the data set or the study changed.
    """
    here = own.loc[joint.index]
    if here.equals(joint):
        return own
    if ((here == "test") != (joint == "test")).any():
        raise StaleInputError(
            "the tasks of a data set have other test samples each; call `aehpo run`, which draws "
            "their splits again"
        )
    found = own.copy()
    if groups is not None:
        drawn = joint[joint != "test"]
        part_of = pd.Series(drawn.to_numpy(), groups.loc[drawn.index].to_numpy())
        part_of = part_of[part_of.index.notna() & ~part_of.index.duplicated()]
        following = groups.map(part_of)
        found = found.mask(following.notna() & (own != "test"), following)
    found.loc[joint.index] = joint
    return found.astype(own.dtype)


def scores_of_replicate(
    latents: Mapping[str, pd.DataFrame], split: pd.Series, targets: DownstreamTargets
) -> pd.DataFrame:
    """Score the modalities, their joined latents and their mean probabilities, in one replicate.

    Parameters
    ----------
    latents
        Task of each modality to its latents, which have at least the samples of ``split``.
    split
        (samples,) split of the joint task.
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
        samples are scored, ``samples``; empty where the modalities have no replicate in common.

    Raises
    ------
    StaleInputError
        As :func:`followed`.
    """
    seeds = set.intersection(*(set(one.runs["seed"].tolist()) for one in modalities))
    parts = []
    for seed in sorted(int(one) for one in seeds):
        split = joint_split(seed)
        latents = {one.task: one.latents(seed, split, settings) for one in modalities}
        scored = scores_of_replicate(latents, split, joint_targets)
        parts.append(scored.assign(seed=seed, samples=len(split)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
