"""The data set contract: a folder with a ``dataset.yaml``, and what may stand in it.

Here belong the settings, their validation as far as the file alone allows it, and where data sets
are found. Reading the files it names belongs to ``read``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from aehpo_assets.datasets.joint_names import parts_of
from aehpo_assets.datasets.reading.stored import plain_word
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.settings import Name, Settings, read_yaml, settings_error

DATASET_FILE = "dataset.yaml"

Kind = Literal["continuous", "counts", "binary"]


class Ids(Settings):
    """Where a table has its ids, and what is made of them.

    ``column`` names the column that holds them. With ``tcga``, TCGA barcodes are cut to what names
    the ``patient`` (``TCGA-02-0001``) or the ``sample`` (``TCGA-02-0001-01``), so that barcodes of
    different lengths meet; a label table of patients serves all samples of a patient. A column's
    name alone will do for ``{column: NAME}``.
    """

    column: str | None = None
    tcga: Literal["patient", "sample"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_a_column(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str) else given


class MissingNumbers(Settings):
    """Words and numbers (``-999``) that mean a missing number beside the usual words (``add``).

    Case does not matter.
    """

    add: list[str] = Field(default_factory=list)


class MissingWords(MissingNumbers):
    """The same of labels, and usual words that do not mean so (``keep``).

    A word of ``keep`` is a class like any other.
    """

    keep: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _either_or(self) -> MissingWords:
        kept = set(map(plain_word, self.keep))
        for word in self.add:
            if plain_word(word) in kept:
                raise ValueError(f"{word} stands both in add and in keep")
        return self


class Modality(Settings):
    """One omics layer: its file and how it is to be read.

    ``feature_type`` picks one of the types that a 10x file may hold, such as ``Gene Expression``;
    ``ids`` names the column with the names of the rows where it cannot be told; ``annotation``
    names rows and columns that are neither samples nor features and are left out;
    ``missing_words`` adds words or numbers that mean a missing value; ``ontology`` names a table of
    what the features belong to.
    """

    file: str
    orientation: Literal["samples_by_features", "features_by_samples"] = "samples_by_features"
    transform: Literal["none", "log1p", "normalize_log1p"] = "none"
    kind: Kind = "continuous"
    missing: Literal["refuse", "drop_features", "drop_samples", "impute_median"] = "refuse"
    feature_type: str | None = None
    ids: Ids = Ids()
    annotation: list[str] = Field(default_factory=list)
    missing_words: MissingNumbers = MissingNumbers()
    ontology: str | None = None


class Survival(Settings):
    """Columns of a survival analysis; kept for Cox models."""

    time: str
    event: str
    event_value: str
    covariates: list[str] = Field(default_factory=list)


class Labels(Settings):
    """The label table, and which of its columns are scored in which group.

    ``technical`` names columns that say how a sample was processed (batch, plate, centre): they are
    never scored, and a matrix from which they can be told is suspect. ``ids`` names the column with
    the sample ids where it cannot be told.
    """

    file: str
    ids: Ids = Ids()
    missing_words: MissingWords = MissingWords()
    objective: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)
    regression: list[str] = Field(default_factory=list)
    survival: Survival | None = None
    technical: list[str] = Field(default_factory=list)

    @property
    def classification(self) -> list[str]:
        """Labels of the objective, each once, in order."""
        return list(dict.fromkeys(name for names in self.objective.values() for name in names))

    @property
    def columns(self) -> list[str]:
        """Every column that the labels need, each once."""
        survival = []
        if self.survival is not None:
            survival = [self.survival.time, self.survival.event, *self.survival.covariates]
        return list(
            dict.fromkeys([*self.classification, *self.regression, *survival, *self.technical])
        )

    @property
    def numeric(self) -> set[str]:
        """Columns that are numbers: regression labels, and the time of survival."""
        return {*self.regression, *([self.survival.time] if self.survival else [])}

    def key_of(self, column: str) -> str:
        """Dotted key of ``dataset.yaml`` under which a column is named."""
        for group, names in self.objective.items():
            if column in names:
                return f"labels.objective.{group}"
        if column in self.regression:
            return "labels.regression"
        return "labels.technical" if column in self.technical else "labels.survival"

    @model_validator(mode="after")
    def _a_label_is_classified_or_regressed(self) -> Labels:
        both = set(self.classification) & set(self.regression)
        if both:
            raise ValueError(f"{sorted(both)[0]} stands both in objective and in regression")
        return self


class DatasetFile(Settings):
    """The content of ``dataset.yaml``.

    ``source`` says where the data come from (an address, an accession, a paper), ``licence`` what
    may be done with them.
    """

    name: Name
    title: str = Field(default="", max_length=1000)
    source: str = Field(default="", max_length=1000)
    licence: str = Field(default="", max_length=1000)
    modalities: dict[Name, Modality] = Field(min_length=1)
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """A data set: its folder and its settings.

    Attributes
    ----------
    folder
        Folder that holds ``dataset.yaml``.
    name, title, modalities, labels, source, licence
        As in ``dataset.yaml``.
    """

    folder: Path
    name: str
    title: str
    modalities: dict[str, Modality]
    labels: Labels
    source: str = ""
    licence: str = ""

    @property
    def file(self) -> Path:
        """Path of ``dataset.yaml``."""
        return self.folder / DATASET_FILE

    def modality_path(self, modality: str) -> Path:
        """Path of the matrix of a modality."""
        return self._inside(self.modalities[modality].file, f"modalities.{modality}.file")

    def modality_paths(self, modality: str) -> list[Path]:
        """Paths of the matrices that a task is made of."""
        return [self.modality_path(part) for part in parts_of(modality)]

    def file_names(self, modality: str) -> str:
        """What the files of a task are called, for a message."""
        return " and ".join(self.modalities[part].file for part in parts_of(modality))

    def ontology_path(self, modality: str) -> Path:
        """Path of the ontology of a modality that has one."""
        name = self.modalities[modality].ontology
        assert name is not None
        return self._inside(name, f"modalities.{modality}.ontology")

    def ontology_paths(self, modality: str) -> list[Path]:
        """Paths of the ontologies of the modalities that a task is made of."""
        own = parts_of(modality)
        return [self.ontology_path(one) for one in own if self.modalities[one].ontology is not None]

    def labels_path(self) -> Path:
        """Path of the label table."""
        return self._inside(self.labels.file, "labels.file")

    def _inside(self, name: str, key: str) -> Path:
        """Resolve a file of the data set, and refuse one that lies elsewhere."""
        path = self.folder / name
        if not _is_inside(self.folder, name, self.file, key):
            raise InputError(
                f"there is no file {name}",
                file=self.file,
                key=key,
                remedy=f"Put it into {self.folder}, or correct its name.",
            )
        return path


def _is_inside(folder: Path, name: str, file: Path, key: str | None) -> bool:
    """Whether a data set's folder has a file; one that lies outside, or never can be, is refused.

    A path may climb out of the folder, and a link leave it, or lead to itself.
    """
    path = folder / name
    try:
        is_file, inside = path.is_file(), path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{quoted(name)} cannot be the name of a file ({error})",
            file=file,
            key=key,
            remedy="Correct the name.",
        ) from None
    if not inside:
        raise InputError(
            f"{name} leads out of the data set's folder",
            file=file,
            key=key,
            remedy="Put the file into the folder; links may not leave it.",
        )
    return is_file


def read_dataset(folder: Path) -> Dataset:
    """Read and validate the ``dataset.yaml`` of a folder; the files it names must be there.

    Raises
    ------
    InputError
        If it is missing or malformed, a key is unknown, or a file is missing or lies outside.
    """
    dataset = parse_dataset(folder)
    for problem in file_problems(dataset).values():
        raise problem
    return dataset


def parse_dataset(folder: Path) -> Dataset:
    """Read and validate a ``dataset.yaml``, whatever becomes of the files it names.

    Raises
    ------
    InputError
        If it is missing or malformed, or a key is unknown.
    """
    folder = Path(folder)
    path = folder / DATASET_FILE
    if not os.path.lexists(path):
        raise InputError(
            "is no data set", file=folder, remedy=f"A data set is a folder with a {DATASET_FILE}."
        )
    if not _is_inside(folder, DATASET_FILE, path, None):
        problem = "is no file, or a link to none"
        raise InputError(problem, file=path, remedy="Put the file itself there.")
    try:
        content = DatasetFile.model_validate(read_yaml(path, as_text=True))
    except ValidationError as error:
        raise settings_error(error, path, DatasetFile) from None
    return Dataset(
        folder,
        content.name,
        content.title,
        content.modalities,
        content.labels,
        content.source,
        content.licence,
    )


def file_problems(dataset: Dataset) -> dict[str, InputError]:
    """What is wrong with the files that a data set names: by modality, or ``""`` for the labels."""
    problems: dict[str, InputError] = {}
    for modality in dataset.modalities:
        try:
            dataset.modality_path(modality)
            dataset.ontology_paths(modality)
        except InputError as error:
            problems[modality] = error
    try:
        dataset.labels_path()
    except InputError as error:
        problems[""] = error
    return problems


def find_datasets(roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the data set folders of some roots, sorted; a root may be a data set itself.

    Whatever is called ``dataset.yaml`` makes a folder one, if only to say what is wrong with it.
    Hidden folders are passed over: one that is being written is hidden until it is whole.
    """
    seen = set()
    for root in roots:
        is_one = os.path.lexists(root / DATASET_FILE)
        folders = [root] if is_one else sorted(root.glob("[!.]*/"))
        for folder in folders:
            resolved = folder.resolve()
            if os.path.lexists(folder / DATASET_FILE) and resolved not in seen:
                seen.add(resolved)
                yield resolved


def task_name(dataset: Dataset, modality: str) -> str:
    """Name of a task: Syne Tune's word for a data set and one of its modalities, or some."""
    return f"{dataset.name}_{modality}"
