"""Assets from the raw files of a data set to the matrix that autoencoders are trained on.

Reading, splitting, filtering and scaling live in ``aehpo_assets.omics``.
"""

from dataclasses import asdict

import dagster as dg

from aehpo_assets.analysis import plots
from aehpo_assets.datasets.catalogue import dataset_settings, usable_tasks
from aehpo_assets.datasets.class_label import with_class_label
from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.joint import joined, read_parts
from aehpo_assets.datasets.joint_names import modality_of
from aehpo_assets.datasets.label_facts import describe_labels
from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.datasets.matrix_facts import describe_matrix
from aehpo_assets.datasets.page import labels_page, matrix_page, sections
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.datasets.read_ontology import task_ontology
from aehpo_assets.datasets.replicates import UNITS, replicate_table
from aehpo_assets.datasets.split import draw_split, restrict_split, split_columns
from aehpo_assets.defs.checks import check_specs
from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.defs.raw_files import raw_files, told
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.omics.profile import profile
from aehpo_assets.quality import confounders as gates
from aehpo_assets.quality import labels as label_quality
from aehpo_assets.quality import matrix as matrix_quality
from aehpo_assets.quality.check import worst
from aehpo_assets.quality.replicates import REPLICATE_CHECKS, check_replicates
from aehpo_assets.store.provenance import CheckResult

OMICS_MATRIX = Recipe("omics_matrix", compute=(read_parts, joined), dataset_section="modality")
SAMPLE_LABELS = Recipe(
    "sample_labels",
    compute=(read_label_table, read_labels, with_class_label),
    settings=("class_loss",),
    dataset_section="labels",
)
FEATURE_ONTOLOGY = Recipe("feature_ontology", compute=(task_ontology,), dataset_section="ontology")
DATA_SPLIT = Recipe(
    "data_split",
    compute=(draw_split, restrict_split, split_columns, replicate_table),
    settings=("split", "replicates"),
)
PREPROCESSED_MATRIX = Recipe(
    "preprocessed_matrix", compute=(fit_preprocessing,), settings=("preprocessing",)
)
DATASET_PROFILE = Recipe("dataset_profile", compute=(profile,))


def _begin(
    recipe: Recipe, context: dg.AssetExecutionContext, study: StudyResource
) -> tuple[Making, Dataset, str]:
    """Begin an artefact that is read from the files of its data set."""
    making = Making.begin(recipe, context, study)
    task = context.partition_key
    available, problems = usable_tasks(making.home.data_roots(), making.settings.fusion)
    if task not in available:
        broken = "".join(f"; a data set cannot be used: {problem}" for problem in problems.values())
        raise InputError(
            f"no data set has the task {task!r}{broken}",
            key="tasks",
            remedy="Give the folder of its data set with --data or AEHPO_DATA, or take it out of "
            "the study with `aehpo dataset remove`.",
        )
    dataset, modality = available[task]
    making.dataset_settings = dataset_settings(available[task], recipe.dataset_section or "")
    return making, dataset, modality


@study_asset(
    OMICS_MATRIX,
    partitions_def=tasks,
    deps=[raw_files],
    group_name="omics",
    kinds={"parquet"},
    check_specs=check_specs(
        "omics_matrix",
        tasks,
        (
            matrix_quality.DATA_SET_CHECK,
            *matrix_quality.MATRIX_CHECKS,
            *gates.DRIFT_CHECKS,
        ),
    ),
    automation_condition=when_inputs_change,
)
def omics_matrix(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """One modality of a data set as it comes, or several side by side: transformed, not scaled."""
    making, dataset, modality = _begin(OMICS_MATRIX, context, study)
    paths = [making.file(path) for path in dataset.modality_paths(modality)]
    hashes = {path: making.inputs[making.store.file_name(path)] for path in paths}
    context.log_event(told(dataset, context.partition_key, hashes))
    parts = read_parts(dataset, modality)
    matrix = joined(dataset, parts)
    settings = dataset.modalities
    outcomes = {
        name if len(parts) > 1 else "": matrix_quality.check_matrix(parts[name], settings[name])
        for name in parts
    }
    pages = {name: matrix_page(describe_matrix(parts[name]), settings[name]) for name in parts}
    facts = describe_matrix(matrix)
    return making.write_table(
        matrix,
        checks=[
            CheckResult(name=matrix_quality.DATA_SET_CHECK.name, passed=True, blocking=True),
            *worst(outcomes),
            *gates.check_drift(making.predecessor(), matrix),
        ],
        metadata={
            **asdict(facts),
            **{f"{name} samples left out": len(parts[name]) - len(matrix) for name in parts},
            "what was read": dg.MetadataValue.md(sections(pages)),
        },
        plots={"values": plots.value_distribution(matrix)},
    )


@study_asset(
    SAMPLE_LABELS,
    partitions_def=tasks,
    deps=[raw_files, omics_matrix],
    group_name="omics",
    kinds={"parquet"},
    check_specs=check_specs("sample_labels", tasks, label_quality.LABEL_CHECKS),
    automation_condition=when_inputs_change,
)
def sample_labels(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Labels of the samples of a task, in the order of its matrix."""
    making, dataset, modality = _begin(SAMPLE_LABELS, context, study)
    matrix = making.table("omics_matrix", context.partition_key)
    making.file(dataset.labels_path())
    table = read_label_table(dataset)
    labels = read_labels(dataset, matrix.index, modality, table)
    labels = with_class_label(dataset, labels, making.settings.class_loss)
    reading = describe_labels(dataset, modality, table, labels)
    return making.write_table(
        labels,
        checks=label_quality.check_labels(labels, reading),
        metadata={
            "samples": len(labels),
            "samples_with_a_row": reading.joined.joined,
            "samples_with_a_label": int(labels.notna().any(axis=1).sum()),
            "rows_without_a_sample": len(reading.joined.without_sample),
            "labels": labels.shape[1],
            "what was read": dg.MetadataValue.md(labels_page(reading, labels)),
        },
        plots={"samples of each class": plots.label_counts(labels)},
    )


@study_asset(
    FEATURE_ONTOLOGY,
    partitions_def=tasks,
    deps=[raw_files, omics_matrix],
    group_name="omics",
    kinds={"parquet"},
    automation_condition=when_inputs_change,
)
def feature_ontology(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """What the features of a task belong to; empty where its data set names no ontology."""
    making, dataset, modality = _begin(FEATURE_ONTOLOGY, context, study)
    matrix = making.table("omics_matrix", context.partition_key)
    for path in dataset.ontology_paths(modality):
        making.file(path)
    table = task_ontology(dataset, modality, matrix.columns)
    covered = table[table["node"] != ""]
    return making.write_table(
        table,
        metadata={
            "features": matrix.shape[1],
            "features_covered": int(covered["feature"].nunique()),
            "nodes": int(covered["node"].nunique()),
            "parents": int(covered.loc[covered["parent"] != "", "parent"].nunique()),
        },
    )


@study_asset(
    DATA_SPLIT,
    partitions_def=tasks,
    deps=[raw_files, omics_matrix, sample_labels],
    group_name="omics",
    kinds={"parquet"},
    check_specs=check_specs(
        "data_split",
        tasks,
        (*label_quality.SPLIT_CHECKS, *REPLICATE_CHECKS, *gates.ARTEFACT_CHECKS),
    ),
    automation_condition=when_inputs_change,
)
def data_split(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """Train, valid or test for each sample and replicate: drawn once per data set."""
    making, dataset, modality = _begin(DATA_SPLIT, context, study)
    matrix = making.table("omics_matrix", context.partition_key)
    labels = making.table("sample_labels", context.partition_key)
    for other in dataset.modalities:
        making.file(dataset.modality_path(other))
    making.file(dataset.labels_path())
    settings = making.settings.split
    split = restrict_split(draw_split(dataset, settings), matrix.index)
    table = replicate_table(
        split,
        split_columns(dataset, settings, list(matrix.index)),
        labels,
        settings.seed,
        making.settings.replicates,
    )
    reading = describe_labels(dataset, modality, read_label_table(dataset), labels)
    shares = {part: float(getattr(settings, part)) for part in SPLITS}
    return making.write_table(
        table,
        checks=[
            *label_quality.check_split(split, matrix.index, labels, shares, reading.patients),
            *check_replicates(table, labels, reading.patients),
            *gates.check_artefacts(matrix, split, labels),
        ],
        metadata={
            **{f"{part}_samples": int((split == part).sum()) for part in SPLITS},
            "labels by part": dg.MetadataValue.md(labels_page(reading, labels, split)),
        },
        plots={"split": plots.split_counts(split)},
    )


@study_asset(
    PREPROCESSED_MATRIX,
    partitions_def=tasks,
    deps=[omics_matrix, data_split],
    group_name="omics",
    kinds={"parquet", "sklearn"},
    check_specs=check_specs("preprocessed_matrix", tasks, matrix_quality.PREPROCESSED_CHECKS),
    automation_condition=when_inputs_change,
)
def preprocessed_matrix(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """The matrix autoencoders are trained on: features by variance on train, scaled on train."""
    making = Making.begin(PREPROCESSED_MATRIX, context, study)
    task = context.partition_key
    matrix = making.table("omics_matrix", task)
    table = making.table("data_split", task)
    modalities = modality_of(task, matrix.columns)
    splits = table[[name for name in table if name not in UNITS.values()]]
    checks = {}
    # The first replicate comes last: it is written. Others are made again when they are trained.
    for replicate, split in reversed(list(enumerate(splits.to_dict("series").values()))):
        fitted = fit_preprocessing(matrix, split, making.settings.preprocessing, modalities)
        preprocessed = fitted.apply(matrix)
        kinds = modality_of(task, preprocessed.columns)
        found = matrix_quality.check_preprocessed(preprocessed, split, fitted.score, kinds)
        checks[f"replicate {replicate}" if replicate else ""] = found
    return making.write_table(
        preprocessed,
        checks=worst(dict(reversed(checks.items()))),
        metadata={
            "samples": len(preprocessed),
            "features": preprocessed.shape[1],
            "features_removed": matrix.shape[1] - preprocessed.shape[1],
            "largest_absolute_value": float(preprocessed.abs().to_numpy().max()),
        },
        plots={"variance": plots.variance_spectrum(fitted.variance)},
    )


@study_asset(
    DATASET_PROFILE,
    partitions_def=tasks,
    deps=[omics_matrix, preprocessed_matrix, data_split, sample_labels],
    group_name="omics",
    kinds={"parquet"},
    automation_condition=when_inputs_change,
)
def dataset_profile(
    context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult:
    """What kind of data a task is: size, sparsity, moments, dimension, noise, label entropy."""
    making = Making.begin(DATASET_PROFILE, context, study)
    task = context.partition_key
    raw = making.table("omics_matrix", task)
    matrix = making.table("preprocessed_matrix", task)
    split = making.table("data_split", task)["split"]
    labels = making.table("sample_labels", task)
    described = profile(matrix, split, labels, raw)
    numbers = described.iloc[0]
    return making.write_table(
        described,
        metadata={
            str(name): float(value)
            for name, value in numbers.items()
            if isinstance(value, (int, float))
        },
    )
