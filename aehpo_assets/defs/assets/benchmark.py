"""The asset that compares searchers on the study's surrogates, for studies that ask for it.

How a benchmark runs and what its trials say lives in ``aehpo_assets.hpo``.
"""

from dataclasses import replace

import dagster as dg
import pandas as pd

from aehpo_assets.analysis.plots.benchmark import summary_figures
from aehpo_assets.analysis.plots.style import rendered
from aehpo_assets.defs.assets.earlier_validations import (
    EVALUATIONS,
    earlier_validations,
    evaluations_of,
)
from aehpo_assets.defs.assets.hpo import SPACE, surrogate
from aehpo_assets.defs.assets.noise import noise
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import all_tasks, architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import learning_curves, run_results
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.defs.task_descriptions import components_of
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.benchmark.reference import reference_optima
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark.summary import (
    BenchmarkSummary,
    joined,
    rank_agreement,
    summarise,
    summary_tables,
    what_is_told,
)
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.hpo.search.told import TaskFacts, run_noise
from aehpo_assets.hpo.surrogate.curves import Curves
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.space import search_space
from aehpo_assets.store.code_version import Chosen, code_version
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.measured import without_measured
from aehpo_assets.study.searches import Benchmark, Hpo

SEARCHED = "benchmark.searchers"

HPO_BENCHMARK = Recipe(
    "hpo_benchmark",
    compute=(
        run_benchmark,
        Curves,
        curves_blackboxes,
        reference_optima,
        run_noise,
        summarise,
        Surrogate,
        search_space,
        *EVALUATIONS,
    ),
    chosen=(SPACE, Chosen(SEARCHERS, by=SEARCHED)),
    settings=(
        "space",
        "epochs",
        "steps",
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
        "hpo.objective",
    ),
    only_with="benchmark",
    optional_inputs=("noise",),
)


def benchmark_plan(asked: Benchmark, hpo: Hpo) -> BenchmarkPlan:
    """Return what a study asks to compare, on the first of its oracles."""
    return BenchmarkPlan(
        tuple(asked.searchers),
        repetitions=asked.repetitions,
        trials=asked.trials,
        simulated_hours=asked.simulated_hours,
        workers=hpo.workers,
        oracle=asked.grounds[0],
        transfer_top_k=hpo.transfer_top_k,
        settings=hpo.searcher_settings,
        seed=hpo.seed,
        objective=hpo.objective,
    )


@study_asset(
    HPO_BENCHMARK,
    partitions_def=architectures,
    deps=[
        surrogate,
        run_results,
        learning_curves,
        earlier_validations,
        noise,
        dg.AssetDep("dataset_profile", partition_mapping=all_tasks),
    ],
    group_name="hpo",
    kinds={"synetune"},
)
def hpo_benchmark(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Which searcher to run first: regret, rank and promises over budgets, tasks, repetitions."""
    making = Making.begin(HPO_BENCHMARK, context, study)
    asked: Benchmark = making.section
    plan = benchmark_plan(asked, making.settings.hpo)
    (architecture,) = making.partition
    results = making.tables("run_results")
    evaluations = evaluations_of(making, results)
    # Searches of other code are not these searches; what is made of them may be of another.
    folder = making.home.benchmarks / architecture / code_version(run_benchmark, Curves)
    code = {name: HPO_BENCHMARK.code.of_member(SEARCHED, name) for name in plan.searchers}
    curves = None
    if plan.needs_curves:
        known = making.tables("learning_curves")
        tables = curves_blackboxes(
            known, results, making.space, making.settings.rungs, making.settings.unit
        )
        curves = folder / "curves"
        Curves.fit(tables, making.space, plan.seed).save(curves)
    fitted = making.folder("surrogate", architecture)
    facts = {task: _facts(making, task) for task in results}
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
            facts,
            fitted,
            curves,
            code=code,
            processes=asked.processes,
            on_progress=tell,
        )
        optima = reference_optima(on_oracle, evaluations, Surrogate.load(fitted), of_curves)
        summaries[oracle] = summarise(
            found[oracle],
            evaluations,
            facts,
            optima=optima,
            axis=axis,
            objective=plan.objective,
        )
    trials = joined(found)
    tables_by_name = {"trials": trials} | summary_tables(summaries)
    return making.write_tables(
        tables_by_name,
        data_version=content_hash(without_measured(trials)),
        metadata={
            "searches": trials.groupby(["ground", "task", "searcher", "repetition"]).ngroups,
            "trials": len(trials),
            "rank_agreement_of_grounds": rank_agreement(summaries),
            "what is told": what_is_told(next(iter(summaries.values()))),
            **{
                title.replace("_", " "): dg.MetadataValue.md(
                    markdown_table(tables_by_name[title].round(4), index=False)
                )
                for title in (
                    "what_to_run_first",
                    "mean_ranks",
                    "promises",
                    "hypervolumes",
                    "searcher_seconds",
                )
            },
        },
        plots={
            f"{title}, on the {oracle}": rendered(figure)
            for oracle, summary in summaries.items()
            for title, figure in summary_figures(summary).items()
        },
    )


def _facts(making: Making, task: str) -> TaskFacts:
    """Return what is known of a task beside its runs; its noise may not be."""
    size = making.table("dataset_profile", task).iloc[0]
    settings = making.settings
    operations = TrainingOperations(
        int(size["n_features"]), int(size["n_train"]), settings.length, settings.unit
    )
    partition = (*making.partition, task)
    if not making.store.is_usable("noise", partition):
        return TaskFacts(operations)
    components = components_of(making, *partition)
    return TaskFacts(operations, run_noise(components))
