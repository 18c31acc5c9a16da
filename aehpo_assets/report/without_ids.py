"""Words of checks without the samples that they name: a page is sent to others."""

from __future__ import annotations

import re
from collections.abc import Collection

from aehpo_assets.store.home import Home

_IN_BRACKETS = re.compile(r" ?\(([^()]*)\)")
_WORD = re.compile(r"[^\s,;()\"']+")
_FIRST = re.compile(r"\bfirst (is|are|ones?)\b")


def sample_ids(home: Home) -> set[str]:
    """Return the ids of all samples that the store of a home knows."""
    return {
        str(sample)
        for partition in home.store.partitions("sample_labels")
        if home.store.is_usable("sample_labels", partition)
        for sample in home.store.read_table("sample_labels", partition).index
    }


def without_ids(text: str, ids: Collection[str]) -> str:
    """Leave out of a sentence which samples it is about.

    What stands in brackets goes if it names a sample, or a first one of something: that may be a
    row of the label table which is no sample of a matrix. Elsewhere a sample is called one, unless
    its id is a number, which a sentence cannot be told to mean.

    Parameters
    ----------
    text
        What a check found.
    ids
        Known samples.
    """

    def bracket(found: re.Match[str]) -> str:
        words = (word.rstrip(".:") for word in _WORD.findall(found[1]))
        names = _FIRST.search(found[1]) or any(word in ids for word in words)
        return "" if names else found[0]

    def word(found: re.Match[str]) -> str:
        plain = found[0].rstrip(".:")
        if plain not in ids or plain.isdecimal():
            return found[0]
        return f"[a sample]{found[0][len(plain) :]}"

    return _WORD.sub(word, _IN_BRACKETS.sub(bracket, text))
