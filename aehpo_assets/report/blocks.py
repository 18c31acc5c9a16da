"""What a page is made of: sections of words, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes
    ----------
    words
        Plain text.
    kind
        ``plain``; ``lead``, the answer itself; ``warning``; or ``code``, kept as it is.
    """

    words: str
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name
        Of its file, without ending: letters, digits, ``-`` and ``_``.
    caption
        What it shows.
    frame
        As it is written to a file; its index is not shown.
    shown
        The same rows as text, where people read them in another form than machines do.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    shown: pd.DataFrame | None = None


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes
    ----------
    name
        Of its file, without ending.
    caption
        What it shows, for those who cannot see it too.
    draw
        One of ``aehpo_assets.analysis.plots`` with its table.
    frame
        What is drawn, to be written beside it, where no table of the page has it.
    wide
        Whether it takes the whole width of a page.
    """

    name: str
    caption: str
    draw: Callable[[], bytes]
    frame: pd.DataFrame | None = None
    wide: bool = False


Block = Text | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of a page with a title.

    Attributes
    ----------
    title
        Its heading.
    anchor
        Its address within the page.
    blocks
        What it shows, in order.
    parts
        Sections inside it.
    """

    title: str
    anchor: str
    blocks: Sequence[Block] = ()
    parts: Sequence[Section] = field(default_factory=tuple)
