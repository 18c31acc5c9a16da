"""Importing the package stays light."""

from __future__ import annotations

import subprocess
import sys


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    code = (
        "import sys, pkgutil, importlib, aehpo_assets.hpo as hpo;"
        "heavy = {'aligned_botorch', 'batched_bore', 'batched_cqr', 'candidates', 'gp_lcb', 'grid',"
        " 'hyperband', 'optuna_scheduler', 'scaled_kde', 'starting_moasha', 'transfer_schedulers'};"
        "[importlib.import_module(m.name) for m in"
        " pkgutil.walk_packages(hpo.__path__, 'aehpo_assets.hpo.')"
        " if m.name.rpartition('.')[2] not in heavy];"
        "print(sorted({'syne_tune', 'xgboost', 'sklearn', 'matplotlib', 'torch', 'dagster'}"
        " & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
