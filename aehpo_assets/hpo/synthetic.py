"""A seeded table of run results with the schema of the study, for measurements and tests.

The numbers are made up; only their shape is meant to be lifelike: an optimum that moves a little
from task to task, noise between seeds, some diverged runs, log-normal runtimes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.store.provenance import named_seed


def synthetic_results(
    space: SearchSpace,
    tasks: tuple[str, ...] = ("tcga_rna", "tcga_meth", "tcga_dna", "schc_rna", "schc_meth"),
    count: int = 3000,
    seeds: tuple[int, ...] = (0,),
    seed: int = 0,
    noise: float = 0.01,
) -> dict[str, pd.DataFrame]:
    """Make up run results of several tasks that resemble each other.

    Parameters
    ----------
    space
        The architecture's search space.
    tasks
        Names of the tasks.
    count
        Number of configurations, the same for every task.
    seeds
        Training seeds, one run each.
    seed
        Seed of all that is made up.
    noise
        Standard deviation of the AUC between seeds.

    Returns
    -------
    dict of str to pandas.DataFrame
        Task to run results; runtimes are log-normal with a median of five minutes.
    """
    configurations = sample_configurations(space, count, seed)
    X = Encoder(space).matrix(configurations)
    results = {}
    for task in tasks:
        # The optimum of a task is a common one plus a shift, so that transfer has something to do.
        common = np.random.default_rng(named_seed(seed, "optimum"))
        own = np.random.default_rng(named_seed(seed, task))
        centre = common.uniform(0.25, 0.75, X.shape[1]) + own.normal(0, 0.08, X.shape[1])
        importance = common.dirichlet(np.ones(X.shape[1]))
        quality = 1 - np.sqrt(((X - centre) ** 2 * importance).sum(axis=1))
        runs = [
            _runs(configurations, space.architecture, task, run_seed, quality, X, own, noise)
            for run_seed in seeds
        ]
        results[task] = pd.concat(runs, ignore_index=True)
    return results


def _runs(
    configurations: pd.DataFrame,
    architecture: str,
    task: str,
    run_seed: int,
    quality: np.ndarray,
    X: np.ndarray,
    generator: np.random.Generator,
    noise: float,
) -> pd.DataFrame:
    count = len(configurations)
    runs = configurations.assign(task=task, architecture=architecture, seed=run_seed, status="ok")
    runs[RUNTIME] = 300 * np.exp(1.2 * (X[:, 0] - 0.5) + generator.normal(0, 0.3, count))
    runs[VALID_R2] = np.clip(2 * quality - 1 + generator.normal(0, 2 * noise, count), -1, 1)
    for score in (VALID_SCORE, TEST_SCORE):
        raw = 0.5 + 0.45 * quality + generator.normal(0, noise, count)
        runs[score] = np.clip(raw, 0, 1)
    diverged = generator.random(count) < 0.02
    runs.loc[diverged, "status"] = "diverged"
    runs.loc[diverged, [VALID_R2, VALID_SCORE, TEST_SCORE]] = np.nan
    return runs


def synthetic_curves(
    results: dict[str, pd.DataFrame], fidelities: tuple[int, ...]
) -> dict[str, pd.DataFrame]:
    """Make up learning curves that end where the run results end.

    Parameters
    ----------
    results
        Output of :func:`synthetic_results`.
    fidelities
        Epochs, ascending; the last one is a whole training.

    Returns
    -------
    dict of str to pandas.DataFrame
        Task to ``config_id, seed, epoch, runtime`` and the objectives, which approach their last
        value exponentially and start from chance; the runtime is cumulative.
    """
    curves = {}
    for task, runs in results.items():
        steps = []
        for epoch in fidelities:
            share = epoch / fidelities[-1]
            reached = (1 - np.exp(-4 * share)) / (1 - np.exp(-4))
            step = runs[["config_id", "seed"]].assign(epoch=epoch, runtime=runs[RUNTIME] * share)
            step[VALID_R2] = -1 + (runs[VALID_R2] + 1) * reached
            for score in (VALID_SCORE, TEST_SCORE):
                step[score] = 0.5 + (runs[score] - 0.5) * reached
            steps.append(step)
        curves[task] = pd.concat(steps, ignore_index=True)
    return curves
