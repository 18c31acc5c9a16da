"""The event log of a home: Dagster's own SQLite files, with connections that stay open.

Dagster's storage opens and closes a database for each event. Of an artefact that is made in no
time, that took half of the time. The files and all that is in them are Dagster's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

OPEN_RUNS = 4
"""Runs whose databases stay open, those used last; each run has a database of its own."""


class HomeEventLogStorage(SqliteEventLogStorage):
    """The event log below ``DAGSTER_HOME``, wherever that lies: a home may be moved."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing: an absolute path would bind the home to where it was made."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Find the files where Dagster's own storage has them."""
        folder = Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"
        return cls(f"{folder}{os.sep}", inst_data)

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            # Whoever holds the lock of `_connect` uses the one connection, in whatever thread.
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={
                    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                    "check_same_thread": False,
                },
            )
        self._engines[shard] = engine
        return engine

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs or not Path(self.path_for_shard(shard)).exists():
                self._close(shard)
                self._initdb(self._engine(shard))
                self._initialized_dbs.add(shard)
            engine = self._engine(shard)
            runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
            for name in runs[:-OPEN_RUNS]:
                self._close(name)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _close(self, shard: str) -> None:
        if engine := self._engines.pop(shard, None):
            engine.dispose()

    def wipe(self) -> None:
        """Close what is open before its files go."""
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        for shard in list(self._engines):
            self._close(shard)
        super().dispose()
