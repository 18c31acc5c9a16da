"""A page as a folder: ``index.html``, which needs nothing else, its tables and its pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from aehpo_assets.analysis.plots.style import Format, drawn_as
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import visible
from aehpo_assets.report.blocks import Block, Picture, Section, Text

if TYPE_CHECKING:
    from jinja2 import Template

PAGE = "index.html"
_MARK = '<meta name="generator" content="aehpo">'

LARGEST_VECTORS = 400_000
"""Bytes from which on a page shows a picture as pixels: a browser draws each of its points."""


def write_page(folder: Path, title: str, subtitle: str, sections: Sequence[Section]) -> None:
    """Write a page into an empty folder.

    Tables go to ``tables/<name>.csv``, pictures to ``figures/<name>.svg`` and ``.pdf``.

    Parameters
    ----------
    folder
        Where to write.
    title, subtitle
        Of the page.
    sections
        What it shows.
    """
    (folder / "tables").mkdir(parents=True)
    (folder / "figures").mkdir()
    images = {}
    for block in blocks_of(sections):
        if not isinstance(block, Text) and block.frame is not None:
            block.frame.to_csv(folder / "tables" / f"{block.name}.csv", index=False)
        if isinstance(block, Picture):
            drawn = {kind: _drawn(block, kind) for kind in ("svg", "pdf")}
            for kind, content in drawn.items():
                (folder / "figures" / f"{block.name}.{kind}").write_bytes(content)
            images[block.name] = _as_address(block, drawn["svg"])
    html = _template().render(title=title, subtitle=subtitle, sections=sections, images=images)
    (folder / PAGE).write_text(html, encoding="utf-8")


def refuse_other_content(folder: Path) -> None:
    """Refuse a folder that holds something else than a page.

    Raises
    ------
    InputError
        If it does.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    page = folder / PAGE
    if not page.is_file() or _MARK not in page.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            "holds something else than the page of a study",
            file=folder,
            key="--out",
            remedy="Name a folder that is not there yet.",
        )


def blocks_of(sections: Sequence[Section]) -> Iterator[Block]:
    """Yield every block of some sections and of the parts in them."""
    for section in sections:
        yield from section.blocks
        yield from blocks_of(section.parts)


def _drawn(picture: Picture, kind: Format) -> bytes:
    with drawn_as(kind):
        return picture.draw()


def _as_address(picture: Picture, svg: bytes) -> str:
    """The picture within its own address, so that the page needs no second file."""
    kind, content = "svg+xml", svg
    if len(svg) > LARGEST_VECTORS:
        kind, content = "png", _drawn(picture, "png")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("aehpo_assets.report", "."),
        # Names of tasks, labels and files are those of other people.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["cells"] = _cells
    environment.filters["visible"] = visible
    return environment.get_template("page.html.j2")


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    """The rows of a table as text; what is missing is empty."""
    return [
        ["" if pd.isna(cell) else visible(str(cell)) for cell in row]
        for row in frame.itertuples(index=False)
    ]
