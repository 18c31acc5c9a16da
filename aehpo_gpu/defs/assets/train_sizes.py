"""The asset of scores against the number of train samples.

What is trained on which samples lives in ``aehpo_gpu.runs.train_sizes``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.names import RECOMMENDED
from aehpo_assets.analysis.plots.train_sizes import train_sizes
from aehpo_assets.analysis.train_sizes import against_pca, overtaking_sentence, size_curves
from aehpo_assets.defs.conditions import when_validation_ends
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.errors import StaleInputError
from aehpo_assets.foreign import markdown_table
from aehpo_gpu.defs.assets.validation import validated_runs
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_task_replicates,
    read_training_task,
)
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.runs.train_sizes import (
    SizedTask,
    chosen_components,
    compared_runs,
    parts_of_task,
)
from aehpo_gpu.training.task import TASK_INPUTS

TRAIN_SIZE_CURVE = Recipe(
    "train_size_curve",
    compute=(
        *(RunTable, SizedTask, chosen_components, compared_runs, parts_of_task),
        *(against_pca, size_curves, *TASK),
    ),
    chosen=ARCHITECTURE,
    settings=("train_sizes", "space", "replicates", *TRAINING_SETTINGS),
    only_with="train_sizes",
    optional_inputs=("baseline_performance",),
)


@study_asset(
    TRAIN_SIZE_CURVE,
    partitions_def=architectures_and_tasks,
    deps=["validated_recommendations", "baseline_performance", *TASK_INPUTS],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    automation_condition=when_validation_ends,
)
def train_size_curve(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Recommendation, untuned default and PCA on ever more train samples: valid scores."""
    making = Making.begin(TRAIN_SIZE_CURVE, context, study)
    architecture, task = making.partition
    asked = making.settings.train_sizes
    assert asked is not None  # The recipe has nothing to make without.
    validated = making.table("validated_recommendations", architecture, task)
    runs = compared_runs(validated, list(making.space.names), asked.replicates)
    if RECOMMENDED not in set(runs["origin"]):
        raise StaleInputError(f"Nothing is recommended for {task} that could be trained again.")
    whole = validated_runs(making, read_training_task(making, task), runs.drop(columns="origin"))
    seeds = [int(seed) for seed in runs["seed"].unique()]
    redrawn = making.settings.replicates > 1
    sized = SizedTask(
        whole=whole,
        of=read_task_replicates(making, task),
        redrawn=redrawn,
        origins=dict(zip(runs["config_id"].astype(str), runs["origin"], strict=True)),
    )
    baselines = pd.DataFrame()
    if making.store.is_usable("baseline_performance", (task,)):
        baselines = making.table("baseline_performance", task)
    log, scores = training_log(context.op_execution_context), []
    for part in parts_of_task(asked, sized.of, seeds, redrawn=redrawn):
        trained = sized.scores(part, log)
        components = chosen_components(baselines, int(trained["latent_dim"].iloc[0]))
        scores += [trained, sized.pca(part, *components)]
    table = pd.concat(scores, ignore_index=True)
    curves, compared = size_curves(table), against_pca(table)
    return making.write_table(
        table,
        metadata={
            "sizes": ", ".join(str(size) for size in compared["train_size"]),
            "replicates": len(seeds),
            "against PCA": overtaking_sentence(compared, architecture),
            "differences": dg.MetadataValue.md(markdown_table(compared.round(3), index=False)),
        },
        plots={"scores against train samples": train_sizes(curves)},
    )
