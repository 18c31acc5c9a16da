"""What a failed check of labels or split says to a person: offenders, numbers and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from aehpo_assets.datasets.label_facts import LabelFacts, LabelReading
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.datasets.patients import Patients
from aehpo_assets.store.provenance import CheckResult

_SHOWN = 5
_OTHER_SPLIT = (
    "Raise valid and test in the study's split, stratify it (split.stratify), or add samples."
)


def explained(
    results: Sequence[CheckResult], sentences: Mapping[str, str | None]
) -> list[CheckResult]:
    """Give the checks that failed the sentences that say so; the others keep theirs."""
    return [
        result
        if result.passed or not sentences.get(result.name)
        else result.model_copy(update={"description": sentences[result.name]})
        for result in results
    ]


def label_sentences(reading: LabelReading, smallest_class: int) -> dict[str, str | None]:
    """Sentence of each check of labels that needs more than its description."""
    objective = {n: f for n, f in reading.labels.items() if f.role.startswith("objective")}
    few = {name: facts for name, facts in objective.items() if len(facts.classes) < 2}
    rare = {
        f"{name}={least}": count
        for name, facts in objective.items()
        for least, count in list(facts.classes.items())[-1:]
        if count < smallest_class
    }
    table, matrix = reading.table, reading.matrix
    return {
        "samples_have_a_label_row": reading.joined.sentence(matrix, table)
        + ". They are trained on, and never scored; give them rows, or the ids of the rows; name "
        "what is no sample in the modality's annotation.",
        "ids_are_alike": _kin(reading),
        "something_has_classes": " ".join(nothing_to_score(reading)),
        "labels_have_classes": f"with one class among the samples of {matrix}, as {table} has "
        "them: " + ", ".join(f"{name} ({_one_class(facts)})" for name, facts in few.items()) + ". "
        "What cannot be told apart is not scored; take it out of labels.objective, or add samples.",
        "smallest_class": f"{table}: classes with few samples among those of {matrix}: "
        f"{_listed(rare)}. Their scores are coarse; join them with others if they are alike.",
        "one_spelling_a_class": f"{table}: "
        + "; ".join(
            f"{name}: {_spelt(group)}"
            for name, facts in reading.labels.items()
            for group in facts.spellings
        )
        + ": these count as classes of their own. Write each class in one way.",
        "words_taken_as_classes": f"{table}: "
        + "; ".join(
            f"{name}: {_listed(facts.doubtful)}"
            for name, facts in reading.labels.items()
            if facts.doubtful
        )
        + ": taken as classes, may mean missing. "
        + f"Set {_setting('add', _doubtful(reading))} if it does, "
        + f"{_setting('keep', _doubtful(reading))} if it does not.",
        "words_taken_as_missing": _read_as_missing(reading),
    }


def nothing_to_score(reading: LabelReading) -> tuple[str, str]:
    """That no label has two classes among the samples of a matrix, and the remedy."""
    only = ", ".join(
        f"{name} {_one_class(facts)}"
        for name, facts in reading.labels.items()
        if facts.role.startswith("objective")
    )
    return (
        f"of the {reading.joined.samples} samples of {reading.matrix}, every label of the "
        f"objective has one class only in {reading.table} ({only}), so that nothing can be scored.",
        "Name labels in labels.objective that differ among these samples.",
    )


def nothing_scored(targets: DownstreamTargets) -> tuple[str, str]:
    """That a split leaves no label with two classes in every part, and the remedy."""
    reasons = [f"{name} ({why})" for name, why in targets.dropped.items()]
    return f"no label of the objective can be scored: {_some(reasons)}.", _OTHER_SPLIT


def split_sentences(
    split: pd.Series, targets: DownstreamTargets, patients: Patients | None
) -> dict[str, str | None]:
    """Sentence of each check of a split that needs more than its description."""
    reasons = [f"{name} ({why})" for name, why in targets.dropped.items()]
    classes = [reason for reason in reasons if "=" in reason]
    labels = [reason for reason in reasons if "=" not in reason]
    return {
        "patients_in_one_part": straddling(split, patients) if patients is not None else None,
        "classes_dropped": f"not scored: {_some(classes)}. {_OTHER_SPLIT}",
        "labels_scored": f"not scored: {_some(labels)}. {_OTHER_SPLIT}",
        "something_is_scored": " ".join(nothing_scored(targets)),
    }


def straddling(split: pd.Series, patients: Patients) -> str:
    """That patients have samples in several parts of a split."""
    parts = patients.parts(split)
    across = parts[parts > 1]
    return (
        f"{len(patients.repeated)} patients have several samples ({patients.source}; "
        f"{_some(map(str, patients.repeated.index))}), and {len(across)} of them have samples in "
        f"several parts of the split ({_some(map(str, across.index))}): scores are inflated. "
        "Set split.group in the study to the column of the label table that names the patient; "
        "add one if there is none."
    )


def _kin(reading: LabelReading) -> str:
    kin = reading.joined.kin
    sample, row = next(iter(kin.items()), ("", ""))
    return (
        f"{reading.joined.sentence(reading.matrix, reading.table)}; {len(kin)} of these samples "
        f"have the id of a row with an ending more or less ({sample}, {row}). Give both the same "
        "ids, or set ids: {tcga: patient} or {tcga: sample} for TCGA barcodes."
    )


def _one_class(facts: LabelFacts) -> str:
    return next((f"{name} only" for name in facts.classes), "no value at all")


def _spelt(group: Mapping[str, int]) -> str:
    return "/".join(group) + f" ({_listed(group)})"


def _doubtful(reading: LabelReading) -> list[str]:
    return list(dict.fromkeys(word for f in reading.labels.values() for word in f.doubtful))


def _read_as_missing(reading: LabelReading) -> str:
    named = {name: facts.words for name, facts in reading.labels.items()}
    words = list(dict.fromkeys(word for found in named.values() for word in found))
    return (
        f"{reading.table}: "
        + "; ".join(f"{name}: {_listed(found)}" for name, found in named.items() if found)
        + f": read as missing. Set {_setting('keep', words)} if it is a class."
    )


def _setting(key: str, words: Sequence[str]) -> str:
    return f"labels.missing_words: {{{key}: [{', '.join(map(_quoted, words))}]}}"


def _quoted(word: str) -> str:
    plain = word.replace(" ", "").isalnum() and word.lower() != "null"
    return word if plain else f"'{word.replace(chr(39), chr(39) * 2)}'"


def _listed(counts: Mapping[str, int]) -> str:
    return _some(f"{name} {count}" for name, count in counts.items())


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN))
