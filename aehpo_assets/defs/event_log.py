"""The event log of a home: Dagster's own SQLite files, with connections that stay open.

Dagster's storage opens and closes a database for each event, and makes the tables of a database for
each run. Of an artefact that is made in no time, that took half of the time. The files and all that
is in them are Dagster's.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

OPEN_RUNS = 4
"""Runs whose databases stay open, those used last; each run has a database of its own."""


class HomeEventLogStorage(SqliteEventLogStorage):
    """The event log below ``DAGSTER_HOME``, wherever that lies: a home may be moved."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
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
            listen(engine, "connect", write_without_waiting)
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

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Begin a new database with all that Dagster begins one with, in one transaction."""
        file = Path(str(engine.url.database))
        if not file.exists():
            # If another process is first, or nothing can be written, Dagster sees to it.
            with contextlib.suppress(sqlite3.OperationalError):
                with contextlib.closing(sqlite3.connect(file)) as database:
                    database.execute("PRAGMA journal_mode=WAL")
                    database.executescript(_first_statements())
                return
        super()._initdb(engine, for_index_shard)

    def has_table(self, table_name: str) -> bool:
        """Whether there is a table; one that was found is not looked for again, as it stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _store_runless_asset_check_evaluation(
        self, event: dg.EventLogEntry, event_id: int | None
    ) -> None:
        """Store the outcome of a check outside a run, in the place of the last such one.

        Of one partition, Dagster's own storage takes a single outcome outside a run: the second
        breaks its rule that there is one for each run.
        """
        evaluation = event.get_dagster_event().asset_check_evaluation_data
        of, outcomes = AssetCheckExecutionsTable.c, AssetCheckExecutionsTable
        with self.index_connection() as connection:
            connection.execute(
                outcomes.delete().where(
                    of.asset_key == evaluation.asset_key.to_string(),
                    of.check_name == evaluation.check_name,
                    of.run_id == event.run_id,
                    of.partition == evaluation.partition,
                )
            )
        super()._store_runless_asset_check_evaluation(event, event_id)

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


def write_without_waiting(connection: sqlite3.Connection, _: object) -> None:
    """Have a connection leave it to the system when events reach the disk.

    A power cut may take the last events with it, which the store knows of, but damages nothing.
    See https://sqlite.org/pragma.html#pragma_synchronous.
    """
    connection.execute("PRAGMA synchronous=NORMAL")


@cache
def _first_statements() -> str:
    """Return the statements that make of nothing what Dagster makes before the first event."""
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteEventLogStorage(folder)
        with storage.run_connection("empty"):
            pass
        with contextlib.closing(sqlite3.connect(storage.path_for_shard("empty"))) as empty:
            return "\n".join(empty.iterdump())
