"""What results are held against, what more is measured of the best, and what the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from aehpo_assets.settings import Settings, distinct

BaselineMethod = Literal[
    "pca",
    "umap",
    "linear_autoencoder",
    "raw_features",
    "random_features",
    "factor_analysis",
    "nmf",
    "ica",
    "lsa",
    "kernel_pca",
    "block_pca",
    "pca_per_modality",
    "pls",
    "cca",
    "mofa",
]
"""A representation that needs no tuned autoencoder."""


class Baselines(Settings):
    """What needs no tuned autoencoder, scored beside them everywhere.

    ``dimensions`` are those of the study's ``latent_dim_fixed`` unless they are given. A task that
    a method cannot represent does without it, and says so: ``nmf`` takes no negative values,
    ``block_pca`` and ``pca_per_modality`` take several modalities, ``pls`` and ``cca`` two.
    ``mofa`` takes one or several, and needs the extra ``reference``.
    """

    methods: Annotated[list[BaselineMethod], AfterValidator(distinct)] = Field(
        default=["pca", "umap", "linear_autoencoder", "raw_features", "random_features"],
        min_length=1,
    )
    dimensions: list[Annotated[int, Field(gt=0)]] | None = Field(default=None, min_length=1)

    @field_validator("dimensions")
    @classmethod
    def _each_once(cls, values: list[int] | None) -> list[int] | None:
        return None if values is None else distinct(values)

    def dims(self, of_space: Sequence[int]) -> list[int]:
        """Return the numbers of dimensions, given those of the study's search space."""
        return list(of_space if self.dimensions is None else self.dimensions)


class Race(Settings):
    """The race of the best candidates, if there is to be one, on replicates of their own.

    So many ``candidates`` start: the untuned default, and as many recommended as sampled ones. The
    race ends when one is the best with a probability of 95 %, when all that are left lie within
    ``equivalence`` of the leader, or when they have ``max_replicates`` each.
    """

    candidates: int = Field(default=12, ge=3)
    max_replicates: int = Field(default=40, ge=2)
    equivalence: float = Field(default=0.01, ge=0, lt=1)


class TrainSizes(Settings):
    """Scores against the number of train samples, if they are to be known.

    What is recommended, the untuned default and PCA are fitted on ``sizes`` of the train samples
    and on all of them, each size inside the next, in so many of the ``replicates`` (or seeds) that
    validated the recommendation. Valid stays what it is, and so do the optimiser steps of a run.
    Without sizes it is all train samples, half of them, a quarter, as long as every class has two.
    """

    sizes: list[Annotated[int, Field(gt=1)]] | None = Field(default=None, min_length=1)
    replicates: int = Field(default=5, gt=0)

    @field_validator("sizes")
    @classmethod
    def _each_once(cls, values: list[int] | None) -> list[int] | None:
        return None if values is None else distinct(values)


class Probe(Settings):
    """Tuning of the probe that scores latents, for what is recommended, if there is to be one.

    Every run is scored by a logistic regression with ``C`` 1. Of each recommended run, and label by
    label, the best of these ``C`` is chosen by cross-validation on its train latents, in so many
    stratified ``folds``; what it scores stands beside the score of the fixed one.
    """

    C: list[Annotated[float, Field(gt=0)]] = Field(
        default=[1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0], min_length=2
    )
    folds: int = Field(default=5, ge=2)

    @field_validator("C")
    @classmethod
    def _ascending(cls, values: list[float]) -> list[float]:
        return sorted(distinct(values))


class Report(Settings):
    """The page of the study, which is made again whenever what it tells changes.

    ``embeddings`` are the ways in which latents, principal components and the data themselves are
    laid out in two dimensions; they take seconds a task.
    """

    embeddings: Annotated[list[Literal["umap", "tsne"]], AfterValidator(distinct)] = Field(
        default=["umap", "tsne"]
    )
