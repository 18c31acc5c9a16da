"""The cohorts of the findings, and the recipe of the source whose grid is trained most."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aehpo_assets.study.data import Preprocessing
from benchmarks.findings.trainings import Cohort, Trainer

TWIN: dict[str, Any] = {
    "k_filter": 512,
    "n_layers": 2,
    "enc_factor": 4.0,
    "batch_size": 64,
    "drop_p": 0.0,
}
"""The small twin of 003's networks: 512 features, one hidden layer of 128."""

RECIPE: dict[str, Any] = {
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "lr_schedule": "exponential",
    "lr_gamma": 0.95,
    "init_scope": "hidden",
    "bias_init": "torch",
    "annealing": "no-annealing",
}
"""What the published code of 003 has, whatever is searched."""

PUBLISHED: dict[str, Any] = {"loss_reduction": "mean_mn", "mn_weight": 0.0083}
"""Means over features and samples, the divergence weighted by M_N as published."""

STOPPING: dict[str, Any] = {"patience": 3, "min_delta": 1e-4, "min_epochs": 5}

TCGA_LABELS = ("SEX", "GRADE", "OS_STATUS")
"""Cancer type and what tells it are left out: values are scaled by cohort, which tells it too."""


@dataclass(frozen=True)
class Given:
    """What an experiment is given.

    Attributes
    ----------
    data
        Folder with the data sets ``tcga`` and ``pbmc_cite``.
    trainer
        Trains and keeps.
    seeds
        How many seeds, of experiments that share a grid.
    """

    data: Path
    trainer: Trainer
    seeds: int = 5

    @cached_property
    def tcga(self) -> Cohort:
        """RNA of TCGA, standardised and cut at 10."""
        return Cohort(self.data / "tcga", "rna", TCGA_LABELS)

    @cached_property
    def with_subtypes(self) -> Cohort:
        """The same, scored by its 20 subtypes as well."""
        return Cohort(self.data / "tcga", "rna", (*TCGA_LABELS, "SUBTYPE"))

    @cached_property
    def scaled(self) -> Cohort:
        """RNA of TCGA between 0 and 1."""
        fitted = Preprocessing(filter="mad", scaler="minmax")
        return Cohort(self.data / "tcga", "rna", TCGA_LABELS, preprocessing=fitted)

    @cached_property
    def cells(self) -> Cohort:
        """RNA of blood cells, and their types."""
        return Cohort(self.data / "pbmc_cite", "rna")
