"""The asset of the race, for studies that ask for it: which candidate is the best, and since when.

Who takes part and what is trained lives in ``aehpo_gpu.runs.race``, how a race goes in
``aehpo_assets.race``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.race_baselines import beside_baselines
from aehpo_assets.defs.assets.earlier_validations import EVALUATIONS, evaluations_of
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_recommendations_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures_and_tasks
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.defs.task_descriptions import components_of
from aehpo_assets.foreign import markdown, markdown_table
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.quality.race import RACE_CHECKS, check_race
from aehpo_assets.space import search_space, whole_values
from aehpo_assets.store.measured import PRICES
from aehpo_assets.study.results import Race
from aehpo_gpu.defs.logging import training_log
from aehpo_gpu.defs.stubs import earlier_validations, noise, recommendations, surrogate
from aehpo_gpu.defs.training_task import (
    ARCHITECTURE,
    TASK,
    TRAINING_SETTINGS,
    read_training_task,
    run_table,
)
from aehpo_gpu.runs.race import (
    race_baselines,
    race_task,
    racing_candidates,
    runs_per_hour,
    starting_belief,
)
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.training.task import TASK_INPUTS

RACE = Recipe(
    "race",
    compute=(
        *(RunTable, racing_candidates, starting_belief, race_task, Surrogate, search_space),
        *(race_baselines, beside_baselines),
        *(*EVALUATIONS, *TASK),
    ),
    chosen=ARCHITECTURE,
    settings=("race", "space", "seeds", "replicates", "hpo.seed", "baselines", *TRAINING_SETTINGS),
    only_with="race",
)


@study_asset(
    RACE,
    partitions_def=architectures_and_tasks,
    deps=[
        recommendations,
        "run_results",
        surrogate,
        noise,
        earlier_validations,
        *TASK_INPUTS,
    ],
    group_name="training",
    kinds={"pytorch"},
    pool="gpu",
    check_specs=check_specs("race", architectures_and_tasks, RACE_CHECKS),
    automation_condition=when_recommendations_change,
)
def race(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """The best candidates, proposed and sampled, raced in fresh replicates until one is ahead."""
    making = Making.begin(RACE, context, study)
    architecture, task = making.partition
    rules: Race = making.section
    data = read_training_task(making, task)
    sampled = making.table("run_results", architecture, task)
    earlier = making.table("earlier_validations", architecture)
    candidates = racing_candidates(
        making.table("recommendations", architecture, task),
        sampled,
        evaluations_of(making, {task: sampled}),
        making.space,
        rules.candidates,
    )
    fitted = Surrogate.load(making.folder("surrogate", architecture))
    components = components_of(making, architecture, task)
    table = run_table(making, data, sampled.head(0), curves_at=())
    raced = race_task(
        table,
        candidates,
        starting_belief(candidates, fitted, task),
        components,
        making.space,
        making.settings,
        (sampled, earlier),
        training_log(context.op_execution_context),
        context.log.info,
    )
    making.prices |= set(raced.runs.get(PRICES, pd.Series(dtype="str")).dropna())
    winner = raced.candidates.iloc[0]
    own = raced.runs.loc[raced.runs["config_id"] == winner["config_id"], ["seed", VALID_SCORE]]
    dims, features = (whole_values(making.space, n) for n in ("latent_dim_fixed", "k_filter"))
    asked = making.settings.baselines
    baselines = race_baselines(
        table, own["seed"], asked.dims(dims), features, context.log.info, asked.methods
    )
    beside = beside_baselines(baselines, own, rules.equivalence)
    won = pd.DataFrame([{"config_id": winner["config_id"], "origin": winner["origin"]}])
    won = won.assign(**{name: winner[name] for name in making.space.names}).T.reset_index()
    final = raced.standings[raced.standings["round"] == raced.standings["round"].max()]
    order = raced.candidates["config_id"].tolist()
    final = final.set_index("config_id").loc[order].reset_index().drop(columns="round")
    return making.write_tables(
        {
            "candidates": raced.candidates,
            "runs": raced.runs,
            "standings": raced.standings,
            "baselines": baselines,
        },
        checks=check_race(raced.outcome.decision),
        metadata={
            "ended": dg.MetadataValue.md(markdown(raced.outcome.sentence)),
            "beside baselines": dg.MetadataValue.md(
                markdown(beside.sentence if beside else "No baseline has a score.")
            ),
            "winner": dg.MetadataValue.md(
                markdown_table(won.set_axis(["", "winner"], axis=1), index=False)
            ),
            "standings": dg.MetadataValue.md(markdown_table(final.round(3), index=False)),
            "trainings": len(raced.runs),
            "rounds": int(raced.runs["round"].max()),
            "runs_per_hour": runs_per_hour(raced.runs),
            "runs_per_hour_of_sampled": runs_per_hour(sampled),
        },
        plots={"race": plots.race(raced.standings)},
        device=str(raced.runs["device"].iloc[0]),
    )
