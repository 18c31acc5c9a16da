"""Seals: the hash that a record carries of itself, so that no change of it goes unnoticed.

Whoever may write to a home can seal what they forged; see ``docs/trust.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aehpo_assets.store.hashes import settings_hash

SEAL = "seal"
"""Key of the seal in a record that is JSON."""


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON record together with its seal."""
    return {**record, SEAL: settings_hash(record)}


def opened(record: Any) -> dict[str, Any]:
    """Return what was sealed, without the seal.

    Raises
    ------
    ValueError
        If it has no seal, or is not as it was sealed.
    """
    if not isinstance(record, dict):
        raise ValueError("it holds no record")
    content = {key: value for key, value in record.items() if key != SEAL}
    check_seal(record.get(SEAL), content)
    return content


def check_seal(seal: object, content: Mapping[str, Any]) -> None:
    """Hold a record against its seal.

    Raises
    ------
    ValueError
        If there is none, or it is that of another record.
    """
    if seal is None:
        raise ValueError("its record has no seal: an older aehpo wrote it, or somebody altered it")
    if seal != settings_hash(content):
        raise ValueError("its record is not as it was written")
