"""Making an artefact a second time, in a clean home, and holding it against the recorded one.

Only what the artefact depends on is made: the tasks, architectures and assets of its chain, from
the same study and data roots. Of a single run, only its configuration is trained. What earlier
rounds validated is a given, as the raw data is: it is taken over as it was. What comes out is
compared artefact by artefact, upstream before downstream, so that the first that differs is named.
What is printed belongs to ``cli.reproduce``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from aehpo_assets.analysis.plots.style import drawn_as
from aehpo_assets.datasets.catalogue import Task, usable_tasks
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.errors import AehpoError, InputError
from aehpo_assets.hpo.earlier_validations import as_it_was
from aehpo_assets.hpo.rounds import EARLIER_VALIDATIONS
from aehpo_assets.running.reproduced import Reproduced
from aehpo_assets.running.runner import CodeLocations, Outcome, StudyRun, Work, prepare
from aehpo_assets.running.verified_inputs import take_over
from aehpo_assets.space import configurations_of
from aehpo_assets.store.comparison import (
    Comparison,
    Verdict,
    compare_folders,
    compare_tables,
)
from aehpo_assets.store.files import atomic_file
from aehpo_assets.store.home import Home
from aehpo_assets.store.lineage import Artefact, find_artefact, trace, walk
from aehpo_assets.store.measured import measured_columns
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import Partition, Record, artefact_name
from aehpo_assets.study import Study

RUN_RESULTS = "run_results"
CONFIGURATIONS = "configurations"

SAME_PROCESSOR = 1e-5
"""Tolerance between two makings on the same processor with the same settings of its libraries."""

OTHER_PROCESSOR = 1e-2
"""Tolerance between processors: they round otherwise, and training carries the difference on."""


class Reproduction:
    """The second making of an artefact of a home.

    Parameters
    ----------
    home
        The home that holds the recorded artefact.
    name
        The artefact, or one run: ``run_results/varix/tcga_rna/17``.
    folder
        An empty folder for the clean home.
    tolerance
        Largest difference that counts as equal, see ``store.comparison``; None for
        :data:`SAME_PROCESSOR`, or for :data:`OTHER_PROCESSOR` of what was recorded on another one.
    only
        Whether to make the artefact alone, from what it was made from, which is verified and then
        taken as it is.

    Attributes
    ----------
    target
        The artefact.
    chain
        Names of what is made again.
    taken
        Names of what is taken as it is.

    Raises
    ------
    InputError
        If there is no such artefact, or it is one that cannot be made alone.
    """

    def __init__(
        self,
        home: Home,
        name: str,
        folder: Path,
        tolerance: float | None = None,
        *,
        only: bool = False,
    ):
        self.home = home
        self.target = find_artefact(home.store, name)
        self.tolerance = tolerance
        if self.target.config_id is not None and self.target.asset != RUN_RESULTS:
            raise InputError(
                f"of {self.target.asset}, no configuration can be made alone",
                remedy=f"Reproduce {self.target.name}, or a run of {RUN_RESULTS}.",
            )
        self._locations = CodeLocations()
        study = home.study()
        datasets, _ = usable_tasks(home.data_roots(), study.fusion)
        tasks = sorted(datasets) if study.wanted_tasks == "all" else list(study.wanted_tasks)
        self._recorded = StudyArtefacts(home, datasets, tasks, self._locations.specs)
        chain, self._versions = self._alone() if only else self._chain()
        given = {name for name in chain if _parts(name)[0] == EARLIER_VALIDATIONS}
        self.chain = chain - given
        givens = {name: self._given(name) for name in sorted(given)}
        self._again = self._clean_run(Home(folder), study, datasets)
        record = self.recorded(self.target.name)
        self.taken = (
            take_over(home, self._again.home, record, self.chain) if only and record else []
        )
        for name, table in givens.items():
            self._again.home.store.write_table(
                *_parts(name),
                table,
                Record(code_version="given"),
                measured=measured_columns(table),
            )
        self._refuse_what_cannot_be_made()

    def recorded(self, name: str) -> Provenance | None:
        """Record of an artefact as it lies in the home."""
        return self.home.store.provenance(*_parts(name))

    def again(self, name: str) -> Provenance | None:
        """Record of an artefact as it was made again, or taken."""
        return self._again.home.store.provenance(*_parts(name))

    def works(self) -> list[Work]:
        """Units of work of the chain, upstream before downstream."""
        return [
            Work(assets, partition, "made again")
            for assets, partition in self._again.works()
            if any(artefact_name(asset, partition) in self.chain for asset in assets)
        ]

    def run(
        self,
        *,
        on_start: Callable[[Work], None] = lambda work: None,
        on_end: Callable[[Outcome], None] = lambda outcome: None,
        on_compared: Callable[[Reproduced], None] = lambda found: None,
        on_done: Callable[[int], None] = lambda count: None,
    ) -> list[Reproduced]:
        """Make the chain again and compare; it ends where nothing after can be as recorded.

        Returns
        -------
        list of Reproduced
            One for each artefact that was made again, in order. The target is the last, unless
            the chain ended before.

        Raises
        ------
        AehpoError
            If an artefact cannot be made again at all.
        """
        found: list[Reproduced] = []
        for count, work in enumerate(self.works()):
            on_done(count)
            on_start(work)
            # Nobody looks at the pictures of a home that goes when all is compared.
            with drawn_as("nothing"):
                outcome = self._again.materialize(work)
            on_end(outcome)
            if outcome.error is not None:
                raise AehpoError(f"{work.name} cannot be made again: {outcome.error}")
            for asset in work.assets:
                if artefact_name(asset, work.partition) in self.chain:
                    found.append(self._compare(asset, work.partition))
                    on_compared(found[-1])
            if not all(reproduced.holds for reproduced in found):
                break
        return found

    def _chain(self) -> tuple[set[str], dict[str, str]]:
        """Names of the artefacts to make, and the data versions that the chain was made from."""
        first = trace(self.home.store, self.target, content=False)
        versions: dict[str, str] = {}
        for link in walk(first):
            if not link.is_file:
                versions.setdefault(link.name, link.recorded)
        # What is gone has no record of what it was made from; its definition knows.
        names, waiting = set(), list(versions)
        while waiting:
            name = waiting.pop()
            names.add(name)
            asset, *partition = name.split("/")
            if self.home.store.provenance(asset, tuple(partition)) is None:
                parents = self._recorded.parents(asset, tuple(partition))
                waiting += [n for n in _names(parents.items()) if n not in names]
        return names, versions

    def _alone(self) -> tuple[set[str], dict[str, str]]:
        """The artefact alone, and its data version; with a run, the drawing of its configuration.

        Raises
        ------
        InputError
            If its record is gone, so that nobody knows what it was made from.
        """
        record = self.recorded(self.target.name)
        if record is None:
            raise InputError(
                f"{self.target.name} is gone, and with it what it was made from",
                remedy="Leave out --only, so that all of it is made again.",
            )
        names = {self.target.name}
        if self.target.config_id is not None:
            names |= {name for name in record.inputs if _parts(name)[0] == CONFIGURATIONS}
        versions = {self.target.name: record.data_version}
        return names, versions | {n: record.inputs[n] for n in names & record.inputs.keys()}

    def _clean_run(self, clean: Home, study: Study, datasets: dict[str, Task]) -> StudyRun:
        """A clean home with the same study, data roots and prices of the device."""
        clean.record_data_roots([root for root in self.home.data_roots() if root.is_dir()])
        if self.home.devices.is_dir():
            # What a training takes alone is calibrated once per home; it is measured, not computed.
            shutil.copytree(self.home.devices, clean.devices)
        if self.home.openings.folder.is_dir():
            # Looking at the same runs again is no further opening.
            shutil.copytree(self.home.openings.folder, clean.openings.folder)
        if self.target.config_id is not None:
            study = self._study_of_one_run(study, clean)
        hung_on = {name for _, partition in map(_parts, self.chain) for name in partition[-1:]}
        needed = {task: dataset for task, dataset in datasets.items() if task in hung_on}
        instance = prepare(study, clean, needed, file=self.home.study_file)
        return StudyRun(clean, instance, needed, self._locations)

    def _given(self, name: str) -> pd.DataFrame:
        """Return the validations of earlier rounds, as the chain read them.

        Raises
        ------
        InputError
            If they are what is to be reproduced, or are not kept as they were.
        """
        asset, partition = _parts(name)
        if self.target.asset == asset:
            raise InputError(
                f"{name} is a given: the validations that it took over were made again since",
                remedy="See where it came from with `aehpo trace`.",
            )
        store = self.home.store
        damage = store.damage(asset, partition)
        if damage is not None or store.provenance(asset, partition) is None:
            raise InputError(
                f"{name} is {f'damaged ({damage})' if damage else 'gone'}; it holds what earlier "
                "rounds trained, and cannot be made again",
                file=store.table_path(asset, partition),
                remedy="Bring it back from a backup.",
            )
        table = as_it_was(store.read_table(asset, partition), self._versions[name])
        if table is None:
            raise InputError(
                f"{self.target.name} was made from {name} {self._versions[name]}, which is not "
                "kept: it was begun again since, or has grown by other labels",
                file=store.table_path(asset, partition),
                remedy="Let `aehpo run` finish the present round, and reproduce what comes out.",
            )
        return table

    def _refuse_what_cannot_be_made(self) -> None:
        made = {
            artefact_name(asset, partition)
            for assets, partition in self._again.works()
            for asset in assets
        }
        if missing := sorted(self.chain - made):
            raise InputError(
                f"{missing[0]} cannot be made again: the study asks for it no more, or no data "
                "set has its task",
                file=self.home.study_file,
                remedy="Bring the data set back with --data or AEHPO_DATA, or correct the study.",
            )

    def _study_of_one_run(self, study: Study, clean: Home) -> Study:
        """The study with the one configuration alone, drawn as the study draws it."""
        architecture = self.target.partition[0]
        drawn = configurations_of(study, architecture)
        row = drawn[drawn["config_id"] == self.target.config_id]
        if row.empty:
            raise InputError(
                f"the study draws no configuration {self.target.config_id!r} any more",
                file=self.home.study_file,
                key="configurations",
            )
        source = clean.root / "configuration.parquet"
        with atomic_file(source) as temporary:
            row.to_parquet(temporary, index=False)
        alone = study.configurations.model_copy(
            update={"count": 1, "train": None, "source": str(source)}
        )
        return study.model_copy(update={"configurations": alone, "architectures": [architecture]})

    def _compare(self, asset: str, partition: Partition) -> Reproduced:
        name = artefact_name(asset, partition)
        recorded, again = self.home.store, self._again.home.store
        made = again.checked(asset, partition)
        kept = recorded.provenance(asset, partition)
        alone = self.target.config_id is not None and asset in (RUN_RESULTS, CONFIGURATIONS)
        damage = recorded.damage(asset, partition)
        was_read = made.data_version == self._versions.get(name)
        if kept is None or damage is not None:
            comparison = Comparison(Verdict.DIFFERENT, 0.0, damage or "the recorded one is gone")
            holds = was_read
        elif not alone and made.data_version == kept.data_version:
            comparison, holds = Comparison(Verdict.EQUAL), True
        else:
            comparison = self._compare_content(asset, partition, alone)
            holds = was_read or comparison.verdict is not Verdict.DIFFERENT
        notes: list[str] = []
        if comparison.verdict is not Verdict.EQUAL:
            notes += self._notes(asset, partition, was_read=was_read)
        return Reproduced(name, comparison, tuple(notes), holds)

    def _compare_content(self, asset: str, partition: Partition, alone: bool) -> Comparison:
        recorded, again = self.home.store, self._again.home.store
        tolerance = self._tolerance(asset, partition)
        if not recorded.table_path(asset, partition).exists():
            return compare_folders(
                recorded.existing_folder(asset, partition),
                again.existing_folder(asset, partition),
                tolerance,
            )
        ours = recorded.read_table(asset, partition)
        if alone:
            ours = _rows_of(ours, self.target)
        return compare_tables(ours, again.read_table(asset, partition), tolerance)

    def _tolerance(self, asset: str, partition: Partition) -> float:
        if self.tolerance is not None:
            return self.tolerance
        return OTHER_PROCESSOR if self._processors(asset, partition) else SAME_PROCESSOR

    def _processors(self, asset: str, partition: Partition) -> tuple[str, str] | None:
        """The processors of both makings, if they are known and not the same."""
        kept = self.home.store.provenance(asset, partition)
        made = self._again.home.store.provenance(asset, partition)
        if kept is None or made is None or kept.processor is None or made.processor is None:
            return None
        return (kept.processor, made.processor) if kept.processor != made.processor else None

    def _notes(self, asset: str, partition: Partition, *, was_read: bool) -> Iterator[str]:
        name = artefact_name(asset, partition)
        kept = self.home.store.provenance(asset, partition)
        if was_read and name != self.target.name:
            yield "made again, it has the data version that what depends on it was made from"
        why = self._recorded.why_stale(asset, partition)
        if kept is not None and why is not None:
            yield f"the recorded one is not of today: {why}"
        made = self._again.home.store.provenance(asset, partition)
        if kept is None or made is None:
            return
        if kept.device != made.device:
            yield f"recorded on {kept.device}, made again on {made.device}"
        if processors := self._processors(asset, partition):
            yield (
                f"recorded on {processors[0]}, made again on {processors[1]}: processors round "
                "otherwise, and training carries it on, as far as another seed would"
            )
        changed = [
            f"{library} {kept.libraries.get(library)} -> {version}"
            for library, version in made.libraries.items()
            if kept.libraries.get(library) not in (None, version)
        ]
        if changed:
            yield f"with other libraries: {', '.join(changed)}"


def _parts(name: str) -> tuple[str, Partition]:
    asset, *partition = name.split("/")
    return asset, tuple(partition)


def _names(parents: Iterable[tuple[str, list[Partition]]]) -> Iterator[str]:
    for asset, partitions in parents:
        for partition in partitions:
            yield artefact_name(asset, partition)


def _rows_of(table: pd.DataFrame, target: Artefact) -> pd.DataFrame:
    return table[table["config_id"] == target.config_id].reset_index(drop=True)
