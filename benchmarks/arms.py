"""What a study promises and gets on real data, by the rules and the steps of before and of today.

``python -m benchmarks.arms FEW_STEPS_HOME MANY_STEPS_HOME --task TASK``: two finished homes of one
study with several replicates that differ in the length of a run. Studies are redrawn from half of
the replicates and scored by the other half, in three arms of equal numbers of trainings:

- one run of every configuration, the best of them promised: few steps, and many steps;
- two replicates of half the configurations, the posterior mean of the surrogate promised: many
  steps.

PCA is chosen and scored in the same halves.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.space import SearchSpace, search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.evaluation.baselines import raced_baselines
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.runs.table import study_replicates

FEW, MANY, TODAY = "one run, few steps", "one run, many steps", "posterior mean, many steps"
PCA = "PCA"
LATENT_DIMS = (2, 4, 8, 16, 32)


def redrawn(
    few: pd.DataFrame,
    many: pd.DataFrame,
    pca: pd.DataFrame,
    space: SearchSpace,
    studies: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Redraw studies.

    Parameters
    ----------
    few, many
        Run results of one task with few and many steps: the same configurations and replicates.
    pca
        One row a number of dimensions and replicate: ``latent_dim``, ``replicate``, valid score.
    space
        The search space.
    studies
        How many.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row a study and arm: ``study, arm, promise, result`` (mean valid score of what was
        chosen in the replicates that chose nothing) and ``pca``, the result of PCA.

    Raises
    ------
    InputError
        If there are fewer than four replicates, or a configuration lacks one.
    """
    tables = {FEW: _scores(few), MANY: _scores(many)}
    replicates = np.array(tables[MANY].columns)
    if len(replicates) < 4 or any(table.isna().any(axis=None) for table in tables.values()):
        raise InputError(
            "studies are redrawn from four replicates at least, of which every run has a score",
            key="replicates",
        )
    of_pca = pca.pivot(index="latent_dim", columns="replicate", values=VALID_SCORE)
    rows = []
    for number in range(studies):
        source = np.random.default_rng(named_seed(seed, "redrawn", number))
        drawn = source.permutation(replicates)
        chosen_by, scored_by = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
        dims = of_pca[chosen_by].mean(axis=1).idxmax()
        simple = float(of_pca.loc[dims, scored_by].mean())
        found = {}
        for arm, table in tables.items():
            one = table[chosen_by[0]]
            found[arm] = (float(one.max()), float(table.loc[one.idxmax(), scored_by].mean()))
        half = source.permutation(tables[MANY].index)[: len(tables[MANY]) // 2]
        promise, config_id = _posterior_best(many, half, chosen_by[:2], space, number)
        found[TODAY] = (promise, float(tables[MANY].loc[config_id, scored_by].mean()))
        rows += [
            {"study": number, "arm": arm, "promise": promise, "result": result, "pca": simple}
            for arm, (promise, result) in found.items()
        ]
    return pd.DataFrame(rows)


def _scores(runs: pd.DataFrame) -> pd.DataFrame:
    table = runs.assign(config_id=runs["config_id"].astype(str))
    return table.pivot(index="config_id", columns="replicate", values=VALID_SCORE)


def _posterior_best(
    runs: pd.DataFrame,
    config_ids: np.ndarray,
    replicates: np.ndarray,
    space: SearchSpace,
    seed: int,
) -> tuple[float, str]:
    """Return what the surrogate promises of the best of some configurations, and which that is."""
    is_drawn = runs["config_id"].astype(str).isin(config_ids)
    own = runs[is_drawn & runs["replicate"].isin(replicates)]
    task = str(own["task"].iloc[0])
    evaluations = training_table({task: own}, space)
    surrogate, _, _ = fit_surrogate(evaluations, space, seed, ("gaussian_process",), folds=1)
    tried = evaluations.drop_duplicates("config_id").reset_index(drop=True)
    promised = surrogate.predict(tried, task)[VALID_SCORE]
    return float(promised.max()), str(tried["config_id"][promised.idxmax()])


def summary(studies: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm: means over the studies, and how often PCA was reached.

    Studies are redrawn from one table, so that their spread says nothing of other cohorts.
    """
    gap = studies["promise"] - studies["result"]
    beaten = studies["result"] > studies["pca"]
    table = studies.assign(**{"promise - result": gap, "better than PCA": beaten})
    columns = ["promise", "result", "promise - result", "pca", "better than PCA"]
    return table.groupby("arm", sort=False)[columns].mean()


def read_home(home: Home, task: str, architecture: str) -> tuple[pd.DataFrame, SearchSpace]:
    """Read the run results of a task."""
    space = search_space(architecture, home.study().space)
    return home.store.read_table("run_results", (architecture, task)), space


def pca_scores(home: Home, task: str, replicates: list[int]) -> pd.DataFrame:
    """Score PCA in the replicates of a home's study."""
    names = ("omics_matrix", "data_split", "sample_labels")
    tables = {name: home.store.read_table(name, (task,)) for name in names}
    drawn = study_replicates(task, home.study(), tables)
    parts = []
    for replicate in replicates:
        data = Data(*drawn.data(replicate).given)
        scores = raced_baselines(data, "pca", LATENT_DIMS, (), 0)
        parts.append(scores[["latent_dim", VALID_SCORE]].assign(replicate=replicate))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Print the table of arms."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arms", description=__doc__)
    parser.add_argument("few", type=Path)
    parser.add_argument("many", type=Path)
    parser.add_argument("--task", required=True)
    parser.add_argument("--architecture", default="varix")
    parser.add_argument("--studies", type=int, default=200)
    given = parser.parse_args()
    few, _ = read_home(Home(given.few), given.task, given.architecture)
    many, space = read_home(Home(given.many), given.task, given.architecture)
    pca = pca_scores(Home(given.many), given.task, sorted(many["replicate"].unique()))
    studies = redrawn(few, many, pca, space, given.studies)
    sys.stdout.write(f"{given.task}\n{summary(studies).round(3).to_string()}\n")


if __name__ == "__main__":
    main()
