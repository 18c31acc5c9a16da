"""The files of a data set as they came: where the graph of a study begins.

Nothing here makes them. What reads them tells Dagster what it read, so that lineage ends at the
files' hashes and not at the first table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.foreign import markdown, markdown_table
from aehpo_assets.store.hashes import file_hash, settings_hash

RAW_FILES = "raw_files"

raw_files = dg.AssetSpec(
    RAW_FILES,
    partitions_def=tasks,
    group_name="omics",
    description="The files of the data set as they came: what reads them tells their hashes.",
)


def told(dataset: Dataset, task: str, known: Mapping[Path, str]) -> dg.AssetMaterialization:
    """Return what Dagster is told of the files that a task is read from.

    Parameters
    ----------
    dataset
        The data set.
    task
        Partition of the asset.
    known
        Matrices that were read to their hashes, which are not computed again.
    """
    paths = dict.fromkeys([*known, dataset.labels_path(), dataset.file])
    hashes = {
        str(path.relative_to(dataset.folder)): known.get(path) or file_hash(path) for path in paths
    }
    rows = [
        {"file": name, "bytes": (dataset.folder / name).stat().st_size, "SHA-256 begins with": own}
        for name, own in hashes.items()
    ]
    metadata: dict[str, dg.MetadataValue] = {
        "folder": dg.MetadataValue.path(dataset.folder),
        "files": dg.MetadataValue.md(markdown_table(pd.DataFrame(rows), index=False)),
    }
    for name in ("title", "source", "licence"):
        if said := getattr(dataset, name):
            metadata[name] = dg.MetadataValue.md(markdown(said))
    return dg.AssetMaterialization(
        RAW_FILES,
        partition=task,
        metadata=metadata,
        tags={"dagster/data_version": settings_hash(hashes)},
    )
