"""Settings files: YAML that is refused where it could mean two things, and the base of all models.

Here belongs what the study file and ``dataset.yaml`` share. What may stand in the one belongs to
``study``, in the other to ``datasets``.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.limits import YAML_BYTES, YAML_DEPTH, YAML_EXPANDED, size_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""What names of studies, data sets, modalities and tasks are: they become parts of paths."""

NAME: TypeAdapter[str] = TypeAdapter(Name)

_REMEDY = "Correct the file; it must be YAML, encoded as UTF-8."


class Settings(BaseModel):
    """Base of every settings model: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def distinct(values: list[Any]) -> list[Any]:
    """Refuse a list that says a thing twice."""
    if len(set(values)) != len(values):
        raise ValueError("lists an entry twice")
    return values


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
    return parse_yaml(read_settings(path), path, as_text=as_text)


def read_settings(path: Path) -> bytes:
    """Read what a settings file holds.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or is larger than any such file could be.
    """
    try:
        if not path.is_file():
            problem = "is no file" if os.path.lexists(path) else "no such file"
            raise InputError(problem, file=path, remedy="Check the path.")
        with path.open("rb") as stream:
            raw = stream.read(YAML_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=_REMEDY) from None
    if len(raw) > YAML_BYTES:
        problem = f"is larger than {size_of(YAML_BYTES)}, which no such file is"
        raise InputError(problem, file=path, remedy="Check the path.")
    return raw


def parse_yaml(raw: bytes, path: Path, *, as_text: bool = False) -> dict[str, Any]:
    """Parse what :func:`read_settings` read of a file, as :func:`read_yaml` says."""
    try:
        text = raw.decode("utf-8")
        _refuse_unbounded(text)
        content = yaml.load(text, Loader=_SpelledLoader if as_text else _UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else f"line {mark.line + 1}"
        found = ": ".join(part for part in (error.context, error.problem) if part)
        raise InputError(
            f"is no valid YAML ({found})", file=path, key=line, remedy=_REMEDY
        ) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=_REMEDY) from None
    if not isinstance(content, dict):
        raise InputError("must be a mapping of keys to values", file=path, remedy=_REMEDY)
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
        remedy = first.get("ctx", {}).get("remedy", "Add it.")
        return InputError("required, but missing", file=file, key=key, remedy=remedy)
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
