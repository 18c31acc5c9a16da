"""The one resource through which every asset, sensor and schedule reads the study and its home.

What is in a home is known to ``aehpo_assets.store.home``; this is only its handle in Dagster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg

from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Store
from aehpo_assets.study import Study

HEADLESS_TAG = "aehpo/headless"
"""Tag of the runs of ``aehpo run``."""

INTERRUPTED_TAG = "aehpo/interrupted"
"""Tag of runs that failed because their process was killed or stopped."""


def is_headless(run: dg.DagsterRun) -> bool:
    """Whether a run is one of ``aehpo run``.

    One that the UI executes again has its tags as well, and is none.
    """
    return HEADLESS_TAG in run.tags and run.parent_run_id is None


class StudyResource(dg.ConfigurableResource):
    """The study that Dagster works on, in the home of this process.

    The home is that of ``AEHPO_HOME``, or ``.aehpo`` below the working folder. There is nothing to
    configure: whoever launches a run cannot have it work in another home.
    """

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[StudyResource]:
        """Share the home among runs of the UI, as long as one of their steps lasts.

        Raises
        ------
        HomeBusyError
            If a headless run, which makes everything by itself, is at work in the home.
        """
        with self.home.worked_on() if context.run is not None else contextlib.nullcontext():
            yield self

    @property
    def home(self) -> Home:
        """The home folder."""
        return Home()

    @property
    def study(self) -> Study:
        """The study file of the home, read again each time."""
        return self.home.study()

    @property
    def store(self) -> Store:
        """The store of the home."""
        return self.home.store


def study_on(home: Home) -> StudyResource:
    """Return the resource of a headless run: on a home that this process holds."""

    class StudyOnHome(StudyResource):
        @contextlib.contextmanager
        def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[StudyResource]:
            yield self

        @property
        def home(self) -> Home:
            return home

    return StudyOnHome()
