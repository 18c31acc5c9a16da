"""The command ``aehpo report``: the page of a study as a folder."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from aehpo_assets.foreign import escaped
from aehpo_assets.store.files import atomic_folder
from aehpo_assets.store.home import Home


def write_report(home: Home, out: Path, console: Console) -> Path:
    """Write the page of a study, in place of the one that is there.

    Parameters
    ----------
    home
        A home in which something was validated.
    out
        The folder; what is in it is replaced only if it is a page.
    console
        Where to say where it lies.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If nothing was validated, or the folder holds something else.
    """
    from aehpo_assets.report.page import PAGE, refuse_other_content
    from aehpo_assets.report.write import write_study_page

    refuse_other_content(out)
    with atomic_folder(out) as temporary:
        write_study_page(home, temporary)
    console.print(f"The page of the study: {escaped(out / PAGE)}", soft_wrap=True)
    return out / PAGE
