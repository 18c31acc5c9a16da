"""Foreign words are shown, and do nothing."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from aehpo_assets.errors import InputError
from aehpo_assets.foreign import brief, escaped, markdown, markdown_table, quoted, visible
from aehpo_assets.limits import SHOWN_MESSAGE

WORDS = st.text() | st.text(alphabet="[]/\\bold =#link<>`*_!()|:\x1b\u202e\n")


@given(WORDS)
def test_what_is_printed_is_the_word_itself_on_one_line(word: str) -> None:
    printed = io.StringIO()
    Console(file=printed, width=10_000, color_system=None).print(escaped(word), soft_wrap=True)
    # A backslash before a bracket, or at the end, is one too few or too many in rich.
    assert printed.getvalue().replace("\\", "") == visible(word).replace("\\", "") + "\n"
    assert visible(word).isprintable() or not any(c < " " or c == "\x7f" for c in visible(word))


def test_what_acts_is_shown_and_what_is_written_stays() -> None:
    assert visible("\x1b[2J\u202e\u2066\n\ud800") == r"\x1b[2J\u202e\u2066\n\ud800"
    assert visible("Übergröße, β-Wert 中文") == "Übergröße, β-Wert 中文"


@given(WORDS)
def test_no_word_becomes_a_link_a_picture_or_html(word: str) -> None:
    frame = pd.DataFrame({word: [word, "plain"], "n": [1.0, 2.0]})
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    for text in (markdown_table(frame, index=False), f"It is {markdown(word)}."):
        kinds = {
            token.type for block in parser.parse(text) for token in [block, *(block.children or [])]
        }
        assert not kinds & {"link_open", "image", "html_inline", "html_block"}, text


def test_addresses_that_are_linked_without_markup_are_shown_as_code() -> None:
    """As GitHub's Markdown does, and with it Dagster's."""
    for word in ("http://x.y", "see www.x.y", "a@b.c"):
        assert markdown(word) == f"`{word}`"
    assert markdown("auc_AJCC_STAGE (95 %): 0.7") == "auc_AJCC_STAGE (95 %): 0.7"


def test_a_table_of_plain_words_is_as_pandas_writes_it() -> None:
    frame = pd.DataFrame({"task": ["tcga_rna", None], "score": [0.5, np.nan]})
    assert markdown_table(frame, index=False) == frame.to_markdown(index=False)


def test_values_and_messages_are_of_bounded_length() -> None:
    deep: list[object] = []
    for _ in range(40):
        deep = [deep] * 10
    assert len(quoted(deep)) < 400
    assert len(quoted("x" * 10_000)) < 200
    assert len(brief("x" * 10_000)) < 200
    assert brief("plain") == "plain"
    error = InputError("x" * 100_000, file="f.csv", remedy="Mend it.")
    assert len(str(error)) < SHOWN_MESSAGE + 10
    assert str(error).startswith("f.csv: x")
    assert str(error).endswith("Mend it.")


def test_errors_hold_no_escape_codes() -> None:
    assert str(InputError("bad\n\x1b[2J", file="a\x1b]0;b")) == r"a\x1b]0;b: bad\n\x1b[2J"


@pytest.mark.usefixtures("pictures")
def test_two_dollars_in_a_name_are_no_formula() -> None:
    from aehpo_assets.analysis.plots.style import drawing, rendered

    for word in (r"cost $\frac$ more", "a$b$c"):
        with drawing() as (figure, (axes,)):
            axes.plot([1, 10, 100], [1, 2, 3], label=word)
            axes.set(xscale="log", title=word, xlabel=word)
            axes.set_yticks([1, 2, 3], [word, "b", "c"])
            axes.legend()
            assert rendered(figure)
            powers = axes.get_xticklabels()
        assert all(text.get_parse_math() for text in powers), "powers are drawn as such"
        assert not axes.title.get_parse_math()
