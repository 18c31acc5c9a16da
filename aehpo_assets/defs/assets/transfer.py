"""The asset that shows where transfer between tasks helps or harms, for studies that ask for it.

How tasks are searched and what that says lives in ``aehpo_assets.hpo``.
"""

import dagster as dg

from aehpo_assets.analysis import plots
from aehpo_assets.defs.assets.earlier_validations import (
    EVALUATIONS,
    earlier_validations,
    evaluations_of,
)
from aehpo_assets.defs.assets.hpo import SPACE, surrogate
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import all_tasks, architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.stubs import baseline_performance, run_results
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.defs.task_descriptions import DESCRIPTIONS, SIMILARITY, similarity_of_tasks
from aehpo_assets.foreign import markdown_table
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.transfer.leave_one_out import TransferPlan, leave_one_task_out, probe_weights
from aehpo_assets.hpo.transfer.verdicts import transfer_verdicts
from aehpo_assets.quality.transfer import TRANSFER_CHECKS, check_transfer
from aehpo_assets.space import search_space
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.store.freshness import study_settings
from aehpo_assets.store.hashes import settings_hash

TRANSFER_BENCHMARK = Recipe(
    "transfer_benchmark",
    compute=(
        leave_one_task_out,
        probe_weights,
        transfer_verdicts,
        Surrogate,
        search_space,
        *EVALUATIONS,
        *SIMILARITY,
    ),
    chosen=(SPACE, Chosen(SEARCHERS, by="transfer_benchmark.searchers")),
    settings=("space", "transfer_benchmark", "hpo.seed", "hpo.transfer_top_k"),
    only_with="transfer_benchmark",
    optional_inputs=DESCRIPTIONS,
)


@study_asset(
    TRANSFER_BENCHMARK,
    partitions_def=architectures,
    deps=[
        surrogate,
        run_results,
        earlier_validations,
        dg.AssetDep("dataset_profile", partition_mapping=all_tasks),
        dg.AssetDep(baseline_performance, partition_mapping=all_tasks),
    ],
    group_name="hpo",
    kinds={"synetune"},
    check_specs=check_specs("transfer_benchmark", architectures, TRANSFER_CHECKS),
)
def transfer_benchmark(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """Whether other tasks help a new one, or harm it: each task is held out in turn."""
    making = Making.begin(TRANSFER_BENCHMARK, context, study)
    plan = TransferPlan.of(making.section, making.settings.hpo)
    (architecture,) = making.partition
    results = making.tables("run_results")
    plan.check(len(results))
    evaluations = evaluations_of(making, results)
    fitted = Surrogate.load(making.folder("surrogate", architecture))
    similarity = similarity_of_tasks(making)
    settings = study_settings(making.settings, TRANSFER_BENCHMARK.settings)
    # Cells of another version of the code, the settings or the inputs are never taken for these.
    version = settings_hash([making.code_version, settings, making.inputs])
    progress = leave_one_task_out(
        evaluations,
        fitted,
        plan,
        similarity,
        folder=making.home.benchmarks / architecture / f"transfer-{version}",
        on_progress=lambda done, cells, cell: context.log.info(f"{done} of {cells}: {cell}"),
    )
    weights = probe_weights(evaluations, fitted, plan, similarity)
    verdicts = transfer_verdicts(progress)
    tables = {
        "progress": progress,
        "verdicts": verdicts,
        "similarity": similarity.rename_axis("task").reset_index(),
        "weights": weights,
    }
    return making.write_tables(
        tables,
        checks=check_transfer(verdicts),
        metadata={
            "searches": progress.groupby(["task", "searcher", "way", "repetition"]).ngroups,
            "evaluations": len(progress),
            **{
                f"{way}_{verdict.replace(' ', '_')}": int(count)
                for (way, verdict), count in verdicts.groupby("way")["verdict"]
                .value_counts()
                .items()
            },
            "verdicts": dg.MetadataValue.md(markdown_table(verdicts.round(4), index=False)),
            "weights": dg.MetadataValue.md(
                markdown_table(
                    weights.groupby(["task", "other"], sort=False)[
                        ["similarity", "correlation", "weight", "used"]
                    ]
                    .mean()
                    .round(3)
                    .reset_index(),
                    index=False,
                )
            ),
        },
        plots={
            "gain of transfer": plots.transfer_gain(verdicts),
            "similarity of tasks": plots.task_similarity(similarity),
        },
    )
