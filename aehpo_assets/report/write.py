"""The page of a study, from its home into a folder: for the command and for the asset."""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.report.found import records
from aehpo_assets.report.origins import origin_sections
from aehpo_assets.report.page import write_page
from aehpo_assets.report.study import study_sections
from aehpo_assets.store.home import Home


def write_study_page(home: Home, folder: Path) -> None:
    """Write the page of a study into an empty folder.

    Parameters
    ----------
    home
        A home in which something was validated.
    folder
        Where to write.

    Raises
    ------
    InputError
        If nothing was validated.
    """
    made = records(home.store)
    sections = [*study_sections(home, made), *origin_sections(home, made)]
    study = home.study()
    subtitle = f"{', '.join(study.architectures)}; {study.configurations.trained} configurations"
    write_page(folder, f"Study {study.name}", subtitle, sections)
