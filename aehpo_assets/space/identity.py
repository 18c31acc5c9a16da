"""The identity of configurations that were not sampled but proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aehpo_assets.provenance import settings_hash


def config_id_of(values: Mapping[str, Any]) -> str:
    """Return the ``config_id`` of a proposed configuration: ``r`` and eight hexadecimal digits.

    Equal hyperparameters give equal ids, whatever the order or the numeric type they come in
    (``2``, ``2.0`` and ``numpy.int64(2)`` are one value).

    Parameters
    ----------
    values
        Hyperparameter name to value, without ``config_id``.
    """
    plain = {
        name: value if isinstance(value, str) else repr(float(value))
        for name, value in values.items()
    }
    return f"r{settings_hash(plain)[:8]}"
