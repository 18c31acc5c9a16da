"""The race of one architecture and task: who takes part, and its replicates really trained.

How a race goes, and when it ends, belongs to ``aehpo_assets.race``; how runs are trained to
``aehpo_gpu.training``. What is validated afterwards is decided in ``validation``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import BASELINE_NAMES, BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE, VALID_SCORE
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.noise.level import split_effect
from aehpo_assets.noise.pooled import Noise
from aehpo_assets.noise.summary import known_noise
from aehpo_assets.noise.words import KNOWN
from aehpo_assets.race.belief import Belief
from aehpo_assets.race.race import NOT_KNOWN, Outcome, race
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study import Study
from aehpo_assets.study.results import Race
from aehpo_gpu.evaluation.baselines import DEFAULT_METHODS, raced_baselines
from aehpo_gpu.evaluation.representations import METHODS, Data
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.runs.validation import best_of_sampled, first_race_seed, untuned_default
from aehpo_gpu.training.progress import Progress


def racing_candidates(
    recommendations: pd.DataFrame,
    results: pd.DataFrame,
    known: pd.DataFrame,
    space: SearchSpace,
    count: int,
) -> pd.DataFrame:
    """Choose who races: the untuned default, and as many proposed as sampled configurations.

    Parameters
    ----------
    recommendations
        Recommendations of one architecture and task, best first. Those that were sampled count as
        such.
    results, known, space
        As for :func:`aehpo_gpu.runs.validation.candidates`.
    count
        How many in all. Where there are too few proposed ones, further sampled ones take part.

    Returns
    -------
    pandas.DataFrame
        ``origin`` (recommended | best_sampled | untuned_default), ``config_id``, each once,
        ``searcher``, ``transfer``, the hyperparameters and ``predicted_<objective>`` (missing for
        those that were not recommended).
    """
    predicted = [name for name in recommendations if name.startswith("predicted_")]
    columns = ["config_id", "searcher", "transfer", *space.names, *predicted]
    is_sampled = recommendations["config_id"].astype(str).isin(results["config_id"].astype(str))
    proposed = recommendations.loc[~is_sampled, columns].assign(origin=RECOMMENDED)
    recommended = recommendations.loc[is_sampled, columns]
    best = best_of_sampled(results, known)
    best = best[["config_id", *space.names]].assign(searcher=BEST_SAMPLED, transfer=False)
    sampled = pd.concat([recommended, best], ignore_index=True).assign(origin=BEST_SAMPLED)
    sampled = sampled.drop_duplicates("config_id")
    default = untuned_default(space, results).assign(
        origin=UNTUNED_DEFAULT, searcher=UNTUNED_DEFAULT, transfer=False
    )
    head = proposed.head(count // 2)
    others = pd.concat([head, default, sampled], ignore_index=True)
    # The default may have been proposed or sampled; it takes part once.
    chosen = others.drop_duplicates("config_id").head(count).reset_index(drop=True)
    return chosen[["origin", *columns]]


def starting_belief(
    candidates: pd.DataFrame,
    surrogate: Surrogate,
    task: str,
) -> Belief:
    """Return what the surrogate believes of the candidates before they race.

    Parameters
    ----------
    candidates
        Output of :func:`racing_candidates`.
    surrogate, task
        The architecture's surrogate, and the task.
    """
    mean, covariance = surrogate.posterior(candidates, task, VALID_SCORE)
    # Scores are modelled on their own scale, but for their bounds.
    return Belief(OBJECTIVE[VALID_SCORE].from_model_scale(mean), covariance)


def known_split(components: pd.DataFrame, replicates: int) -> Noise | None:
    """Return what is known of the effect of a split: None where all replicates have the same.

    Parameters
    ----------
    components
        As of :func:`aehpo_assets.noise.summary.noise_tables`.
    replicates
        Replicates of the study.
    """
    return None if replicates == 1 else split_effect(components, VALID_SCORE) or NOT_KNOWN


@dataclass(frozen=True)
class RacedTask:
    """A finished race with what was trained in it.

    Attributes
    ----------
    outcome
        How it ended.
    candidates
        Those of the race in its final order, ``rank`` from 1 (missing for those that failed), with
        ``state``, ``reason``, ``predicted_<valid score>`` and its interval as the race left them.
    runs
        Results of all its runs, with ``round`` and ``replicate``.
    standings
        As of :class:`~aehpo_assets.race.race.Outcome`, with ``config_id`` and ``origin``.
    """

    outcome: Outcome
    candidates: pd.DataFrame
    runs: pd.DataFrame
    standings: pd.DataFrame


def runs_per_hour(runs: pd.DataFrame) -> float:
    """Runs that an hour of training and scoring finished.

    Parameters
    ----------
    runs
        Run results, or the runs of a race.
    """
    seconds = float(runs[["fleet_runtime", "evaluation_runtime"]].sum().sum())
    return 3600 * len(runs) / seconds if seconds > 0 else math.nan


def race_task(
    table: RunTable,
    candidates: pd.DataFrame,
    start: Belief,
    components: pd.DataFrame,
    space: SearchSpace,
    study: Study,
    evidence: Iterable[pd.DataFrame],
    on_progress: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> RacedTask:
    """Race the candidates of a task in replicates that nothing knew of before.

    Parameters
    ----------
    table
        A table of runs of the task, of which everything but the runs themselves is used.
    candidates
        Output of :func:`racing_candidates`.
    start
        What is believed of them, see :func:`starting_belief`.
    components
        What is known of the noise (:func:`aehpo_assets.noise.summary.noise_tables`).
    space
        The architecture's search space.
    study
        The study; its ``race`` is given.
    evidence
        Run results, and what earlier rounds validated.
    on_progress, tell
        Are told of the training, and of every round in a line.

    Raises
    ------
    InputError
        If every candidate diverged or failed.
    """
    task, rules = table.data.task, study.race or Race()
    evidence = list(evidence)
    first = first_race_seed(study, evidence)
    config_ids = candidates["config_id"].tolist()
    hyperparameters = candidates[["config_id", *space.names]]
    trained: list[pd.DataFrame] = []

    def train(entries: list[tuple[int, int]]) -> list[float]:
        numbers = pd.DataFrame(entries, columns=["candidate", "replicate"])
        runs = hyperparameters.iloc[numbers["candidate"]].reset_index(drop=True)
        runs = runs.assign(seed=first + numbers["replicate"])
        results, _ = replace(table, runs=runs).train_missing(on_progress)
        if "replicate" not in results:
            results.insert(results.columns.get_loc("seed") + 1, "replicate", results["seed"])
        results.insert(0, "round", len(trained) + 1)
        trained.append(results)
        scores = results[VALID_SCORE].where(results["status"] == "ok")
        return scores.astype("float64").tolist()

    finished = next(iter(evidence))
    finished = finished.loc[finished["status"] == "ok", VALID_SCORE].dropna()
    outcome = race(
        config_ids,
        start,
        train,
        rules,
        named_seed(study.hpo.seed, "race", table.architecture, task),
        noise=known_noise(components, VALID_SCORE),
        split=known_split(components, study.replicates),
        lowest=float(finished.min()) if len(finished) else OBJECTIVE[VALID_SCORE].bounds[0],
        tell=tell,
    )
    if outcome is None:
        raise InputError(
            f"all {len(candidates)} candidates of {task} diverged or failed in the race: none can "
            "be validated",
            key="space.lr_fixed",
            remedy="Narrow it, or set another preprocessing.scaler.",
        )
    standings = outcome.standings.copy()
    low, high = OBJECTIVE[VALID_SCORE].bounds
    ends = ["mean", "lower", "upper"]
    standings[ends] = standings[ends].clip(low, high)
    described = candidates[["config_id", "origin"]].iloc[standings["candidate"]]
    standings.insert(1, "config_id", described["config_id"].to_numpy())
    standings.insert(2, "origin", described["origin"].to_numpy())
    standings = standings.drop(columns="candidate")
    return RacedTask(
        outcome=outcome,
        candidates=_in_final_order(candidates, standings, outcome.order),
        runs=pd.concat(trained, ignore_index=True),
        standings=standings,
    )


def race_baselines(
    table: RunTable,
    seeds: Iterable[int],
    latent_dims: Sequence[int],
    k_filters: Sequence[int],
    tell: Callable[[str], None] = lambda line: None,
    methods: Sequence[str] = DEFAULT_METHODS,
) -> pd.DataFrame:
    """Score the rivals that need no tuning in replicates of a race.

    Parameters
    ----------
    table
        As for :func:`race_task`.
    seeds
        Seeds, and so replicates, of the race.
    latent_dims, k_filters
        Numbers of dimensions and of features to score, as for
        :func:`aehpo_gpu.evaluation.baselines.raced_baselines`.
    tell
        Is told in a line what each method took.
    methods
        Which; those that cannot represent the task are left out.

    Returns
    -------
    pandas.DataFrame
        One row a method, number of dimensions and seed: ``method, latent_dim, seed`` and the valid
        score.
    """
    parts: list[pd.DataFrame] = []
    once: dict[str, pd.DataFrame] = {}
    took = dict.fromkeys((method for method in METHODS if method in methods), 0.0)
    numbers = sorted({int(seed) for seed in seeds})
    for seed in numbers:
        data = Data(*table.data_of(seed).given)
        for method in took:
            started = time.perf_counter()
            scores = once.get(method)
            if scores is None:
                scores = raced_baselines(data, method, latent_dims, k_filters, seed)
            # On one split, what has no seed is the same in every replicate.
            if not table.replicates and not METHODS[method].has_seed:
                once[method] = scores
            parts.append(scores.assign(seed=seed))
            took[method] += time.perf_counter() - started
    for method, seconds in took.items():
        tell(f"{BASELINE_NAMES[method]}: {seconds:.1f} s in {len(numbers)} replicates.")
    columns = ["method", "latent_dim", "seed", VALID_SCORE]
    found = [part for part in parts if len(part.columns) > 1]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _in_final_order(
    candidates: pd.DataFrame, standings: pd.DataFrame, order: list[int]
) -> pd.DataFrame:
    """Order the candidates, with what the race says of them in place of what was predicted."""
    final = standings[standings["round"] == standings["round"].max()].reset_index(drop=True)
    rank = pd.Series(pd.NA, index=candidates.index, dtype="Int64")
    rank[order] = np.arange(1, len(order) + 1)
    found = candidates.assign(
        rank=rank,
        state=final["state"],
        reason=final["reason"],
        **{
            f"predicted_{VALID_SCORE}": final["mean"],
            f"predicted_{VALID_SCORE}_lower": final["lower"],
            f"predicted_{VALID_SCORE}_upper": final["upper"],
            "predicted_noise": KNOWN,
        },
    )
    return found.sort_values("rank", kind="stable", na_position="last", ignore_index=True)
