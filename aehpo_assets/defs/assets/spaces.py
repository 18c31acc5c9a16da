"""The asset of sampled configurations.

Search spaces and how configurations are drawn live in ``aehpo_assets.space``.
"""

from pathlib import Path

import dagster as dg

from aehpo_assets.analysis import plots
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.quality.configurations import CONFIGURATION_CHECKS, check_configurations
from aehpo_assets.space import ARCHITECTURE_SPACES, configurations_of, search_space
from aehpo_assets.store.code_version import Chosen

CONFIGURATIONS = Recipe(
    "configurations",
    compute=(configurations_of, search_space),
    chosen=(Chosen(ARCHITECTURE_SPACES),),
    settings=(
        "configurations.count",
        "configurations.seed",
        "configurations.source",
        "space",
    ),
)


@study_asset(
    CONFIGURATIONS,
    partitions_def=architectures,
    group_name="configurations",
    kinds={"parquet"},
    check_specs=check_specs("configurations", architectures, CONFIGURATION_CHECKS),
    automation_condition=when_inputs_change,
)
def configurations(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Configurations of an architecture, with ids that all tasks and architectures share."""
    making = Making.begin(CONFIGURATIONS, context, study)
    settings = making.settings.configurations
    if settings.from_file:
        making.file(Path(settings.source))
    table = configurations_of(making.settings, context.partition_key)
    return making.write_table(
        table,
        checks=check_configurations(table, making.space),
        metadata={"configurations": len(table), "trained": settings.trained},
        plots={"values drawn": plots.configuration_distribution(table)},
    )
