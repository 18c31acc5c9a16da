"""The runs of a home: Dagster's own SQLite file, with a connection that stays open.

Dagster's storage opens and closes the database for each question and each event of a run. The file
and all that is in it are Dagster's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

from aehpo_assets.defs.event_log import write_without_waiting


class HomeRunStorage(SqliteRunStorage):
    """The runs below ``DAGSTER_HOME``, wherever that lies: a home may be moved."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine: Engine | None = None
        super().__init__(conn_string, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing: an absolute path would bind the home to where it was made."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Find the file where Dagster's own storage has it."""
        return cls.from_local(str(Path(os.environ["DAGSTER_HOME"]) / "history"), inst_data)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """Connect to the database, over a connection that is open already if it is free."""
        if self._engine is not None and not Path(str(self._engine.url.database)).exists():
            self._close()
        if self._engine is None:
            self._engine = create_engine(
                self._conn_string,
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=-1,
                connect_args={
                    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                    # In the pool it waits for whatever thread comes next.
                    "check_same_thread": False,
                },
            )
            listen(self._engine, "connect", write_without_waiting)
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def dispose(self) -> None:
        """Close what is open."""
        self._close()
        super().dispose()
