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


def end_group_at_end_of(pipe: int) -> None:
    """Wait until nobody holds the other end of a pipe, then kill the group of this process."""
    while os.read(pipe, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    held_by_ui = (sys.stdin.fileno(),)
    threading.Thread(target=end_group_at_end_of, args=held_by_ui, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
