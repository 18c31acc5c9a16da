"""The asset of the page of a study: one file for the browser, tables and pictures beside it.

What it tells, and how, belongs to ``aehpo_assets.report``; `aehpo report` writes the same page.
"""

import dagster as dg

from aehpo_assets.analysis.associations import associations
from aehpo_assets.analysis.embedding import layout
from aehpo_assets.analysis.heuristics import promising_ranges
from aehpo_assets.analysis.label_bests import label_bests
from aehpo_assets.analysis.narrowed import narrowed_space, predicted_worth
from aehpo_assets.analysis.proxies import proxies
from aehpo_assets.analysis.questions import answers
from aehpo_assets.analysis.sweep import sweep_scores
from aehpo_assets.analysis.train_sizes import against_pca, size_curves
from aehpo_assets.defs.conditions import when_reports_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.recipe import ORIGIN, Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.report.data_sets import origin_settings
from aehpo_assets.report.found import STUDY_REPORT
from aehpo_assets.report.page import PAGE
from aehpo_assets.report.write import write_study_page
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space
from aehpo_assets.store.code_version import Chosen

TOLD_OF = (
    "baseline_performance",
    "data_split",
    "hpo_benchmark",
    "hyperparameter_effects",
    "learning_curves",
    "noise",
    "omics_matrix",
    "preprocessed_matrix",
    "race",
    "recommended_latents",
    "run_results",
    "sample_labels",
    "shared_factors",
    "surrogate",
    "test_results",
    "train_size_curve",
    "transfer_benchmark",
    "validated_recommendations",
)
"""What the page tells of beside the validation reports, as far as it is there."""

REPORT = Recipe(
    STUDY_REPORT,
    compute=(
        associations,
        promising_ranges,
        proxies,
        label_bests,
        layout,
        answers,
        against_pca,
        size_curves,
        sweep_scores,
        narrowed_space,
        predicted_worth,
        search_space,
    ),
    chosen=(Chosen(ARCHITECTURE_SPACES, by="architectures"),),
    settings=(
        "name",
        "architectures",
        "configurations.count",
        "configurations.train",
        "configurations.sweep",
        "space",
        "steps",
        "epochs",
        "hpo.seed",
        "report",
    ),
    dataset_section=ORIGIN,
    only_with="report",
    optional_inputs=TOLD_OF,
)


@study_asset(
    REPORT,
    deps=["validation_report", *TOLD_OF],
    group_name="report",
    kinds={"html"},
    automation_condition=when_reports_change,
)
def study_report(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """The page of the study: what to train, whether it holds, and what that rests on."""
    making = Making.begin(REPORT, context, study)
    making.dataset_settings = origin_settings(making.home)
    for asset in ("validation_report", *TOLD_OF):
        making.reads_all(asset)
    page = making.store.folder_path(STUDY_REPORT, ()) / PAGE
    return making.write_folder(
        lambda folder: write_study_page(making.home, folder),
        metadata={
            "page": dg.MetadataValue.url(page.resolve().as_uri()),
            "page on disk": dg.MetadataValue.path(page),
        },
    )
