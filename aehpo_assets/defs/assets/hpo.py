"""Assets from run results to recommendations: blackbox, surrogate, search.

What a failed run counts as, how a surrogate is fitted and how a searcher walks on it live in
``aehpo_assets.hpo``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.defs.assets.earlier_validations import (
    EVALUATIONS,
    earlier_validations,
    evaluations_of,
)
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_own_results_change, when_results_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import (
    all_tasks,
    architectures,
    architectures_and_tasks,
    every_task,
)
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import baseline_performance, learning_curves, run_results
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.defs.task_descriptions import SIMILARITY, similarity_of_tasks
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.after import SCORE, told_in_words
from aehpo_assets.hpo.blackbox import (
    BlackboxTables,
    build_blackboxes,
    curves_blackboxes,
    write_blackbox,
)
from aehpo_assets.hpo.objectives import OBJECTIVE, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.hpo.surrogate.diagnostics import calibration, worst_regions
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.noise.summary import noise_tables
from aehpo_assets.quality.configurations import RECOMMENDATION_CHECKS, check_recommendations
from aehpo_assets.quality.surrogate import (
    BLACKBOX_CHECKS,
    SURROGATE_CHECKS,
    check_blackbox,
    check_surrogate,
)
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.measured import without_measured

SPACE = Chosen(ARCHITECTURE_SPACES)

BLACKBOX = Recipe(
    "blackbox",
    compute=(build_blackboxes, write_blackbox, training_table, search_space),
    chosen=(SPACE,),
    settings=("epochs", "steps", "space"),
)
BLACKBOX_CURVES = Recipe(
    "blackbox_curves",
    compute=(curves_blackboxes, write_blackbox, search_space),
    chosen=(SPACE,),
    settings=("epochs", "steps", "fidelities", "space"),
)
SURROGATE = Recipe(
    "surrogate",
    compute=(fit_surrogate, calibration, worst_regions, search_space, *EVALUATIONS),
    chosen=(SPACE,),
    settings=("space", "hpo.seed", "hpo.surrogates", "hpo.objective"),
)
RECOMMENDATIONS = Recipe(
    "recommendations",
    compute=(recommend, noise_tables, Surrogate, search_space, *EVALUATIONS, *SIMILARITY),
    chosen=(SPACE, Chosen(SEARCHERS, by="hpo.searchers")),
    settings=("space", "hpo"),
    optional_inputs=("baseline_performance",),
)


def _blackbox_metadata(tables: BlackboxTables) -> dict[str, int]:
    first = next(iter(tables.tasks.values()))
    configurations, seeds, fidelities, objectives = first.objectives_evaluations.shape
    return {
        "tasks": len(tables.tasks),
        "configurations": configurations,
        "configurations_dropped": len(tables.dropped),
        "seeds": seeds,
        "fidelities": fidelities,
        "objectives": objectives,
    }


@study_asset(
    BLACKBOX,
    partitions_def=architectures,
    deps=[run_results],
    group_name="hpo",
    kinds={"synetune"},
    check_specs=check_specs("blackbox", architectures, BLACKBOX_CHECKS),
    automation_condition=when_results_change,
)
def blackbox(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Syne Tune's table of an architecture: configurations x seeds x objectives, for all tasks."""
    making = Making.begin(BLACKBOX, context, study)
    results = making.tables("run_results")
    settings = making.settings
    tables = build_blackboxes(results, making.space, settings.length, settings.unit)
    evaluations = training_table(results, making.space)
    return making.write_folder(
        lambda folder: write_blackbox(folder, tables),
        data_version=content_hash(without_measured(evaluations)),
        checks=check_blackbox(evaluations, tables.dropped),
        metadata=_blackbox_metadata(tables),
        plots={"scores": plots.score_distribution(evaluations)},
    )


@study_asset(
    BLACKBOX_CURVES,
    partitions_def=architectures,
    deps=[run_results, learning_curves],
    group_name="hpo",
    kinds={"synetune"},
    automation_condition=when_results_change,
)
def blackbox_curves(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Syne Tune's table with the points at which learning curves were kept as fidelities."""
    making = Making.begin(BLACKBOX_CURVES, context, study)
    results = making.tables("run_results")
    curves = making.tables("learning_curves")
    settings = making.settings
    tables = curves_blackboxes(curves, results, making.space, settings.rungs, settings.unit)
    together = pd.concat(curves.values(), ignore_index=True)
    return making.write_folder(
        lambda folder: write_blackbox(folder, tables),
        data_version=content_hash(without_measured(together)),
        metadata=_blackbox_metadata(tables),
        plots={"learning curves": plots.learning_curves(together)},
    )


@study_asset(
    SURROGATE,
    partitions_def=architectures,
    deps=[blackbox, run_results, earlier_validations],
    group_name="hpo",
    kinds={"xgboost"},
    check_specs=check_specs("surrogate", architectures, SURROGATE_CHECKS),
    automation_condition=when_results_change,
)
def surrogate(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """What answers for configurations never run: one model per task and objective."""
    making = Making.begin(SURROGATE, context, study)
    space, hpo = making.space, making.settings.hpo
    evaluations = evaluations_of(making, making.tables("run_results"))
    fitted, diagnostics, out_of_fold = fit_surrogate(evaluations, space, hpo.seed, hpo.surrogates)
    tables = {
        "diagnostics": diagnostics,
        "out_of_fold": out_of_fold,
        "calibration": calibration(out_of_fold),
        "worst_regions": worst_regions(out_of_fold, evaluations, space.names),
    }
    by_objective = diagnostics.groupby("objective", sort=False)
    return making.write_tables(
        tables,
        fitted.save,
        checks=check_surrogate(diagnostics),
        metadata={
            "tasks": len(fitted.tasks),
            **{
                f"{number}_{objective}": float(rows[number].mean())
                for objective, rows in by_objective
                for number in ("r2", "spearman")
            },
            **{
                title: dg.MetadataValue.md(markdown_table(tables[name].round(3), index=False))
                for title, name in (
                    ("out of fold", "diagnostics"),
                    ("where it is worst", "worst_regions"),
                )
            },
        },
        plots={
            "predicted against actual": plots.out_of_fold(out_of_fold),
            "calibration": plots.calibration(tables["calibration"]),
        },
    )


@study_asset(
    RECOMMENDATIONS,
    partitions_def=architectures_and_tasks,
    deps=[
        blackbox,
        surrogate,
        earlier_validations,
        dg.AssetDep(run_results, partition_mapping=every_task),
        dg.AssetDep("dataset_profile", partition_mapping=all_tasks),
        dg.AssetDep(baseline_performance, partition_mapping=all_tasks),
    ],
    group_name="hpo",
    kinds={"synetune"},
    check_specs=check_specs("recommendations", architectures_and_tasks, RECOMMENDATION_CHECKS),
    automation_condition=when_own_results_change,
)
def recommendations(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Configurations that searchers propose on the surrogate, with and without transfer."""
    making = Making.begin(RECOMMENDATIONS, context, study)
    architecture, task = making.partition
    fitted = Surrogate.load(making.folder("surrogate", architecture))
    results = making.tables("run_results")
    evaluations = evaluations_of(making, results)
    scores = {name: OBJECTIVE[name].bounds for name in (VALID_SCORE, VALID_R2)}
    features = int(making.table("dataset_profile", task)["n_features"].iloc[0])
    similarity = similarity_of_tasks(making)
    found = recommend(
        task,
        evaluations,
        fitted,
        making.space,
        making.settings.hpo,
        features,
        similarity=similarity.loc[task],
        components=noise_tables(results[task], scores)["components"],
    )
    best = found.table.iloc[0]
    after = making.settings.hpo.objective
    return making.write_table(
        found.table,
        checks=check_recommendations(found.table, making.space),
        metadata={
            "recommendations": len(found.table),
            "simulated_trials": len(found.trials),
            **({} if after == SCORE else {"searches_are_after": told_in_words(after)}),
            "best_predicted_valid_score": float(best[f"predicted_{VALID_SCORE}"]),
            "noise_of_predictions": str(best["predicted_noise"]),
            "best_searcher": str(best["searcher"]),
            "transfer": dg.MetadataValue.md(
                markdown_table(
                    found.weights.rename_axis("other task").reset_index().round(3), index=False
                )
                if len(found.weights)
                else "There is no other task."
            ),
        },
        plots={"search": plots.search_progress(found.trials, str(best["predicted_noise"]))},
        measured=True,
    )
