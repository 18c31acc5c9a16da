"""Which configurations are trained to see whether a recommendation holds, and with which seeds.

The honest opponent of a recommendation is not the best sampled run as it was (the best of many
noisy runs is partly luck) but that configuration trained again, with the same fresh seeds as the
recommendation. Both sides get as many candidates, and on both sides the valid score chooses. The
untuned default shows what tuning is worth at all; of it there is only one.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from aehpo_assets.analysis.names import BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.hpo.evaluations import best_sampled, evaluation_table
from aehpo_assets.space import SearchSpace, config_id_of, default_configuration
from aehpo_assets.study import Study
from aehpo_gpu.runs import distinct_runs


def candidates(
    recommendations: pd.DataFrame, results: pd.DataFrame, space: SearchSpace, count: int
) -> pd.DataFrame:
    """Take the best recommendations, the best sampled configurations and the untuned default.

    Parameters
    ----------
    recommendations
        Recommendations of one architecture and task, best first.
    results
        Run results of the same architecture and task.
    space
        The architecture's search space.
    count
        How many recommended and how many sampled ones.

    Returns
    -------
    pandas.DataFrame
        ``origin`` (recommended | best_sampled | untuned_default), ``rank``, ``config_id``,
        ``searcher``, ``transfer``, the hyperparameters, and ``predicted_<objective>`` (missing for
        those that were not recommended). Equal hyperparameters have one ``config_id``, whatever
        their origin.
    """
    recommended = recommendations.head(count)
    predicted = [name for name in recommendations if name.startswith("predicted_")]
    columns = ["rank", "config_id", "searcher", "transfer", *space.names, *predicted]
    task = str(results["task"].iloc[0])
    sampled = best_sampled(evaluation_table({task: results}, space), task, count)
    sampled = sampled[["config_id", *space.names]].assign(rank=range(1, len(sampled) + 1))
    default = default_configuration(space)
    config_id = _known_id(default, results) or config_id_of(default)
    untuned = pd.DataFrame([{"config_id": config_id, **default, "rank": 1}])
    return pd.concat(
        [
            recommended[columns].assign(origin=RECOMMENDED),
            sampled.assign(origin=BEST_SAMPLED),
            untuned.assign(origin=UNTUNED_DEFAULT),
        ],
        ignore_index=True,
    )


def _known_id(values: dict[str, Any], results: pd.DataFrame) -> str | None:
    """Return the ``config_id`` of sampled hyperparameters, None if they were not sampled."""
    same = (results[list(values)] == pd.Series(values)).all(axis=1)
    return str(results.loc[same, "config_id"].iloc[0]) if same.any() else None


def validation_seeds(study: Study, earlier: pd.DataFrame) -> list[int]:
    """Seeds for validation: as many as the study says, and none that chose anything before.

    Parameters
    ----------
    study
        The study.
    earlier
        The architecture's earlier validations, whose seeds chose what is recommended now.
    """
    count = study.hpo.validation_seeds or len(study.seeds)
    first = int(max([*study.seeds, *earlier["seed"]])) + 1
    return list(range(first, first + count))


def validation_runs(
    chosen: pd.DataFrame, space: SearchSpace, study: Study, earlier: pd.DataFrame
) -> pd.DataFrame:
    """One row a run: every candidate configuration once, with every validation seed."""
    return distinct_runs(chosen, validation_seeds(study, earlier), space)


def with_candidates(chosen: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Put what was predicted beside what came out: one row a candidate and seed."""
    described = chosen[[name for name in chosen if name == "config_id" or name not in results]]
    return described.merge(results, on="config_id", how="left")
