"""Random corruption of a cohort: read right, refused, or warned of, and never silently wrong.

What no reader can tell is listed apart, with the fact that gives it away to a person.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.errors import InputError
from aehpo_assets.quality.matrix import check_matrix

DRAWS = 16
"""Corruptions drawn of each kind for each layout."""

SAMPLES, FEATURES = 120, 24
IDS = [f"P{i:03d}" for i in range(1, SAMPLES + 1)]
GENES = [f"GENE{i}" for i in range(1, FEATURES + 1)]

Lines = list[str]
Corruption = Callable[[Lines, str, random.Random], "Lines | bytes"]


def _cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    source = np.random.default_rng(7)
    kind = source.permutation(np.resize(["A", "B"], SAMPLES))
    values = source.gamma(4, 1.2, (SAMPLES, FEATURES)) + 2 * (kind == "A")[:, None]
    matrix = pd.DataFrame(values.round(3) + 0.0005, index=pd.Index(IDS, name="id"), columns=GENES)
    labels = pd.DataFrame(
        {
            "kind": kind,
            "sex": source.permutation(np.resize(["F", "M"], SAMPLES)),
            "age": source.integers(30, 90, SAMPLES),
        },
        index=matrix.index,
    )
    return matrix.round(4), labels


MATRIX, LABELS = _cohort()


def _edit(lines: Lines, draw: random.Random, change: Callable[[str], str]) -> Lines:
    """Change one line that is not the header."""
    row = draw.randrange(1, len(lines))
    return [*lines[:row], change(lines[row]), *lines[row + 1 :]]


def _fields(line: str, separator: str, change: Callable[[list[str]], list[str]]) -> str:
    return separator.join(change(line.split(separator)))


def drop_delimiter(lines: Lines, s: str, draw: random.Random) -> Lines:
    row = draw.randrange(len(lines))
    fields = lines[row].split(s)
    # The first delimiter of the header is another matter: what is left is R's header.
    at = draw.randrange(2 if row == 0 else 1, len(fields))
    joined = [*fields[: at - 1], fields[at - 1] + fields[at], *fields[at + 1 :]]
    return [*lines[:row], s.join(joined), *lines[row + 1 :]]


def add_delimiter(lines: Lines, s: str, draw: random.Random) -> Lines:
    row = draw.randrange(len(lines))
    at = draw.randrange(len(lines[row]) + 1)
    return [*lines[:row], lines[row][:at] + s + lines[row][at:], *lines[row + 1 :]]


def shift_row(lines: Lines, s: str, draw: random.Random) -> Lines:
    at = draw.randrange(1, lines[0].count(s))
    return _edit(lines, draw, lambda line: _fields(line, s, lambda f: [*f[:at], *f[at + 1 :], ""]))


def double_row(lines: Lines, s: str, draw: random.Random) -> Lines:
    return [*lines, lines[draw.randrange(1, len(lines))]]


def double_column(lines: Lines, s: str, draw: random.Random) -> Lines:
    at = draw.randrange(1, lines[0].count(s) + 1)
    return [_fields(line, s, lambda f: [*f, f[at]]) for line in lines]


def mix_encodings(lines: Lines, s: str, draw: random.Random) -> bytes:
    row = draw.randrange(1, len(lines))
    parts = [line.encode() for line in lines]
    parts[row] = "é".encode(draw.choice(["latin-1", "cp1252"])) + parts[row]
    return b"\n".join(["ü".encode() + parts[0], *parts[1:]]) + b"\n"


def truncate(lines: Lines, s: str, draw: random.Random) -> bytes:
    text = "\n".join(lines) + "\n"
    row = draw.randrange(1, len(lines))
    begin = len("\n".join(lines[:row])) + 1
    # Within the last field of a row, or at its end, is another matter.
    return text[: draw.randrange(begin + 1, begin + lines[row].rfind(s))].encode()


def blank_id(lines: Lines, s: str, draw: random.Random) -> Lines:
    return _edit(lines, draw, lambda line: line[line.index(s) :])


def unclosed_quote(lines: Lines, s: str, draw: random.Random) -> Lines:
    at = draw.randrange(lines[0].count(s) + 1)
    return _edit(
        lines, draw, lambda line: _fields(line, s, lambda f: [*f[:at], '"' + f[at], *f[at + 1 :]])
    )


def decimal_comma(lines: Lines, s: str, draw: random.Random) -> Lines:
    if draw.random() < 0.5:
        return [lines[0], *(line.replace(".", ",") for line in lines[1:])]
    return _edit(lines, draw, lambda line: line.replace(".", ",", 1))


def comment_lines(lines: Lines, s: str, draw: random.Random) -> Lines:
    return [f"# {'made by a program'[: draw.randrange(1, 17)]}"] * draw.randrange(1, 5) + lines


def summary(lines: Lines, s: str, draw: random.Random) -> Lines:
    """To the features, wherever they stand."""
    name = draw.choice(["__no_feature", "__ambiguous", "N_unmapped", "N_multimapping", "__other"])
    if lines[0].split(s)[1] == IDS[0]:
        return [*lines, s.join([name, *(f"{draw.randrange(900)}.5" for _ in IDS)])]
    return _new_column(lines, s, name, lambda row: f"{draw.randrange(900)}.5")


def row_counter(lines: Lines, s: str, draw: random.Random) -> Lines:
    start, at = draw.randrange(2), draw.choice([0, 1, 5])
    name = draw.choice(["", "Unnamed: 0"] if at == 0 else ["Unnamed: 0", "index", "X", "V1", "nr"])
    return _new_column(lines, s, name, lambda row: str(row - 1 + start), at)


def annotation_column(lines: Lines, s: str, draw: random.Random) -> Lines:
    name = draw.choice(["Entrez_Gene_Id", "Length", "gene_name", "Chr", "patient_number"])
    values = [f"{draw.randrange(1000, 99999)}" for _ in lines]
    if name in ("gene_name", "Chr"):
        values = [f"chr{value}" for value in values]
    return _new_column(lines, s, name, lambda row: values[row], 1)


def _new_column(lines: Lines, s: str, name: str, value: Callable[[int], str], at: int = 3) -> Lines:
    return [
        _fields(line, s, lambda f, row=row: [*f[:at], name if row == 0 else value(row), *f[at:]])
        for row, line in enumerate(lines)
    ]


def compressed(lines: Lines, s: str, draw: random.Random) -> bytes:
    return draw.choice([gzip, bz2, lzma]).compress(("\n".join(lines) + "\n").encode())


def blank_line(lines: Lines, s: str, draw: random.Random) -> Lines:
    row = draw.randrange(len(lines) + 1)
    return [*lines[:row], draw.choice(["", "  "]), *lines[row:]]


def nul_bytes(lines: Lines, s: str, draw: random.Random) -> Lines:
    at = draw.randrange(len(lines[1]))
    return _edit(lines, draw, lambda line: line[:at] + "\0" + line[at:])


def trailing_separators(lines: Lines, s: str, draw: random.Random) -> Lines:
    how = draw.randrange(3)
    if how == 0:
        return _edit(lines, draw, lambda line: line + s)
    if how == 1:
        return [lines[0], *(line + s for line in lines[1:])]
    return [line + s * 2 for line in lines]


def other_encoding(lines: Lines, s: str, draw: random.Random) -> bytes:
    return ("\n".join(lines) + "\n").encode(draw.choice(["utf-8-sig", "utf-16"]))


def other_line_ends(lines: Lines, s: str, draw: random.Random) -> bytes:
    return draw.choice(["\r\n", "\r"]).join([*lines, ""]).encode()


def other_separator(lines: Lines, s: str, draw: random.Random) -> Lines:
    other = draw.choice([o for o in ",\t;|" if o != s])
    return [line.replace(s, other) for line in lines]


def word_among_numbers(lines: Lines, s: str, draw: random.Random) -> Lines:
    word = draw.choice(["high", "<0.1", "1.234.567", "NA", "", "inf", "3 mg"])
    at = draw.randrange(1, lines[0].count(s) + 1)
    return _edit(
        lines, draw, lambda line: _fields(line, s, lambda f: [*f[:at], word, *f[at + 1 :]])
    )


def lines_that_are_no_table(lines: Lines, s: str, draw: random.Random) -> Lines:
    return ["Supplementary Table 1", ""][: draw.randrange(1, 3)] + lines


BOTH: tuple[Corruption, ...] = (
    drop_delimiter,
    add_delimiter,
    double_row,
    double_column,
    mix_encodings,
    truncate,
    blank_id,
    unclosed_quote,
    comment_lines,
    compressed,
    blank_line,
    nul_bytes,
    trailing_separators,
    other_encoding,
    other_line_ends,
    other_separator,
    lines_that_are_no_table,
)
OF_THE_MATRIX: tuple[Corruption, ...] = (
    shift_row,
    decimal_comma,
    summary,
    row_counter,
    annotation_column,
    word_among_numbers,
)


def _write(folder: Path, file: str, text: Lines | bytes) -> None:
    content = text if isinstance(text, bytes) else ("\n".join(text) + "\n").encode()
    (folder / file).write_bytes(content)


def _lines(frame: pd.DataFrame, separator: str) -> Lines:
    return frame.to_csv(sep=separator).splitlines()


def _folder(parent: str, ending: str, orientation: str) -> tuple[Path, Lines, str]:
    """A data set without a fault, the lines of its matrix, and what separates their fields."""
    folder, separator = Path(parent), {"csv": ",", "tsv": "\t"}[ending]
    turned = MATRIX if orientation == "samples_by_features" else MATRIX.T.rename_axis("id")
    content = {
        "name": "cohort",
        "modalities": {"rna": {"file": f"rna.{ending}", "orientation": orientation}},
        "labels": {
            "file": "clinical.csv",
            "objective": {"kind": ["kind"], "sex": ["sex"]},
            "regression": ["age"],
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    lines = _lines(turned, separator)
    _write(folder, f"rna.{ending}", lines)
    _write(folder, "clinical.csv", _lines(LABELS, ","))
    return folder, lines, separator


def _outcome(folder: Path) -> str:
    """What becomes of a data set: ``right``, ``refused``, ``warned`` or ``silent``.

    A warning counts if it names every sample and feature that is none.
    """
    try:
        dataset = read_dataset(folder)
        matrix = read_matrix(dataset, "rna")
        labels = read_labels(dataset, matrix.index)
    except InputError as error:
        return "refused" if error.file and error.remedy else "refused without a remedy"
    right = (
        list(matrix.index) == IDS
        and list(matrix.columns) == GENES
        and np.array_equal(matrix.to_numpy(), MATRIX.to_numpy(np.float32))
        and labels.set_axis(LABELS.index).astype(LABELS.dtypes).equals(LABELS)
    )
    if right:
        return "right"
    added = (set(matrix.index) - set(IDS)) | (set(matrix.columns) - set(GENES))
    failed = [c for c in check_matrix(matrix, dataset.modalities["rna"]) if not c.passed]
    named = {name for name in added for check in failed if name in check.description}
    return "warned" if added and named == added else "silent"


@pytest.mark.parametrize("corrupt", [*BOTH, *OF_THE_MATRIX], ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    ("ending", "orientation"),
    [
        ("csv", "samples_by_features"),
        pytest.param("tsv", "features_by_samples", marks=pytest.mark.slow),
        pytest.param("csv", "features_by_samples", marks=pytest.mark.slow),
        pytest.param("tsv", "samples_by_features", marks=pytest.mark.slow),
    ],
)
def test_no_corruption_of_a_matrix_is_silent(
    ending: str, orientation: str, corrupt: Corruption, record_property: Callable[..., None]
) -> None:
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as parent:
        folder, lines, separator = _folder(parent, ending, orientation)

        @settings(max_examples=DRAWS, deadline=None)
        @given(st.randoms(use_true_random=False))
        def holds(draw: random.Random) -> None:
            _write(folder, f"rna.{ending}", corrupt(lines, separator, draw))
            outcome = _outcome(folder)
            assert outcome in ("right", "refused", "warned")
            outcomes[outcome] += 1

        holds()
    record_property("outcomes", dict(outcomes))


@pytest.mark.parametrize("corrupt", BOTH, ids=lambda c: c.__name__)
def test_no_corruption_of_labels_is_silent(
    corrupt: Corruption, record_property: Callable[..., None]
) -> None:
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as parent:
        folder, _, _ = _folder(parent, "csv", "samples_by_features")
        lines = _lines(LABELS, ",")

        @settings(max_examples=DRAWS, deadline=None)
        @given(st.randoms(use_true_random=False))
        def holds(draw: random.Random) -> None:
            _write(folder, "clinical.csv", corrupt(lines, ",", draw))
            outcome = _outcome(folder)
            assert outcome in ("right", "refused", "warned")
            outcomes[outcome] += 1

        holds()
    record_property("outcomes", dict(outcomes))


def _swap_ids(lines: Lines) -> Lines:
    first, second = lines[1].split(",", 1), lines[2].split(",", 1)
    return [lines[0], f"{second[0]},{first[1]}", f"{first[0]},{second[1]}", *lines[3:]]


UNDETECTABLE: dict[str, tuple[Callable[[Lines], Lines], Callable[[pd.DataFrame], object]]] = {
    "two valid ids swapped": (_swap_ids, lambda m: list(m.index[:2])),
    "cut off at the end of a line": (lambda lines: lines[:-3], lambda m: len(m)),
    "cut off within the last number": (
        lambda lines: [*lines[:-1], lines[-1][:-3]],
        lambda m: float(m.iloc[-1, -1]),
    ),
    "one id in another case": (
        lambda lines: [*lines[:5], lines[5].replace("P", "p"), *lines[6:]],
        lambda m: int(m.index.isin(LABELS.index).sum()),
    ),
    "blanks around one id": (
        lambda lines: [*lines[:5], " " + lines[5], *lines[6:]],
        lambda m: int(m.index.isin(LABELS.index).sum()),
    ),
    "the first delimiter of the header lost": (
        lambda lines: [lines[0].replace(",", "", 1), *lines[1:]],
        lambda m: m.columns[0],
    ),
    "two columns swapped below their names": (
        lambda lines: [
            lines[0],
            *(_fields(line, ",", lambda f: [f[0], f[2], f[1], *f[3:]]) for line in lines[1:]),
        ],
        lambda m: m.iloc[:, 0].mean().round(4),
    ),
}
"""Corruption to the fact about the matrix as read that gives it away."""


@pytest.mark.parametrize("name", UNDETECTABLE)
def test_a_fact_gives_away_what_no_reader_can_tell(name: str) -> None:
    corrupt, fact = UNDETECTABLE[name]
    with tempfile.TemporaryDirectory() as parent:
        folder, lines, _ = _folder(parent, "csv", "samples_by_features")
        sound = fact(read_matrix(read_dataset(folder), "rna"))
        _write(folder, "rna.csv", corrupt(lines))
        assert fact(read_matrix(read_dataset(folder), "rna")) != sound


def test_the_cohort_without_a_fault_is_read_right() -> None:
    for ending in ("csv", "tsv"):
        for orientation in ("samples_by_features", "features_by_samples"):
            with tempfile.TemporaryDirectory() as parent:
                folder, _, _ = _folder(parent, ending, orientation)
                assert _outcome(folder) == "right"
