"""Definitions of the second code location: training, scoring, validation."""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs.study_resource import StudyResource
from aehpo_gpu.defs import baselines, latents, runs, validation
from aehpo_gpu.defs.stubs import STUBS


def build_definitions(study: StudyResource) -> dg.Definitions:
    """Return the definitions of this code location, on the home of a given study resource."""
    return dg.Definitions(
        assets=[
            runs.trained_runs,
            baselines.baseline_performance,
            validation.validated_recommendations,
            latents.recommended_latents,
            *STUBS,
        ],
        resources={"study": study},
    )


defs = build_definitions(StudyResource())
