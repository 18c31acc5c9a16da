"""Whether an artefact is up to date, and if not, why: one rule for every asset.

An artefact is up to date when the code that made it, the settings it depends on and the data
versions of its inputs are those of today. What these are for a given asset is told by the Dagster
layer; this module only compares.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from aehpo_assets.store.code_version import ARCHITECTURE, CodeVersions
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.study import Study


def study_settings(study: Study, keys: Sequence[str]) -> dict[str, Any]:
    """Pick the settings under some dotted keys (``hpo.trials``) out of a study, as JSON values.

    What lies in a section that the study does not have is None. Where configurations come from a
    file, its place is no setting: its content is an input.
    """
    whole = study.model_dump(mode="json")
    picked: dict[str, Any] = {}
    for key in keys:
        value: Any = whole
        for part in key.split("."):
            value = None if value is None else value[part]
        picked[key] = value
    if study.configurations.from_file and (key := "configurations.source") in picked:
        picked[key] = "a file"
    return picked


def known_settings(settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the settings that came after a record was written, if they change nothing.

    Parameters
    ----------
    settings
        Output of :func:`study_settings`.
    recorded
        The settings of a record.

    Returns
    -------
    dict
        The settings, without those that the record does not name and that have their default.
    """
    return {
        key: _known(value, recorded.get(key), _default_of(key))
        for key, value in settings.items()
        if key in recorded or value != _default_of(key)
    }


def _known(value: Any, recorded: Any, default: Any) -> Any:
    """Leave out of a section what came after its record, as far as it has its default."""
    if not all(isinstance(one, dict) for one in (value, recorded, default)):
        return value
    return {k: v for k, v in value.items() if k in recorded or k not in default or v != default[k]}


def _default_of(key: str) -> Any:
    """Default of a setting of the study, as a JSON value; None if it has none."""
    first, *others = key.split(".")
    value = Study.model_fields[first].get_default(call_default_factory=True)
    for part in others:
        value = getattr(value, part, None)
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def code_version_of(versions: CodeVersions, study: Study, partition: Sequence[str]) -> str:
    """Return the code version of an artefact.

    Parameters
    ----------
    versions
        Those of its asset.
    study
        The study, which names the searchers.
    partition
        The partition; if it has an architecture, that comes first.
    """
    named = study_settings(study, [key for key in versions.keys if key != ARCHITECTURE])
    return versions.version(
        {ARCHITECTURE: partition[:1]} | {key: names or [] for key, names in named.items()}
    )


def why_stale(
    provenance: Provenance | None,
    *,
    code_version: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    prices: Collection[str] = (),
) -> str | None:
    """Say why an artefact has to be made again, or None if it is up to date.

    Parameters
    ----------
    provenance
        The record of the artefact in the store, None if there is none.
    code_version, settings, inputs
        What they would be if it were made now. ``inputs`` maps the name of each artefact and file
        to its data version.
    prices
        Price lists that the seconds of its inputs were read from. They are in no data version.
    """
    if provenance is None:
        return "missing"
    if provenance.failed_checks:
        return f"failed its check {provenance.failed_checks[0].name}"
    if provenance.code_version != code_version:
        return "the code that makes it changed"
    for key in sorted({*settings, *provenance.settings}):
        if settings.get(key) != provenance.settings.get(key):
            return f"the setting {key} changed"
    for name in sorted({*inputs, *provenance.inputs}):
        if name not in provenance.inputs:
            return f"the input {name} is new"
        if name not in inputs:
            return f"the input {name} is gone"
        if inputs[name] != provenance.inputs[name]:
            return f"the input {name} changed"
    if not set(prices) <= set(provenance.prices):
        return "the prices of the device changed, by which its inputs tell training times"
    return None
