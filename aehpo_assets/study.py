"""The study file: what a study consists of, as pydantic models that refuse unknown keys.

Here belong the settings and their validation as far as the file alone allows it. What can only be
judged beside the data (does the task exist? has it enough features?) is judged where the data is
read. Nothing here computes anything.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.limits import YAML_BYTES, YAML_DEPTH, YAML_EXPANDED, size_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""What names of studies, data sets, modalities and tasks are: they become parts of paths."""

NAME: TypeAdapter[str] = TypeAdapter(Name)


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("lists an entry twice")
    return values


Searchers = Annotated[list[str], AfterValidator(_distinct)]
"""Names of searchers, each once."""


class Settings(BaseModel):
    """Base of every settings model: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Configurations(Settings):
    """How many configurations, how they are drawn, and how many of them are trained."""

    count: int = Field(gt=0)
    train: int | None = Field(default=None, gt=0)
    seed: int = 42
    source: str = "sample"

    @model_validator(mode="after")
    def _train_within_count(self) -> Configurations:
        if self.train is not None and self.train > self.count:
            raise ValueError(f"train ({self.train}) exceeds count ({self.count})")
        return self

    @property
    def trained(self) -> int:
        """Number of configurations that are trained: the first ``train`` of the list."""
        return self.count if self.train is None else self.train


class Preprocessing(Settings):
    """Which features are kept, and how they are scaled; all of it fitted on train only.

    Filters and scalers carry the names of Autoencodix, in lower case, and ``hvg``, scanpy's highly
    variable genes. ``correlation_limit`` is for ``varcorr``: a feature that correlates more than
    that with one of higher variance repeats it.
    """

    filter: Literal["var", "mad", "corr", "varcorr", "hvg", "nonzerovar"] = "var"
    correlation_limit: float = Field(default=0.9, gt=0, le=1)
    scaler: Literal["standard", "robust", "minmax", "maxabs", "none"] = "standard"
    clip: float | None = Field(default=None, gt=0)


SplitColumn = str | dict[Name, str] | None
"""A column of every data set's label table, or data set to column, or none."""


class Split(Settings):
    """Shares of the samples, drawn once per data set.

    ``stratify`` names a label whose classes get the same shares, ``group`` a column whose values
    (patients, donors) never straddle two parts, ``column`` one that holds train, valid or test
    already. Each is a column of the label table of every data set, or a mapping from data set to
    column; data sets that the mapping does not name are split by the shares alone.
    """

    train: float = Field(default=0.7, gt=0, lt=1)
    valid: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    seed: int = 0
    stratify: SplitColumn = None
    group: SplitColumn = None
    column: SplitColumn = None

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Split:
        given = [name for name in ("stratify", "group", "column") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        return self

    @model_validator(mode="after")
    def _shares_add_up(self) -> Split:
        if abs(self.train + self.valid + self.test - 1) > 1e-9:
            raise ValueError("train, valid and test must add up to 1")
        return self


class Hpo(Settings):
    """Budgets of the simulated searches, and how many recommendations are really trained.

    With several workers and ``clock: measured``, the order in which simulated trials finish, and
    so what a searcher proposes next, hangs on measured training seconds. ``clock: unit`` gives
    every whole training the same length, so that no decision hangs on a stopwatch; it is the
    default unless ``simulated_hours`` asks for real ones. ``searcher_settings`` maps a searcher to
    the settings that Syne Tune names, such as ``{regularized_evolution: {population_size: 20}}``.
    Transfer restricts a search to the ``transfer_top_k`` best configurations of the other tasks,
    ``weighted`` by how alike the tasks are, or as one plain ``box``. Of several ``surrogates``,
    each objective gets the model with the smallest out-of-fold error.
    """

    searchers: Searchers = Field(default=["regularized_evolution", "cqr"], min_length=1)
    trials: int = Field(default=200, gt=0)
    simulated_hours: float | None = Field(default=None, gt=0)
    workers: int = Field(default=4, gt=0)
    repetitions: int = Field(default=1, gt=0)
    transfer_top_k: int = Field(default=30, gt=0)
    transfer: Literal["box", "weighted"] = "weighted"
    validate_top: int = Field(default=3, gt=0)
    validation_seeds: int | None = Field(default=None, gt=0)
    seed: int = 0
    clock: Literal["measured", "unit"] = "unit"
    searcher_settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    surrogates: list[str] = Field(
        default=[
            "xgboost",
            "shallow_xgboost",
            "random_forest",
            "nearest_neighbours",
            "gaussian_process",
        ],
        min_length=1,
    )

    @model_validator(mode="before")
    @classmethod
    def _hours_are_measured(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("simulated_hours") is not None:
            return {"clock": "measured"} | given
        return given

    @model_validator(mode="after")
    def _hours_need_measured_time(self) -> Hpo:
        if self.clock == "unit" and self.simulated_hours is not None:
            raise ValueError("simulated_hours has no meaning with clock: unit")
        return self


class Benchmark(Settings):
    """The comparison of searchers on the study's own surrogates, if there is to be one.

    A searcher with ``+box`` searches the box around the best configurations of the other tasks.
    Searches end at ``trials`` or ``simulated_hours``, whichever comes first; without hours every
    whole training counts the same. On the ``surrogate`` searchers are told predictions; on the
    ``table`` the measured results of the nearest trained configuration, and no model stands in
    between. With ``validate_repetitions``, what the first so many searches of each kind found is
    trained for real.
    """

    searchers: Searchers = Field(
        default=["random_search", "kde", "regularized_evolution", "bore", "cqr"], min_length=2
    )
    repetitions: int = Field(default=10, gt=0)
    trials: int = Field(default=200, gt=0)
    simulated_hours: float | None = Field(default=None, gt=0)
    grounds: Annotated[list[Literal["surrogate", "table"]], AfterValidator(_distinct)] = Field(
        default=["surrogate", "table"], min_length=1
    )
    validate_repetitions: int | None = Field(default=None, gt=0)
    processes: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _validates_what_was_searched(self) -> Benchmark:
        if self.validate_repetitions is not None and self.validate_repetitions > self.repetitions:
            raise ValueError(
                f"validate_repetitions ({self.validate_repetitions}) exceeds repetitions "
                f"({self.repetitions})"
            )
        return self


class TransferBenchmark(Settings):
    """The comparison of searches with and without other tasks, if there is to be one.

    Every task in turn plays the new one and is searched with ``trials`` evaluations: without
    transfer, in the plain box of the other tasks, in the box weighed by similarity, whose first
    ``probe`` evaluations are random configurations, and warm, knowing ``earlier_runs`` of the task
    itself. ``ground`` is as for the benchmark of searchers.
    """

    searchers: Searchers = Field(
        default=["random_search", "regularized_evolution", "cqr"], min_length=1
    )
    trials: int = Field(default=50, gt=0)
    repetitions: int = Field(default=5, ge=2)
    probe: int = Field(default=10, gt=0)
    earlier_runs: int = Field(default=20, gt=0)
    ground: Literal["surrogate", "table"] = "surrogate"


class Live(Settings):
    """The search on real trainings, if there is to be one, compared with the study's own route.

    A search ends after so many ``runs``, or once its trainings took so many ``seconds``. The
    searcher proposes a ``batch`` at a time. Those that stop runs early do so at the study's
    ``fidelities``. With a ``warm_start``, the study's sampled runs are told to the searcher as
    ``observations``, or the best of them are what it evaluates first (``points_to_evaluate``);
    what they took counts then.
    """

    searchers: Searchers = Field(default=["cqr"], min_length=1)
    runs: int = Field(default=64, gt=0)
    seconds: float | None = Field(default=None, gt=0)
    batch: int = Field(default=8, gt=0)
    warm_start: Literal["observations", "points_to_evaluate"] | None = None


class Study(Settings):
    """A study: tasks, architectures, configurations, and every setting that its numbers hang on."""

    name: Name
    tasks: Literal["all"] | list[Name]
    architectures: list[str] = Field(min_length=1)
    configurations: Configurations
    space: dict[str, Any] = Field(default_factory=dict)
    epochs: int = Field(gt=0)
    fidelities: list[int] = Field(default_factory=list)
    score_fidelities: bool = False
    seeds: list[int] = Field(default=[0], min_length=1)
    annealing: Literal[
        "logistic-early",
        "logistic-mid",
        "logistic-late",
        "3phase-linear",
        "3phase-log",
        "no-annealing",
    ] = "logistic-mid"
    vae_loss: Literal["kl", "mmd"] = "kl"
    preprocessing: Preprocessing = Preprocessing()
    split: Split = Split()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "float64", "tf32", "bfloat16"] = "float32"
    hpo: Hpo = Hpo()
    benchmark: Benchmark | None = None
    transfer_benchmark: TransferBenchmark | None = None
    live: Live | None = None

    @field_validator("tasks", "architectures", "seeds", "fidelities")
    @classmethod
    def _no_repeats(cls, values: Any) -> Any:
        return _distinct(values) if isinstance(values, list) else values

    @model_validator(mode="after")
    def _fidelities_within_epochs(self) -> Study:
        if any(not 0 < fidelity <= self.epochs for fidelity in self.fidelities):
            raise ValueError(f"fidelities must lie between 1 and epochs ({self.epochs})")
        return self


def read_yaml(path: Path, *, as_text: bool = False) -> dict[str, Any]:
    """Read a YAML mapping safely, refusing keys that occur twice, and what is out of bounds.

    Parameters
    ----------
    path
        The file.
    as_text
        Whether every value but null keeps its spelling: ``yes`` is not true then, and a column
        named ``1.10`` not ``1.1``.

    Raises
    ------
    InputError
        If the file is missing, is no YAML, is larger or deeper than any such file could be, or is
        not a mapping; the message names the line.
    """
    remedy = "Correct the file; it must be YAML, encoded as UTF-8."
    try:
        if not path.is_file():
            problem = "is no file" if os.path.lexists(path) else "no such file"
            raise InputError(problem, file=path, remedy="Check the path.")
        with path.open("rb") as stream:
            raw = stream.read(YAML_BYTES + 1)
        if len(raw) > YAML_BYTES:
            problem = f"is larger than {size_of(YAML_BYTES)}, which no such file is"
            raise InputError(problem, file=path, remedy="Check the path.")
        text = raw.decode("utf-8")
        _refuse_unbounded(text)
        content = yaml.load(text, Loader=_SpelledLoader if as_text else _UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else f"line {mark.line + 1}"
        found = ": ".join(part for part in (error.context, error.problem) if part)
        raise InputError(
            f"is no valid YAML ({found})", file=path, key=line, remedy=remedy
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=remedy) from None
    if not isinstance(content, dict):
        raise InputError("must be a mapping of keys to values", file=path, remedy=remedy)
    return content


def _refuse_unbounded(text: str) -> None:
    """Refuse nesting and aliases that a loader, or a message, would take forever to follow.

    Raises
    ------
    yaml.MarkedYAMLError
        If lists and mappings are too deep in each other, or aliases stand for too much.
    """
    sizes: dict[str | None, int] = {}
    open_ones: list[tuple[str | None, int]] = []
    total = 0
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
    for event in events:
        mark: Any = event.start_mark
        if isinstance(event, yaml.CollectionStartEvent):
            open_ones.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_ones.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            size = 1 + len(event.value)
            total += size
            if event.anchor is not None:
                sizes[event.anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_ones):
                problem = f"the alias {event.anchor!r} stands inside what it means"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
            total += sizes.get(event.anchor, 0)
        if len(open_ones) > YAML_DEPTH:
            problem = f"lists and mappings stand more than {YAML_DEPTH} deep in each other"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        if total > YAML_EXPANDED:
            problem = "its aliases stand for more than any such file holds"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML in which a repeated key, or a value that is none, is an error with its line."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)  # Python writes no number of thousands of digits, in a message either.
            return value
        except yaml.YAMLError:
            raise
        except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as error:
            # PyYAML lets through what Python says of impossible dates and numbers.
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            why = f" ({error})" if isinstance(error, ValueError) else ""
            problem = f"{quoted(node.value)} is no {kind}{why}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                problem = "a list or mapping cannot be a key"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key {quoted(key)} occurs twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _SpelledLoader(_UniqueKeyLoader):
    """YAML in which every value but null is text, spelled as in the file."""


_SpelledLoader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag.endswith((":null", ":merge"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def settings_error(error: ValidationError, file: Path, model: type[BaseModel]) -> InputError:
    """Turn the most telling complaint of pydantic into one that names file, key and remedy."""
    # A misspelt key is missing and unknown at once; that it is unknown explains more.
    complaints = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first = complaints[0]
    if first["type"] == "string_type":
        # Of the ways in which a value may be given, the one that fits furthest explains more.
        beside = [c for c in complaints if c["loc"][: len(first["loc"]) - 1] == first["loc"][:-1]]
        first = max(beside, key=lambda c: len(c["loc"]))
    key = ".".join(str(part) for part in first["loc"] if not _is_way(part)) or None
    if first["type"] == "extra_forbidden":
        owner: Any = model
        for part in first["loc"][:-1]:
            field = getattr(owner, "model_fields", {}).get(part)
            owner = _model_in(field.annotation) if field is not None else None
        known = ", ".join(getattr(owner, "model_fields", {}))
        remedy = f"Remove it or correct its spelling; known keys: {known}." if known else None
        return InputError("unknown key", file=file, key=key, remedy=remedy or "Remove it.")
    if first["type"] == "missing":
        return InputError("required, but missing", file=file, key=key, remedy="Add it.")
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    kinds = (str, int, float, list, type(None))
    shown = f" (got {quoted(given)})" if isinstance(given, kinds) else ""
    remedy = "Correct the value."
    if first["type"] == "string_type" and not isinstance(given, (dict, list)):
        # YAML takes yes, no, on and off for true and false, and 1.10 for 1.1.
        remedy = "YAML does not read it as text; put it into quotes."
    return InputError(f"{message}{shown}", file=file, key=key, remedy=remedy)


def _is_way(part: int | str) -> bool:
    """Whether a part of a place is pydantic's name for one of several types."""
    return isinstance(part, str) and (part in ("str", "int") or "[" in part)


def _model_in(annotation: Any) -> Any:
    """Return the model of an annotation such as ``Live | None``."""
    kinds = get_args(annotation) or (annotation,)
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return models[0] if models else None


def read_study(path: Path) -> Study:
    """Read and validate a study file.

    A relative ``configurations.source`` is resolved against the folder of the study file.

    Raises
    ------
    InputError
        If the file cannot be read, a key is unknown or missing, or a value is impossible; the
        message names the file, the key and the remedy.
    """
    path = Path(path)
    content = read_yaml(path)
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise settings_error(error, path, Study) from None
    source = study.configurations.source
    if source != "sample":
        resolved = (path.parent / source).resolve()
        configurations = study.configurations.model_copy(update={"source": str(resolved)})
        study = study.model_copy(update={"configurations": configurations})
    return study
