"""Random bytes flipped in the files of a home: what whoever reads them notices, and what not."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from aehpo_assets.store.hashes import file_hashes
from aehpo_assets.store.home import Home
from aehpo_assets.store.run_archive import RUN_KEY, RunArchive
from aehpo_assets.store.store import Store
from aehpo_gpu.training.cost import load_cost_model

Read = Callable[[], Any]
"""Reads through the code that the platform reads with; None where it notices the damage."""


@dataclass(frozen=True)
class Target:
    """A file of a home, and how it is read."""

    kind: str
    file: Path
    read: Read


def targets(home: Home) -> Iterator[Target]:
    """Every file of a home that holds results, or what results are made from."""
    for asset in sorted(path.name for path in home.store.root.iterdir()):
        for partition in home.store.partitions(asset):
            read = _artefact(home.store, asset, partition)
            yield from (
                Target("store", file, read) for file in _files(home.store, asset, partition)
            )
    for folder in sorted(path.parent for path in home.runs.rglob("results")):
        keys = pd.concat([pd.read_parquet(p) for p in (folder / "results").glob("*.parquet")])
        read = _shards(folder, keys[RUN_KEY].tolist())
        yield from (Target("runs", file, read) for file in sorted(folder.rglob("*.parquet")))
    for kind, top in (
        ("baselines", home.baselines),
        ("benchmarks", home.benchmarks),
        ("live", home.live),
    ):
        # The folder of curves is written before each benchmark that reads it.
        for file in sorted(f for f in top.rglob("*.parquet") if "curves" not in f.parts):
            yield Target(kind, file, _kept_table(file))
    for file in sorted(home.devices.glob("*.json")):
        of = json.loads(file.read_text())["of"]
        yield Target("devices", file, lambda file=file, of=of: load_cost_model(file, of))


def flip_bytes(target: Target, count: int, source: random.Random) -> Counter[str]:
    """Flip one byte after the other, each in the sound file; count what comes of it.

    Returns
    -------
    Counter
        ``detected``; ``harmless``, where what is read is what was written; ``silent``.
    """
    whole = target.file.read_bytes()
    wanted = target.read()
    assert wanted is not None, f"{target.file} is damaged to begin with"
    found: Counter[str] = Counter()
    for _ in range(count):
        content = bytearray(whole)
        content[source.randrange(len(whole))] ^= source.randrange(1, 256)
        target.file.write_bytes(content)
        read = target.read()
        found["detected" if read is None else "harmless" if _same(read, wanted) else "silent"] += 1
        for aside in target.file.parent.glob(".*.damaged"):
            aside.unlink()
        target.file.write_bytes(whole)
    return found


def _files(store: Store, asset: str, partition: tuple[str, ...]) -> list[Path]:
    table, folder = store.table_path(asset, partition), store.folder_path(asset, partition)
    return [table] if table.exists() else sorted(p for p in folder.rglob("*") if p.is_file())


def _artefact(store: Store, asset: str, partition: tuple[str, ...]) -> Read:
    def read() -> Any:
        record = store.provenance(asset, partition)
        if record is None or store.damage(asset, partition) is not None:
            return None
        if store.table_path(asset, partition).exists():
            return record, store.read_table(asset, partition)
        return record, file_hashes(store.existing_folder(asset, partition))

    return read


def _shards(folder: Path, keys: list[str]) -> Read:
    def read() -> Any:
        archive = RunArchive(folder)
        return archive.collect(keys) if archive.finished(keys) == set(keys) else None

    return read


def _kept_table(file: Path) -> Read:
    """The store of an archive lies as far above its tables as their names are long."""
    record = json.loads(pq.read_schema(file).metadata[b"aehpo.provenance"])
    asset, *partition = record["artefact"].split("/")
    store = Store(file.parents[len(partition)])
    return lambda: store.find_table(asset, tuple(partition))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, pd.DataFrame):
        return one.equals(other) and one.attrs == other.attrs and one.index.equals(other.index)
    return bool(one == other)
