"""When two texts that differ are the same to a person: classes and ids written in several ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

_TOKENS = re.compile(r"[^\W\d_]+|\d+")
_SEPARATORS = re.compile(r"(?<=\w)[\s_\-\u2010-\u2015]+(?=\w)")


def class_key(text: str) -> str:
    """What is left of a class without case, blanks, hyphens, underscores and a trailing ``.0``."""
    word = unicodedata.normalize("NFKC", text).strip().casefold()
    try:
        return f"{float(word.replace('_', ' ')):.12g}"
    except ValueError:
        return _SEPARATORS.sub(_unless_between_digits, word)


def _unless_between_digits(found: re.Match[str]) -> str:
    """Keep ``1-2`` apart from ``12``."""
    before, after = found.string[found.start() - 1], found.string[found.end()]
    return "-" if before.isdigit() and after.isdigit() else ""


def spellings(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Classes that are written in several ways: each with its spellings and their counts.

    Parameters
    ----------
    counts
        Class to its number of samples.
    """
    alike: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        alike.setdefault(class_key(name), {})[name] = count
    return [group for group in alike.values() if len(group) > 1]


def id_tokens(sample_id: str) -> tuple[str, ...]:
    """Words and whole numbers of an id: ``P-001``, ``p001`` and R's ``P.1`` have the same."""
    word = unicodedata.normalize("NFKC", sample_id).strip().casefold().removesuffix(".0")
    tokens = tuple(t.lstrip("0") or "0" if t.isdigit() else t for t in _TOKENS.findall(word))
    # R puts an X before a name that begins with a digit.
    return tokens[1:] if len(tokens) > 1 and tokens[0] == "x" and tokens[1].isdigit() else tokens


def same_ids(first: Iterable[str], second: Iterable[str]) -> dict[str, str]:
    """Ids of ``first`` that differ from one of ``second`` in spelling only, and which that is."""
    here, there = _by_tokens(first), _by_tokens(second)
    return {
        names[0]: there[tokens][0]
        for tokens, names in here.items()
        if tokens and len(names) == 1 and len(there.get(tokens, ())) == 1
    }


def kin_ids(first: Iterable[str], second: Iterable[str]) -> dict[str, str]:
    """Ids of ``first`` that have a prefix or suffix more, or less, than one of ``second``."""
    second = list(second)
    whole = _by_tokens(second)
    shortened: dict[tuple[str, ...], str] = {}
    for name in second:
        for part in _parts(id_tokens(name)):
            shortened.setdefault(part, name)
    found = {}
    for name in first:
        tokens = id_tokens(name)
        longer = next((whole[part][0] for part in _parts(tokens) if part in whole), None)
        match = longer or shortened.get(tokens)
        if match is not None:
            found[name] = match
    return found


def _by_tokens(ids: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for name in ids:
        found.setdefault(id_tokens(name), []).append(name)
    return found


def _parts(tokens: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Beginnings and ends of an id that still tell it from others, the longest first."""
    for length in range(len(tokens) - 1, 0, -1):
        for part in (tokens[:length], tokens[-length:]):
            # A lone short number may be a plate, an arm or a lane.
            if any(t.isdigit() for t in part) and sum(map(len, part)) > 1:
                yield part
