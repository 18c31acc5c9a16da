"""What a reproduction leaves for others: a file that says what was compared, and what came out.

It names no folder of the machine and no sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aehpo_assets
from aehpo_assets.running.reproduce import Reproduction
from aehpo_assets.running.reproduced import Reproduced, verdict
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import FILE


def certificate(reproduction: Reproduction, found: Sequence[Reproduced]) -> dict[str, Any]:
    """Return the content of a certificate.

    Parameters
    ----------
    reproduction
        The reproduction, which has run.
    found
        What came out.
    """
    target = reproduction.target
    good, decisive = verdict(target.name, found)
    kept = reproduction.recorded(target.name)
    return {
        "certificate": "aehpo reproduce",
        "study": reproduction.home.study().name,
        "artefact": target.name,
        "configuration": target.config_id,
        "reproduced": good,
        "verdict": str(decisive.comparison),
        "decided_by": decisive.name,
        "made_again": [
            {
                "artefact": one.name,
                "verdict": str(one.comparison.verdict),
                "largest_difference": one.comparison.largest,
                "where": one.comparison.where,
                "recorded_data_version": _version(reproduction.recorded(one.name)),
                "data_version": _version(reproduction.again(one.name)),
                "notes": list(one.notes),
            }
            for one in found
        ],
        "taken_as_they_are": {
            name: _version(reproduction.recorded(name)) for name in reproduction.taken
        },
        "raw_files": dict(sorted(_raw_files(reproduction))),
        "recorded": None if kept is None else _environment(kept),
        "again": _last_environment(reproduction, found),
        "certified_by": f"aehpo {aehpo_assets.__version__}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(record: Provenance | None) -> str | None:
    return None if record is None else record.data_version


def _raw_files(reproduction: Reproduction) -> set[tuple[str, str]]:
    """Name and hash of each file outside the store that was read."""
    names = [*reproduction.chain, *reproduction.taken]
    records = [reproduction.again(name) or reproduction.recorded(name) for name in names]
    return {
        (Path(name.removeprefix(FILE)).name, version)
        for record in records
        if record is not None
        for name, version in record.inputs.items()
        if name.startswith(FILE)
    }


def _last_environment(
    reproduction: Reproduction, found: Sequence[Reproduced]
) -> dict[str, Any] | None:
    record = reproduction.again(found[-1].name) if found else None
    return None if record is None else _environment(record)


def _environment(record: Provenance) -> dict[str, Any]:
    content = record.model_dump(mode="json")
    named = ("created", "aehpo", "commit", "dirty", "python", "libraries", "processor", "device")
    return {name: content[name] for name in named if name in content}
