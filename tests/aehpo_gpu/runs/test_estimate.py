"""What a study would cost, before anything starts, from the headers of its files alone."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study
from aehpo_gpu.cli.estimate import estimate_table
from aehpo_gpu.runs.estimate import estimate_study


def test_every_run_of_the_study_is_counted(tiny_root: Path, tmp_path: Path) -> None:
    study = read_study(tiny_root / "tiny.yaml")
    home = Home(tmp_path / "home")
    (estimate,) = estimate_study(study, available_tasks([tiny_root / "data"]), home)
    assert (estimate.samples, estimate.features, estimate.runs) == (80, 20, 6)
    assert estimate.shards >= 1
    assert estimate.hours > 0
    assert not home.store.partitions("omics_matrix")
    printed = io.StringIO()
    Console(file=printed, width=80).print(estimate_table([estimate], disk_free=2**30))
    assert "vanillix | toy_rna" in printed.getvalue()
    assert "of 1.0 GiB free" in printed.getvalue()
    assert "Not counted: validation; a race, live searches" in printed.getvalue()
