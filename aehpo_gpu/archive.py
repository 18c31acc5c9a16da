"""Finished runs on disk: what a killed or cancelled training has already done.

Every shard leaves one pair of Parquet files, named by its content. A run is known by a key that
hashes everything its numbers hang on, so that a shard is never trained twice for the same thing,
and changing one configuration retrains that one only. The archive is a cache below the home; the
artefacts that people read are the tables in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.files import atomic_file
from aehpo_assets.provenance import settings_hash

RUN_KEY = "run_key"


def run_keys(runs: pd.DataFrame, common: Mapping[str, Any]) -> list[str]:
    """Return the key of each run.

    Parameters
    ----------
    runs
        One row a run: hyperparameters and seed. ``config_id`` does not count: a configuration is
        what it is, whatever it is called.
    common
        What all of them share: architecture, data versions, training settings, code version.
    """
    rows = runs.drop(columns="config_id").to_dict("records")
    return [settings_hash({"run": row, "common": dict(common)}) for row in rows]


class RunArchive:
    """Finished shards below one folder.

    Parameters
    ----------
    folder
        The folder of one architecture and task; it need not exist yet.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Those of the given keys that are done."""
        return set(keys) & set(self._read("results", [RUN_KEY]).get(RUN_KEY, ()))

    def add(self, results: pd.DataFrame, curves: pd.DataFrame) -> None:
        """Keep a finished shard; both tables carry the run key.

        The curves are written first: a shard counts as finished once its results are there.
        """
        name = settings_hash(sorted(results[RUN_KEY]))
        for kind, frame in (("curves", curves), ("results", results)):
            with atomic_file(self.folder / kind / f"{name}.parquet") as temporary:
                pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), temporary)

    def collect(self, keys: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the results in the order of the keys, and the curves that belong to them.

        Raises
        ------
        KeyError
            If a run is not there.
        """
        results = self._read("results").drop_duplicates(RUN_KEY).set_index(RUN_KEY)
        curves = self._read("curves").drop_duplicates([RUN_KEY, "epoch"])
        order = {key: position for position, key in enumerate(keys)}
        curves = curves[curves[RUN_KEY].isin(order)]
        by_run = curves[RUN_KEY].map(order).rename("position")
        curves = curves.assign(position=by_run).sort_values(["position", "epoch"], kind="stable")
        return (
            results.loc[keys].reset_index(),
            curves.drop(columns="position").reset_index(drop=True),
        )

    def _read(self, kind: str, columns: list[str] | None = None) -> pd.DataFrame:
        """All shards of a kind; one that a crash of the machine damaged is set aside."""
        frames = []
        for path in sorted((self.folder / kind).glob("*.parquet")):
            try:
                frames.append(pq.read_table(path, columns=columns).to_pandas())
            except (OSError, pa.ArrowException):
                path.rename(path.with_suffix(".damaged"))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
