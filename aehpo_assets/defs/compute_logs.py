"""What steps print, kept in a home as Dagster keeps it, at a tenth of the price.

While a step prints into its two files, Dagster has ``tail`` show each of them on the terminal, and
starts a Python for each ``tail`` to end it if this process is killed. Of an artefact that is made
in no time, that took a third of it. Here a shell looks after both.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any, Self

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

_END_WITH = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -9 "$2" "$3"'
"""Ends two processes once a third is gone, also where they were told to ignore other signals."""


class HomeComputeLogs(LocalComputeLogManager):
    """The files below ``DAGSTER_HOME``, wherever that lies: a home may be moved."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing: an absolute path would bind the home to where it was made."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Find the files where Dagster's own manager has them."""
        return cls(str(Path(os.environ["DAGSTER_HOME"]) / "storage"), inst_data=inst_data)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Have what is printed inside the block go to its files, and be seen all the same."""
        streams = {ComputeIOType.STDOUT: sys.stdout, ComputeIOType.STDERR: sys.stderr}
        with contextlib.ExitStack() as stack:
            shown = {}
            for kind, stream in streams.items():
                path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
                ensure_file(path)
                shown[path] = stream
            stack.enter_context(_seen(shown))
            for path, stream in shown.items():
                stack.enter_context(redirect_to_file(stream, path))
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))


@contextlib.contextmanager
def _seen(shown: dict[str, IO[str]]) -> Generator[None, None, None]:
    """Show two files as they grow, each on a stream."""
    started = [
        subprocess.Popen(["tail", "-F", "-c", "+0", path], stdout=_file_of(stream))
        for path, stream in shown.items()
    ]
    ends = [str(os.getpid()), *(str(tail.pid) for tail in started)]
    # It holds no stream open, nor does the `sleep` that may outlive it by a second.
    no = subprocess.DEVNULL
    watch = ["sh", "-c", _END_WITH, "sh", *ends]
    started.append(subprocess.Popen(watch, stdin=no, stdout=no, stderr=no))
    try:
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def _file_of(stream: IO[str]) -> IO[str] | None:
    """Return the stream if it is a file that a process can write to."""
    try:
        return stream if stream.fileno() else None
    except OSError:
        return None
