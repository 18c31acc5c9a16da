"""The next round of a study: what was validated becomes evidence for what is recommended next.

What may be taken over is decided in ``hpo.rounds``, the table itself belongs to
``hpo.earlier_validations``; making surrogate, recommendations and validation again is an ordinary
run of the study.
"""

from __future__ import annotations

from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.defs.partitions import study_partitions, sync_partitions
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.errors import AehpoError, InputError
from aehpo_assets.hpo.rounds import (
    EARLIER_VALIDATIONS,
    RECOMMENDATIONS,
    VALIDATED,
    validations_to_take,
)
from aehpo_assets.running.interrupted import working_alone
from aehpo_assets.running.runner import StudyRun, Work
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition, artefact_name

NEXT_ROUND = {"ops": {EARLIER_VALIDATIONS: {"config": {"next_round": True}}}}
"""Run configuration with which the asset takes over what is validated now."""


def start_next_round(home: Home) -> list[Partition]:
    """Add what is validated now to the evidence of the next round.

    Parameters
    ----------
    home
        The home of a study whose present round is finished.

    Returns
    -------
    list of Partition
        The validations that were taken over; empty where all of them were before.

    Raises
    ------
    InputError
        If nothing is validated, a validation is not of the present recommendations, or either is
        stale; nothing has been written then.
    """
    study = home.study()
    # Lock and instance are files of the home as well, so the store is asked before they are made.
    recommended = home.store.partitions(RECOMMENDATIONS)
    for architecture in study.architectures:
        in_store = sorted(task for name, task in recommended if name == architecture)
        tasks = in_store if study.wanted_tasks == "all" else sorted(study.wanted_tasks)
        validations_to_take(home.store, architecture, tasks)
    with working_alone(home) as instance:
        sync_partitions(study, instance)
        tasks = study_partitions(study, instance)
        new = {
            architecture: validations_to_take(home.store, architecture, tasks)
            for architecture in study.architectures
        }
        study_run = StudyRun(home, instance, usable_tasks(home.data_roots(), study.fusion)[0])
        for partitions in new.values():
            _refuse_stale(study_run.artefacts, partitions)
        for architecture in [name for name, partitions in new.items() if partitions]:
            work = Work((EARLIER_VALIDATIONS,), (architecture,), "the next round")
            outcome = study_run.materialize(work, NEXT_ROUND)
            if outcome.error is not None:
                raise AehpoError(f"{work.name}: {outcome.error}")
    return [partition for partitions in new.values() for partition in partitions]


def _refuse_stale(artefacts: StudyArtefacts, partitions: list[Partition]) -> None:
    """Refuse validations that the next ordinary run would replace.

    Only what is not taken yet is asked: recommendations whose validation was taken depend on
    evidence that has grown since, and are stale until the next run.
    """
    for partition in partitions:
        for asset in (RECOMMENDATIONS, VALIDATED):
            if (why := artefacts.why_stale(asset, partition)) is not None:
                raise InputError(
                    f"{artefact_name(asset, partition)} is stale: {why}",
                    file=artefacts.home.store.root,
                    remedy="Let `aehpo run STUDY.yaml` finish the present round first.",
                )
