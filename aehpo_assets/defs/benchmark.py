"""The asset that compares searchers on the study's surrogates, for studies that ask for it.

How a benchmark runs and what its trials say lives in ``aehpo_assets.hpo``.
"""

from pathlib import Path

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.plots.style import figure_png
from aehpo_assets.defs.hpo import space_of, surrogate, tables_of
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Making, Recipe
from aehpo_assets.defs.stubs import learning_curves, run_results
from aehpo_assets.defs.study_resource import StudyResource
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.benchmark import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark_plots import anytime_figure, critical_difference_figure
from aehpo_assets.hpo.benchmark_summary import BenchmarkSummary, summarise
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.curve_surrogate import fit_curve_surrogate
from aehpo_assets.hpo.surrogate import training_table
from aehpo_assets.provenance import content_hash

HPO_BENCHMARK = Recipe(
    "hpo_benchmark",
    tuple(
        f"aehpo_assets/hpo/{name}.py"
        for name in (
            "ask_tell",
            "benchmark",
            "benchmark_analysis",
            "benchmark_summary",
            "curve_surrogate",
            "fast_searchers",
            "grounds",
            "problem",
            "searcher_factories",
            "searchers",
            "simulation",
            "syne_tune_fixes",
            "transfer",
        )
    ),
    settings=(
        "space",
        "epochs",
        "fidelities",
        "benchmark",
        "hpo.seed",
        "hpo.workers",
        "hpo.transfer_top_k",
    ),
    only_with="benchmark",
)


def benchmark_plan(study: StudyResource) -> BenchmarkPlan:
    """Return what the study asks to compare.

    Raises
    ------
    InputError
        If it asks for nothing.
    """
    asked, hpo = study.study.benchmark, study.study.hpo
    if asked is None:
        raise InputError(
            "the study asks for no benchmark",
            file=study.home.study_file,
            key="benchmark",
            remedy="Add a section, such as benchmark: {repetitions: 10, trials: 200}.",
        )
    return BenchmarkPlan(
        tuple(asked.searchers),
        repetitions=asked.repetitions,
        trials=asked.trials,
        simulated_hours=asked.simulated_hours,
        workers=hpo.workers,
        clock="unit" if asked.simulated_hours is None else "measured",
        ground=asked.ground,
        transfer_top_k=hpo.transfer_top_k,
        seed=hpo.seed,
    )


@dg.asset(
    partitions_def=architectures,
    deps=[surrogate, run_results, learning_curves],
    group_name="hpo",
    kinds={"synetune"},
    **HPO_BENCHMARK.definition,
)
def hpo_benchmark(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Which searcher to run first: regret and rank over budgets, tasks and repetitions."""
    making = Making.begin(HPO_BENCHMARK, context, study)
    plan = benchmark_plan(study)
    architecture = context.partition_key
    results = tables_of(making, "run_results", context, study)
    space = space_of(study, architecture)
    evaluations = training_table(results, space)
    folder = study.home.benchmarks / architecture
    curves = None
    if plan.needs_curves:
        known = tables_of(making, "learning_curves", context, study)
        fidelities = sorted({*study.study.fidelities, study.study.epochs})
        tables = curves_blackboxes(known, results, space, fidelities)
        curves = folder / "curve_surrogate"
        fit_curve_surrogate(tables, space, plan.seed).save(curves)
    trials = run_benchmark(
        folder,
        plan,
        evaluations,
        making.folder("surrogate", architecture),
        curves,
        processes=study.study.benchmark.processes if study.study.benchmark else 1,
        on_progress=lambda done, cells, cell: context.log.info(f"{done} of {cells}: {cell}"),
    )
    axis = "evaluation" if plan.simulated_hours is None else "hours"
    summary = summarise(trials, evaluations, axis=axis, ground=plan.ground)

    def fill(target: Path) -> None:
        trials.to_parquet(target / "trials.parquet", index=False)
        for name, table in _tables_of(summary).items():
            table.to_parquet(target / f"{name}.parquet", index=False)

    ranks = summary.critical.mean_ranks
    return making.write_folder(
        fill,
        # The seconds that searchers compute are measured; what they found is not.
        data_version=content_hash(trials.drop(columns="searcher_seconds")),
        metadata={
            "searches": trials.groupby(["task", "searcher", "repetition"]).ngroups,
            "trials": len(trials),
            "p_value": float(summary.critical.p_value),
            **{f"mean_rank_{name}": float(rank) for name, rank in ranks.items()},
            "what to run first": dg.MetadataValue.md(summary.first.to_markdown(index=False)),
            "seconds per trial": dg.MetadataValue.md(
                summary.seconds.round(4).to_markdown(index=False)
            ),
        },
        plots={
            "normalised regret": figure_png(
                anytime_figure(summary.regret, "normalised regret", summary.axis)
            ),
            "average rank": figure_png(anytime_figure(summary.rank, "average rank", summary.axis)),
            "critical difference": figure_png(critical_difference_figure(summary.critical)),
        },
    )


def _tables_of(summary: BenchmarkSummary) -> dict[str, pd.DataFrame]:
    """Tables of a summary by the name of their file."""
    return {
        "regret": summary.regret,
        "rank": summary.rank,
        "what_to_run_first": summary.first,
        "evaluations_to_match_random": summary.matches_random,
        "searcher_seconds": summary.seconds,
        "mean_ranks": summary.critical.mean_ranks.rename("mean_rank")
        .rename_axis("searcher")
        .reset_index(),
    }
