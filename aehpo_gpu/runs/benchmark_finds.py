"""Whether what a benchmark's searches found is real: their incumbents, trained.

A simulated search ends with the configuration that it was told is best. A search on measured runs
is told the values of the nearest trained configuration, so that one is trained, and not the
proposal: what was told and what comes out are of the same configuration. Which searches there were
belongs to ``aehpo_assets.hpo.benchmark.run``; how configurations are trained to ``training``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.after import SCORE
from aehpo_assets.hpo.benchmark.analysis import band, incumbents
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.space import SearchSpace

SEARCH = ["ground", "searcher", "repetition"]


def found_configurations(
    trials: pd.DataFrame,
    task: str,
    repetitions: int,
    space: SearchSpace,
    evaluations: pd.DataFrame,
    objective: str = SCORE,
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
    evaluations
        What the benchmark searched on
        (:func:`aehpo_assets.hpo.surrogate.fit.training_table`).
    objective
        What the searches were after (:data:`aehpo_assets.hpo.objectives.NAMED`).

    Returns
    -------
    pandas.DataFrame
        One row a search: ``ground, searcher, repetition, search_seed, config_id`` of the
        configuration whose values the search was told, its hyperparameters, and
        ``told_<valid score>``, what the search was told of it; ``proposed_config_id`` and
        ``told_distance``, which configuration the search proposed and how far that is from it (0
        if it is the same).

    Raises
    ------
    StaleInputError
        If a search was told of a configuration that the evaluations do not know.
    """
    own = trials[trials["task"] == task]
    best = pd.concat(
        [
            incumbents(found, repetitions, objective)
            for _, found in own.groupby("ground", sort=False)
        ],
        ignore_index=True,
    )
    values = best[["config_id", *space.names]].drop_duplicates("config_id")
    measured = evaluations.loc[evaluations["task"] == task, ["config_id", *space.names]]
    # A proposal with the hyperparameters of a trained configuration is told under that one's name.
    known = pd.concat([measured, values]).drop_duplicates("config_id").set_index("config_id")
    unknown = set(best["told_config_id"]) - set(known.index)
    if unknown:
        raise StaleInputError(
            f"the benchmark of {task} searched on {min(unknown)}, which is no longer there"
        )
    found = best[[*SEARCH, "search_seed"]].assign(config_id=best["told_config_id"])
    found = found.join(known[space.names], on="config_id")
    proposed = {
        "proposed_config_id": best["config_id"],
        "told_distance": best["told_distance"],
    }
    return found.assign(**{f"told_{VALID_SCORE}": best[VALID_SCORE]}, **proposed)


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
        score that the searches were told), ``distance`` (mean distance between what was proposed
        and what was told of and trained), ``valid`` (mean actual score),
        ``regret`` with its 95 % bootstrap interval ``lower``, ``upper`` over searches: 0 is the
        best mean valid score of any search, 1 the median sampled configuration.
    """
    # A run that failed counts as the worst of the task, sampled ones included.
    both = pd.concat([sampled, trained], ignore_index=True)
    of_task = evaluation_table({task: both}, space)
    actual = of_task.tail(len(trained))
    runs = trained[[*SEARCH, f"told_{VALID_SCORE}", "told_distance"]].assign(
        **{VALID_SCORE: actual[VALID_SCORE].to_numpy()}
    )
    searches = runs.groupby(SEARCH, sort=False).mean().reset_index()
    median = of_task.head(len(sampled))[VALID_SCORE].median()
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
                "distance": group["told_distance"].mean(),
                "valid": group[VALID_SCORE].mean(),
                "regret": mean,
                "lower": lower,
                "upper": upper,
            }
        )
    return pd.DataFrame(rows).sort_values("regret", kind="stable", ignore_index=True)
