"""Scores of baselines that were computed before: what opening the test need not compute again.

As of runs, all that is scored is kept, the test scores included, and the tables that people read
do not show these until they are opened. What is kept is known by a key that hashes everything that
the scores depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.hpo.columns import INFLUENCE
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.store.store import Record, Store


@dataclass(frozen=True)
class KeptScores:
    """The scores kept of one task in one replicate.

    Attributes
    ----------
    folder
        Where those of the task lie; it need not exist yet.
    inputs
        Name to version of what the replicate is made of, code included.
    """

    folder: Path
    inputs: Mapping[str, str]

    def of(self, what: Mapping[str, Any], compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return a table of scores with ``test_influence``; computed once, whoever asks.

        Parameters
        ----------
        what
            What is scored, beside the inputs: JSON.
        compute
            Makes the table.
        """
        store, key = Store(self.folder), settings_hash({"inputs": dict(self.inputs), "of": what})
        scores = store.find_table("scores", (key,))
        influence = store.find_table("influence", (key,))
        if scores is None or influence is None:
            made = compute()
            by_row = pd.DataFrame({str(row): made[INFLUENCE].iloc[row] for row in range(len(made))})
            # The scores count as kept once both are there.
            store.write_table("influence", (key,), by_row, Record("key"))
            store.write_table("scores", (key,), made.drop(columns=INFLUENCE), Record("key"))
            return made
        return scores.assign(**{INFLUENCE: [column.to_numpy() for _, column in influence.items()]})
