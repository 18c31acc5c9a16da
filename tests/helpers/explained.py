"""Which columns of a store have no entry in the table of columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from aehpo_assets.store.columns import meaning_of
from aehpo_assets.store.store import Store


def unexplained(root: Path) -> list[str]:
    """Return ``table: column`` of every stored column without an entry."""
    store, found = Store(root), []
    for asset in sorted(path.name for path in root.iterdir() if path.is_dir()):
        for partition in store.partitions(asset):
            tables = {asset: store.table_path(asset, partition)}
            if not tables[asset].exists():
                folder = store.folder_path(asset, partition)
                tables = {f"{asset}/{path.stem}": path for path in folder.rglob("*.parquet")}
            found += [
                f"{table}: {column}"
                for table, path in tables.items()
                for column in pq.read_schema(path).names
                if meaning_of(table, column) is None
            ]
    assert store.partitions("run_results"), "there is something to look at"
    return sorted(set(found))
