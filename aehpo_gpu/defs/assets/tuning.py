"""The asset of live searches, for studies that ask for it.

How a search trains lives in ``aehpo_gpu.runs.live``, what it was worth in
``aehpo_assets.analysis.equal_time``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.equal_time import equal_time
from aehpo_assets.analysis.equal_time_verdict import training_noise, verdict
from aehpo_assets.analysis.plots.equal_time import scores_over_training_time
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown, markdown_table
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.study.searches import Live
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_replicates,
    read_training_task,
)
from aehpo_gpu.runs.live import LiveTuning
from aehpo_gpu.training.task import ONTOLOGY, REPLICATE_INPUTS

LIVE_SEARCH = Recipe(
    "live_search",
    compute=(LiveTuning, equal_time, training_noise, verdict, *TASK),
    chosen=(
        *ARCHITECTURE,
        Chosen(SEARCHERS, by="live.searchers"),
    ),
    settings=(
        "live",
        "space",
        "seeds",
        "replicates",
        "fidelities",
        *TRAINING_SETTINGS,
        "hpo.seed",
        "hpo.searcher_settings",
    ),
    only_with="live",
)


@study_asset(
    LIVE_SEARCH,
    partitions_def=architectures_and_tasks,
    deps=["run_results", "validated_recommendations", *REPLICATE_INPUTS, ONTOLOGY],
    group_name="training",
    kinds={"pytorch", "synetune"},
    pool="gpu",
)
def live_search(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Searches on real trainings, beside the study's own route at equal training time."""
    making = Making.begin(LIVE_SEARCH, context, study)
    architecture, task = making.partition
    settings, seed = making.settings, making.settings.hpo.seed
    live: Live = making.section
    data = read_training_task(making, task)
    inputs = dict(making.inputs)
    replicates = read_replicates(making, task) if live.replicates > 1 else None
    tuning = LiveTuning(architecture, data, settings, seed, inputs, making.home, replicates)
    sampled = making.table("run_results", architecture, task)
    validated = making.table("validated_recommendations", architecture, task)
    log = training_log(context.op_execution_context)
    searches = {name: tuning.search(name, live, sampled, log) for name in live.searchers}
    warm = live.warm_start is not None
    compared = equal_time(searches, sampled, validated, warm=warm, seed=seed)
    table = pd.concat(
        [found.assign(searcher=name) for name, found in searches.items()], ignore_index=True
    )
    table.insert(0, "searcher", table.pop("searcher"))
    noise = training_noise(sampled, validated)
    verdicts = [verdict(row, noise) for _, row in compared.standings.iterrows()]
    return making.write_table(
        table,
        metadata={
            "runs": len(table),
            "stopped_early": int((table["epoch"] < table["epochs"]).sum()),
            "solo_seconds_estimated": float(table["training_runtime"].sum()),
            "verdict": dg.MetadataValue.md("\n\n".join(map(markdown, verdicts))),
            "at equal training time": dg.MetadataValue.md(
                markdown_table(compared.standings.round(4), index=False)
            ),
        },
        plots={"scores over training time": scores_over_training_time(compared.courses)},
        measured=True,
        device=str(table["device"].iloc[0]),
    )
