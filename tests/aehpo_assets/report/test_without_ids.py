"""What a check found is told without the samples that it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.report.without_ids import without_ids

IDS = {"P0068", "TCGA-A1-A0SB", "17"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "27 of 641 samples have no row (the first is P0068; clinical.csv has P0638), and 58 "
            "rows belong to no sample (the first is P0005). Give them rows.",
            "27 of 641 samples have no row, and 58 rows belong to no sample. Give them rows.",
        ),
        (
            "no sample twice: found 2 (P0068, TCGA-A1-A0SB). Correct it.",
            "no sample twice: found 2. Correct it.",
        ),
        ("P0068 straddles parts: P0068.", "[a sample] straddles parts: [a sample]."),
        ("17 samples (17)", "17 samples"),
        ("found 1 (pbmc68k_rna). Train more.", "found 1 (pbmc68k_rna). Train more."),
    ],
)
def test_samples_are_not_named(text: str, told: str) -> None:
    assert without_ids(text, IDS) == told


@given(st.text(alphabet="ab (),.;", max_size=40))
def test_what_names_nobody_stays_as_it_is(text: str) -> None:
    assert without_ids(text, IDS) == text


@given(
    st.lists(
        st.sampled_from(["P0068", "TCGA-A1-A0SB", "(", ")", ", ", "; ", " ", "of "]), max_size=12
    )
)
def test_no_name_comes_through(parts: list[str]) -> None:
    told = without_ids(" ".join(parts), IDS)
    assert "P0068" not in told
    assert "TCGA-A1-A0SB" not in told
