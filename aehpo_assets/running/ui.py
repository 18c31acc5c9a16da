"""The Dagster UI and the daemon on one home, as two child processes that end together.

``dagster dev`` reacts slowly to SIGTERM and would leave its children behind; two processes of our
own, each in its own group, are stopped surely, and end by themselves if the UI is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from aehpo_assets.defs.instance import open_instance
from aehpo_assets.errors import AehpoError
from aehpo_assets.running.interrupted import UI_OF, start_after_killed_ui, stopping_runs
from aehpo_assets.shipped import INSTALLED
from aehpo_assets.store.home import Home

GRACE_SECONDS = 10


def serve(home: Home, workspace_file: Path, host: str, port: int, hosts: Sequence[str]) -> None:
    """Serve the UI until Ctrl-C or SIGTERM, then stop everything that was started.

    Parameters
    ----------
    home
        The home.
    workspace_file
        The code locations.
    host, port
        Where to listen.
    hosts
        Names by which browsers may address it.

    Raises
    ------
    AehpoError
        If the home is served already, or the webserver or the daemon ends by itself, for instance
        because the port is taken.
    """
    with home.served() as was_killed:
        start_after_killed_ui(open_instance(home), home, was_killed=was_killed)
        _serve(home, workspace_file, host, port, hosts)


def _serve(home: Home, workspace_file: Path, host: str, port: int, hosts: Sequence[str]) -> None:
    web = ["aehpo_assets.running.webserver", "--workspace", str(workspace_file), "--host", host]
    web += ["--port", str(port), *(f"--allow-host={name}" for name in hosts)]
    children = {
        "webserver": start_process(web, home, INSTALLED),
        "daemon": start_daemon(home, workspace_file),
    }
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not stopping:
            for name, child in children.items():
                if (code := child.poll()) is not None:
                    raise AehpoError(
                        f"The {name} ended by itself (exit code {code}). If the port {port} is "
                        "taken, choose another with --port; its own message stands above."
                    )
            time.sleep(0.2)
    finally:
        with stopping_runs(open_instance(home)):
            stop_all(list(children.values()))
        for number, handler in previous.items():
            signal.signal(number, handler)


def start_daemon(home: Home, workspace_file: Path) -> subprocess.Popen[bytes]:
    """Start the daemon on a home: what evaluates sensors and schedules, and starts queued runs."""
    open_instance(home)
    arguments = ["dagster._daemon", "run", "--workspace", str(workspace_file)]
    return start_process(arguments, home, INSTALLED)


def start_process(arguments: list[str], home: Home, folder: Path) -> subprocess.Popen[bytes]:
    """Start a module with its arguments as a process of the UI of a home, in a group of its own."""
    environment = os.environ | {
        "AEHPO_HOME": str(home.root),
        UI_OF: str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        # The sensor reads whole data sets before it lets them in.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
    }
    # Modules are found from there wherever the command is called from.
    return subprocess.Popen(
        [sys.executable, "-m", "aehpo_assets.running.child", *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def stop_all(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask every process group to end, and kill what is left after the grace period."""
    for child in children:
        _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)
            child.wait()
        # A grandchild (a code server) can outlive its parent inside the group.
        _signal(child, signal.SIGKILL)


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return
