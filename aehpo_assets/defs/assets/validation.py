"""The asset that holds what was predicted of all tasks against what came out.

The numbers live in ``aehpo_assets.analysis``; training candidates belongs to ``aehpo_gpu``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.integration import LateFusion, integration
from aehpo_assets.analysis.integration_labels import integration_labels
from aehpo_assets.analysis.modality_gains import modality_gains
from aehpo_assets.analysis.opening import OpenedTest, opening_sentence, with_test_scores
from aehpo_assets.analysis.validation_report import (
    ALL_TASKS,
    accuracy,
    candidates,
    improved_tasks,
    improvements,
    predictions,
)
from aehpo_assets.analysis.validation_summary import (
    RecommendationSummary,
    recommendation_summary,
)
from aehpo_assets.analysis.verdict import verdict
from aehpo_assets.defs.assets.noise import noise
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_validations_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import (
    baseline_performance,
    late_fusion,
    test_results,
    validated_recommendations,
)
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.defs.task_descriptions import components_of
from aehpo_assets.errors import StaleInputError
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.verdict import BETTER
from aehpo_assets.quality.validation import VALIDATION_REPORT_CHECKS, check_validation_report

TEST_RESULTS = "test_results"

VALIDATION_REPORT = Recipe(
    "validation_report",
    compute=(
        accuracy,
        improvements,
        integration,
        integration_labels,
        modality_gains,
        predictions,
        recommendation_summary,
        verdict,
        with_test_scores,
        opening_sentence,
    ),
    settings=("test",),
    optional_inputs=("noise", "late_fusion"),
)


@study_asset(
    VALIDATION_REPORT,
    partitions_def=architectures,
    deps=[
        validated_recommendations,
        test_results,
        noise,
        late_fusion,
        dg.AssetDep(baseline_performance, partition_mapping=dg.AllPartitionMapping()),
    ],
    group_name="hpo",
    check_specs=check_specs("validation_report", architectures, VALIDATION_REPORT_CHECKS),
    automation_condition=when_validations_change,
)
def validation_report(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Whether recommendations hold: predicted against actual, and what they gained on whom."""
    making = Making.begin(VALIDATION_REPORT, context, study)
    validated = {
        task: table
        for task, table in making.tables("validated_recommendations").items()
        if making.store.is_usable(TEST_RESULTS, (*making.partition, task))
    }
    if not validated:
        raise StaleInputError(f"{making.partition[0]} has no test results. Materialize them first.")
    predicted = predictions(validated)
    measured = accuracy(predicted)
    opened = {task: _opened(making, task) for task in validated}
    summaries = {
        task: _summary(making, task, table, opened[task]) for task, table in validated.items()
    }
    compared = improvements(summaries)
    overall = improved_tasks(compared)
    words = [
        verdict(summary, compared[compared["task"] == task]) for task, summary in summaries.items()
    ]
    tables = {
        "predictions": predicted,
        "accuracy": measured,
        "candidates": candidates(summaries),
        "improvements": compared,
        "improved_tasks": overall,
        "verdicts": pd.DataFrame({"task": list(summaries), "verdict": words}),
    }
    influence = {task: one.influence for task, one in opened.items()}
    late = _late_fusions(making)
    joined = integration(summaries, influence, late)
    if len(joined):
        tables["integration"] = joined
        tables["integration_labels"] = integration_labels(summaries, opened, late)
        tables["modality_gains"] = modality_gains(summaries, opened, late)
    valid = measured[measured["task"] == ALL_TASKS].iloc[0]
    on_test = overall[overall["score"] == TEST_SCORE].to_dict("records")
    return making.write_tables(
        tables,
        checks=check_validation_report(measured),
        metadata={
            "tasks": len(validated),
            **{
                name: float(valid[name])
                for name in ("pearson", "spearman", "bias", "rmse", "inside")
            },
            **{f"tasks_better_than_{row['opponent']}": int(row[BETTER]) for row in on_test},
            **{name: dg.MetadataValue.md(_markdown(table)) for name, table in tables.items()},
        },
        plots={"predicted against actual": plots.predictions_and_improvements(predicted, compared)},
    )


def _opened(making: Making, task: str) -> OpenedTest:
    """Read what opening the test of a task showed."""
    folder = making.folder(TEST_RESULTS, *making.partition, task)
    names = ("runs", "baselines", "components", "influence")
    return OpenedTest(*(pd.read_parquet(folder / f"{name}.parquet") for name in names))


def _late_fusions(making: Making) -> dict[str, LateFusion]:
    """Read the late fusion of each joint task that has one."""
    if not making.store.is_usable("late_fusion", making.partition):
        return {}
    folder = making.folder("late_fusion", *making.partition)
    scores, influence = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("scores", "influence")
    )
    return {
        str(task): LateFusion(own, influence[influence["task"] == task])
        for task, own in scores.groupby("task", sort=False)
    }


def _summary(
    making: Making, task: str, validated: pd.DataFrame, opened: OpenedTest
) -> RecommendationSummary:
    """Summarise a task, with what opening its test showed."""
    runs, baselines = with_test_scores(validated, _baselines(making, task), opened)
    components = _variance_components(making, task, opened)
    said = opening_sentence(opened.opening, test_is_open=making.settings.test == "open")
    return recommendation_summary(runs, baselines, components, said, opened.influence)


def _baselines(making: Making, task: str) -> pd.DataFrame:
    """Return the baselines of a task; none where they failed."""
    if making.store.is_usable("baseline_performance", (task,)):
        return making.table("baseline_performance", task)
    return pd.DataFrame(columns=["method", "latent_dim", VALID_SCORE])


def _variance_components(making: Making, task: str, opened: OpenedTest) -> pd.DataFrame:
    """Return the variance components of the sampled runs of a task, as far as there are any."""
    partition = (*making.partition, task)
    if not making.store.is_usable("noise", partition):
        return opened.components
    known = components_of(making, *partition)
    return pd.concat([known[known["score"] != TEST_SCORE], opened.components], ignore_index=True)


def _markdown(table: pd.DataFrame) -> str:
    return markdown_table(table.round(3), index=False)
