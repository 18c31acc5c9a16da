"""The sections of the page of a study, read from its home.

What was not made yet is left out, and said so in one place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.names import (
    BASELINE,
    BEST_SAMPLED,
    ORIGIN_NAMES,
    RECOMMENDED,
    UNTUNED_DEFAULT,
)
from aehpo_assets.analysis.verdict import difference_text, outcome_text
from aehpo_assets.hpo.after import SCORE, told_in_words
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.summary import sentence
from aehpo_assets.report.blocks import Block, Picture, Section, Table, Text
from aehpo_assets.report.effects import effect_sections
from aehpo_assets.report.findings import finding_sections
from aehpo_assets.report.found import (
    Report,
    compared_configurations,
    of_task,
    validation_reports,
)
from aehpo_assets.report.integration import integration_blocks
from aehpo_assets.report.layouts import latent_blocks
from aehpo_assets.report.sweep import sweep_sections
from aehpo_assets.report.train_sizes import train_size_blocks
from aehpo_assets.report.without_ids import sample_ids, without_ids
from aehpo_assets.space.distributions import value_text
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import Partition, Store

OPPONENTS = {
    BEST_SAMPLED: "the best sampled",
    UNTUNED_DEFAULT: "the untuned default",
    BASELINE: "the best baseline",
}

NEW_PATIENTS = "for new patients, 95 %"


def study_sections(home: Home, records: Sequence[Provenance]) -> list[Section]:
    """Return the sections of the page.

    Parameters
    ----------
    home
        A home in which something was validated.
    records
        Those of its artefacts.

    Raises
    ------
    InputError
        If nothing was.
    """
    reports = validation_reports(home)
    recommended = [
        _recommendation(home, architecture, task, of_task(report, task))
        for architecture, report in reports.items()
        for task in report["verdicts"]["task"]
    ]
    questions, findings = finding_sections(home)
    answer = [*_answer(home, reports), *integration_blocks(home.store, reports)]
    return [
        Section("What to train", "answer", answer),
        *sweep_sections(home),
        Section("Task by task", "tasks", parts=recommended),
        questions,
        Section("What single runs can be relied on for", "noise", parts=list(_noise(home))),
        Section("Which hyperparameters matter", "effects", parts=list(effect_sections(home))),
        findings,
        Section("Checks that did not pass", "checks", [_failed_checks(records, sample_ids(home))]),
    ]


def _answer(home: Home, reports: dict[str, Report]) -> Iterator[Block]:
    """One row an architecture and task: the values to train with, and whether they are better."""
    rows, shown = [], []
    for architecture, report in reports.items():
        of_test = report["improvements"]
        of_test = of_test[of_test["score"] == TEST_SCORE]
        for task in report["verdicts"]["task"]:
            own = of_test[of_test["task"] == task].set_index("opponent")
            if own.empty:
                continue
            compared = compared_configurations(home, architecture, task, report)
            values = compared.drop(columns=["origin", "config_id"]).to_dict("records")[0]
            candidates = report["candidates"].set_index(["task", "origin"])
            scores = candidates.loc[[(task, RECOMMENDED)]].iloc[0]
            row = {"task": task, "architecture": architecture, **values}
            row |= {
                "valid": scores["valid"],
                "valid_error": scores["valid_error"],
                "test": scores["test"],
                "test_error": scores["test_error"],
            }
            words = {"task": task, "architecture": architecture}
            words["train with"] = ", ".join(f"{k} {value_text(v)}" for k, v in values.items())
            for name in ("valid", "test"):
                words[name] = _with_error(scores[name], scores[f"{name}_error"])
            for opponent, name in OPPONENTS.items():
                if opponent in own.index:
                    gain = own.loc[opponent]
                    row |= {
                        f"gain_on_{opponent}": gain["improvement"],
                        f"verdict_on_{opponent}": gain["outcome"],
                    }
                    than = gain["opponent_config_id"].partition(" (")[0]
                    words[f"against {name}"] = (
                        f"{outcome_text(gain)}, {gain['improvement']:+.3f}"
                        + (f" ({than})" if opponent == BASELINE else "")
                    )
            rows.append(row)
            shown.append(words)
    yield Text(
        "Train these configurations. Scores are weighted average AUCs of a probe on the latents, "
        "means over replicates that chose nothing, with their standard errors; verdicts are of the "
        "test score.",
        "lead",
    )
    if (after := home.study().hpo.objective) != SCORE:
        yield Text(
            f"The simulated searches were after the {told_in_words(after)}, by which their "
            "recommendations are ranked; it is by scores that these are judged."
        )
    yield Table(
        "recommended",
        "What is recommended for every task, what it scores, and whether that is better than what "
        "there was.",
        pd.DataFrame(rows),
        pd.DataFrame(shown).fillna(""),
    )
    for architecture, report in reports.items():
        yield Picture(
            f"{architecture}-predictions",
            f"{architecture}: what was predicted beside what came out, and what is gained on each "
            "opponent.",
            partial(
                plots.predictions_and_improvements, report["predictions"], report["improvements"]
            ),
        )


def _recommendation(home: Home, architecture: str, task: str, report: Report) -> Section:
    stem = f"{architecture}-{task}"
    blocks: list[Block] = [
        Text(str(report["verdicts"]["verdict"].iloc[0]), "lead"),
        _configurations(home, architecture, task, report, stem),
        _candidates(report, stem),
        _gains(report, stem),
        *_race(home.store, (architecture, task), stem),
        *train_size_blocks(home.store, architecture, task, stem),
        *_pictures(home.store, architecture, task, stem),
        *latent_blocks(home, architecture, task, stem),
    ]
    return Section(f"{task}, {architecture}", stem, blocks)


def _configurations(home: Home, architecture: str, task: str, report: Report, stem: str) -> Table:
    compared = compared_configurations(home, architecture, task, report)
    names = [
        f"{ORIGIN_NAMES[origin]} ({config_id})"
        for origin, config_id in zip(compared["origin"], compared["config_id"], strict=True)
    ]
    # Whole numbers stay whole beside others.
    values = compared.drop(columns=["origin", "config_id"]).astype(object)
    values = values.T.set_axis(names, axis=1)
    frame = values.rename_axis("hyperparameter").reset_index()
    shown = frame.map(value_text)
    return Table(
        f"{stem}-hyperparameters",
        "The hyperparameters of what is recommended, and of what it is compared with.",
        frame,
        shown,
    )


def _candidates(report: Report, stem: str) -> Table:
    frame = report["candidates"].drop(columns="task")
    shown = pd.DataFrame(
        {
            "": frame["name"],
            "promised (valid)": _numbers(frame["predicted_valid"]),
            "valid": _with_errors(frame, "valid"),
            "test": _with_errors(frame, "test"),
            "replicates": frame["runs"],
        }
    )
    return Table(
        f"{stem}-scores",
        "What was promised and what came out: mean ± standard error over replicates that chose "
        "nothing. Baselines are those best on valid of several features and dimensions.",
        frame,
        shown,
    )


def _gains(report: Report, stem: str) -> Table:
    frame = report["improvements"].drop(columns="task")
    is_test = frame["score"] == TEST_SCORE
    frame = pd.concat([frame[is_test], frame[~is_test]])
    rows = frame.to_dict("records")
    shown = pd.DataFrame(
        {
            "recommended less": [row["against"] for row in rows],
            "score": ["test" if row["score"] == TEST_SCORE else "valid" for row in rows],
            "difference, 95 %": [difference_text(row) for row in rows],
            "on these samples": [outcome_text(row) for row in rows],
            NEW_PATIENTS: [_new_patients(row) for row in rows],
            "smallest gain decided": _numbers(frame["decidable"]).to_numpy(),
        }
    )
    if not shown[NEW_PATIENTS].any():
        shown = shown.drop(columns=NEW_PATIENTS)
    return Table(
        f"{stem}-gains",
        "What the recommendation adds. Each interval is of its row alone; the verdicts of an "
        "architecture share one level of 5 %.",
        frame,
        shown,
    )


def _new_patients(row: dict[str, object]) -> str:
    if pd.isna(row.get("new_patients")):
        return ""
    return (
        f"{row['new_patients']} "
        f"[{row['new_patients_lower']:+.3f}, {row['new_patients_upper']:+.3f}]"
    )


def _numbers(values: pd.Series) -> pd.Series:
    return values.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")


def _with_errors(frame: pd.DataFrame, name: str) -> list[str]:
    both = zip(frame[name], frame[f"{name}_error"], strict=True)
    return [_with_error(mean, error) for mean, error in both]


def _with_error(mean: float, error: float) -> str:
    # No line breaks within a number and its error.
    text = str(Estimate(mean, error)).replace(" ", "\N{NO-BREAK SPACE}")
    return "" if pd.isna(mean) else text


def _race(store: Store, partition: Partition, stem: str) -> Iterator[Block]:
    if not store.is_usable("race", partition):
        return
    standings = pd.read_parquet(store.existing_folder("race", partition) / "standings.parquet")
    yield Text(str(standings.loc[standings["state"] == "winner", "reason"].iloc[-1]))
    yield Picture(
        f"{stem}-race",
        "The race: what was believed of each candidate after each round, with 90 % intervals.",
        partial(plots.race, standings),
    )


def _pictures(store: Store, architecture: str, task: str, stem: str) -> Iterator[Block]:
    partition = (architecture, task)
    if store.is_usable("baseline_performance", (task,)):
        yield Picture(
            f"{stem}-baselines",
            "Baselines by number of dimensions, on valid.",
            partial(plots.baselines, store.read_table("baseline_performance", (task,))),
        )
    if store.is_usable("learning_curves", partition):
        curves = store.read_table("learning_curves", partition)
        # With no fidelity but the end, there is no curve to see.
        if curves["epoch"].nunique() > 1:
            yield Picture(
                f"{stem}-curves",
                "Learning curves of the sampled runs.",
                partial(plots.learning_curves, curves),
            )


def _noise(home: Home) -> Iterator[Section]:
    for architecture, task in home.store.partitions("noise"):
        if not home.store.is_usable("noise", (architecture, task)):
            continue
        folder = home.store.existing_folder("noise", (architecture, task))
        components, by_replicates = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("components", "by_replicates")
        )
        stem = f"noise-{architecture}-{task}"
        blocks: list[Block] = [Text(sentence(components, VALID_SCORE))]
        if components["known"].any():
            blocks += [
                Table(
                    stem,
                    "What so many replicates are worth: the reliability and the standard error of "
                    "their mean, and the smallest gain that they decide with a power of 80 %.",
                    by_replicates,
                    by_replicates.round(3).astype(str),
                ),
                Picture(
                    f"{stem}-components",
                    "Where the variance of scores comes from, and what replicates make of it.",
                    partial(plots.noise, components, by_replicates),
                ),
            ]
        yield Section(f"{task}, {architecture}", stem, blocks)


def _failed_checks(records: Sequence[Provenance], ids: Collection[str]) -> Block:
    rows = [
        {
            "artefact": record.artefact,
            "check": check.name,
            "kind": "blocks" if check.blocking else "warns",
            "what": without_ids(check.description, ids),
        }
        for record in records
        for check in record.checks
        if not check.passed
    ]
    if not rows:
        return Text("Every check passed.")
    return Table("checks", "Checks that did not pass, and what to do.", pd.DataFrame(rows))
