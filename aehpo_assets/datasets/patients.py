"""Which samples are of the same patient: told by the label table, or by the ids themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.datasets.barcodes import cut_barcode
from aehpo_assets.datasets.reading.stored import missing_words

_PERSON = {"patient", "subject", "donor", "case", "individual", "participant", "proband", "mouse"}
_BESIDE = {"id", "ids", "barcode", "no", "nr", "number", "name", "code", "uuid", "submitter"}
_BESIDE |= {"bcr", "key", "label", "index", "the", "of"}

FEWEST_PATIENTS = 3
"""A column with fewer values says what somebody is (case or control), not who."""

MOST_SUFFIXES = 12
"""Ends of ids (tumour, normal, replicate) that may follow the same beginning."""

MOST_SAMPLES = 6
"""Samples of one patient, at the middle, beyond which a beginning of ids is a plate or a batch."""

SMALLEST_SHARE = 0.05
"""Share of the samples that share a beginning before this is taken for more than chance."""

_ENDS = (re.compile(r"(.*\d.*)[-_.: ]+([^-_.: ]{1,12})"), re.compile(r"(.*\d)([A-Za-z]{1,6})"))


@dataclass(frozen=True)
class Patients:
    """Samples that have company.

    Attributes
    ----------
    of
        Patient by sample id, for all samples of which one is known.
    source
        What told them, in words.
    """

    of: pd.Series
    source: str

    @property
    def repeated(self) -> pd.Series:
        """Number of samples of each patient who has several."""
        counts = self.of.value_counts(sort=False)
        return counts[counts > 1]

    def parts(self, split: pd.Series) -> pd.Series:
        """In how many parts of a split each patient with several samples is."""
        several = self.of[self.of.isin(self.repeated.index)]
        return split.reindex(several.index).groupby(several.to_numpy()).nunique()


def find_patients(sample_ids: pd.Index, table: pd.DataFrame, file: str) -> Patients | None:
    """Find patients who have several samples.

    Parameters
    ----------
    sample_ids
        Ids of samples.
    table
        Every column of the label table, one row for each of these samples.
    file
        Name of the label table.

    Returns
    -------
    Patients or None
        From a column such as ``patient``, ``donor_id`` or ``case_submitter_id``; or else from
        TCGA barcodes; or else from ids that differ in a short ending only (``P7_T`` and ``P7_N``).
        None if every sample is of its own patient as far as can be told.
    """
    named = [column for column in table.columns if _names_a_person(str(column))]
    for column in named:
        values = table[column]
        known = ~missing_words(values, numbers=False).to_numpy()
        people = pd.Series(values[known].astype(str).str.strip().to_numpy(), sample_ids[known])
        if FEWEST_PATIENTS <= people.nunique() < len(people):
            return Patients(people, f"the column {column} of {file}")
    ids = pd.Series(sample_ids.astype(str), index=sample_ids)
    barcodes = ids.map(lambda name: cut_barcode(name, "patient")).dropna()
    if barcodes.duplicated().any():
        return Patients(barcodes, "TCGA barcodes")
    if named or len(barcodes):
        return None
    for pattern in _ENDS:
        stems = _stems(ids.tolist(), pattern)
        if stems is not None:
            return Patients(pd.Series(stems, index=sample_ids), "ids that differ in their end only")
    return None


def _names_a_person(column: str) -> bool:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    words = set(re.split(r"[\W_]+", spaced.lower())) - {""}
    return bool(words & _PERSON) and words <= _PERSON | _BESIDE


def _stems(ids: Sequence[str], pattern: re.Pattern[str]) -> list[str] | None:
    """Beginnings of ids, if several share one as samples of a patient do."""
    found = [pattern.fullmatch(name) for name in ids]
    stems = [match[1] if match else name for match, name in zip(found, ids, strict=True)]
    counts = Counter(stems)
    several = {stem: count for stem, count in counts.items() if count > 1}
    ends = {m[2].lower() for m, s in zip(found, stems, strict=True) if m and s in several}
    shared = sum(several.values())
    if (
        len(several) < FEWEST_PATIENTS
        or len(ends) > MOST_SUFFIXES
        or shared < SMALLEST_SHARE * len(ids)
        or sorted(several.values())[len(several) // 2] > MOST_SAMPLES
    ):
        return None
    return stems
