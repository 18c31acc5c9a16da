"""Which configurations are trained to see whether a recommendation holds, and with which seeds.

The honest opponent of a recommendation is not the best sampled run as it was (the best of many
noisy runs is partly luck) but that configuration trained again, with the same fresh seeds as the
recommendation. Which one it is follows from every run known by then, those of earlier rounds
included (``aehpo_assets.hpo.known_best``). Both sides get as many candidates, and on both sides the
valid score chooses. The untuned default shows what tuning is worth at all; of it there is only one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from aehpo_assets.analysis.names import BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.hpo.known_best import best_known
from aehpo_assets.space import SearchSpace, config_id_of, default_configuration
from aehpo_assets.study import Study
from aehpo_gpu.runs.table import distinct_runs

BENCHMARK_SEEDS = 1_000_000
"""How far the seeds of what a benchmark found lie above those of validation. A round takes a few
seeds, and what is validated in any round must share none with a benchmark before it."""

RACE_SEEDS = 2 * BENCHMARK_SEEDS
"""How far the replicates of a race lie above those of validation, which stay the ones that
baselines are scored in."""


def candidates(
    recommendations: pd.DataFrame,
    results: pd.DataFrame,
    known: pd.DataFrame,
    space: SearchSpace,
    count: int,
) -> pd.DataFrame:
    """Take the best recommendations, the best sampled configurations and the untuned default.

    Parameters
    ----------
    recommendations
        Recommendations of one architecture and task, best first.
    results
        Run results of the same architecture and task: what was sampled.
    known
        Evaluations of every comparable run before this round, those of earlier rounds included
        (:func:`aehpo_assets.hpo.surrogate.fit.training_table`).
    space
        The architecture's search space.
    count
        How many recommended and how many sampled ones.

    Returns
    -------
    pandas.DataFrame
        ``origin`` (recommended | best_sampled | untuned_default), ``rank``, ``config_id``,
        ``searcher``, ``transfer``, the hyperparameters, ``predicted_<objective>`` (missing for
        those that were not recommended), and for the sampled ones ``known_runs`` and
        ``known_valid``, the score by which they were chosen and how many runs it rests on. Equal
        hyperparameters have one ``config_id``, whatever their origin.
    """
    recommended = recommendations.head(count)
    predicted = [name for name in recommendations if name.startswith("predicted_")]
    columns = ["rank", "config_id", "searcher", "transfer", *space.names, *predicted]
    sampled = best_of_sampled(results, known).head(count)
    sampled = sampled[["config_id", *space.names, "known_runs", "known_valid"]]
    sampled = sampled.assign(rank=range(1, len(sampled) + 1))
    untuned = untuned_default(space, results).assign(rank=1)
    return pd.concat(
        [
            recommended[columns].assign(origin=RECOMMENDED),
            sampled.assign(origin=BEST_SAMPLED),
            untuned.assign(origin=UNTUNED_DEFAULT),
        ],
        ignore_index=True,
    )


def best_of_sampled(results: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Rank what was sampled by all that is known of it; parameters as for :func:`candidates`."""
    is_sampled = known["config_id"].isin(results["config_id"].astype(str))
    return best_known(known[is_sampled], str(results["task"].iloc[0]))


def recommended_by_race(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return the candidates of a race as what is recommended: the winner, then the next ones.

    Parameters
    ----------
    candidates
        As of :class:`aehpo_gpu.runs.race.RacedTask`. Those that failed are not recommended.
    """
    ranked = candidates.dropna(subset=["rank"])
    return ranked.drop(columns=["origin", "state", "reason"]).astype({"rank": "int64"})


def untuned_default(space: SearchSpace, results: pd.DataFrame) -> pd.DataFrame:
    """Return the untuned default as one row, under its own ``config_id`` if it was sampled."""
    default = default_configuration(space)
    config_id = _known_id(default, results) or config_id_of(default)
    return pd.DataFrame([{"config_id": config_id, **default}])


def _known_id(values: dict[str, Any], results: pd.DataFrame) -> str | None:
    """Return the ``config_id`` of sampled hyperparameters, None if they were not sampled."""
    same = (results[list(values)] == pd.Series(values)).all(axis=1)
    return str(results.loc[same, "config_id"].iloc[0]) if same.any() else None


def validation_seeds(study: Study, evidence: Iterable[pd.DataFrame]) -> list[int]:
    """Seeds for validation: as many as the study says, and none that chose anything before.

    Where the study has several replicates, they are replicates, and so splits, that chose nothing.

    Parameters
    ----------
    study
        The study. Live searches train with the first of its seeds.
    evidence
        Tables of runs with ``seed``: everything that what is validated was chosen by, run results
        and the architecture's earlier validations. A race has replicates of its own.
    """
    count = study.hpo.validation_seeds or len(study.run_seeds)
    first = first_fresh_seed(study, evidence)
    return list(range(first, first + count))


def first_fresh_seed(study: Study, evidence: Iterable[pd.DataFrame]) -> int:
    """Return the first seed, or replicate, of those that chose nothing before.

    Parameters
    ----------
    study, evidence
        As for :func:`validation_seeds`.
    """
    used = [seed for table in evidence for seed in table["seed"]]
    return int(max([*study.run_seeds, *used])) + 1


def benchmark_seeds(study: Study, evidence: Iterable[pd.DataFrame]) -> list[int]:
    """Seeds for what a benchmark found: fresh like those of validation, and never one of theirs.

    Parameters
    ----------
    study, evidence
        As for :func:`validation_seeds`.
    """
    return [seed + BENCHMARK_SEEDS for seed in validation_seeds(study, evidence)]


def first_race_seed(study: Study, evidence: Iterable[pd.DataFrame]) -> int:
    """Return the first replicate of a race: fresh, and never one of validation or a benchmark.

    Parameters
    ----------
    study, evidence
        As for :func:`validation_seeds`.
    """
    return first_fresh_seed(study, evidence) + RACE_SEEDS


def validation_runs(
    chosen: pd.DataFrame, space: SearchSpace, study: Study, evidence: Iterable[pd.DataFrame]
) -> pd.DataFrame:
    """One row a run: every candidate configuration once, with every validation seed."""
    return distinct_runs(chosen, validation_seeds(study, evidence), space)


def with_candidates(chosen: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Put what was predicted beside what came out: one row a candidate and seed."""
    described = chosen[[name for name in chosen if name == "config_id" or name not in results]]
    return described.merge(results, on="config_id", how="left")
