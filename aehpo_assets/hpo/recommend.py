"""Recommendations: what to train next on a task, and why.

Searchers walk the task's surrogate, with and without the evidence of other tasks. What they
propose, and what was trained already, is ranked together by the posterior mean of what they are
after, the valid score unless the study says otherwise.
Which of it differ enough to be recommended beside each other belongs to ``distinct``, training
them for real, and judging them, to the validation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.after import gain, in_place_of_score
from aehpo_assets.hpo.distinct import best_distinct
from aehpo_assets.hpo.objectives import NAMED, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.oracles import SurrogateOracle
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS, check_searchers
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.transfer.boxes import (
    bounding_box,
    top_configurations,
    transfer_weights,
    weighted_box,
)
from aehpo_assets.hpo.transfer.similarity import rank_correlation
from aehpo_assets.noise.level import level_of_mean, split_effect
from aehpo_assets.noise.words import KNOWN, NOT_KNOWN
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study.searches import Hpo

SAMPLED = "sampled"
"""What stands for the searcher of a recommendation that was trained before."""

EACH = 6
"""Proposed and sampled configurations that are recommended at least, where there are so many."""


@dataclass(frozen=True)
class Recommendations:
    """What the searchers found for one task.

    Attributes
    ----------
    table
        One row a recommendation, best first: ``rank, config_id, searcher`` (``sampled`` for what
        was trained before), ``transfer, evidence, repetition, search_seed`` (both missing for
        these), the hyperparameters, ``k_filter_effective``, ``predicted_<objective>``, the
        posterior mean of what a configuration truly reaches, with ``predicted_<objective>_lower``
        and ``_upper`` (the 90 % interval of that true mean), ``predicted_noise`` (known, or *noise
        not known* where no replicates measured that of the valid score), ``predicted_dead`` (the
        probability that a run diverges, fails or collapses; above one half, a configuration ranks
        last), and
        ``sampled_config_id`` (the sampled configuration with the same hyperparameters, or
        missing).
    trials
        Every simulated trial: the columns of :func:`aehpo_assets.hpo.search.simulation.simulate`
        and ``searcher, transfer, repetition, search_seed, predicted_dead``.
    weights
        How much each other task counted, and why: output of
        :func:`aehpo_assets.hpo.transfer.boxes.transfer_weights`.
    """

    table: pd.DataFrame
    trials: pd.DataFrame
    weights: pd.DataFrame


def recommend(
    task: str,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    space: SearchSpace,
    hpo: Hpo,
    n_features: int,
    similarity: pd.Series | None = None,
    components: pd.DataFrame | None = None,
) -> Recommendations:
    """Let every searcher of the study search a task's surrogate, and rank what is known.

    The table has :data:`EACH` proposed and as many sampled configurations and ``max(10,
    hpo.validate_top)`` in all at least, or fewer if there are fewer distinct ones.

    Parameters
    ----------
    task
        The task to recommend for.
    evaluations
        The evaluations of all tasks of the architecture
        (:func:`aehpo_assets.hpo.surrogate.fit.training_table`).
    surrogate
        The architecture's surrogate.
    space
        The architecture's search space.
    hpo
        The study's budgets. With transfer from other tasks, if there are any, every searcher
        runs a second time in the box around their ``transfer_top_k`` best configurations,
        weighted by how alike the tasks are (``transfer: weighted``) or not (``box``). Searchers
        that learn from other tasks themselves are given the evaluations of those that count, and
        left out where none does. ``objective`` is what the searches are after, and what ranks.
    n_features
        Number of features of the task: configurations that differ only in a ``k_filter`` beyond
        it are the same.
    similarity
        How alike the data of the other tasks are
        (:func:`aehpo_assets.hpo.transfer.similarity.data_similarity`), as far as it is known.
    components
        What is known of the noise (:func:`aehpo_assets.noise.summary.noise_tables`), so that the
        intervals allow for the few splits that the task was trained on.

    Returns
    -------
    Recommendations

    Raises
    ------
    InputError
        If a searcher or one of its settings is unknown, the simulated hours are too few for a
        single training, a searcher can only learn from other tasks and none is alike, or no run of
        the task was measured.
    """
    check_searchers(hpo.searchers)
    _refuse_unmeasured(task, evaluations)
    learned_from = in_place_of_score(evaluations, hpo.objective)
    weights = _weights(task, learned_from, hpo, similarity)
    sources = [str(other) for other in weights.index[weights["used"]]]
    box = _transfer_box(learned_from, weights, space, hpo) if sources else space
    if not sources and all(SEARCHERS[name].learns_from_others for name in hpo.searchers):
        raise InputError(
            f"no other task is enough like {task} to learn from, and no searcher does without",
            key="hpo.searchers",
            remedy="Add a searcher that does not learn from other tasks, such as cqr.",
        )

    oracle = SurrogateOracle(surrogate, task)
    searches = []
    for searcher in hpo.searchers:
        learns_from_others = SEARCHERS[searcher].learns_from_others
        for transfer in _ways(learns_from_others, bool(sources)):
            for repetition in range(hpo.repetitions):
                words = (searcher, "transfer") if transfer else (searcher,)
                seed = named_seed(hpo.seed, task, *words, repetition)
                problem = Problem(
                    space=box if transfer and not learns_from_others else space,
                    seed=seed,
                    trials=hpo.trials,
                    objectives=(NAMED[hpo.objective],),
                    evidence=learned_from[learned_from["task"].isin(sources)],
                    settings=hpo.searcher_settings.get(searcher, {}),
                )
                found = simulate(
                    AskTell(searcher, problem),
                    oracle,
                    workers=hpo.workers,
                    trials=hpo.trials,
                    simulated_hours=hpo.simulated_hours,
                    clock=hpo.clock,
                    objectives=oracle.objectives,
                )
                searches.append(
                    found.assign(
                        searcher=searcher,
                        transfer=transfer,
                        evidence=", ".join([task, *sources] if transfer else [task]),
                        repetition=repetition,
                        search_seed=seed,
                    )
                )
    trials = pd.concat([found for found in searches if len(found)] or searches[:1])
    trials = trials.reset_index(drop=True)
    if trials.empty:
        raise InputError(
            f"no simulated training of {task} ends within {hpo.simulated_hours} hours",
            key="hpo.simulated_hours",
            remedy="Allow more hours, or leave them out.",
        )
    trials["predicted_dead"] = surrogate.predict_dead(trials, task)
    pool = _with_sampled(trials, task, evaluations, surrogate, hpo.objective)
    count = max(10, hpo.validate_top)
    chosen = pool.iloc[
        _best_distinct(pool, surrogate, task, n_features, count, NAMED[hpo.objective])
    ]
    return Recommendations(
        _recommendation_table(
            chosen.reset_index(drop=True), task, surrogate, n_features, components
        ),
        trials.drop(columns="evidence"),
        weights,
    )


def _refuse_unmeasured(task: str, evaluations: pd.DataFrame) -> None:
    """Refuse to rank by nothing but what failed runs count as."""
    failed = evaluations.loc[evaluations["task"] == task, "failed"]
    if failed.all():
        raise InputError(
            f"all {len(failed)} trainings of {task} diverged or failed: there is nothing to "
            "recommend by",
            key="preprocessing.scaler",
            remedy="Set scaler: standard or robust, check the values of the matrix, or narrow "
            "space.lr_fixed.",
        )


def _weights(
    task: str, evaluations: pd.DataFrame, hpo: Hpo, similarity: pd.Series | None
) -> pd.DataFrame:
    """Return how much each other task counts; in an unweighted box, all count the same."""
    weights = transfer_weights(rank_correlation(evaluations, task), similarity)
    if hpo.transfer == "box":
        return weights.assign(weight=1.0, used=True, reason="all count the same")
    return weights


def _transfer_box(
    evaluations: pd.DataFrame, weights: pd.DataFrame, space: SearchSpace, hpo: Hpo
) -> SearchSpace:
    """Return the space that transfer searches."""
    if hpo.transfer == "box":
        top = top_configurations(evaluations, weights.index, hpo.transfer_top_k, space)
        return bounding_box(space, top)
    return weighted_box(space, evaluations, weights["weight"].to_dict(), hpo.transfer_top_k)


def _ways(learns_from_others: bool, sources: bool) -> tuple[bool, ...]:
    """Return whether to search without transfer, with it, one after the other, or not at all."""
    alone = () if learns_from_others else (False,)
    return (*alone, True) if sources else alone


def _with_sampled(
    trials: pd.DataFrame,
    task: str,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    objective: str,
) -> pd.DataFrame:
    """Rank what was sampled and what was proposed together; what will fail comes last.

    A configuration that was proposed and sampled stands there once, as sampled.
    """
    names = surrogate.space.names
    sampled = evaluations[evaluations["task"] == task].drop_duplicates("config_id")
    sampled = sampled[["config_id", *names]].reset_index(drop=True)
    own = pd.DataFrame(
        {
            "searcher": SAMPLED,
            "transfer": False,
            "evidence": task,
            "predicted_dead": surrogate.predict_dead(sampled, task),
            "sampled_config_id": sampled["config_id"],
        }
    )
    sampled = pd.concat([sampled, own, surrogate.predict(sampled, task)], axis=1)
    columns = [name for name in (*sampled, "repetition", "search_seed") if name in trials]
    proposed = trials[columns].drop_duplicates("config_id")
    numbers = {"repetition": "Int64", "search_seed": "Int64"}
    pool = pd.concat([sampled, proposed.astype(numbers)], ignore_index=True)
    pool = pool.drop_duplicates(names)
    ranked_by = {
        "likely_dead": pool["predicted_dead"] > 0.5,
        "gain": gain(pool[NAMED[objective]], objective),
    }
    order = pool.assign(**ranked_by).sort_values(
        list(ranked_by), ascending=[True, False], kind="stable"
    )
    return order.drop(columns=list(ranked_by)).reset_index(drop=True)


def _best_distinct(
    pool: pd.DataFrame,
    surrogate: Surrogate,
    task: str,
    n_features: int,
    count: int,
    objective: str,
) -> list[int]:
    """Return the positions of the best that differ, in order, with enough of each kind."""
    capped = pool.assign(k_filter=pool["k_filter"].clip(upper=n_features))
    points = surrogate.metric(capped, task, objective)
    is_sampled = (pool["searcher"] == SAMPLED).to_numpy()
    chosen = best_distinct(points, count)
    for kind in (is_sampled, ~is_sampled):
        has = int(kind[chosen].sum())
        chosen = best_distinct(points, len(chosen) + EACH - has, chosen, kind)
    return sorted(chosen)


def _recommendation_table(
    chosen: pd.DataFrame,
    task: str,
    surrogate: Surrogate,
    n_features: int,
    components: pd.DataFrame | None,
) -> pd.DataFrame:
    levels = {}
    if components is not None:
        levels = {
            name: level_of_mean(split_effect(components, name)) for name in surrogate.objectives
        }
    lower, upper = surrogate.predict_interval(chosen, task, levels)
    predictions: dict[str, Any] = {}
    for objective in surrogate.objectives:
        predictions[f"predicted_{objective}"] = chosen[objective].to_numpy()
        predictions[f"predicted_{objective}_lower"] = lower[objective].to_numpy()
        predictions[f"predicted_{objective}_upper"] = upper[objective].to_numpy()
    predictions["predicted_noise"] = (
        KNOWN if surrogate.noise_known(task, VALID_SCORE) else NOT_KNOWN
    )
    origin = ["searcher", "transfer", "evidence", "repetition", "search_seed"]
    table = chosen[["config_id", *origin, *surrogate.space.names]].copy()
    table.insert(0, "rank", np.arange(1, len(chosen) + 1))
    table["k_filter_effective"] = chosen["k_filter"].clip(upper=n_features)
    table = table.assign(**predictions, predicted_dead=chosen["predicted_dead"].to_numpy())
    table["sampled_config_id"] = chosen["sampled_config_id"].astype("str")
    return table
