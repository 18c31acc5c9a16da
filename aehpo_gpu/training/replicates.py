"""The training tasks of replicates beyond the first: another split, and what is fitted on it.

How a split is drawn again belongs to ``aehpo_assets.datasets.replicates``; here it becomes what a
training is given. No matrix of a replicate is ever written: it is the raw matrix with the fit of
that replicate applied, made when a run of it is trained. So validation can draw replicates that
nothing was chosen by, without anybody having to know how many there will be. Splits and fits are
small, and kept as long as the process goes on: planning, training, baselines and races ask for them
again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from aehpo_assets.datasets.joint_names import modality_of
from aehpo_assets.datasets.labels import DownstreamTargets, class_codes, downstream_targets
from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.datasets.replicates import replicate_split
from aehpo_assets.datasets.train_sizes import targets_of
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import FittedPreprocessing, fit_preprocessing
from aehpo_assets.store.code_version import CodeVersions
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.study.data import Preprocessing
from aehpo_gpu.training.task import TrainingTask


@dataclass(frozen=True)
class Replicates:
    """The replicates of a task, for studies that have several.

    Attributes
    ----------
    task
        Name of the task.
    matrix
        (samples, features) of ``omics_matrix``.
    table
        ``data_split``: the split of each replicate.
    labels
        (samples, labels) of ``sample_labels``.
    preprocessing
        The study's.
    seed
        The study's ``split.seed``.
    versions
        Asset to data version of what a replicate is made of: ``omics_matrix``,
        ``preprocessed_matrix`` and ``sample_labels``. Only :meth:`inputs` needs them.
    ontology
        Table of ``feature_ontology``, for architectures that need one.
    """

    task: str
    matrix: pd.DataFrame
    table: pd.DataFrame
    labels: pd.DataFrame
    preprocessing: Preprocessing
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    ontology: pd.DataFrame | None = None
    _splits: dict[int, pd.Series] = field(default_factory=dict, init=False, repr=False)
    _fits: dict[int, FittedPreprocessing] = field(default_factory=dict, init=False, repr=False)

    def split(self, replicate: int) -> pd.Series:
        """Train, valid or test of each sample."""
        if replicate not in self._splits:
            drawn = replicate_split(self.table, self.labels, self.seed, replicate)
            self._splits[replicate] = drawn
        return self._splits[replicate]

    def fitted(self, replicate: int) -> FittedPreprocessing:
        """Order, centre, scale and fill, fitted on the train part of a replicate."""
        if replicate not in self._fits:
            split = self.split(replicate)
            modalities = modality_of(self.task, self.matrix.columns)
            self._fits[replicate] = fit_preprocessing(
                self.matrix, split, self.preprocessing, modalities
            )
        return self._fits[replicate]

    def n_features(self, replicate: int) -> int:
        """Features of a replicate's matrix, which is not made for it."""
        return len(self.fitted(replicate).features)

    def n_train(self, replicate: int) -> int:
        """Train samples of a replicate."""
        return int((self.split(replicate) == "train").sum())

    @cached_property
    def targets(self) -> DownstreamTargets:
        """Labels that all replicates are scored by, in the order of the matrix."""
        return downstream_targets(self.labels, self.table["split"])

    def data(
        self, replicate: int, kept: np.ndarray | None = None, split: pd.Series | None = None
    ) -> TrainingTask:
        """What the runs of a replicate are trained on, scored by the same classes as all others.

        Parameters
        ----------
        replicate
            Which one.
        kept
            (samples,) mask of the samples that are there at all; what is fitted on train is fitted
            on those of them. All by default.
        split
            (samples,) another split in the place of its own.

        Raises
        ------
        InputError
            If the values of the matrix are not finite, or a feature does not vary on train: what
            blocks the preprocessed matrix of the replicates that ``data_split`` holds.
        """
        of, targets, classes = self.matrix, self.targets, class_codes(self.labels)
        own = self.split(replicate) if split is None else split
        if kept is not None:
            own, of, targets = own[kept], of[kept], targets_of(targets, kept)
            classes = None if classes is None else classes[kept]
        if kept is None and split is None:
            fitted = self.fitted(replicate)
        else:
            modalities = modality_of(self.task, of.columns)
            fitted = fit_preprocessing(of, own, self.preprocessing, modalities)
        matrix = fitted.apply(of).to_numpy()
        train = matrix[(own == "train").to_numpy()]
        if not np.isfinite(matrix).all() or (np.ptp(train, axis=0) == 0).any():
            raise InputError(
                f"in replicate {replicate} of {self.task}, scaled values are not finite or do not "
                "vary on train",
                key="preprocessing.scaler",
                remedy="Set another scaler, or check the values of the matrix.",
            )
        return TrainingTask(
            task=self.task,
            matrix=matrix,
            split=own.to_numpy(dtype=str),
            targets=targets,
            modalities=modality_of(self.task, pd.Index(fitted.features)),
            ontology=None
            if self.ontology is None
            else Ontology(self.ontology, tuple(fitted.features)),
            classes=classes,
        )

    def inputs(self, replicate: int, kept: np.ndarray | None = None) -> dict[str, str]:
        """Name to version of what the numbers of a replicate depend on; parameters as :meth:`data`.

        They do not depend on the number of replicates, and those of the first are what they are in
        a study that has no other.
        """
        own = self.split(replicate) if kept is None else self.split(replicate)[kept]
        split = content_hash(own.to_frame())
        read = {"data_split": split, "sample_labels": self.versions["sample_labels"]}
        if replicate == 0 and kept is None:
            read["preprocessed_matrix"] = self.versions["preprocessed_matrix"]
            return {f"{asset}/{self.task}": version for asset, version in read.items()}
        read["omics_matrix"] = self.versions["omics_matrix"]
        made = {
            "preprocessing": self.preprocessing.model_dump_json(),
            "code": CodeVersions.of((fit_preprocessing,)).base,
        }
        return {f"{asset}/{self.task}": version for asset, version in read.items()} | made
