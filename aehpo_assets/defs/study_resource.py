"""The one resource through which every asset, sensor and schedule reads the study and its home.

What is in a home is known to ``aehpo_assets.home``; this is only its handle in Dagster.
"""

from __future__ import annotations

from typing import TypeVar

import dagster as dg

from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.home import Home
from aehpo_assets.store import Store
from aehpo_assets.study import Study

Section = TypeVar("Section")

HEADLESS_TAG = "aehpo/headless"
"""Tag of the runs of ``aehpo run``."""


class StudyResource(dg.ConfigurableResource):
    """The study that Dagster works on.

    Attributes
    ----------
    home_folder
        The home; empty for ``AEHPO_HOME``, or ``.aehpo`` below the working folder.
    """

    home_folder: str = ""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse to work beside a headless run, which makes everything by itself.

        Raises
        ------
        HomeBusyError
            If a headless run is at work in the home, and this is a run of the UI or its daemon.
        """
        run = context.run
        if run is not None and HEADLESS_TAG not in run.tags and self.home.is_locked:
            raise HomeBusyError(
                f"`aehpo run` is at work in {self.home.root}. What it leaves out can be "
                "materialized when it is done."
            )

    @property
    def home(self) -> Home:
        """The home folder."""
        return Home(self.home_folder or None)

    @property
    def study(self) -> Study:
        """The study file of the home, read anew each time."""
        return self.home.study()

    def asked_for(self, section: Section | None, what: str, key: str, remedy: str) -> Section:
        """Return an optional section of the study that an asset cannot do without.

        Raises
        ------
        InputError
            If the study does not have it.
        """
        if section is None:
            problem = f"the study asks for no {what}"
            raise InputError(problem, file=self.home.study_file, key=key, remedy=remedy)
        return section

    @property
    def store(self) -> Store:
        """The store of the home."""
        return self.home.store
