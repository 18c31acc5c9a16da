"""Whether what a benchmark's searches found is real: their incumbents, trained.

A simulated search ends with the configuration that it was told is best. Which searches there were
belongs to ``aehpo_assets.hpo.benchmark``; how configurations are trained to ``training``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.benchmark_analysis import band, incumbents
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.space import SearchSpace

SEARCH = ["ground", "searcher", "repetition"]


def found_configurations(
    trials: pd.DataFrame, task: str, repetitions: int, space: SearchSpace
) -> pd.DataFrame:
    """Return what the first searches of every searcher found on a task.

    Parameters
    ----------
    trials
        Trials of a benchmark on all its grounds.
    task
        The task.
    repetitions
        How many searches of each searcher.
    space
        The architecture's search space.

    Returns
    -------
    pandas.DataFrame
        One row a search: ``ground, searcher, repetition, search_seed, config_id``, the
        hyperparameters, and ``told_<score>``, what the search was told of it.
    """
    own = trials[trials["task"] == task]
    best = pd.concat(
        [incumbents(found, repetitions) for _, found in own.groupby("ground", sort=False)],
        ignore_index=True,
    )
    told = {f"told_{score}": best[score] for score in (VALID_SCORE, TEST_SCORE)}
    return best[[*SEARCH, "search_seed", "config_id", *space.names]].assign(**told)


def real_regret(
    trained: pd.DataFrame, sampled: pd.DataFrame, task: str, space: SearchSpace
) -> pd.DataFrame:
    """Say how far the searchers really came on a task.

    Parameters
    ----------
    trained
        What was found beside what came out: one row a search and seed, with the columns of run
        results and those of :func:`found_configurations`.
    sampled
        Run results of the task.
    task
        The task.
    space
        The architecture's search space.

    Returns
    -------
    pandas.DataFrame
        One row a ground and searcher, the smallest regret first: ``searches``, ``told`` (mean valid
        score that the searches were told), ``valid`` and ``test`` (mean actual scores),
        ``regret`` with its 95 % bootstrap interval ``lower``, ``upper`` over searches: 0 is the
        best mean valid score of any search, 1 the median sampled configuration.
    """
    actual = evaluation_table({task: trained}, space)
    runs = trained[[*SEARCH, f"told_{VALID_SCORE}"]].assign(
        **{score: actual[score].to_numpy() for score in (VALID_SCORE, TEST_SCORE)}
    )
    searches = runs.groupby(SEARCH, sort=False).mean().reset_index()
    median = evaluation_table({task: sampled}, space)[VALID_SCORE].median()
    best = searches[VALID_SCORE].max()
    searches["regret"] = (best - searches[VALID_SCORE]) / max(best - median, 1e-12)
    rows = []
    for (ground, searcher), group in searches.groupby(["ground", "searcher"], sort=False):
        mean, lower, upper = band(group["regret"])
        rows.append(
            {
                "ground": ground,
                "searcher": searcher,
                "searches": len(group),
                "told": group[f"told_{VALID_SCORE}"].mean(),
                "valid": group[VALID_SCORE].mean(),
                "test": group[TEST_SCORE].mean(),
                "regret": mean,
                "lower": lower,
                "upper": upper,
            }
        )
    return pd.DataFrame(rows).sort_values("regret", kind="stable", ignore_index=True)
