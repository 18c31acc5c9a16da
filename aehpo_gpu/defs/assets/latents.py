"""The asset of latents: where the samples lie in the recommended autoencoders.

Training and files belong to ``aehpo_gpu.runs.latents``.
"""

from pathlib import Path

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.space import search_space
from aehpo_assets.store.hashes import content_hash, settings_hash
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_replicates,
    read_training_task,
)
from aehpo_gpu.runs.latents import (
    Latents,
    latents_table,
    recommended_runs,
    train_latents,
    write_h5ad,
)
from aehpo_gpu.runs.probes import in_order, probes_of
from aehpo_gpu.runs.table import training_settings
from aehpo_gpu.training.task import TASK_INPUTS, device_name

RECOMMENDED_LATENTS = Recipe(
    "recommended_latents",
    compute=(train_latents, probes_of, training_settings, search_space, *TASK),
    chosen=ARCHITECTURE,
    settings=("space", "replicates", "probe", "test", *TRAINING_SETTINGS),
)


@study_asset(
    RECOMMENDED_LATENTS,
    partitions_def=architectures_and_tasks,
    deps=["validated_recommendations", *TASK_INPUTS],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    automation_condition=when_inputs_change,
)
def recommended_latents(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Latents of every sample in the recommended autoencoders: ``latents.parquet`` and .h5ad.

    Studies that ask for it have ``probe.parquet`` beside them: the tuned probe of each.
    """
    making = Making.begin(RECOMMENDED_LATENTS, context, study)
    architecture, task = making.partition
    data = read_training_task(making, task)
    replicates = read_replicates(making, task)
    split = making.table("data_split", task)["split"]
    labels = making.table("sample_labels", task)
    validated = making.table("validated_recommendations", architecture, task)
    runs = recommended_runs(validated, list(making.space.names))
    settings = training_settings(making.settings)
    replicate_of = runs["seed"] if replicates else runs["seed"] * 0
    trained: Latents = {}
    splits: dict[str, pd.Series] = {}
    probes: list[pd.DataFrame] = []
    for replicate, own in runs.groupby(replicate_of):
        if replicates:
            data, split = replicates.data(int(replicate)), replicates.split(int(replicate))
        of_replicate = train_latents(data, architecture, own, settings, split.index)
        trained |= of_replicate
        if making.settings.probe is not None:
            probes.append(probes_of(of_replicate, data, making.settings))
        splits |= dict.fromkeys(own["config_id"].astype(str), split)
    latents = {name: trained[name] for name in runs["config_id"].astype(str)}
    table = latents_table(latents, splits)

    def fill(folder: Path) -> None:
        if latents:
            write_h5ad(folder / "latents.h5ad", latents, runs, labels, splits)

    best = next(iter(latents.values()), None)
    tables = {"latents": table}
    if probes:
        tables["probe"] = in_order(pd.concat(probes, ignore_index=True), list(latents))
    versions = [content_hash(each) for each in tables.values()]
    return making.write_tables(
        tables,
        fill,
        data_version=versions[0] if len(versions) == 1 else settings_hash(versions),
        metadata={
            "configurations": len(latents),
            "samples": len(split),
            "best_config_id": next(iter(latents), "none"),
            **(
                {"tuned probe": dg.MetadataValue.md(markdown_table(tables["probe"].round(4)))}
                if probes
                else {}
            ),
        },
        plots={} if best is None else {"best latents": plots.latents(best, labels)},
        device=device_name(settings.torch_device()),
    )
