"""A long command that stops when it is asked to, wherever it is: its work is that of a child.

Python hands a signal to the program between two instructions of its main thread: a library that
computes for minutes makes it wait as long. So the command itself only watches. Asked to stop, it
asks its child to, and ends it with all that it started if that takes long. Nothing finished is lost
by this, as every write is atomic and what was begun is taken over by the next start
(``running.interrupted``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from aehpo_assets.running.child import end_group_at_end_of

GRACE_SECONDS = 3.0
"""What a child has to end by itself; a second signal takes it away."""

_SECONDS_BETWEEN_SIGNALS = 1.0
"""Dagster passes over a signal that comes between two of its runs."""

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STOPPED = frozenset(128 + number for number in STOPS)
"""Exit codes of what was stopped, as a shell counts them."""


def run_stoppable(work: Callable[[], int]) -> int:
    """Do work in a child process, and stop it on Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    work
        Called in the child, where it returns the exit code. It is stopped there by Dagster's own
        handler while Dagster executes, and at once otherwise.

    Returns
    -------
    int
        The exit code, within seconds of a signal: that of the work, or of :data:`STOPPED`. The
        child itself never returns from here.
    """
    watch = _Watch()
    reading, writing = os.pipe()
    watch.child = os.fork()
    if watch.child == 0:
        os.close(writing)
        _work_as_child(work, reading)
    os.close(reading)
    code = watch.until_it_ends()
    for folder in Path(tempfile.gettempdir()).glob(f"{_scratch_prefix(watch.child)}*"):
        shutil.rmtree(folder, ignore_errors=True)
    # Held open until now: the child ends with whoever holds it.
    os.close(writing)
    return code


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a temporary folder that is gone after the block, and after a child that was killed."""
    with tempfile.TemporaryDirectory(prefix=_scratch_prefix(os.getpid())) as folder:
        yield Path(folder)


def _scratch_prefix(process: int) -> str:
    return f"aehpo-{process}-"


def _work_as_child(work: Callable[[], int], parent: int) -> None:
    os.setsid()
    for number in (*STOPS, signal.SIGTSTP):
        signal.signal(number, _end if number in STOPS else signal.SIG_DFL)
    threading.Thread(target=end_group_at_end_of, args=(parent,), daemon=True).start()
    code = 1
    try:
        code = work()
    except BaseException:
        traceback.print_exc()
    # Nothing of the parent's goes on in here: its threads are not, and its callers must not.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


class _Watch:
    """The process that the terminal knows: it takes the signals, and looks after the child."""

    def __init__(self) -> None:
        self.child = 0
        self._signals: list[int] = []
        self._first_asked: float | None = None
        self._last_asked = 0.0
        for number in STOPS:
            # Under nohup, the end of the terminal is no reason to stop.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.signal(signal.SIGTSTP, self._suspend)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the child, of another session, is held and let go together with this process."""
        os.killpg(self.child, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.killpg(self.child, signal.SIGCONT)

    def until_it_ends(self) -> int:
        """Wait for the child, ask it to stop when a signal has come, and return the exit code."""
        while True:
            ended, status = os.waitpid(self.child, os.WNOHANG)
            if ended:
                break
            self._stop_child()
            time.sleep(0.05)
        self._kill()
        code = os.waitstatus_to_exitcode(status)
        if self._signals and code != 0:
            return 128 + self._signals[0]
        return 128 - code if code < 0 else code

    def _stop_child(self) -> None:
        if not self._signals:
            return
        now = time.monotonic()
        self._first_asked = self._first_asked or now
        if len(self._signals) > 1 or now > self._first_asked + GRACE_SECONDS:
            self._kill()
        elif now > self._last_asked + _SECONDS_BETWEEN_SIGNALS:
            self._last_asked = now
            os.kill(self.child, signal.SIGINT)

    def _kill(self) -> None:
        """Kill whatever there is of the child and of the processes that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGKILL)
