"""Names in a matrix that are no sample and no feature: annotation, row counters, summaries.

Here belongs what the names alone make certain, and what ``annotation`` of ``dataset.yaml`` leaves
out. What only the values make likely is a check of ``quality.matrix``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.reading.ids import is_counter, may_be_counter
from aehpo_assets.datasets.reading.stored import StoredMatrix
from aehpo_assets.errors import InputError

_OF_GENES = re.compile(
    r"entrez(_?gene)?(_?id)?|hugo_symbol|hgnc_(id|symbol)|gene_?(id|name|symbol|type|biotype|length)"
    r"|(external|ensembl)_gene_(id|name)|ensembl_id|transcript_id|(effective_)?length"
    r"|chr(om|omosome)?(_name)?|(start|end)(_position)?|strand|cytoband|locus_id|description"
    r"|(bio)?type|probe_id|gc_content"
)
"""Columns that say something of genes, as cBioPortal, featureCounts, Ensembl and GCT call them."""

_SUMMARIES = re.compile(
    r"__(no_feature|ambiguous|too_low_aqual|not_aligned|alignment_not_unique)"
    r"|N_(unmapped|multimapping|noFeature|ambiguous)"
    r"|(Assigned|Unassigned_\w+)",
    re.IGNORECASE,
)
"""Rows that HTSeq, STAR and featureCounts add to the genes they count."""

_SHOWN = 20


def refuse_annotation(
    samples: pd.Index,
    features: pd.Index,
    labelled: Callable[[], pd.Index],
    path: Path,
    modality: str,
) -> None:
    """Refuse samples and features whose names say that they are none.

    Parameters
    ----------
    samples, features
        Their names.
    labelled
        Ids of the label table; what has a row there is a sample, whatever it is called.
    path, modality
        For the message.

    Raises
    ------
    InputError
        It names them, and the setting that leaves them out.
    """
    annotation = [name for name in samples if _OF_GENES.fullmatch(_plain(name))]
    if annotation:
        rows = labelled()
        annotation = [name for name in annotation if name not in rows]
    if annotation:
        raise _refusal(
            annotation, "is no sample but says something of the features", path, modality
        )
    summaries = [name for name in features if _SUMMARIES.fullmatch(name)]
    if summaries:
        raise _refusal(
            summaries, "is no feature but a summary of the software that counted", path, modality
        )


def refuse_counters(
    names: pd.Index, values_of: Callable[[int], np.ndarray], path: Path, modality: str
) -> None:
    """Refuse columns of a file that count its rows, as ``Unnamed: 0`` and ``index`` do.

    Parameters
    ----------
    names
        Names of the columns as they stand in the file.
    values_of
        The values of the column at a position.
    path, modality
        For the message.
    """
    counters = [
        name for i, name in enumerate(names) if may_be_counter(name) and is_counter(values_of(i))
    ]
    if counters:
        raise _refusal(counters, "holds no values but counts the rows", path, modality)


def without_annotation(
    stored: StoredMatrix, wanted: Sequence[str], path: Path, modality: str
) -> StoredMatrix:
    """A matrix without the rows and columns that ``dataset.yaml`` calls annotation.

    Raises
    ------
    InputError
        If the file has no such row or column: its like would stay.
    """
    if not wanted:
        return stored
    _refuse_unknown(wanted, stored, path, modality)
    rows, columns = (~names.isin(list(wanted)) for names in (stored.rows, stored.columns))
    return StoredMatrix(
        stored.rows[rows],
        stored.columns[columns],
        lambda: stored.load()[rows][:, columns],
        None if stored.features is None else stored.features[columns],
        stored.counts_rows,
    )


def _refuse_unknown(wanted: Sequence[str], stored: StoredMatrix, path: Path, modality: str) -> None:
    names = [*stored.columns, *stored.rows]
    for name in wanted:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=3)
            raise InputError(
                f"has no row or column {name!r}",
                file=path,
                key=f"modalities.{modality}.annotation",
                remedy=f"Did you mean {', '.join(close)}?" if close else "Take it out of the list.",
            )


def _plain(name: str) -> str:
    return re.sub(r"[ .\-]+", "_", name.strip()).lower()


def _refusal(names: list[str], what: str, path: Path, modality: str) -> InputError:
    shown = ", ".join(
        name if re.fullmatch(r"[A-Za-z_][\w.-]*", name) else json.dumps(name)
        for name in names[:_SHOWN]
    )
    others = f" (and {len(names) - 1} more like it)" if len(names) > 1 else ""
    more = ", …" if len(names) > _SHOWN else ""
    return InputError(
        f"{names[0]} {what}{others}",
        file=path,
        key=names[0],
        remedy=f"Remove it, or say in dataset.yaml what is annotation "
        f"(modalities.{modality}.annotation: [{shown}{more}]).",
    )
