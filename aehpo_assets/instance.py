"""The Dagster instance of a home: where it lies and how it is configured."""

from __future__ import annotations

import os

import dagster as dg

from aehpo_assets.files import write_text
from aehpo_assets.home import Home

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
# One training at a time on the device, across all runs.
concurrency:
  pools:
    default_limit: 1
    granularity: op
"""


def open_instance(home: Home) -> dg.DagsterInstance:
    """Open the home's instance, and make it on first use; ``DAGSTER_HOME`` points to it after."""
    file = home.dagster / "dagster.yaml"
    if not file.exists():
        home.dagster.mkdir(parents=True, exist_ok=True)
        write_text(file, DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return dg.DagsterInstance.get()
