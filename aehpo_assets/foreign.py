"""Words that others wrote, made harmless for where they are shown.

Titles, ids, names of files and columns, and whatever a message quotes of them may hold terminal
escape codes, marks that turn the direction of writing, rich's markup, or Markdown. Here is what is
done to them; what is too long to be read at all belongs to ``limits``.
"""

from __future__ import annotations

import re
import reprlib
import unicodedata
from typing import TYPE_CHECKING, Any

from aehpo_assets.limits import SHOWN_VALUE

if TYPE_CHECKING:
    import pandas as pd

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what acts instead of being seen: controls, directions, line ends."""

_ACTIVE = re.compile(r"[\\`*\[\]<>#!|~&@$]|://|www\.", re.IGNORECASE)
"""Where Markdown, as GitHub extends it, may begin a link, a picture, HTML, or a formula."""

_quoting = reprlib.Repr()
_quoting.maxstring = _quoting.maxother = _quoting.maxlong = SHOWN_VALUE
_quoting.maxlevel = 2


def visible(word: object) -> str:
    r"""Return a word as text of one line in which every character can be seen.

    Whatever acts on a terminal or on the direction of writing is shown as Python would write it:
    ``\x1b``, ``\u202e``, ``\n``.
    """
    text = str(word)
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape", "backslashreplace").decode("ascii")
        if unicodedata.category(character) in _INVISIBLE
        else character
        for character in text
    )


def escaped(word: object) -> str:
    """Return a word for rich: visible, and nothing in it is markup."""
    from rich.markup import escape

    return escape(visible(word))


def quoted(value: Any) -> str:
    """Return a value as a message quotes it: as Python writes it, of bounded length and depth."""
    return visible(_quoting.repr(value))


def markdown(word: object) -> str:
    """Return a word for Markdown, in a table or outside: no link, picture or HTML comes of it.

    A word in which Markdown could find one is shown as code, where nothing means anything.
    """
    text = visible(word)
    if _ACTIVE.search(text) is None:
        return text
    return "`" + text.replace("`", "'") + "`" if text.strip() else ""


def brief(word: object) -> str:
    """Return a word for Markdown, of bounded length."""
    text = str(word)
    return markdown(text if len(text) <= SHOWN_VALUE else f"{text[:SHOWN_VALUE]}…")


def markdown_table(frame: pd.DataFrame, **options: Any) -> str:
    """Return a table as Markdown: its words, and the names of its columns, are foreign.

    Parameters
    ----------
    frame
        The table.
    options
        Those of :meth:`pandas.DataFrame.to_markdown`.
    """
    words = frame.map(_cell).rename(columns=_cell, index=_cell)
    return str(words.rename_axis(index=_cell, columns=_cell).to_markdown(**options))


def _cell(value: object) -> object:
    return markdown(value).replace("|", r"\|") if isinstance(value, str) else value
