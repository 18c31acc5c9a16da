"""Stubs of the assets that this code location reads from the other one.

Each has the partitions of its owner; a test holds them against each other, since Dagster does not.
See https://docs.dagster.io/guides/deploy/code-locations.
"""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs.partitions import all_tasks, architectures, architectures_and_tasks, tasks
from aehpo_assets.defs.recipe import ONLY_WITH

# What they depend on lies in this code location: automation looks there for what is on its way.
_OF_A_TASK = ("preprocessed_matrix", "data_split", "sample_labels", "omics_matrix")
_OF_A_TRAINING = (*_OF_A_TASK, "feature_ontology")
_TRAINED_ON = (*_OF_A_TRAINING, "configurations")

run_results = dg.AssetSpec("run_results", deps=_TRAINED_ON, partitions_def=architectures_and_tasks)
learning_curves = dg.AssetSpec(
    "learning_curves", deps=_TRAINED_ON, partitions_def=architectures_and_tasks
)
baseline_performance = dg.AssetSpec(
    "baseline_performance",
    deps=_OF_A_TASK,
    partitions_def=tasks,
)
_KNOWN_BEFORE = ("recommendations", "run_results", "earlier_validations", *_OF_A_TRAINING)
race = dg.AssetSpec(
    "race",
    deps=(*_KNOWN_BEFORE, "surrogate", "noise"),
    partitions_def=architectures_and_tasks,
)
validated_recommendations = dg.AssetSpec(
    "validated_recommendations",
    deps=(*_KNOWN_BEFORE, "race"),
    partitions_def=architectures_and_tasks,
)

test_results = dg.AssetSpec(
    "test_results",
    deps=(
        "validated_recommendations",
        "run_results",
        "baseline_performance",
        "configurations",
        *_OF_A_TRAINING,
    ),
    partitions_def=architectures_and_tasks,
)

recommended_latents = dg.AssetSpec(
    "recommended_latents",
    deps=("validated_recommendations", *_OF_A_TRAINING),
    partitions_def=architectures_and_tasks,
)

late_fusion = dg.AssetSpec(
    "late_fusion",
    deps=(
        "validated_recommendations",
        "test_results",
        *(dg.AssetDep(asset, partition_mapping=all_tasks) for asset in _OF_A_TRAINING),
    ),
    partitions_def=architectures,
    # Without it, whoever waits for what is on its way would wait for ever.
    metadata={ONLY_WITH: "fusion"},
)

train_size_curve = dg.AssetSpec(
    "train_size_curve",
    deps=("validated_recommendations", "baseline_performance", *_OF_A_TRAINING),
    partitions_def=architectures_and_tasks,
    metadata={ONLY_WITH: "train_sizes"},
)

shared_factors = dg.AssetSpec(
    "shared_factors",
    deps=(
        *("recommended_latents", "preprocessed_matrix", "data_split", "sample_labels"),
        "feature_ontology",
    ),
    metadata={ONLY_WITH: "fusion"},
)

STUBS = [
    run_results,
    learning_curves,
    baseline_performance,
    race,
    validated_recommendations,
    test_results,
    recommended_latents,
    late_fusion,
    shared_factors,
    train_size_curve,
]
