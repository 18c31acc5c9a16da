"""Definitions of the first code location: data, spaces, hyperparameter optimisation."""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs import assets, schedules, sensors
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import STUBS


def build_definitions(study: StudyResource) -> dg.Definitions:
    """Return the definitions of this code location, on the home of a given study resource."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_package_module(assets), *STUBS],
        sensors=[
            sensors.dataset_sensor,
            sensors.automation("aehpo_assets"),
            sensors.interrupted("aehpo_assets"),
        ],
        schedules=[schedules.catch_up("aehpo_assets")],
        resources={"study": study},
        # The steps of a run follow one another and are short: a process for each would cost more.
        executor=dg.in_process_executor,
    )


defs = build_definitions(StudyResource())
