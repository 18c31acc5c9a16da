"""The asset of validated recommendations: predicted beside actual.

Which configurations are validated against which is decided in ``aehpo_gpu.runs.validation``; how
they are trained in ``aehpo_gpu.training``.
"""

from dataclasses import replace

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.convergence import (
    convergence,
    convergence_sentence,
    with_fall,
)
from aehpo_assets.defs.assets.earlier_validations import EVALUATIONS, evaluations_of
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_recommendations_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.hpo.earlier_validations import finished_rounds
from aehpo_assets.quality.validation import VALIDATION_CHECKS, check_validation
from aehpo_assets.space import search_space
from aehpo_assets.space.batches import last_tenth
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.stubs import earlier_validations, recommendations
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_training_task,
    run_table,
)
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.runs.validation import (
    candidates,
    recommended_by_race,
    validation_runs,
    with_candidates,
)
from aehpo_gpu.training.task import TASK_INPUTS, TrainingTask

VALIDATED_RECOMMENDATIONS = Recipe(
    "validated_recommendations",
    compute=(
        *(RunTable, candidates, recommended_by_race, last_tenth, with_fall, search_space),
        *(*EVALUATIONS, *TASK),
    ),
    chosen=ARCHITECTURE,
    settings=(
        "space",
        "seeds",
        "replicates",
        "hpo.validate_top",
        "hpo.validation_seeds",
        "race",
        *TRAINING_SETTINGS,
    ),
)


def validated_runs(making: Making, data: TrainingTask, runs: pd.DataFrame) -> RunTable:
    """The runs of a validation, with all that a verdict on them needs.

    That is curves from which it is told whether they had converged, and what each test sample adds
    to their test score.
    """
    table = run_table(making, data, runs, curves_at=last_tenth(making.settings.length))
    return replace(table, settings=replace(table.settings, influence=True))


@study_asset(
    VALIDATED_RECOMMENDATIONS,
    partitions_def=architectures_and_tasks,
    deps=[recommendations, "race", "run_results", earlier_validations, *TASK_INPUTS],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    check_specs=check_specs(
        "validated_recommendations", architectures_and_tasks, VALIDATION_CHECKS
    ),
    automation_condition=when_recommendations_change,
)
def validated_recommendations(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """The best recommendations, or who won the race, really trained beside sampled and default."""
    making = Making.begin(VALIDATED_RECOMMENDATIONS, context, study)
    architecture, task = making.partition
    settings, space = making.settings, making.space
    data = read_training_task(making, task)
    sampled = making.table("run_results", architecture, task)
    earlier = making.table("earlier_validations", architecture)
    recommended = making.table("recommendations", architecture, task)
    if settings.race is not None:
        raced = making.folder("race", architecture, task)
        recommended = recommended_by_race(pd.read_parquet(raced / "candidates.parquet"))
    chosen = candidates(
        recommended,
        sampled,
        evaluations_of(making, {task: sampled}),
        space,
        settings.hpo.validate_top,
    )
    table = validated_runs(
        making, data, validation_runs(chosen, space, settings, (sampled, earlier))
    )
    results = with_fall(*table.train_missing(training_log(context.op_execution_context)))
    results["data_version"] = making.inputs[f"preprocessed_matrix/{task}"]
    results["code_version"] = table.engine_version
    validated = with_candidates(chosen, results)
    # What diverged or failed has no score of its own.
    finished = validated[validated["status"] == "ok"].dropna(subset=[VALID_SCORE])
    means = finished.groupby(["origin", "config_id"], sort=False)[VALID_SCORE].mean()
    best = means.groupby("origin").max()
    return making.write_table(
        validated,
        checks=check_validation(validated),
        metadata={
            "round": finished_rounds(earlier) + 1,
            "runs": len(validated),
            "convergence": convergence_sentence(convergence(validated)) or "no warning",
            **{f"{origin}_valid_score": float(score) for origin, score in best.items()},
        },
        plots={"predicted against actual": plots.predicted_against_actual(validated)},
        measured=True,
        device=str(results["device"].iloc[0]),
    )
