"""The next round of a study: what was validated becomes evidence for what is recommended next.

What may be taken over is decided in ``rounds``, the table itself belongs to
``hpo.earlier_validations``; making surrogate, recommendations and validation anew is an ordinary
run of the study.
"""

from __future__ import annotations

from aehpo_assets.catalogue import usable_tasks
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.partitions import study_partitions
from aehpo_assets.errors import AehpoError
from aehpo_assets.home import Home
from aehpo_assets.rounds import EARLIER_VALIDATIONS, validations_to_take
from aehpo_assets.runner import StudyRun, Work, clear_killed_runs
from aehpo_assets.store import Partition

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
        If nothing is validated, or a validation is not of the present recommendations; nothing has
        been written then.
    """
    study = home.study()
    with home.locked():
        instance = open_instance(home)
        clear_killed_runs(instance, home)
        tasks = study_partitions(study, instance)
        new = {
            architecture: validations_to_take(home.store, architecture, tasks)
            for architecture in study.architectures
        }
        study_run = StudyRun(home, instance, usable_tasks(home.data_roots())[0])
        for architecture in [name for name, partitions in new.items() if partitions]:
            work = Work((EARLIER_VALIDATIONS,), (architecture,), "the next round")
            outcome = study_run.materialize(work, NEXT_ROUND)
            if outcome.error is not None:
                raise AehpoError(f"{work.name}: {outcome.error}")
    return [partition for partitions in new.values() for partition in partitions]
