"""The environment in which Autoencodix runs, made once and kept in the user's cache folder.

Autoencodix 0.2.5 pins old versions of nearly everything, torch included. It is installed without
its pins, then what it imports; torch, numpy and the like are those of the environment that the
bench itself runs in, so that both sides of the comparison use the same libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

VERSION = "0.2.5"

IMPORTED = (
    "captum==0.9.0",
    "dill==0.4.1",
    "gseapy==1.3.1",
    "ipython",
    "lightning-fabric==2.6.6",
    "mistralai==3.7.0",
    "ollama==0.6.3",
    "opencv-python-headless",
    "python-dotenv",
    "requests",
    "seaborn==0.13.2",
)
"""What Autoencodix imports beyond what this project depends on."""


class EnvironmentUnavailableError(Exception):
    """The environment cannot be made here; the message says why."""


def autoencodix_python() -> Path:
    """Python of the environment, which is made on the first call.

    Raises
    ------
    EnvironmentUnavailableError
        If a package cannot be installed, or Autoencodix cannot be imported.
    """
    tag = f"autoencodix-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = _cache() / "aehpo" / "bench" / tag
    python = folder / "bin" / "python"
    complete = folder / "complete"
    # The environment points to the packages of the one that made it.
    ours = sysconfig.get_path("purelib")
    if complete.exists() and complete.read_text(encoding="utf-8") == ours:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    (packages / "shared.pth").write_text(ours + "\n", encoding="utf-8")
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", f"autoencodix=={VERSION}")
    _run(*pip, *IMPORTED)
    _run(str(python), "-c", "import autoencodix")
    complete.write_text(ours, encoding="utf-8")
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentUnavailableError(f"{command[0]}: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        step = " ".join(command[1:4])
        raise EnvironmentUnavailableError(f"{step}: {errors[-1]}")
