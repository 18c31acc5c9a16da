"""The asset that says which hyperparameters matter.

How importances and effects are computed lives in ``aehpo_assets.analysis``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.effects import main_effects
from aehpo_assets.analysis.importance import hyperparameter_importance
from aehpo_assets.analysis.interactions import interactions_text, pairwise_interactions
from aehpo_assets.defs.conditions import when_results_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import run_results
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.store.provenance import named_seed

HYPERPARAMETER_EFFECTS = Recipe(
    "hyperparameter_effects",
    compute=(hyperparameter_importance, main_effects, pairwise_interactions, search_space),
    chosen=(Chosen(ARCHITECTURE_SPACES),),
    settings=("space", "hpo.seed"),
)

EVERY_TASK = "every task"


@study_asset(
    HYPERPARAMETER_EFFECTS,
    partitions_def=architectures,
    deps=[run_results],
    group_name="hpo",
    kinds={"scikitlearn"},
    automation_condition=when_results_change,
)
def hyperparameter_effects(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Which hyperparameters matter, alone and in pairs, for each task and over all."""
    making = Making.begin(HYPERPARAMETER_EFFECTS, context, study)
    results = making.tables("run_results")
    names, seed = making.space.names, making.settings.hpo.seed
    looked_at = {EVERY_TASK: pd.concat(results.values(), ignore_index=True)} | results
    importances, effects = (
        pd.concat(parts, ignore_index=True)
        for parts in (
            [
                hyperparameter_importance(runs, names, named_seed(seed, "importance", task)).assign(
                    task=task
                )
                for task, runs in looked_at.items()
            ],
            [main_effects(runs, names).assign(task=task) for task, runs in looked_at.items()],
        )
    )
    pairs, surfaces = (
        pd.concat(parts, ignore_index=True)
        for parts in zip(
            *(
                [
                    table.assign(task=task)
                    for table in pairwise_interactions(
                        runs, names, named_seed(seed, "interactions", task)
                    )
                ]
                for task, runs in looked_at.items()
            ),
            strict=True,
        )
    )
    overall = importances[importances["task"] == EVERY_TASK]
    of_all = pairs[pairs["task"] == EVERY_TASK]
    by_task = importances.pivot(index="hyperparameter", columns="task", values="importance")
    return making.write_tables(
        {
            "importance": importances,
            "main_effects": effects,
            "interactions": pairs,
            "interaction_surfaces": surfaces,
        },
        metadata={
            "most_important": str(overall["hyperparameter"].iloc[0]),
            "forest_r2": float(overall["forest_r2"].iloc[0]),
            "pairs": interactions_text(of_all),
            "importance by task": dg.MetadataValue.md(
                markdown_table(by_task.loc[overall["hyperparameter"], list(looked_at)].round(3))
            ),
        },
        plots={
            "importance": plots.hyperparameter_importance(overall),
            "interactions": plots.interactions(
                of_all, surfaces[surfaces["task"] == EVERY_TASK], names
            ),
            "main effects": plots.main_effects(effects[effects["task"] == EVERY_TASK]),
        },
    )
