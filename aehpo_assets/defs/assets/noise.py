"""The asset that says how far a score would move if a run were repeated.

The variance components live in ``aehpo_assets.noise``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import run_results
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.objectives import OBJECTIVE, TEST_SCORE, VALID_R2, VALID_SCORE, Objective
from aehpo_assets.noise.summary import noise_tables, sentence
from aehpo_assets.quality.noise import NOISE_CHECKS, check_noise

NOISE = Recipe("noise", compute=(noise_tables, Objective))


@study_asset(
    NOISE,
    partitions_def=architectures_and_tasks,
    deps=[run_results],
    group_name="training",
    check_specs=check_specs("noise", architectures_and_tasks, NOISE_CHECKS),
    automation_condition=when_inputs_change,
)
def noise(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Variance between configurations, splits and seeds: what a single run can be relied on for."""
    making = Making.begin(NOISE, context, study)
    scores = {name: OBJECTIVE[name].bounds for name in (VALID_SCORE, TEST_SCORE, VALID_R2)}
    tables = noise_tables(making.table("run_results", *making.partition), scores)
    components = tables["components"]
    known = components[(components["score"] == VALID_SCORE) & components["known"]]
    return making.write_tables(
        tables,
        checks=check_noise(components, VALID_SCORE),
        metadata={
            "noise": sentence(components, VALID_SCORE),
            **{
                f"{name}_of_one_run": float(known[name].iloc[0])
                for name in ("reliability", "deviation")
                if len(known)
            },
            "variance components": dg.MetadataValue.md(
                markdown_table(_upright(components.round(5)), index=False)
            ),
            "by number of replicates": dg.MetadataValue.md(
                markdown_table(tables["by_replicates"].round(3), index=False)
            ),
        },
        plots={"where scores differ": plots.noise(components, tables["by_replicates"])},
    )


def _upright(components: pd.DataFrame) -> pd.DataFrame:
    """A column a score: the page of an asset is narrow."""
    return components.set_index("score").T.rename_axis("of the score").reset_index()
