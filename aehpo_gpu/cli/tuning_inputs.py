"""What a live search in the terminal starts from: is it of the study, and is it of today.

The rule itself is that of ``aehpo status``, :class:`~aehpo_assets.defs.study_artefacts
.StudyArtefacts`; here it is put to what one search reads. Reading and searching belong to
``tuning`` and ``tuning``.
"""

from __future__ import annotations

from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.running.runner import CodeLocations
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition, artefact_name
from aehpo_gpu.runs.table import study_replicates
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.task import ONTOLOGY, REPLICATE_INPUTS, TRAINING_INPUTS

REMEDY = "`aehpo run STUDY.yaml` makes it."


class TuningInputs:
    """What one architecture on one task can be tuned on, and compared with.

    Parameters
    ----------
    home
        A home that has a study.
    task, architecture
        What is to be tuned.

    Raises
    ------
    InputError
        If the study has no such task or architecture.
    """

    def __init__(self, home: Home, task: str, architecture: str):
        study = home.study()
        datasets, _ = usable_tasks(home.data_roots(), study.fusion)
        # What was made of a data set stays of use when the data set is gone.
        made = {task for (task,) in home.store.partitions(TRAINING_INPUTS[0])}
        wanted = study.wanted_tasks
        tasks = sorted({*datasets, *made}) if wanted == "all" else list(wanted)
        for key, given, known in (
            ("task", task, tasks),
            ("architecture", architecture, study.architectures),
        ):
            if given not in known:
                raise InputError(
                    f"unknown {key} {given!r}",
                    key=key.upper(),
                    remedy=f"The study has: {', '.join(known) or 'none'}.",
                )
        self._home, self.task, self.architecture = home, task, architecture
        self._further = (ONTOLOGY,) if ARCHITECTURE_SPACES[architecture].ontology else ()
        self.read = (*TRAINING_INPUTS, *self._further)
        self._artefacts = StudyArtefacts(home, datasets, tasks, CodeLocations().specs)

    def data_versions(self) -> dict[str, str]:
        """Return name to data version of what a training reads.

        Raises
        ------
        StaleInputError
            If any of it, or what it was made from, is missing, stale or failed its checks.
        """
        partition = (self.task,)
        for asset in self.read:
            if why := self._why_old(asset, partition):
                name = artefact_name(asset, partition)
                raise StaleInputError(f"{name} {_state(why)}. {REMEDY}")
        store = self._home.store
        return {
            artefact_name(asset, partition): store.checked(asset, partition).data_version
            for asset in self.read
        }

    def replicates(self) -> Replicates | None:
        """Return what the replicates of the task are made of; None if the study has one only.

        Raises
        ------
        StaleInputError
            As :meth:`data_versions`.
        """
        study, store, partition = self._home.study(), self._home.store, (self.task,)
        if study.replicates == 1:
            return None
        read = (*REPLICATE_INPUTS[1:], *self._further)
        tables = {asset: store.read_table(asset, partition) for asset in read}
        versions = {a: store.checked(a, partition).data_version for a in REPLICATE_INPUTS}
        return study_replicates(self.task, study, tables, versions, tables.get(ONTOLOGY))

    def why_not_comparable(self, asset: str) -> str | None:
        """Say why scores of the study are not to be set beside a search of today, or None.

        Code alone does not part them: an update of the program leaves the scores what they were.

        Parameters
        ----------
        asset
            One made for each architecture and task.
        """
        partition = (self.architecture, self.task)
        why = self._artefacts.why_stale(asset, partition, but_for_code=True)
        return f"{artefact_name(asset, partition)} {_state(why)}" if why else None

    def _why_old(self, asset: str, partition: Partition) -> str | None:
        """Say why an artefact, or one that it was made from, is stale."""
        if why := self._artefacts.why_stale(asset, partition):
            return why
        provenance = self._home.store.provenance(asset, partition)
        for name in provenance.inputs if provenance else ():
            if name.startswith("file:"):
                continue
            parent, *parent_partition = name.split("/")
            if why := self._why_old(parent, tuple(parent_partition)):
                return f"{name}: {why}"
        return None


def _state(why: str) -> str:
    return "is not there" if why == "missing" else f"is stale ({why})"
