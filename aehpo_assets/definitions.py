"""Definitions of the first code location: data, spaces, hyperparameter optimisation."""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs import schedules, sensors
from aehpo_assets.defs.assets import (
    benchmark,
    earlier_validations,
    effects,
    hpo,
    omics,
    spaces,
    transfer,
    validation,
)
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import STUBS


def build_definitions(study: StudyResource) -> dg.Definitions:
    """Return the definitions of this code location, on the home of a given study resource."""
    return dg.Definitions(
        assets=[
            omics.omics_matrix,
            omics.sample_labels,
            omics.data_split,
            omics.preprocessed_matrix,
            omics.dataset_profile,
            spaces.configurations,
            hpo.blackbox,
            hpo.blackbox_curves,
            earlier_validations.earlier_validations,
            hpo.surrogate,
            hpo.recommendations,
            benchmark.hpo_benchmark,
            transfer.transfer_benchmark,
            effects.hyperparameter_effects,
            validation.validation_report,
            *STUBS,
        ],
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
