"""The asset of late fusion: recommended autoencoders of single modalities, put together.

How they are put together lives in ``aehpo_gpu.runs.late_fusion``. It shows test scores, of runs
whose test was opened before, and counts as an opening of the joint task.
"""

from functools import partial

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.names import LATE
from aehpo_assets.datasets.joint_names import is_joint, modalities_alone
from aehpo_assets.defs.conditions import when_validations_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import all_tasks, architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE, VALID_SCORE
from aehpo_assets.space import search_space
from aehpo_assets.store.run_archive import RUN_KEY
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_replicates,
    read_training_task,
)
from aehpo_gpu.runs.influence import test_samples
from aehpo_gpu.runs.late_fusion import (
    Modality,
    fused_scores,
    mean_influence,
    recommended_replicates,
)
from aehpo_gpu.runs.table import training_settings
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.task import TASK_INPUTS, TrainingTask, device_name

LATE_FUSION = Recipe(
    "late_fusion",
    compute=(
        *(fused_scores, mean_influence, recommended_replicates, modalities_alone, test_samples),
        *(training_settings, search_space, *TASK),
    ),
    chosen=ARCHITECTURE,
    settings=("fusion", "space", "replicates", *TRAINING_SETTINGS),
    only_with="fusion",
)


@study_asset(
    LATE_FUSION,
    partitions_def=architectures,
    deps=[
        "validated_recommendations",
        "test_results",
        *(dg.AssetDep(asset, partition_mapping=all_tasks) for asset in TASK_INPUTS),
    ],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    automation_condition=when_validations_change,
)
def late_fusion(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Recommended autoencoders of single modalities joined: their latents, or their decisions."""
    making = Making.begin(LATE_FUSION, context, study)
    (architecture,) = making.partition
    settings = training_settings(making.settings)
    validated = making.tables("validated_recommendations")
    opened = {
        task: pd.read_parquet(
            making.folder("test_results", architecture, task) / "runs.parquet", columns=[RUN_KEY]
        )[RUN_KEY]
        for task in validated
        if making.store.is_usable("test_results", (architecture, task))
    }
    scores, influence = [], []
    for task in filter(is_joint, opened):
        alone = modalities_alone(task, opened)
        modalities = [_modality(making, one, validated[one]) for one in alone]
        if len(alone) < 2 or any(one.runs.empty for one in modalities):
            context.log.warning(f"{task} has no late fusion: two modalities alone are needed.")
            continue
        targets = read_training_task(making, task).targets
        table, replicates = making.table("data_split", task), read_replicates(making, task)
        split_of = partial(_split_of, table["split"], replicates)
        found = fused_scores(split_of, targets, modalities, settings)
        if found.empty:
            context.log.warning(f"{task} has no late fusion: no replicate is of all modalities.")
            continue
        patients = test_samples(table)
        influence.append(mean_influence(found, patients).assign(task=task))
        scores.append(found.drop(columns=INFLUENCE).assign(task=task))
        keys = [key for one in alone for key in opened[one]]
        making.home.openings.note(architecture, task, keys, "late_fusion")
    tables = {
        "scores": pd.concat(scores, ignore_index=True) if scores else _NOTHING,
        "influence": pd.concat(influence, ignore_index=True) if influence else _NOTHING,
    }
    means = tables["scores"].groupby(["task", "way"], sort=False)[[VALID_SCORE, TEST_SCORE]].mean()
    shown = means.reset_index().round(3)
    return making.write_tables(
        tables,
        metadata={
            "joint tasks": len(scores),
            "scores": dg.MetadataValue.md(markdown_table(shown, index=False)),
            **{
                f"{task} {way} test": float(means.loc[(task, way), TEST_SCORE])
                for task, way in means.index
                if way in LATE
            },
        },
        device=device_name(settings.torch_device()),
    )


_NOTHING = pd.DataFrame(columns=["task", "way", VALID_SCORE, TEST_SCORE])
"""Scores of a study in which nothing can be joined."""


def _modality(making: Making, task: str, validated: pd.DataFrame) -> Modality:
    data, replicates = read_training_task(making, task), read_replicates(making, task)
    table = making.table("data_split", task)
    runs = recommended_replicates(validated, list(making.space.names))
    return Modality(
        making.partition[0],
        task,
        runs,
        partial(_data_of, data, replicates),
        partial(_split_of, table["split"], replicates),
        table.get("group"),
    )


def _data_of(
    data: TrainingTask, replicates: Replicates | None, seed: int, split: pd.Series
) -> TrainingTask:
    if replicates is None or (seed == 0 and split.equals(replicates.split(0))):
        return data
    followed = not split.equals(replicates.split(seed))
    return replicates.data(seed, split=split if followed else None)


def _split_of(first: pd.Series, replicates: Replicates | None, seed: int) -> pd.Series:
    return replicates.split(seed) if replicates else first
