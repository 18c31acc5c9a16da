"""The graph-backed asset of run results and learning curves: train, collect.

A shard is execution, not data: all of them are trained in one step, which takes the pool ``gpu``,
with a process a GPU where there are several. Each leaves its finished runs in the archive, so that
a step that is executed again trains only what is missing.
See https://docs.dagster.io/guides/build/assets/graph-backed-assets.
"""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.defs.checks import check_specs, refuse_failed
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.shown import ColumnLineage
from aehpo_assets.hpo.columns import SCORES, VALID_SCORE
from aehpo_assets.quality.runs import RUN_RESULT_CHECKS, check_run_results
from aehpo_assets.store.code_version import Chosen
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.training_task import (
    TASK,
    TRAINING_SETTINGS,
    read_training_task,
    run_table,
)
from aehpo_gpu.runs.table import RunTable, with_seeds
from aehpo_gpu.training.plan import side_by_side_seconds
from aehpo_gpu.training.task import TASK_INPUTS

_COMPUTE = (RunTable, *TASK)
_ARCHITECTURE = (Chosen(ARCHITECTURES),)
_SETTINGS = (
    "configurations.count",
    "configurations.train",
    "seeds",
    "replicates",
    "test",
    *TRAINING_SETTINGS,
)

_TEST = {
    "closed": "closed: test_results shows it",
    "open": "open: whatever is chosen may have been chosen by it",
}

RUN_RESULTS = Recipe("run_results", _COMPUTE, _ARCHITECTURE, settings=_SETTINGS)
LEARNING_CURVES = Recipe(
    "learning_curves",
    _COMPUTE,
    _ARCHITECTURE,
    settings=(*_SETTINGS, "fidelities", "score_fidelities"),
)


def sampled_runs(making: Making) -> RunTable:
    """The runs of the study for one architecture and task."""
    architecture, task = making.partition
    data = read_training_task(making, task)
    settings = making.settings
    trained = making.table("configurations", architecture).head(settings.configurations.trained)
    return run_table(making, data, with_seeds(trained, settings.run_seeds))


def _column_lineage(results: pd.DataFrame, runs: pd.DataFrame) -> ColumnLineage:
    """Columns of the configurations and labels that columns of the run table come from."""
    lineage = {str(name): [("configurations", str(name))] for name in runs.columns.drop("seed")}
    scored: dict[tuple[str, str], None] = {}
    for column in map(str, results.columns):
        if found := re.fullmatch(r"(auc|r2)_(.+)_(valid|test)", column):
            source = ("sample_labels", found[2])
            lineage[column] = [source]
            if found[1] == "auc":
                scored[source] = None
    for column in SCORES:
        if column in results:
            lineage[column] = list(scored)
    return lineage


@dg.op(
    ins={name: dg.In(dg.Nothing) for name in (*TASK_INPUTS, "configurations")},
    pool="gpu",
)
def train_runs(context: dg.OpExecutionContext, study: StudyResource) -> int:
    """Train the runs that are not in the archive; returns how many those were."""
    table = sampled_runs(Making.begin(RUN_RESULTS, context, study))
    shards = table.plan()
    missing = sum(len(shard.rows) for shard in shards)
    seconds = side_by_side_seconds(shards, len(table.settings.torch_devices()))
    context.log.info(
        f"{missing} of {len(table.runs)} runs to train, in {len(shards)} shards, "
        f"about {seconds:.0f} s"
    )
    table.train_all(shards, training_log(context))
    return missing


@dg.op(
    out={
        "run_results": dg.Out(dg.Nothing),
        "learning_curves": dg.Out(dg.Nothing),
        **{f"run_results_{check.name}": dg.Out(dg.Nothing) for check in RUN_RESULT_CHECKS},
    }
)
def collect_runs(
    context: dg.OpExecutionContext, study: StudyResource, trained: int
) -> Iterator[dg.MaterializeResult]:
    """Gather all runs of the study from the archive into the two tables."""
    making = Making.begin(RUN_RESULTS, context, study)
    table = sampled_runs(making)
    results, curves = table.collect(open_test=making.settings.test == "open")
    results["data_version"] = making.inputs[f"preprocessed_matrix/{table.data.task}"]
    results["code_version"] = table.engine_version
    device = str(results["device"].iloc[0])
    finished = results[results["status"] == "ok"]
    largest = float(abs(table.data.matrix).max())
    trained_on = f"values reach {largest:.1g} with scaler: {making.settings.preprocessing.scaler}"
    written = making.write_table(
        results,
        checks=check_run_results(results, table.runs[["config_id", "seed"]], trained_on),
        metadata={
            "runs": len(results),
            "runs_trained_now": trained,
            "diverged": int((results["status"] == "diverged").sum()),
            "failed": int((results["status"] == "failed").sum()),
            "best_valid_score": float(finished[VALID_SCORE].max()),
            "test": _TEST[making.settings.test],
            "median_valid_r2": float(finished["valid_r2"].median()),
            "fleet_seconds": float(results["fleet_runtime"].sum()),
            "solo_seconds_estimated": float(results["training_runtime"].sum()),
        },
        plots={
            "score against each hyperparameter": plots.score_against_hyperparameters(
                results, table.runs.columns.drop(["config_id", "seed"]).tolist()
            )
        },
        measured=True,
        device=device,
        column_lineage=_column_lineage(results, table.runs),
    )
    yield written
    curve_making = Making.begin(LEARNING_CURVES, context, study)
    curve_making.inputs, curve_making.prices = making.inputs, making.prices
    yield curve_making.write_table(
        curves,
        metadata={"runs": len(results), "epochs_kept": int(curves["epoch"].nunique())},
        plots={"losses": plots.learning_curves(curves)},
        measured=True,
        device=device,
    )
    refuse_failed(written)


@dg.graph_multi_asset(
    name="trained_runs",
    ins={name: dg.AssetIn(dagster_type=dg.Nothing) for name in (*TASK_INPUTS, "configurations")},
    outs={
        recipe.asset: dg.AssetOut(
            **recipe.definition,
            kinds={"pytorch"},
            automation_condition=when_inputs_change,
        )
        for recipe in (RUN_RESULTS, LEARNING_CURVES)
    },
    partitions_def=architectures_and_tasks,
    group_name="training",
    check_specs=check_specs("run_results", architectures_and_tasks, RUN_RESULT_CHECKS),
)
def trained_runs(
    preprocessed_matrix: Any,
    data_split: Any,
    sample_labels: Any,
    omics_matrix: Any,
    feature_ontology: Any,
    configurations: Any,
) -> dict[str, Any]:
    """Every configuration of the study trained and scored: results, and curves beside them."""
    trained = train_runs(
        preprocessed_matrix=preprocessed_matrix,
        data_split=data_split,
        sample_labels=sample_labels,
        omics_matrix=omics_matrix,
        feature_ontology=feature_ontology,
        configurations=configurations,
    )
    outputs = collect_runs(trained)
    return dict(zip(outputs._fields, outputs, strict=True))
