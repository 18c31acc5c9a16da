"""Stubs of the assets that this code location reads from the other one.

Each has the partitions of its owner; a test holds them against each other, since Dagster does not.
See https://docs.dagster.io/guides/deploy/code-locations.
"""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs.partitions import architectures, architectures_and_tasks, tasks

omics_matrix = dg.AssetSpec("omics_matrix", partitions_def=tasks)
preprocessed_matrix = dg.AssetSpec("preprocessed_matrix", partitions_def=tasks)
sample_labels = dg.AssetSpec("sample_labels", partitions_def=tasks)
feature_ontology = dg.AssetSpec("feature_ontology", partitions_def=tasks)
data_split = dg.AssetSpec("data_split", partitions_def=tasks)
configurations = dg.AssetSpec("configurations", partitions_def=architectures)
recommendations = dg.AssetSpec("recommendations", partitions_def=architectures_and_tasks)
surrogate = dg.AssetSpec("surrogate", partitions_def=architectures)
noise = dg.AssetSpec("noise", partitions_def=architectures_and_tasks)
hpo_benchmark = dg.AssetSpec("hpo_benchmark", partitions_def=architectures)
earlier_validations = dg.AssetSpec("earlier_validations", partitions_def=architectures)

STUBS = [
    omics_matrix,
    preprocessed_matrix,
    sample_labels,
    feature_ontology,
    data_split,
    configurations,
    recommendations,
    surrogate,
    noise,
    hpo_benchmark,
    earlier_validations,
]
