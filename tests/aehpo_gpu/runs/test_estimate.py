"""What a study would cost, before anything starts, from the headers of its files alone."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.store.home import Home
from aehpo_assets.study import Race, read_study
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
    assert "Not counted: validation; live searches" in printed.getvalue()


def test_a_race_is_counted_as_the_most_that_it_may_train(tiny_root: Path, tmp_path: Path) -> None:
    study = read_study(tiny_root / "tiny.yaml")
    race = Race(candidates=4, max_replicates=8)
    raced, longer = (
        estimate_study(
            study.model_copy(update={"race": rules}),
            available_tasks([tiny_root / "data"]),
            Home(tmp_path / "home"),
        )[0].race
        for rules in (race, race.model_copy(update={"max_replicates": 16}))
    )
    assert raced is not None
    assert longer is not None
    # Four in two replicates, three in four more, and two at a time in the last two of each.
    assert (raced.runs, longer.runs) == (8 + 12 + 6, 8 + 12 + 30)
    assert 0 < raced.hours < longer.hours
    study = study.model_copy(update={"race": race})
    estimates = estimate_study(study, available_tasks([tiny_root / "data"]), Home(tmp_path))
    printed = io.StringIO()
    Console(file=printed, width=80).print(estimate_table(estimates, disk_free=2**30))
    assert "its race, at most" in printed.getvalue()
    assert "A race that is decided ends before its budget does." in printed.getvalue()
    assert f"{estimates[0].runs + 26}" in printed.getvalue()
