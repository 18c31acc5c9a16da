"""Stubs of the assets that this code location reads from the other one.

Each has the partitions of its owner; a test holds them against each other, since Dagster does not.
See https://docs.dagster.io/guides/deploy/code-locations.
"""

from __future__ import annotations

import dagster as dg

from aehpo_assets.defs.partitions import architectures_and_tasks

run_results = dg.AssetSpec("run_results", partitions_def=architectures_and_tasks)
learning_curves = dg.AssetSpec("learning_curves", partitions_def=architectures_and_tasks)

STUBS = [run_results, learning_curves]
