"""Units of work as a person watches them: a bar for all, a bar for the present one, a line each.

Deciding and doing belong to ``running.runner``; this only prints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from aehpo_assets.foreign import escaped
from aehpo_assets.running.progress import Step, listening
from aehpo_assets.running.runner import Outcome, Work


class RunProgress:
    """What is told of units of work while they are done.

    Parameters
    ----------
    progress
        The bars.
    name
        Name of all the work together.
    total
        Number of units.
    """

    def __init__(self, progress: Progress, name: str, total: int):
        self._progress = progress
        self._whole = progress.add_task(name, total=total, remark="")
        self._present: list[TaskID] = []

    def on_start(self, work: Work) -> None:
        """Show the bar of a unit that begins."""
        task = self._progress.add_task(escaped(work.name), total=None, remark=escaped(work.reason))
        self._present.append(task)

    def on_step(self, step: Step) -> None:
        """Move the bar of the present unit."""
        if self._present:
            self._progress.update(
                self._present[-1],
                completed=step.done,
                total=step.total,
                remark=escaped(step.remark),
            )

    def on_end(self, outcome: Outcome) -> None:
        """Print the line of a unit that is over."""
        self._progress.remove_task(self._present.pop())
        mark = "[green]made[/]  " if outcome.error is None else "[red]failed[/]"
        name = escaped(outcome.work.name)
        self._print(f"{mark} {name:58s} {outcome.seconds:7.1f} s")
        if outcome.error is not None:
            self._progress.console.print(
                f"       {escaped(outcome.error)}", highlight=False, soft_wrap=True
            )
        for warning in outcome.warnings:
            self._print(f"  [yellow]warns[/] {escaped(warning)}")

    def on_done(self, count: int) -> None:
        """Move the bar of all the work."""
        self._progress.update(self._whole, completed=count)

    def _print(self, line: str) -> None:
        self._progress.console.print(line, highlight=False)


@contextlib.contextmanager
def run_progress(name: str, total: int, console: Console) -> Iterator[RunProgress]:
    """Show bars while the block lasts.

    Parameters
    ----------
    name
        Name of all the work together.
    total
        Number of units of work.
    console
        Where to print.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    # Where nothing moves, such as in a log file, nothing has to be drawn ten times a second.
    moving = console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=moving) as progress:
        shown = RunProgress(progress, name, total)
        with listening(shown.on_step):
            yield shown
