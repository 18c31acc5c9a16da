"""The asset of baselines: what a task's labels say of PCA, UMAP and random features.

The baselines live in ``aehpo_gpu.evaluation.baselines``.
"""

import dagster as dg

from aehpo_assets.analysis import plots
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.defs.recipe import Making, Recipe
from aehpo_assets.defs.study_resource import StudyResource
from aehpo_assets.quality.matrix import refuse_overflow
from aehpo_assets.space import latent_dimensions, search_space
from aehpo_gpu.defs.stubs import data_split, preprocessed_matrix, sample_labels
from aehpo_gpu.defs.training_task import read_training_task
from aehpo_gpu.evaluation.baselines import baseline_table

BASELINE_PERFORMANCE = Recipe(
    "baseline_performance", ("aehpo_gpu/evaluation",), settings=("space", "architectures")
)


@dg.asset(
    partitions_def=tasks,
    deps=[preprocessed_matrix, data_split, sample_labels],
    group_name="training",
    kinds={"sklearn"},
    # UMAP takes every core: one at a time, so that training goes on beside it.
    pool="baselines",
    automation_condition=when_inputs_change,
    **BASELINE_PERFORMANCE.definition,
)
def baseline_performance(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Scores of PCA, UMAP and random features: what an autoencoder has to beat."""
    making = Making.begin(BASELINE_PERFORMANCE, context, study)
    data = read_training_task(making, context.partition_key)
    refuse_overflow(data.matrix, study.study.preprocessing.scaler)
    space = search_space(study.study.architectures[0], study.study.space)
    latent_dims = latent_dimensions(space)
    table = baseline_table(data.matrix, data.split, data.targets, latent_dims, seed=0)
    score = "weighted_avg_auc_downstream_performance"
    scored = table.dropna(subset=[f"{score}_valid"])
    best = scored.loc[scored.groupby("method")[f"{score}_valid"].idxmax()]
    return making.write_table(
        table,
        metadata={
            f"{row['method']}_test_score": float(row[score]) for row in best.to_dict("records")
        },
        plots={"baselines": plots.baselines(table)},
    )
