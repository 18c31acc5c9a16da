"""The asset that trains what the searches of a benchmark found, for studies that ask for it.

Which configurations these are, and what their scores say, lives in
``aehpo_gpu.runs.benchmark_finds``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.defs.assets.earlier_validations import EVALUATIONS, evaluations_of
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.space import search_space
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.stubs import earlier_validations, hpo_benchmark
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_training_task,
    run_table,
)
from aehpo_gpu.runs.benchmark_finds import found_configurations, real_regret
from aehpo_gpu.runs.table import RunTable, distinct_runs
from aehpo_gpu.runs.validation import benchmark_seeds, with_candidates
from aehpo_gpu.training.task import TASK_INPUTS

VALIDATED_BENCHMARK = Recipe(
    "validated_benchmark",
    compute=(
        RunTable,
        found_configurations,
        real_regret,
        with_candidates,
        search_space,
        *EVALUATIONS,
        *TASK,
    ),
    chosen=ARCHITECTURE,
    settings=(
        "space",
        "seeds",
        "replicates",
        "benchmark.validate_repetitions",
        "hpo.validation_seeds",
        "hpo.objective",
        *TRAINING_SETTINGS,
    ),
    only_with="benchmark.validate_repetitions",
)


@study_asset(
    VALIDATED_BENCHMARK,
    partitions_def=architectures_and_tasks,
    deps=[hpo_benchmark, "run_results", earlier_validations, *TASK_INPUTS],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
)
def validated_benchmark(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """What the searches of the benchmark found, really trained."""
    making = Making.begin(VALIDATED_BENCHMARK, context, study)
    architecture, task = making.partition
    settings, space = making.settings, making.space
    repetitions: int = making.section
    data = read_training_task(making, task)
    trials = pd.read_parquet(making.folder("hpo_benchmark", architecture) / "trials.parquet")
    sampled = making.table("run_results", architecture, task)
    earlier = making.table("earlier_validations", architecture)
    evaluations = evaluations_of(making, {task: sampled})
    found = found_configurations(
        trials, task, repetitions, space, evaluations, settings.hpo.objective
    )
    runs = distinct_runs(found, benchmark_seeds(settings, (sampled, earlier)), space)
    table = run_table(making, data, runs)
    results, _ = table.train_missing(training_log(context.op_execution_context))
    trained = with_candidates(found, results)
    regret = real_regret(trained, sampled, task, space)
    best = regret.iloc[0]
    return making.write_table(
        trained,
        metadata={
            "runs": len(results),
            "best_searcher": f"{best['searcher']} on the {best['ground']}",
            "real regret": dg.MetadataValue.md(markdown_table(regret.round(3), index=False)),
        },
        measured=True,
        device=str(results["device"].iloc[0]),
    )
