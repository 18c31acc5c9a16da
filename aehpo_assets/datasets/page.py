"""What was read of a data set, as a page of Markdown that can be read in a terminal too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from aehpo_assets.datasets.dataset import Modality
from aehpo_assets.datasets.label_facts import LabelFacts, LabelReading
from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.datasets.matrix_facts import MatrixFacts
from aehpo_assets.foreign import brief
from aehpo_assets.limits import size_of

_CLASSES_SHOWN = 12
_WORDS_SHOWN = 6
_SHOWN = 3


def matrix_page(facts: MatrixFacts, settings: Modality) -> str:
    """What was read of a matrix.

    Parameters
    ----------
    facts
        Its figures.
    settings
        How it was read.
    """
    shape = f"{facts.samples:,} samples x {facts.features:,} features"
    file = brief(settings.file)
    values = "none is known"
    if facts.lowest is not None:
        values = f"{facts.lowest:.6g} to {facts.highest:.6g}"
    transform = "" if settings.transform == "none" else f", after {settings.transform}"
    return _entries(
        {
            "read": f"{shape} of {file} ({settings.orientation}, {settings.kind})",
            "samples": _ends(facts.first_samples, facts.last_samples, facts.samples),
            "features": _ends(facts.first_features, facts.last_features, facts.features),
            "values": f"{values}{transform}; {_percent(facts.missing_share)} missing, "
            f"{_percent(facts.zero_share)} zeros",
            "memory": f"{size_of(facts.memory_bytes)} as read, and as much again preprocessed",
        }
    )


def sections(pages: Mapping[str, str]) -> str:
    """Put pages below each other, each under its name; one alone needs none."""
    if len(pages) == 1:
        return next(iter(pages.values()))
    return "\n\n".join(f"**{name}**\n\n{page}" for name, page in pages.items())


def labels_page(reading: LabelReading, labels: pd.DataFrame, split: pd.Series | None = None) -> str:
    """What was read of the label table for the samples of a matrix.

    Parameters
    ----------
    reading
        What was counted.
    labels
        The labels of the samples.
    split
        Part by sample id; with it, classes are counted by part.
    """
    joined = reading.joined
    entries = {
        "label rows": f"{joined.joined:,} of {joined.samples:,} samples have a row in "
        f"{brief(reading.table)}" + _first(joined.without_row, "first without"),
        "rows left": f"{len(joined.without_sample):,} of {joined.rows:,} rows belong to no sample"
        + _first(joined.without_sample, "first"),
        "patients": _patients(reading, split),
    }
    if split is not None:
        counts = split.reindex(labels.index).value_counts()
        entries["split"] = ", ".join(f"{counts.get(part, 0):,} {part}" for part in SPLITS)
    by_part = "classes (train/valid/test)" if split is not None else "classes"
    header = ["label", "role", "samples", "read as missing", by_part]
    rows = [
        [
            brief(name),
            facts.role,
            f"{facts.known:,}",
            _words(facts),
            _classes(facts, labels[name], split),
        ]
        for name, facts in reading.labels.items()
    ]
    page = f"{_entries(entries)}\n\n{_table(header, rows)}"
    if any(facts.words for facts in reading.labels.values()):
        page += (
            "\n\nA word that was read as missing and is a class: "
            "`labels.missing_words: {keep: [WORD]}` in dataset.yaml keeps it."
        )
    return page


def class_counts(column: pd.Series, split: pd.Series) -> dict[str, dict[str, int]]:
    """Samples of each class in each part of a split."""
    parts = split.reindex(column.index)
    counts = pd.crosstab(column, parts).reindex(columns=list(SPLITS), fill_value=0)
    return {
        str(name): {part: int(count) for part, count in row.items()}
        for name, row in counts.to_dict("index").items()
    }


def _patients(reading: LabelReading, split: pd.Series | None) -> str:
    if reading.patients is None:
        return "no two samples are known to be of one patient"
    several, source = reading.patients.repeated, brief(reading.patients.source)
    text = f"{len(several):,} have several samples, by {source}" + _first(
        list(map(str, several.index)), "first"
    )
    if split is not None:
        across = int((reading.patients.parts(split) > 1).sum())
        text += f"; {across:,} of them are in several parts of the split"
    return text


def _classes(facts: LabelFacts, column: pd.Series, split: pd.Series | None) -> str:
    if facts.lowest is not None:
        return f"{facts.lowest:.6g} to {facts.highest:.6g}"
    parts = {} if split is None else class_counts(column, split)
    shown = [
        f"{brief(name)} {count:,}"
        + (f" ({'/'.join(str(n) for n in parts[name].values())})" if parts else "")
        for name, count in list(facts.classes.items())[:_CLASSES_SHOWN]
    ]
    return _listed(shown, len(facts.classes))


def _words(facts: LabelFacts) -> str:
    words = [f"{brief(word) or 'empty'} {count:,}" for word, count in facts.missing.items()]
    return _listed(words[:_WORDS_SHOWN], len(words)) or "none"


def _listed(shown: Sequence[str], of: int) -> str:
    return ", ".join(shown) + (f" and {of - len(shown)} more" if of > len(shown) else "")


def _first(names: Sequence[str], title: str) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > _SHOWN else ""
    return f" ({title}: {', '.join(map(brief, names[:_SHOWN]))}{more})"


def _ends(first: Sequence[str], last: Sequence[str], count: int) -> str:
    shown = ", ".join(map(brief, first))
    return shown if count <= len(first) else f"{shown} … {brief(last[-1])}"


def _entries(entries: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {_plain(text)}" for name, text in entries.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns stand below each other, all but the last."""
    lines = [list(header), *[[_plain(cell) for cell in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header) - 1)]
    drawn = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        + f" | {line[-1]} |"
        for line in lines
    ]
    ruler = "".join("|" + "-" * (width + 2) for width in [*widths, len(header[-1])]) + "|"
    return "\n".join([drawn[0], ruler, *drawn[1:]])


def _plain(text: str) -> str:
    """Text in which nothing breaks a line or a table."""
    return " ".join(text.replace("|", "\N{BROKEN BAR}").split())


def _percent(share: float) -> str:
    shown = f"{share:.1%}"
    return f"less than {0.001:.1%}" if share > 0 and shown == "0.0%" else shown
