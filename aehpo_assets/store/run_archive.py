"""Finished runs on disk: what a killed or cancelled training has already done.

The archive holds all that was scored when a run was trained, the test scores included, which the
tables that people read do not show until they are opened.

Every shard leaves one pair of tables, named by its runs. A run is known by a key that hashes
everything its numbers depend on, so that a shard is never trained twice for the same thing, and
changing one configuration retrains that one only. The archive is a store of its own below the
home: a shard that is not what was written is set aside, named in the log, and trained again. The
artefacts that people read are the tables in the store of the study.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import StaleInputError
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.store.store import Record, Store

RUN_KEY = "run_key"
"""Column of run results: the key of a run in the archive."""


def run_keys(
    runs: pd.DataFrame, common: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the key of each run.

    Parameters
    ----------
    runs
        One row a run: hyperparameters and seed. ``config_id`` does not count: a configuration is
        what it is, whatever it is called.
    common
        What all of them share: architecture, data versions, training settings, code version.
    defaults
        Hyperparameter to what a run has where its row does not name it; a run that names it is
        the same run.
    """
    known = dict(defaults or {})
    rows = [
        {name: value for name, value in row.items() if name not in known or value != known[name]}
        for row in runs.drop(columns="config_id").to_dict("records")
    ]
    return [settings_hash({"run": row, "common": dict(common)}) for row in rows]


class RunArchive:
    """Finished shards below one folder.

    Parameters
    ----------
    folder
        The folder of one architecture and task; it need not exist yet.
    """

    def __init__(self, folder: Path):
        self._store = Store(folder)

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Those of the given keys that are done: of their shard, both tables are sound."""
        results, _ = self._read()
        return set(keys) & set(results.get(RUN_KEY, ()))

    def add(
        self, results: pd.DataFrame, curves: pd.DataFrame, influence: np.ndarray | None = None
    ) -> None:
        """Keep a finished shard; both tables carry the run key.

        The results are written last: a shard counts as finished once they are there.

        Parameters
        ----------
        results, curves
            What :meth:`collect` returns of them.
        influence
            (test samples, runs), in the order of the results, where it is kept.
        """
        shard = (settings_hash(sorted(results[RUN_KEY])),)
        kinds = {"curves": curves, "results": results}
        if influence is not None:
            of_samples = pd.DataFrame(influence, columns=results[RUN_KEY].tolist())
            kinds = {"influence": of_samples} | kinds
        for kind, frame in kinds.items():
            # The run keys hold what the numbers depend on, code and settings included.
            self._store.write_table(kind, shard, frame.reset_index(drop=True), Record("run keys"))

    def influence(self, keys: Iterable[str]) -> pd.DataFrame:
        """Return what each test sample adds to the test score of runs, as far as it was kept.

        Returns
        -------
        pandas.DataFrame
            One row a test sample, in the order of the task, and one column a run key.
        """
        asked = set(keys)
        shards = self._store.sound_tables("influence").values()
        kept = [shard[[key for key in shard if key in asked]] for shard in shards]
        found = pd.concat(kept, axis=1) if kept else pd.DataFrame()
        return found.loc[:, ~found.columns.duplicated()]

    def collect(self, keys: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the results in the order of the keys, and the curves that belong to them.

        Raises
        ------
        StaleInputError
            If a run is not there (any more).
        """
        results, curves = self._read()
        if missing := set(keys) - set(results.get(RUN_KEY, ())):
            raise StaleInputError(
                f"{self._store.root} lacks {len(missing)} of {len(keys)} runs, or what it has of "
                "them is damaged. The next `aehpo run` trains them."
            )
        results = results.drop_duplicates(RUN_KEY).set_index(RUN_KEY)
        curves = curves.drop_duplicates([RUN_KEY, *{"epoch", "step"} & {*curves}])
        order = {key: position for position, key in enumerate(keys)}
        curves = curves[curves[RUN_KEY].isin(order)]
        if "step" in curves:
            # Those whose study counts in epochs have none, whatever lies beside them.
            of_epochs = bool(curves["step"].isna().all())
            curves = curves.drop(columns="step") if of_epochs else curves.astype({"step": "int64"})
        by_run = curves[RUN_KEY].map(order).rename("position")
        curves = curves.assign(position=by_run).sort_values(["position", "epoch"], kind="stable")
        return (
            results.loc[keys].reset_index(),
            curves.drop(columns="position").reset_index(drop=True),
        )

    def _read(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Results and curves of all shards of which both are there and as they were written."""
        results = self._store.sound_tables("results")
        curves = self._store.sound_tables("curves")
        whole = [shard for shard in results if shard in curves]
        if not whole:
            return pd.DataFrame(), pd.DataFrame()
        return (
            pd.concat([results[shard] for shard in whole], ignore_index=True),
            pd.concat([curves[shard] for shard in whole], ignore_index=True),
        )
