"""A page: self-contained, whole, and deaf to the words of others."""

from __future__ import annotations

import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from aehpo_assets.analysis import plots
from aehpo_assets.errors import InputError
from aehpo_assets.report.blocks import Picture, Section, Table, Text
from aehpo_assets.report.page import PAGE, refuse_other_content, write_page

HOSTILE = "<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}"


class Reader(HTMLParser):
    """Collects tags, their attributes, and text; notices what is not closed."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert not reader.open
    return reader


def importance() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hyperparameter": ["beta", "lr_fixed"],
            "importance": [0.7, 0.2],
            "standard_deviation": [0.02, 0.02],
            "forest_r2": 0.5,
        }
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    frame = pd.DataFrame({"task": ["toy_rna", HOSTILE], "score": [0.81234, None]})
    blocks = [
        Text(f"Train this, not {HOSTILE}.", "lead"),
        Text("name: toy\nsteps: 3", "code"),
        Table("scores", "Scores of all tasks.", frame, frame.round(2).astype(str)),
        Picture("weights", "What matters.", partial(plots.hyperparameter_importance, importance())),
    ]
    sections = [
        Section("The answer", "answer", blocks),
        Section("Details", "details", parts=[Section("toy_rna", "toy", [Text("More.")])]),
    ]
    folder = tmp_path / "page"
    folder.mkdir()
    write_page(folder, f"Study {HOSTILE}", "varix", sections)
    return folder


def test_it_needs_nothing_else_and_is_whole(page: Path) -> None:
    reader = read(page / PAGE)
    for _, attributes in reader.tags:
        for name in ("src", "href"):
            if name in attributes:
                assert str(attributes[name]).startswith(("data:image/", "#"))
    anchors = {attributes.get("id") for _, attributes in reader.tags}
    links = {str(a["href"])[1:] for tag, a in reader.tags if tag == "a"}
    assert links <= anchors
    assert "name: toy\nsteps: 3" in reader.text


def test_words_of_others_are_words(page: Path) -> None:
    text = (page / PAGE).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in text


def test_every_picture_and_table_can_be_read_by_everybody(page: Path) -> None:
    reader = read(page / PAGE)
    pictures = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == ["What matters."]
    assert len([tag for tag, _ in reader.tags if tag == "caption"]) == 1
    assert {a["scope"] for tag, a in reader.tags if tag == "th"} == {"col", "row"}
    assert reader.tags[0][1]["lang"] == "en"


def test_tables_and_pictures_lie_beside_it(page: Path) -> None:
    table = pd.read_csv(page / "tables" / "scores.csv")
    assert table["score"].iloc[0] == 0.81234
    assert (page / "figures" / "weights.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert (page / "figures" / "weights.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_study_gives_the_same_page(page: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    picture = Picture("w", "W.", partial(plots.hyperparameter_importance, importance()))
    for folder in (again / "one", again / "two"):
        folder.mkdir()
        write_page(folder, "Study", "", [Section("A", "a", [picture])])
    for name in (PAGE, "figures/w.svg", "figures/w.pdf"):
        assert (again / "one" / name).read_bytes() == (again / "two" / name).read_bytes()


@pytest.mark.usefixtures("pictures")
def test_a_picture_of_very_many_points_is_shown_as_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aehpo_assets.report.page.LARGEST_VECTORS", 1000)
    picture = Picture("w", "W.", partial(plots.hyperparameter_importance, importance()))
    write_page(tmp_path / "page", "Study", "", [Section("A", "a", [picture])])
    assert re.search(r'src="data:image/png;base64,', (tmp_path / "page" / PAGE).read_text())


def test_only_a_page_is_replaced(page: Path, tmp_path: Path) -> None:
    refuse_other_content(page)
    refuse_other_content(tmp_path / "not there")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("Years of work.")
    with pytest.raises(InputError, match="something else"):
        refuse_other_content(tmp_path / "thesis")
