"""The asset that opens the test: the only one that shows what models score on the test samples.

Runs are scored on all samples when they are trained, and baselines when they are computed; what
that says of the test samples is left out of everything that searches, recommendations, races and
validation read. How often it was opened is counted in ``aehpo_assets.store.openings``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.chosen_baselines import chosen_baseline
from aehpo_assets.analysis.names import BASELINE_NAMES
from aehpo_assets.defs.conditions import when_validation_ends
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE
from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.noise.summary import noise_tables, sentence
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.store.run_archive import RUN_KEY
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.defs.assets.runs import sampled_runs
from aehpo_gpu.defs.assets.validation import validated_runs
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.training_task import (
    TASK,
    TRAINING_SETTINGS,
)
from aehpo_gpu.evaluation.baselines import chosen_again
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.runs.baseline_data import baseline_data
from aehpo_gpu.runs.influence import candidate_influence, test_samples
from aehpo_gpu.runs.table import RunTable, distinct_runs
from aehpo_gpu.training.task import TASK_INPUTS

TEST_RESULTS = Recipe(
    "test_results",
    compute=(
        RunTable,
        candidate_influence,
        baseline_data,
        chosen_again,
        distinct_runs,
        noise_tables,
        search_space,
        test_samples,
        *TASK,
    ),
    chosen=(Chosen(ARCHITECTURES), Chosen(ARCHITECTURE_SPACES)),
    settings=(
        "configurations.count",
        "configurations.train",
        "space",
        "seeds",
        "replicates",
        "fidelities",
        "score_fidelities",
        "test",
        *TRAINING_SETTINGS,
    ),
    optional_inputs=("baseline_performance",),
)


@study_asset(
    TEST_RESULTS,
    partitions_def=architectures_and_tasks,
    deps=[
        "validated_recommendations",
        "run_results",
        "baseline_performance",
        "configurations",
        *TASK_INPUTS,
    ],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    automation_condition=when_validation_ends,
)
def test_results(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """What was validated, and the baselines, on the test samples: opened once validation chose."""
    making = Making.begin(TEST_RESULTS, context, study)
    architecture, task = making.partition
    log = training_log(context.op_execution_context)
    sampled = sampled_runs(making)
    validated = making.table("validated_recommendations", architecture, task)
    seeds = validated["seed"].unique().tolist()
    runs = distinct_runs(validated, seeds, making.space)
    tables = {"validated": validated_runs(making, sampled.data, runs), "sampled": sampled}
    scores = {}
    for name, table in tables.items():
        # They are in the archive, unless somebody took it away.
        table.train_missing(log)
        scores[name] = table.test_scores()
    bounds = OBJECTIVE[TEST_SCORE].bounds
    components = noise_tables(scores["sampled"], {TEST_SCORE: bounds})["components"]
    baselines = _baselines(making, sampled)
    influence = candidate_influence(
        test_samples(making.table("data_split", task)),
        scores["validated"],
        tables["validated"].archive.influence(tables["validated"].keys()),
        baselines,
    )
    baselines = baselines.drop(columns=INFLUENCE, errors="ignore")
    keys = scores["validated"][RUN_KEY]
    making.opening = making.home.openings.note(architecture, task, keys, "test_results")
    opened = scores["validated"].assign(opening=making.opening)
    finished = opened[opened["status"] == "ok"]
    return making.write_tables(
        {
            "runs": opened,
            "baselines": baselines,
            "components": components,
            "influence": influence,
        },
        metadata={
            "opening": making.opening,
            "runs": len(opened),
            "best_test_score": float(finished.groupby("config_id")[TEST_SCORE].mean().max()),
            **{
                f"{method}_test_score": float(chosen[TEST_SCORE].mean())
                for method in BASELINE_NAMES
                if len(chosen := chosen_baseline(baselines, method))
            },
            "noise": sentence(components, TEST_SCORE),
        },
        plots={"valid against test": plots.valid_against_test(validated, opened)},
    )


def _baselines(making: Making, sampled: RunTable) -> pd.DataFrame:
    """Return the baselines that speak for their methods, with their test scores."""
    task = sampled.data.task
    if not making.store.is_usable("baseline_performance", (task,)):
        return pd.DataFrame()
    table = making.table("baseline_performance", task)

    def data_of(replicate: int) -> Data:
        data, inputs = sampled.data_of(replicate), sampled.inputs_of(replicate)
        return baseline_data(data, inputs, making.home)

    return chosen_again(table, data_of)
