"""The asset of baselines: what a task's labels say of representations that nobody tuned.

The baselines live in ``aehpo_gpu.evaluation.baselines``.
"""

import dagster as dg

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.chosen_baselines import chosen_baseline
from aehpo_assets.analysis.names import BASELINE_NAMES
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.hpo.columns import VALID_SCORE, without_test
from aehpo_assets.quality.matrix import refuse_overflow
from aehpo_assets.space import (
    ARCHITECTURE_SPACES,
    search_space,
    whole_values,
)
from aehpo_assets.store.code_version import Chosen
from aehpo_gpu.defs.stubs import data_split, omics_matrix, preprocessed_matrix, sample_labels
from aehpo_gpu.defs.training_task import (
    TASK,
    inputs_of_task,
    read_replicates,
    read_training_task,
)
from aehpo_gpu.evaluation.baselines import baseline_table, left_out, replicated_baselines
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.runs.baseline_data import baseline_data

BASELINE_PERFORMANCE = Recipe(
    "baseline_performance",
    compute=(baseline_data, baseline_table, replicated_baselines, search_space, *TASK),
    chosen=(Chosen(ARCHITECTURE_SPACES, by="architectures"),),
    settings=("space", "architectures", "replicates", "hpo.validation_seeds", "test", "baselines"),
)


@study_asset(
    BASELINE_PERFORMANCE,
    partitions_def=tasks,
    deps=[preprocessed_matrix, data_split, sample_labels, omics_matrix],
    group_name="training",
    kinds={"sklearn"},
    # UMAP takes every core: one at a time, so that training goes on beside it.
    pool="baselines",
    automation_condition=when_inputs_change,
)
def baseline_performance(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Scores of what needs no tuned autoencoder, such as PCA and UMAP: what one has to beat."""
    making = Making.begin(BASELINE_PERFORMANCE, context, study)
    data = read_training_task(making, context.partition_key)
    refuse_overflow(data.matrix, making.settings.preprocessing.scaler)
    space = search_space(making.settings.architectures[0], making.settings.space)
    dims, features = (whole_values(space, name) for name in ("latent_dim_fixed", "k_filter"))
    asked = making.settings.baselines
    dims, methods = asked.dims(dims), asked.methods
    without = left_out(Data(*data.given), methods)
    for method, reason in without.items():
        context.log.warning(f"{BASELINE_NAMES[method]} is left out: {reason}.")
    replicates = read_replicates(making, context.partition_key)
    if replicates:
        settings = making.settings
        fresh = settings.hpo.validation_seeds or settings.replicates

        def inputs_of(replicate: int) -> Data:
            own = replicates.data(replicate) if replicate else data
            refuse_overflow(own.matrix, settings.preprocessing.scaler)
            return baseline_data(own, replicates.inputs(replicate), making.home)

        table = replicated_baselines(inputs_of, settings.replicates, fresh, dims, features, methods)
    else:
        given = baseline_data(data, inputs_of_task(making, data.task), making.home)
        table = baseline_table(given, dims, features, methods=methods)
    if making.settings.test == "closed":
        table = without_test(table)
    return making.write_table(
        table,
        metadata={
            **{
                f"{method}_valid_score": float(chosen[VALID_SCORE].mean())
                for method in BASELINE_NAMES
                if len(chosen := chosen_baseline(table, method))
            },
            **{f"without {method}": reason for method, reason in without.items()},
        },
        plots={"baselines": plots.baselines(table)},
    )
