"""What is recommended, the untuned default and PCA on smaller train parts of a task.

Which samples a part has is decided in ``aehpo_assets.datasets.train_sizes``. Every run has as many
optimiser steps as on all train samples, so that sizes differ by what there is to learn from. Scores
are those of valid: nothing here opens the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aehpo_assets.analysis.chosen_baselines import chosen_baseline
from aehpo_assets.analysis.names import BASELINE, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.datasets.train_sizes import kept_samples, nested_order, sizes_of
from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE, without_test
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.training import LENGTHS
from aehpo_assets.study.results import TrainSizes
from aehpo_gpu.evaluation.baselines import scored_cell
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

PCA = "pca"

COLUMNS = ["origin", "config_id", "latent_dim", "train_size", "seed", "status"]


@dataclass(frozen=True)
class Part:
    """A train part of a task in one replicate.

    Attributes
    ----------
    seed
        Of the runs, and of the draw; the replicate where the study has several.
    size
        Train samples.
    kept
        (samples,) mask of what is there; None where it is all.
    """

    seed: int
    size: int
    kept: np.ndarray | None


def compared_runs(
    validated: pd.DataFrame, hyperparameters: Sequence[str], replicates: int
) -> pd.DataFrame:
    """Return the runs of the best recommendation and of the untuned default, as validated.

    Parameters
    ----------
    validated
        Validated recommendations of one architecture and task.
    hyperparameters
        Names of the columns that a run is trained from.
    replicates
        How many of their seeds.

    Returns
    -------
    pandas.DataFrame
        ``origin``, ``config_id``, the hyperparameters and ``seed``; of the default nothing where
        it is what is recommended.
    """
    scored = scored_runs(validated)
    seeds = sorted(scored["seed"].unique())[:replicates]
    both = [best_runs(scored, origin) for origin in (RECOMMENDED, UNTUNED_DEFAULT)]
    runs = pd.concat(both).drop_duplicates(["config_id", "seed"])
    chosen = runs.loc[runs["seed"].isin(seeds), ["origin", "config_id", *hyperparameters, "seed"]]
    return chosen.reset_index(drop=True)


def parts_of_task(
    asked: TrainSizes, of: Replicates, seeds: Sequence[int], *, redrawn: bool
) -> list[Part]:
    """Return every size of every replicate.

    Parameters
    ----------
    asked
        The study's ``train_sizes``.
    of
        The task.
    seeds
        Those of the runs.
    redrawn
        Whether seeds are replicates, which have splits of their own.

    Raises
    ------
    InputError
        As :func:`aehpo_assets.datasets.train_sizes.sizes_of`.
    """
    splits = {seed: of.split(seed if redrawn else 0).to_numpy(dtype=str) for seed in seeds}
    orders, needed = {}, 0
    for seed, split in splits.items():
        orders[seed], own = nested_order(split, of.targets, of.task, seed)
        needed = max(needed, own)
    fewest = min(map(len, orders.values()))
    sizes = sizes_of(asked.sizes, fewest, needed, of.task)
    parts = [
        Part(seed, size, kept_samples(splits[seed], orders[seed], size))
        for size in sizes[:-1]
        for seed in seeds
    ]
    # A part of all samples is that of the validation, whose runs are there already.
    return [*parts, *(Part(seed, sizes[-1], None) for seed in seeds)]


def of_equal_steps(settings: TrainingSettings, run: pd.Series, train: int) -> TrainingSettings:
    """Return settings with the optimiser steps that a run has on so many train samples."""
    if settings.epochs is None:
        return settings
    epochs = int(min(settings.epochs, run.get(LENGTHS["epoch"], settings.epochs)))
    steps = epochs * steps_per_epoch(train, int(run["batch_size"]))
    return replace(settings, epochs=None, fidelities=(), steps=steps)


@dataclass(frozen=True)
class SizedTask:
    """A task whose runs are trained on parts of it.

    Attributes
    ----------
    whole
        The runs on all train samples, as they were validated.
    of
        Its replicates, or the only one.
    redrawn
        Whether seeds are replicates.
    origins
        ``config_id`` to where it comes from.
    """

    whole: RunTable
    of: Replicates
    redrawn: bool
    origins: Mapping[str, str]

    def tables(self, part: Part) -> Iterator[RunTable]:
        """Yield the runs of a part; those of one length together."""
        whole = self.whole
        own = whole.runs[whole.runs["seed"] == part.seed].reset_index(drop=True)
        if part.kept is None:
            yield replace(whole, runs=own)
            return
        replicate = part.seed if self.redrawn else 0
        data, inputs = self._data(part), self.of.inputs(replicate, part.kept)
        train = self.of.n_train(replicate)
        lengths = [of_equal_steps(whole.settings, run, train) for _, run in own.iterrows()]
        for settings in dict.fromkeys(lengths):
            alike = [at for at, length in enumerate(lengths) if length == settings]
            yield RunTable(
                architecture=whole.architecture,
                data=data,
                runs=own.iloc[alike].reset_index(drop=True),
                settings=settings,
                inputs=inputs,
                home=whole.home,
            )

    def _data(self, part: Part) -> TrainingTask:
        replicate = part.seed if self.redrawn else 0
        return self.of.data(replicate, part.kept)

    def scores(self, part: Part, on_progress: Callable[[Progress], None]) -> pd.DataFrame:
        """Train what is missing of a part, and return its valid scores, a row a run."""
        trained = [table.train_missing(on_progress)[0] for table in self.tables(part)]
        results = without_test(pd.concat(trained, ignore_index=True))
        results["config_id"] = results["config_id"].astype(str)
        named = results.assign(
            origin=results["config_id"].map(self.origins),
            train_size=part.size,
            latent_dim=results.get("latent_dim_fixed", np.nan),
        )
        labels = [name for name in named if name.startswith(("auc_", "r2_"))]
        return named[[*COLUMNS, VALID_SCORE, VALID_R2, *labels]]

    def pca(self, part: Part, features: int, dim: int) -> pd.DataFrame:
        """Score PCA, fitted on a part: a row."""
        data = Data(*self._data(part).given)
        found = without_test(scored_cell(data, PCA, features, dim))
        scored = found.assign(
            origin=BASELINE, config_id=PCA, train_size=part.size, seed=part.seed, status="ok"
        )
        labels = [name for name in scored if name.startswith(("auc_", "r2_"))]
        return scored[[*COLUMNS, VALID_SCORE, *labels]]


def chosen_components(baselines: pd.DataFrame, fallback: int) -> tuple[int, int]:
    """Return features and components of PCA: those best on valid, where they were looked for.

    Parameters
    ----------
    baselines
        Table of ``baseline_performance``; empty where there is none.
    fallback
        Components otherwise, of all features.
    """
    found = chosen_baseline(baselines, PCA) if len(baselines) else baselines
    if found.empty:
        return np.iinfo(np.int64).max, fallback
    return int(found["features"].iloc[0]), int(found["latent_dim"].iloc[0])
