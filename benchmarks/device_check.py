"""Whether the training engine is right on this machine's device, and how fast: at most 8 minutes.

``python -m benchmarks.device_check [--smoke] [--json FILE] [PART ...]``. Nothing is downloaded. A
part runs in a process of its own and may take so many seconds; one that fails or runs over keeps
the lines it has, and the others go on. The exit status says whether every check that has a verdict
was passed. ``--smoke`` makes everything small: it says that the check works, and nothing of speed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PARTS = {"facts": 25, "parity": 90, "steps": 100, "memory": 60, "bench": 90, "study": 115}
"""Parts, each a module of ``benchmarks.device``, and the seconds that each may take."""

console = Console(width=160)

Lines = dict[str, dict[str, Any]]
"""Name of a check to what it found."""


def main() -> int:
    """Check the device from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--smoke", action="store_true", help="everything small")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there")
    parser.add_argument("--within", metavar="FILE", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    if arguments.within:
        check_part(arguments.parts[0], arguments.smoke, arguments.within)
        return 0
    found = {
        part: in_a_process(part, arguments.smoke, PARTS[part]) for part in arguments.parts or PARTS
    }
    console.print(table_of(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2, default=str) + "\n")
    return int(any(failed(line) for lines in found.values() for line in lines.values()))


def in_a_process(part: str, smoke: bool, cap: float) -> Lines:
    """Check a part in a process of its own, which ends with its cap."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "lines.json"
        command = [sys.executable, "-m", "benchmarks.device_check", part, "--within", str(written)]
        started = time.monotonic()
        try:
            done = subprocess.run([*command, *(["--smoke"] if smoke else [])], timeout=cap)
            end = {} if done.returncode == 0 else {"error": f"exit status {done.returncode}"}
        except subprocess.TimeoutExpired:
            end = {"error": f"over its {cap:.0f} s; what is missing was not checked"}
        lines: Lines = json.loads(written.read_text()) if written.exists() else {}
        return lines | {"end": end | {"seconds": time.monotonic() - started}}


def check_part(part: str, smoke: bool, written: Path) -> Lines:
    """Make the checks of a part, and write down every line as soon as it is there."""
    warnings.simplefilter("ignore")
    lines: Lines = {}
    for name, check in importlib.import_module(f"benchmarks.device.{part}").checks(smoke):
        started = time.monotonic()
        try:
            found = check()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{Path(place.filename).name}:{place.lineno}"
            found = {"error": f"{type(error).__name__}: {error}", "at": at}
        lines[name] = found | {"took": round(time.monotonic() - started, 1)}
        console.print(f"{part}: {name}", style="red" if failed(found) else "dim")
        beside = written.with_suffix(".new")
        beside.write_text(json.dumps(lines, default=str))
        beside.replace(written)
    return lines


def failed(line: dict[str, Any]) -> bool:
    """Whether a check was not passed, or could not be made."""
    return "error" in line or line.get("ok") is False


def table_of(found: dict[str, Lines]) -> Table:
    """Lay everything out for a terminal."""
    table = Table("part", "check", "", "found", title="Device check")
    for part, lines in found.items():
        for name, line in lines.items():
            verdict = "failed" if failed(line) else "ok" if line.get("ok") else ""
            numbers = [f"{key} {_short(v)}" for key, v in line.items() if key not in ("ok", "took")]
            table.add_row(part, name, verdict, "; ".join(numbers))
    return table


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_short(v)}" for key, v in value.items()) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
