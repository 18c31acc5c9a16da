"""How the UI shows a data set that cannot be read: a failed check, and a failed tick of the sensor.

What is wrong with it is found by ``aehpo_assets.datasets.landing``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import dagster as dg

from aehpo_assets.datasets.landing import Landed
from aehpo_assets.errors import AehpoError
from aehpo_assets.quality.matrix import DATA_SET_CHECK

_KEY = "aehpo/broken data sets"


class BrokenDataSetError(AehpoError):
    """Data sets below the data roots cannot be read; the study goes on without what changed."""


class BrokenDataSets:
    """The data sets that were found broken, as an instance remembers them.

    Parameters
    ----------
    instance
        The instance.
    """

    def __init__(self, instance: dg.DagsterInstance):
        self._storage = instance.daemon_cursor_storage

    def note(self, looked_at: Sequence[Landed], present: Collection[str]) -> None:
        """Remember which of the data sets that were looked at are broken, and forget what is gone.

        Parameters
        ----------
        looked_at
            New and changed data sets.
        present
            Folders of all that there are.
        """
        before = self._read()
        after = {folder: told for folder, told in before.items() if folder in present}
        for data_set in looked_at:
            after.pop(str(data_set.folder), None)
            if data_set.problem is not None:
                after[str(data_set.folder)] = str(data_set.problem)
        if after != before:
            self._write(after)

    def tell(self) -> None:
        """Tell of those that were not told of before.

        Raises
        ------
        BrokenDataSetError
            If there are any.
        """
        untold = {folder: problem for folder, problem in self._read().items() if problem}
        if untold:
            self._write(dict.fromkeys(self._read(), ""))
            raise BrokenDataSetError(
                f"Broken data sets, left out until they are fixed: {' | '.join(untold.values())}"
            )

    def _read(self) -> dict[str, str]:
        """Folder to what is to be told of it; empty of what was."""
        found: dict[str, str] = json.loads(self._storage.get_cursor_values({_KEY}).get(_KEY, "{}"))
        return found

    def _write(self, content: dict[str, str]) -> None:
        self._storage.set_cursor_values({_KEY: json.dumps(content)})


def read_evaluations(data_set: Landed, tasks: Collection[str]) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the outcome of the check that a data set can be read, for each of its tasks.

    Parameters
    ----------
    data_set
        A data set that was looked at.
    tasks
        Tasks that the instance knows, or will. One that could never be read has none: of it there
        is one outcome without a partition.
    """
    named = data_set.tasks or [t for t in tasks if t.startswith(f"{data_set.folder.name}_")]
    of_whole: list[str | None] = [None] if data_set.problem is not None else []
    for task in sorted(set(named) & set(tasks)) or of_whole:
        problem = data_set.problem
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("omics_matrix"),
            check_name=DATA_SET_CHECK.name,
            passed=problem is None,
            severity=dg.AssetCheckSeverity.ERROR,
            blocking=DATA_SET_CHECK.blocking,
            description=None if problem is None else f"Broken data set: {problem}",
            metadata={"data set": str(data_set.folder)},
            partition=task,
        )
