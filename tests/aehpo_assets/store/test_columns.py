"""Every stored column has a meaning, and the page of columns is the table of them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from explained import unexplained

from aehpo_assets.defs.instance import open_instance
from aehpo_assets.store.columns import columns, meaning_of, page
from aehpo_assets.store.home import Home

PAGE = Path(__file__).parents[3] / "docs" / "columns.md"


def test_every_stored_column_has_an_entry(finished_tiny: Path) -> None:
    assert unexplained(Home(finished_tiny / "home").store.root) == []


def test_no_column_has_two_entries_and_each_says_something() -> None:
    keys = [(one.table, one.column) for one in columns()]
    assert len(keys) == len(set(keys))
    for one in columns():
        assert one.meaning.endswith("."), one
        assert one.source, one


def test_the_page_is_that_of_the_table() -> None:
    """Renewed by ``python -m aehpo_assets.store.columns docs/columns.md``."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("noise/components", "seed", "Variance between seeds."),
        ("run_results", "seed", "Seed of the run"),
        ("run_results", "auc_sex_valid", "AUC of the label on the valid samples"),
        ("sample_labels", "seed", "A label"),
    ],
)
def test_the_nearest_entry_counts(table: str, column: str, said: str) -> None:
    known = meaning_of(table, column)
    assert known is not None
    assert known.meaning.startswith(said)
    assert meaning_of("run_results", "no_such_column") is None


def test_the_ui_shows_the_meaning(finished_tiny: Path, tmp_path: Path) -> None:
    home = Home(finished_tiny / "home")
    with open_instance(home) as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey("run_results"), 1).records
    assert record.asset_materialization is not None
    schema = record.asset_materialization.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchemaMetadataValue)
    said = {column.name: column.description for column in schema.value.columns}
    assert said["training_runtime"] is not None
    assert said["training_runtime"].endswith("Unit: s.")
