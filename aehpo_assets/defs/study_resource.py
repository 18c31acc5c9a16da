"""The one resource through which every asset, sensor and schedule reads the study and its home.

What is in a home is known to ``aehpo_assets.home``; this is only its handle in Dagster.
"""

from __future__ import annotations

import dagster as dg

from aehpo_assets.home import Home
from aehpo_assets.store import Store
from aehpo_assets.study import Study


class StudyResource(dg.ConfigurableResource):
    """The study that Dagster works on.

    Attributes
    ----------
    home_folder
        The home; empty for ``AEHPO_HOME``, or ``.aehpo`` below the working folder.
    """

    home_folder: str = ""

    @property
    def home(self) -> Home:
        """The home folder."""
        return Home(self.home_folder or None)

    @property
    def study(self) -> Study:
        """The study file of the home, read anew each time."""
        return self.home.study()

    @property
    def store(self) -> Store:
        """The store of the home."""
        return self.home.store
