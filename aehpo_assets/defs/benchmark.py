"""The asset that compares searchers on the study's surrogates, for studies that ask for it.

How a benchmark runs and what its trials say lives in ``aehpo_assets.hpo``.
"""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.plots.style import figure_png
from aehpo_assets.code_version import Chosen, code_version
from aehpo_assets.defs.earlier_validations import (
    EVALUATIONS,
    earlier_validations,
    evaluations_of,
)
from aehpo_assets.defs.hpo import SPACE, space_of, surrogate, tables_of
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Making, Recipe
from aehpo_assets.defs.stubs import learning_curves, run_results
from aehpo_assets.defs.study_resource import StudyResource
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.benchmark import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark_plots import summary_figures
from aehpo_assets.hpo.benchmark_reference import reference_optima
from aehpo_assets.hpo.benchmark_summary import (
    BenchmarkSummary,
    joined,
    rank_agreement,
    summarise,
    summary_tables,
)
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.curve_surrogate import Curves
from aehpo_assets.hpo.searchers import SEARCHERS
from aehpo_assets.hpo.surrogate import Surrogate
from aehpo_assets.measured import without_measured
from aehpo_assets.provenance import content_hash
from aehpo_assets.space import search_space
from aehpo_assets.study import Benchmark

SEARCHED = "benchmark.searchers"

HPO_BENCHMARK = Recipe(
    "hpo_benchmark",
    compute=(
        run_benchmark,
        Curves,
        curves_blackboxes,
        reference_optima,
        summarise,
        Surrogate,
        search_space,
        *EVALUATIONS,
    ),
    chosen=(SPACE, Chosen(SEARCHERS, by=SEARCHED)),
    settings=(
        "space",
        "epochs",
        "fidelities",
        SEARCHED,
        "benchmark.repetitions",
        "benchmark.trials",
        "benchmark.simulated_hours",
        "benchmark.grounds",
        "hpo.seed",
        "hpo.workers",
        "hpo.searcher_settings",
        "hpo.transfer_top_k",
    ),
    only_with="benchmark",
)


def benchmark_plan(study: StudyResource) -> BenchmarkPlan:
    """Return what the study asks to compare, on the first of its oracles.

    Raises
    ------
    InputError
        If it asks for nothing.
    """
    asked, hpo = asked_benchmark(study), study.study.hpo
    return BenchmarkPlan(
        tuple(asked.searchers),
        repetitions=asked.repetitions,
        trials=asked.trials,
        simulated_hours=asked.simulated_hours,
        workers=hpo.workers,
        clock="unit" if asked.simulated_hours is None else "measured",
        oracle=asked.grounds[0],
        transfer_top_k=hpo.transfer_top_k,
        settings=hpo.searcher_settings,
        seed=hpo.seed,
    )


def asked_benchmark(study: StudyResource) -> Benchmark:
    """Return the study's section on the benchmark, which has to be there."""
    remedy = "Add a section, such as benchmark: {repetitions: 10, trials: 200}."
    return study.asked_for(study.study.benchmark, "benchmark", "benchmark", remedy)


@dg.asset(
    partitions_def=architectures,
    deps=[surrogate, run_results, learning_curves, earlier_validations],
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
    evaluations = evaluations_of(making, results, space)
    # Searches of other code are not these searches; what is made of them may be of another.
    folder = study.home.benchmarks / architecture / code_version(run_benchmark, Curves)
    code = {name: HPO_BENCHMARK.code.of_member(SEARCHED, name) for name in plan.searchers}
    curves = None
    if plan.needs_curves:
        known = tables_of(making, "learning_curves", context, study)
        fidelities = sorted({*study.study.fidelities, study.study.epochs})
        tables = curves_blackboxes(known, results, space, fidelities)
        curves = folder / "curves"
        Curves.fit(tables, space, plan.seed).save(curves)
    asked = asked_benchmark(study)
    fitted = making.folder("surrogate", architecture)
    of_curves = None if curves is None else Curves.load(curves)
    axis = "trainings" if plan.simulated_hours is None else "hours"
    found: dict[str, pd.DataFrame] = {}
    summaries: dict[str, BenchmarkSummary] = {}
    for oracle in asked.grounds:

        def tell(done: int, cells: int, cell: str, oracle: str = oracle) -> None:
            context.log.info(f"{done} of {cells} on the {oracle}: {cell}")

        on_oracle = replace(plan, oracle=oracle)
        found[oracle] = run_benchmark(
            folder,
            on_oracle,
            evaluations,
            fitted,
            curves,
            code=code,
            processes=asked.processes,
            on_progress=tell,
        )
        optima = reference_optima(on_oracle, evaluations, Surrogate.load(fitted), of_curves)
        summaries[oracle] = summarise(found[oracle], evaluations, optima=optima, axis=axis)
    trials = joined(found)
    tables_by_name = {"trials": trials} | summary_tables(summaries)

    def fill(target: Path) -> None:
        for name, table in tables_by_name.items():
            table.to_parquet(target / f"{name}.parquet", index=False)

    return making.write_folder(
        fill,
        # Fronts weigh scores against measured seconds; what the searches found does not.
        data_version=content_hash(without_measured(trials)),
        metadata={
            "searches": trials.groupby(["ground", "task", "searcher", "repetition"]).ngroups,
            "trials": len(trials),
            "rank_agreement_of_grounds": rank_agreement(summaries),
            **{
                title.replace("_", " "): dg.MetadataValue.md(
                    markdown_table(tables_by_name[title].round(4), index=False)
                )
                for title in ("what_to_run_first", "mean_ranks", "hypervolumes", "searcher_seconds")
            },
        },
        plots={
            f"{title}, on the {oracle}": figure_png(figure)
            for oracle, summary in summaries.items()
            for title, figure in summary_figures(summary).items()
        },
    )
