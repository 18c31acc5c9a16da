"""The research questions of a study, answered by numbers of its artefacts.

They are those of the reference study (R. Koenig, Leipzig 2025), which ``QUESTIONS`` puts into a
sentence each. An answer is a sentence around numbers, and what these rest on; where there are none,
it says what the study would have to have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.heuristics import FEWEST
from aehpo_assets.analysis.integration import integration_text
from aehpo_assets.analysis.interactions import interactions_text
from aehpo_assets.analysis.names import LATE
from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE

QUESTIONS = {
    "RQ1": "Which hyperparameters matter most, and which of their values are promising?",
    "RQ2": "What does each do by itself and with others, and which signal of the training tells of "
    "the score?",
    "RQ3": "Does a search start better from earlier runs of the same task?",
    "RQ4": "Does what is known of other tasks help a new one?",
    "RQ5": "Can a surrogate stand for training?",
    "RQ6": "Which searcher is the most promising?",
    "RQ7": "Are autoencoders effective for several modalities at once?",
}

EVERY_TASK = "every task"
WARM = "warm"


@dataclass(frozen=True)
class Evidence:
    """What is known of one architecture, as far as the study has it.

    Attributes
    ----------
    importance, effects, interactions
        Of ``hyperparameter_effects``, with ``task``.
    ranges, proxies
        Task to :func:`~aehpo_assets.analysis.heuristics.promising_ranges` and
        :func:`~aehpo_assets.analysis.proxies.proxies`.
    noise
        Task to the variance components of its scores.
    transfer
        Verdicts of the transfer benchmark.
    diagnostics, accuracy
        Of the surrogate, and of the validation report.
    ranks
        Mean ranks of the benchmark of searchers.
    integration
        Of the validation report, where the study joins modalities
        (:func:`~aehpo_assets.analysis.integration.integration`).
    """

    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    effects: pd.DataFrame = field(default_factory=pd.DataFrame)
    interactions: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranges: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    proxies: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    noise: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    transfer: pd.DataFrame = field(default_factory=pd.DataFrame)
    diagnostics: pd.DataFrame = field(default_factory=pd.DataFrame)
    accuracy: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranks: pd.DataFrame = field(default_factory=pd.DataFrame)
    integration: pd.DataFrame = field(default_factory=pd.DataFrame)


def answers(evidence: Evidence) -> pd.DataFrame:
    """Answer every question by what is known of an architecture.

    Returns
    -------
    pandas.DataFrame
        One row a sentence: ``question``, ``asks``, ``answer`` and ``rests_on``.
    """
    answered = {
        "RQ1": [*_importance(evidence), *_ranges(evidence)],
        "RQ2": [
            *_effects(evidence),
            *_interactions(evidence),
            *_between_tasks(evidence),
            *_proxies(evidence),
        ],
        "RQ3": list(_transfer(evidence, warm=True)),
        "RQ4": list(_transfer(evidence, warm=False)),
        "RQ5": list(_surrogate(evidence)),
        "RQ6": list(_searchers(evidence)),
        "RQ7": list(_integration(evidence)),
    }
    rows = [
        (question, asks, answer, rests_on)
        for question, asks in QUESTIONS.items()
        for answer, rests_on in answered[question] or [("Not known: nothing was made yet.", "")]
    ]
    return pd.DataFrame(rows, columns=["question", "asks", "answer", "rests_on"])


Sentences = Iterator[tuple[str, str]]


def _importance(evidence: Evidence) -> Sentences:
    for task, own in _of_tasks(evidence.importance):
        rests_on = "hyperparameter_effects, importance"
        r2 = float(own["forest_r2"].iloc[0])
        if np.isnan(r2):
            yield f"{task}: not told, with fewer than {FEWEST} configurations.", rests_on
            continue
        told = own[own["importance"] > 2 * own["standard_deviation"]]
        held_out = (
            f"a forest explains {r2:.0%} of the variance of configurations that it did not see"
        )
        if r2 <= 0 or told.empty:
            said = f"{task}: no hyperparameter is told to matter; a forest has an R² of {r2:.2f}"
            yield f"{said} on configurations that it did not see.", rests_on
            continue
        listed = ", ".join(
            f"{row.hyperparameter} ({row.importance:.2f} ± {row.standard_deviation:.2f})"
            for row in told.itertuples()
        )
        yield f"{task}: {listed}, by what is lost of R² without each; {held_out}.", rests_on


def _ranges(evidence: Evidence) -> Sentences:
    for task, table in evidence.ranges.items():
        if table.empty:
            continue
        top, count = int(table["top"].iloc[0]), int(table["configurations"].iloc[0])
        rests_on = f"the best {top} of {count} configurations"
        told = table[table["supported"] & (table["kind"] == "hyperparameter")]
        if told.empty:
            thin = f", of which at least {FEWEST} are needed" if count < FEWEST else ""
            yield f"{task}: no range of values is told from chance{thin}.", rests_on
            continue
        listed = "; ".join(
            f"{row.quantity} {row.lower:.3g} to {row.upper:.3g} (rules out "
            f"{1 - row.rest_inside:.0%} of the others)"
            for row in told.itertuples()
        )
        yield f"{task}: promising are {listed}.", rests_on
    for task, table in evidence.ranges.items():
        needed = table[table["supported"] & (table["quantity"] == VALID_R2)]
        for row in needed.itertuples():
            yield (
                f"{task}: of the best, nine in ten have a valid R² of at least {row.lower:.2f}.",
                f"the best {row.top} of {row.configurations} configurations",
            )


def _effects(evidence: Evidence) -> Sentences:
    for task, own in _of_tasks(evidence.effects):
        explained = own.drop_duplicates("hyperparameter").set_index("hyperparameter")["explained"]
        known = explained.dropna()
        if known.empty or task == EVERY_TASK:
            continue
        # Each is free of what chance explains, and so is their sum; a negative one belongs to it.
        alone = max(0.0, float(known.sum()))
        first = known.idxmax()
        said = (
            f"{task}: taken alone, hyperparameters explain {min(alone, 1):.0%} of the variance "
            f"between configurations, {first} {max(known.max(), 0):.0%}"
        )
        if (row := _known(evidence.noise.get(task))) is not None:
            replicates = row["runs"] / row["configurations"]
            true = row["configuration"] / (row["configuration"] + row["replicate"] / replicates)
            left = max(0.0, true - alone)
            said += f"; noise is {1 - true:.0%} of it, and {left:.0%} are left to their interplay"
        yield f"{said}.", "hyperparameter_effects, main effects; noise"


def _interactions(evidence: Evidence) -> Sentences:
    for task, own in _of_tasks(evidence.interactions):
        yield f"{task}: {interactions_text(own)}", "hyperparameter_effects, interactions"


def _known(components: pd.DataFrame | None) -> pd.Series | None:
    """Return the variance components of the valid score, if they are known."""
    if components is None:
        return None
    rows = components[(components["score"] == VALID_SCORE) & components["known"]]
    return rows.iloc[0] if len(rows) else None


def _between_tasks(evidence: Evidence) -> Sentences:
    table = evidence.importance
    if table.empty:
        return
    wide = table[table["task"] != EVERY_TASK].pivot(
        index="hyperparameter", columns="task", values="importance"
    )
    wide = wide.dropna(axis=1)
    found = [wide[a].corr(wide[b], method="spearman") for a, b in combinations(wide, 2)]
    if found:
        yield (
            f"Importances of two tasks correlate by {np.mean(found):+.2f} in rank"
            + (f", from {min(found):+.2f} to {max(found):+.2f}" if len(found) > 1 else "")
            + f", over {len(wide)} hyperparameters.",
            f"{wide.shape[1]} tasks",
        )


def _proxies(evidence: Evidence) -> Sentences:
    for task, table in evidence.proxies.items():
        if table.empty:
            yield f"{task}: too few configurations to tell what signals are worth.", ""
            continue
        row0 = table.iloc[0]
        rests_on = f"{int(row0['configurations'])} configurations x {int(row0['replicates'])}"
        if table["true_correlation"].isna().all():
            best = table.loc[table["correlation"].abs().idxmax()]
            yield (
                f"{task}: {_signal(best)} correlates by {best['correlation']:+.2f} in rank with "
                "the score of the same run; without a reliable second replicate, what noise "
                "does to that is not known.",
                rests_on,
            )
            continue
        for at_end in (True, False):
            own = table[(table["at"] == 0) == at_end].dropna(subset=["true_correlation"])
            if own.empty:
                continue
            best = own.loc[own["true_correlation"].idxmax()]
            interval = (
                f" [{best['lower']:+.2f}, {best['upper']:+.2f}]" if pd.notna(best["lower"]) else ""
            )
            told = "" if pd.notna(best["lower"]) and best["lower"] > 0 else ", which may be chance"
            yield (
                f"{task}: best of {len(own)} signals {'at the end' if at_end else 'before'}, "
                f"{_signal(best)} ranks configurations as the score does by "
                f"{best['true_correlation']:+.2f}{interval}, noise taken out{told}; choosing by it "
                f"gives up {best['given_up']:.3f} of score.",
                rests_on,
            )


def _signal(row: pd.Series) -> str:
    name = str(row["signal"]).replace("_", " ")
    less = "" if name.endswith("r2") or row["signal"] == VALID_SCORE else "a low "
    when = "" if row["at"] == 0 else f" at {int(row['at']):,}"
    return f"{less}{name}{when}"


def _transfer(evidence: Evidence, *, warm: bool) -> Sentences:
    if evidence.transfer.empty:
        yield "Not asked: the study has no transfer_benchmark.", ""
        return
    table = evidence.transfer[(evidence.transfer["way"] == WARM) == warm]
    for way, own in table.groupby("way", sort=False):
        counts = own["verdict"].value_counts()
        listed = ", ".join(f"{verdict} in {count}" for verdict, count in counts.items())
        yield (
            f"{'Warm' if warm else f'The {way} box'}: {listed} of {len(own)} cases; the gain is "
            f"{own['gain'].median():+.3f} in the median, from {own['gain'].min():+.3f} to "
            f"{own['gain'].max():+.3f}.",
            f"transfer_benchmark, {own['task'].nunique()} tasks, "
            f"{own['searcher'].nunique()} searchers",
        )


def _surrogate(evidence: Evidence) -> Sentences:
    table = evidence.diagnostics
    if not table.empty:
        for row in table[table["objective"] == VALID_SCORE].to_dict("records"):
            ceiling = row.get("r2_ceiling", np.nan)
            of = "" if pd.isna(ceiling) else f", where noise allows {ceiling:.2f}"
            yield (
                f"{row['task']}: out of fold, R² {row['r2']:.2f}{of}, rank correlation "
                f"{row['spearman']:+.2f}; {row['coverage']:.0%} of its 90 % intervals hold.",
                f"surrogate, {int(row['configurations'])} configurations",
            )
    overall = evidence.accuracy
    if not overall.empty:
        row = overall[overall["task"] == "all tasks"].iloc[0]
        yield (
            f"Trained for real, recommendations score {-row['bias']:+.3f} beside what was "
            f"promised, on average; {row['inside']:.0%} lie within the interval of their promise.",
            f"validation_report, {int(row['configurations'])} recommendations",
        )


def _searchers(evidence: Evidence) -> Sentences:
    table = evidence.ranks
    if table.empty:
        yield "Not asked: the study has no benchmark.", ""
        return
    for ground, own in table.groupby("ground", sort=False):
        ordered = own.sort_values("mean_rank")
        best, second = ordered.iloc[0], ordered.iloc[1]
        gap = second["mean_rank"] - best["mean_rank"]
        apart = gap > best["critical_difference"] and best["p_value"] <= 0.05
        yield (
            f"On the {ground}: {best['searcher']} has the best mean rank, {best['mean_rank']:.2f}, "
            f"before {second['searcher']}, {second['mean_rank']:.2f}: "
            + ("told apart." if apart else "not told apart.")
            + f" (p {best['p_value']:.2f} for all, critical difference "
            f"{best['critical_difference']:.2f})",
            f"hpo_benchmark, {int(best['tasks'])} tasks",
        )


def _integration(evidence: Evidence) -> Sentences:
    if evidence.integration.empty:
        yield "Not asked: no task that joins modalities was validated.", "0 joint tasks"
    for row in integration_text(evidence.integration).to_dict("records"):
        is_late = row["of"] in LATE
        joined = (
            f"Late fusion of {row['joint task']} ({row['of']})" if is_late else row["joint task"]
        )
        alone = "alone" if is_late else f"alone, of {row['of']}"
        yield (
            f"{joined} adds {row['adds on test']} on test to {row['best alone']}, the best of its "
            f"modalities {alone}: on these samples {row['on these samples']}, for new patients "
            f"{row['for new patients']}.",
            "validation_report, what joining adds",
        )


def _of_tasks(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if not table.empty:
        yield from ((str(task), own) for task, own in table.groupby("task", sort=False))
