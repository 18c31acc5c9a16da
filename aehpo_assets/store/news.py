"""What happened in a home while nobody looked: a line in ``HOME/news.md``, and a call of a command.

The command is that of the person who started the UI, by ``AEHPO_ON_FAILURE``, and never one that a
home brings along.
"""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
from pathlib import Path

from aehpo_assets.foreign import visible

COMMAND = "AEHPO_ON_FAILURE"
"""Variable with the command that is called with each line on its standard input."""

_SECONDS = 60.0


def tell(home: Path, text: str) -> str | None:
    """Add a line to the news of a home, and call the command of the person who started the UI.

    Parameters
    ----------
    home
        Folder of the home.
    text
        What happened, in whole sentences.

    Returns
    -------
    str or None
        What is wrong with the command, if it failed; the line is written before.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    line = f"- {now}: {visible(text)}\n"
    with (home / "news.md").open("a", encoding="utf-8") as news:
        news.write(line)
    command = os.environ.get(COMMAND)
    if not command:
        return None
    try:
        done = subprocess.run(
            shlex.split(command),
            input=line,
            text=True,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"{COMMAND}: {command}: {error}"
    if done.returncode:
        return f"{COMMAND}: {command}: exit code {done.returncode}: {done.stderr.strip()}"
    return None
