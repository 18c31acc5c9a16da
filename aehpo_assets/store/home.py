"""The home: one folder that holds everything the platform writes for one study.

``HOME/study.yaml`` is the study, ``HOME/configurations.parquet`` the file that its configurations
come from, if they do, ``HOME/store`` the artefacts, ``HOME/runs`` the finished shards of
trainings, ``HOME/checkpoints`` those under way, ``HOME/baselines`` what baselines scored,
``HOME/benchmarks`` the finished searches of benchmarks, ``HOME/live`` the finished batches of live
searches, ``HOME/openings`` how often test scores were opened, ``HOME/dagster`` the instance,
``HOME/data`` the data sets that were added to it, ``HOME/data_roots.json`` where others
are, ``HOME/archive`` what was made of data sets that were taken out of it, ``HOME/news.md`` what
failed while nobody looked (see ``news``), ``HOME/home.json`` by what rules all this lies (see
``home_schema``).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import yaml

from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.limits import read_json
from aehpo_assets.shipped import data_of_checkout
from aehpo_assets.store.files import atomic_file, check_writable, write_text
from aehpo_assets.store.home_schema import begin, check_version
from aehpo_assets.store.openings import Openings
from aehpo_assets.store.store import Store
from aehpo_assets.study import Study, read_study

DEFAULT_HOME = ".aehpo"
STUDY_FILE, CONFIGURATIONS = "study.yaml", "configurations.parquet"


def home_folder(root: str | Path | None = None) -> Path:
    """Folder of a home: the one given, that of ``AEHPO_HOME``, or ``.aehpo``."""
    return Path(root or os.environ.get("AEHPO_HOME") or DEFAULT_HOME).resolve()


def keep_study(study: Study, folder: Path) -> None:
    """Write a study into a folder, with the file of its configurations beside it.

    Parameters
    ----------
    study
        The study.
    folder
        A home, or what is sent to others: ``study.yaml``, which names no other place, and
        ``configurations.parquet``, if the study takes its configurations from a file.

    Raises
    ------
    InputError
        If the file of configurations cannot be read.
    """
    if study.configurations.from_file:
        source, kept = Path(study.configurations.source), folder / CONFIGURATIONS
        try:
            content = source.read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot be read ({error.strerror})",
                file=source,
                key="configurations.source",
                remedy="Put it back, or name it in the study file where it is now.",
            ) from None
        if not kept.exists() or kept.read_bytes() != content:
            with atomic_file(kept) as temporary:
                temporary.write_bytes(content)
        own = study.configurations.model_copy(update={"source": CONFIGURATIONS})
        study = study.model_copy(update={"configurations": own})
    text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)
    file = folder / STUDY_FILE
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)


class Home:
    """Paths below one home folder, and the study that lives in it.

    Parameters
    ----------
    root
        The folder; None for ``AEHPO_HOME``, or ``.aehpo`` below the present folder.

    Raises
    ------
    InputError
        If there is a home of another version, see ``home_schema``.
    """

    def __init__(self, root: str | Path | None = None):
        self.root = home_folder(root)
        check_version(self.root)
        self.study_file = self.root / STUDY_FILE
        self.dagster = self.root / "dagster"
        self.runs = self.root / "runs"
        self.data = self.root / "data"
        self.devices = self.root / "devices"
        self.benchmarks = self.root / "benchmarks"
        self.live = self.root / "live"
        self.baselines = self.root / "baselines"
        self.checkpoints = self.root / "checkpoints"
        self.openings = Openings(self.root / "openings")
        self.store = Store(self.root / "store")
        self._roots_file = self.root / "data_roots.json"

    def check_writable(self) -> None:
        """Refuse a home that cannot be made or written into, before anything is written.

        Raises
        ------
        InputError
            If nothing can be written there, or in one of the folders that it holds already.
        """
        check_writable(self.root, "--home")
        for folder in (self.dagster, self.store.root, self.runs, self.devices):
            if folder.exists():
                check_writable(folder, "--home")

    def study(self) -> Study:
        """Return the study of this home.

        Raises
        ------
        InputError
            If no study was started here yet.
        """
        if not self.study_file.exists():
            raise InputError(
                "holds no study",
                file=self.root,
                remedy="Start one with `aehpo run STUDY.yaml`, or point AEHPO_HOME to its home.",
            )
        return read_study(self.study_file)

    def check_adoptable(self, study: Study, file: Path) -> None:
        """Refuse a study of another name than the one that lives here.

        Raises
        ------
        InputError
            If this home belongs to another study.
        """
        if self.study_file.exists() and (present := self.study().name) != study.name:
            raise InputError(
                f"is {study.name!r}, but the home {self.root} belongs to the study {present!r}",
                file=file,
                key="name",
                remedy="Give the study a home of its own with --home.",
            )

    def adopt(self, study: Study, file: Path) -> None:
        """Make a study file the study of this home: validated, and with all that it names.

        The file of its configurations is copied into the home, which can be moved and sent.

        Raises
        ------
        InputError
            If this home belongs to another study, or the file of configurations cannot be read.
        """
        self.check_adoptable(study, file)
        begin(self.root)
        keep_study(study, self.root)

    def data_roots(self) -> list[Path]:
        """Folders searched for data sets: a checkout's, the home's, ``AEHPO_DATA``'s, recorded.

        Raises
        ------
        InputError
            If the file of the recorded ones is damaged.
        """
        roots = [*data_of_checkout(), self.data]
        roots += [Path(p) for p in os.environ.get("AEHPO_DATA", "").split(os.pathsep) if p]
        roots += [self.root / p for p in self._recorded_roots()]
        return list(dict.fromkeys(root.resolve() for root in roots))

    def check_data_roots(self, folders: Sequence[Path]) -> None:
        """Refuse a data root that does not exist.

        Raises
        ------
        InputError
            If one of them is no folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise InputError("no such folder", file=folder, remedy="Correct --data.")

    def record_data_roots(self, folders: Sequence[Path]) -> None:
        """Remember data roots given on the command line, so that the UI finds them too.

        Those inside the home are remembered from there: the home can be moved and copied.

        Raises
        ------
        InputError
            If the file of those recorded before is damaged.
        """
        recorded = self._recorded_roots()
        given = [self.root / folder for folder in recorded] + [f.resolve() for f in folders]
        wanted = list(dict.fromkeys(self._recordable(folder) for folder in given))
        if wanted != recorded:
            write_text(self._roots_file, json.dumps(wanted, indent=1))

    def forget_data_root(self, folder: Path) -> None:
        """Forget a data root, if it was recorded."""
        recorded = self._recorded_roots()
        kept = [root for root in recorded if self.root / root != folder.resolve()]
        if kept != recorded:
            write_text(self._roots_file, json.dumps(kept, indent=1))

    def _recordable(self, folder: Path) -> str:
        inside = folder.is_relative_to(self.root)
        return str(folder.relative_to(self.root) if inside else folder)

    def _recorded_roots(self) -> list[str]:
        try:
            recorded = read_json(self._roots_file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise self._damaged_roots(str(error)) from None
        if not isinstance(recorded, list) or not all(isinstance(p, str) for p in recorded):
            raise self._damaged_roots("it must be a list of folders")
        return recorded

    def _damaged_roots(self, why: str) -> InputError:
        return InputError(
            f"cannot be read ({why})",
            file=self._roots_file,
            remedy="Remove it, and give the folders of data sets to `aehpo run` again with --data.",
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for one headless run; the automation of the UI rests meanwhile.

        Raises
        ------
        HomeBusyError
            If another process holds it.
        """
        with self._held("lock", "is in use by another run", "Wait for it"):
            yield

    @contextlib.contextmanager
    def served(self) -> Iterator[bool]:
        """Hold the home for one UI and its daemon.

        Yields
        ------
        bool
            Whether the process that held it before was killed.

        Raises
        ------
        HomeBusyError
            If it is served already.
        """
        with self._held("ui.lock", "is served by another UI", "Open that one") as was_killed:
            yield was_killed

    @contextlib.contextmanager
    def worked_on(self) -> Iterator[None]:
        """Share the home with the other steps of runs of the UI, and with no headless run.

        Raises
        ------
        HomeBusyError
            If a headless run is at work.
        """
        begin(self.root)
        with (self.root / "work.lock").open("a+") as stream:
            # This first, then the lock of headless runs: they look at both the other way round.
            with (self.root / "lock").open("a+") as headless:
                if not all(_acquire(held, fcntl.LOCK_SH) for held in (stream, headless)):
                    raise HomeBusyError(
                        f"`aehpo run` is at work in {self.root}. What it leaves out can be "
                        "materialized when it is done."
                    )
            yield

    @property
    def is_locked(self) -> bool:
        """Whether a headless run is at work in the home."""
        return self._is_held("lock")

    @property
    def is_served(self) -> bool:
        """Whether a UI and its daemon are up."""
        return self._is_held("ui.lock")

    @property
    def is_worked_on(self) -> bool:
        """Whether a step of a run of the UI is at work in the home."""
        with (self.root / "work.lock").open("a+") as stream:
            # A process that was killed gives its locks back a little later than all else.
            return not _acquire(stream, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def _held(self, name: str, state: str, remedy: str) -> Iterator[bool]:
        """Hold a file exclusively; yields whether its last holder could not clear its name."""
        begin(self.root)
        with (self.root / name).open("a+") as stream:
            is_mine = _acquire(stream, fcntl.LOCK_EX)
            stream.seek(0)
            holder = stream.read().strip()
            if not is_mine:
                raise HomeBusyError(
                    f"{self.root} {state} (process {holder or 'unknown'}). {remedy}, or choose "
                    "another --home."
                )
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            try:
                yield bool(holder)
            finally:
                stream.truncate(0)

    def _is_held(self, name: str) -> bool:
        try:
            with (self.root / name).open() as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _acquire(stream: IO[str], kind: int) -> bool:
    """Lock an open file, trying for a second: who only asks whether it is held holds it shortly."""
    for _ in range(10):
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
        else:
            return True
    return False
