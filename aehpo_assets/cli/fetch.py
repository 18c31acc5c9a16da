"""A published data set on its way here, as a person sees it: a bar and a line for each file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.progress import TransferSpeedColumn as Speed

from aehpo_assets.datasets.download import beside, download
from aehpo_assets.datasets.sources import Source
from aehpo_assets.foreign import escaped


def fetch_source(source: Source, folder: Path, console: Console) -> list[Path]:
    """Fetch the files of a source that are not there yet, with a bar and a line for each.

    Parameters
    ----------
    source
        The source.
    folder
        Folder the files go to.
    console
        Where to print.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If a file cannot be had, or is not the one that was published.
    AehpoError
        If a transfer broke off too often.
    """
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), DownloadColumn(), Speed())
    paths = []
    with Bars(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        for file in source.listed_files():
            path = folder / file.name
            bar = bars.add_task(escaped(file.name), total=file.size)
            checksum = download(
                file.url,
                path,
                checksum=file.checksum,
                size=file.size,
                on_progress=partial(_show, bars, bar),
            )
            bars.remove_task(bar)
            note = "as published"
            if file.checksum is None:
                note = f"no published checksum is known; recorded in {beside(path, '.sha256').name}"
            line = f"{escaped(path)}\n  {checksum} ({escaped(note)})"
            console.print(line, soft_wrap=True, highlight=False)
            paths.append(path)
    return paths


def _show(bars: Bars, bar: TaskID, done: int, total: int | None) -> None:
    bars.update(bar, completed=done, total=total)
