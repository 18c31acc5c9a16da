"""Definitions of the first code location: data, spaces, hyperparameter optimisation."""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs import assets, failures, schedules, sensors, study_job
from aehpo_assets.defs.raw_files import raw_files
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import STUBS


def build_definitions(study: StudyResource) -> dg.Definitions:
    """Return the definitions of this code location, on the home of a given study resource."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_package_module(assets), raw_files, *STUBS],
        sensors=[
            sensors.dataset_sensor,
            sensors.automation(),
            sensors.interrupted(),
            study_job.study_requests(),
            failures.tell_of_failures,
        ],
        jobs=[study_job.study_job],
        schedules=[schedules.catch_up()],
        resources={"study": study},
        # The steps of a run follow one another and are short: a process for each would cost more.
        executor=dg.in_process_executor,
    )


defs = build_definitions(StudyResource())
