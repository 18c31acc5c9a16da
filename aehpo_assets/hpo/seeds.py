"""Seeds with names: every random draw of a search can be traced to the words that named it."""

from __future__ import annotations

from aehpo_assets.provenance import text_hash


def named_seed(*parts: object) -> int:
    """Return a seed in ``[0, 2**31)`` that depends on the given words and on nothing else.

    ``named_seed(0, "tcga_rna", "cqr", 2)`` is the same number in every process and version.
    """
    return int(text_hash("\x1f".join(map(str, parts))), 16) % 2**31
