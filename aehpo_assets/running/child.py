"""A module run as a process of the UI, which ends with the UI however that ends.

A process that is killed cannot stop what it started. Its children read from a pipe that nothing is
ever written to: it ends when the UI does, and they take all that they started with them.
Run as ``python -m aehpo_assets.running.child MODULE ARGUMENTS…``.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
