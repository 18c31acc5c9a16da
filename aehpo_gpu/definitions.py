"""Definitions of the second code location: training, scoring, validation."""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.schedules import catch_up
from aehpo_assets.defs.sensors import automation, interrupted
from aehpo_assets.defs.study_job import study_requests
from aehpo_gpu.defs import assets
from aehpo_gpu.defs.stubs import STUBS

FRESH_PROCESSES = dg.multiprocess_executor.configured(
    {"start_method": {"forkserver": {"preload_modules": ["aehpo_gpu.definitions"]}}}
)
"""A process for each step, whose end frees all that it held of a device; torch is imported once for
all of them."""


def build_definitions(study: StudyResource) -> dg.Definitions:
    """Return the definitions of this code location, on the home of a given study resource."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_package_module(assets), *STUBS],
        sensors=[automation(), interrupted(), study_requests()],
        schedules=[catch_up()],
        resources={"study": study},
        executor=FRESH_PROCESSES,
    )


defs = build_definitions(StudyResource())
