"""What a study would cost, before anything starts, from the headers of its files alone."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study, read_study
from aehpo_assets.study.results import Race, Report, TrainSizes
from aehpo_assets.study.searches import Benchmark, Live, TransferBenchmark
from aehpo_gpu.cli.estimate import duration, estimate_facts, estimate_table
from aehpo_gpu.runs.baseline_seconds import BaselineSeconds
from aehpo_gpu.runs.estimate import (
    StudyEstimate,
    estimate_study,
    features_of,
    planned_seconds,
)
from aehpo_gpu.runs.stages import stages_of_both, stages_of_task
from aehpo_gpu.runs.table import with_seeds
from aehpo_gpu.training.stacked import stages_of
from aehpo_gpu.training.task import TrainingSettings


@pytest.fixture
def study(tiny_root: Path) -> Study:
    return read_study(tiny_root / "tiny.yaml")


def estimated(study: Study, root: Path, tmp_path: Path, **changes: object) -> StudyEstimate:
    """The estimate of a study with some sections, at the shipped prices."""
    changed = study.model_copy(update=changes)
    tasks = available_tasks([root / "data"])
    return estimate_study(changed, tasks, Home(tmp_path / "home"), measure=False)


def seconds_of(estimate: StudyEstimate, name: str) -> float:
    (stage,) = [stage for stage in estimate.stages if stage.name == name]
    return stage.seconds


def printed(estimate: StudyEstimate) -> str:
    console = Console(file=io.StringIO(), width=90)
    console.print(estimate_table(estimate, disk_free=2**30))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_stage_is_counted_and_nothing_written(
    study: Study, tiny_root: Path, tmp_path: Path
) -> None:
    estimate = estimated(study, tiny_root, tmp_path)
    (task,) = estimate.tasks
    assert (task.samples, task.features, task.runs) == (80, 20, 6)
    assert task.shards >= 1
    assert not (tmp_path / "home").exists()
    stages = {stage.name: stage for stage in estimate.stages}
    assert {"data", "baselines", "validation", "opening the test", "latents"} <= stages.keys()
    assert all(stage.seconds > 0 for stage in estimate.stages)
    # Two candidates and the default, with one seed.
    assert stages["validation"].runs == 3
    assert estimate.runs == 6 + 3 + 1
    whole = task.hours + sum(stage.seconds for stage in estimate.stages) / 3600
    assert estimate.hours == pytest.approx(whole)
    assert estimate_facts(estimate, [])["hours"] == estimate.hours
    text = printed(estimate)
    assert "vanillix | toy_rna" in text
    assert "of 1.0 GiB free" in text
    for name in stages:
        assert f" {name} " in text


def test_a_race_is_counted_as_the_most_that_it_may_train(
    study: Study, tiny_root: Path, tmp_path: Path
) -> None:
    short, long = (
        next(
            stage
            for stage in estimated(
                study, tiny_root, tmp_path, race=Race(candidates=4, max_replicates=most)
            ).stages
            if stage.name == "race"
        )
        for most in (8, 16)
    )
    # Four in two replicates, three in four more, and two at a time in the last two of each.
    assert (short.runs, long.runs) == (8 + 12 + 6, 8 + 12 + 30)
    assert 0 < short.seconds < long.seconds
    assert short.at_most
    raced = estimated(study, tiny_root, tmp_path, race=Race(candidates=4, max_replicates=8))
    assert "race, at most" in printed(raced)
    assert "What is at most so long may end before" in printed(raced)


def test_sections_that_a_study_has_are_stages(
    study: Study, tiny_root: Path, tmp_path: Path
) -> None:
    plain = {stage.name for stage in estimated(study, tiny_root, tmp_path).stages}
    whole = estimated(
        study,
        tiny_root,
        tmp_path,
        benchmark=Benchmark(trials=10, repetitions=2, validate_repetitions=1),
        transfer_benchmark=TransferBenchmark(trials=10, repetitions=2),
        live=Live(runs=8, batch=4),
    )
    added = {stage.name for stage in whole.stages} - plain
    assert added == {
        "benchmark of searchers",
        "what it found",
        "benchmark of transfer",
        "live searches",
    }
    told = estimated(study, tiny_root, tmp_path, report=Report())
    assert {stage.name for stage in told.stages} - plain == {"page of the study"}


def test_more_work_takes_longer(study: Study, tiny_root: Path, tmp_path: Path) -> None:
    once = estimated(study, tiny_root, tmp_path)
    for changes in ({"epochs": 20}, {"replicates": 3}):
        more = estimated(study, tiny_root, tmp_path, **changes)
        assert more.hours > once.hours, changes
        assert seconds_of(more, "validation") > seconds_of(once, "validation"), changes
    # Their baselines are scored on test as soon as on valid, and kept.
    assert "opening the test" not in {stage.name for stage in more.stages}
    few = BaselineSeconds(450, 260, (4, 3, 2), (8, 16), (64, 128))
    many = BaselineSeconds(900, 260, (4, 3, 2), (8, 16), (64, 128))
    for seconds in ("tried", "again", "raced"):
        assert 0 < getattr(few, seconds)() < getattr(many, seconds)()
    assert few.performance(2, 6) > few.performance(2, 3) > few.tried()
    slower = BaselineSeconds(450, 260, (4, 3, 2), (8, 16), (64, 128), ("pca", "mofa"))
    plain = BaselineSeconds(450, 260, (4, 3, 2), (8, 16), (64, 128), ("pca",))
    for seconds in ("tried", "again", "raced"):
        assert 0 < getattr(plain, seconds)() < getattr(slower, seconds)()
    assert slower.performance(1, 0) > plain.performance(1, 0)


def test_sampled_runs_are_dealt_to_the_gpus_that_there_are(
    study: Study, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"replicates": 4, "epochs": 30_000}
    one = estimated(study, tiny_root, tmp_path, **changes)
    two = [torch.device("cpu")] * 2
    monkeypatch.setattr(TrainingSettings, "torch_devices", lambda _: two)
    both = estimated(study, tiny_root, tmp_path, **changes)
    # The probe of every run is left, which another GPU makes no faster.
    assert 0.45 * one.tasks[0].hours < both.tasks[0].hours < 0.6 * one.tasks[0].hours
    assert both.stages == one.stages


def test_late_fusion_trains_each_modality_again(study: Study) -> None:
    of = BaselineSeconds(45, 26, (2,), (2,), (8,))
    named = {
        task: {one.name: one for one in stages_of_both(study, "varix", task, float, of, 4)}
        for task in ("toy_rna", "toy_rna+meth+cna")
    }
    assert "late fusion" not in named["toy_rna"]
    late = named["toy_rna+meth+cna"]["late fusion"]
    # Three modalities with the one seed of the study, a second each.
    assert late.runs == 3
    assert late.seconds > 3


def test_sizes_and_factors_are_priced_where_they_are_asked_for(study: Study) -> None:
    of = BaselineSeconds(45, 26, (2,), (2,), (8,), ("pca", "mofa"))
    plain = {one.name for one in stages_of_both(study, "varix", "toy_rna", float, of, 4)}
    sized = study.model_copy(update={"train_sizes": TrainSizes(sizes=[20, 30])})
    stages = {one.name: one for one in stages_of_both(sized, "varix", "toy_rna", float, of, 4)}
    assert stages.keys() - plain == {"train sizes"}
    # Two sizes and two configurations with the one seed of the study.
    assert stages["train sizes"].runs == 4
    assert stages["train sizes"].seconds > 4
    without = replace(of, methods=("pca",))
    joint = [stages_of_task(study, "toy_rna+meth", one)[-1] for one in (without, of)]
    assert {one.name for one in joint} == {"shared factors"}
    assert joint[1].seconds > joint[0].seconds
    alone = stages_of_task(study, "toy_rna", of)
    assert "shared factors" not in {one.name for one in alone}


def test_every_network_of_a_run_is_priced() -> None:
    columns = pd.Index([*(f"rna:{i}" for i in range(40)), *(f"meth:{i}" for i in range(6))])
    of = features_of("toy_rna+meth", columns)
    assert of.modalities is not None
    assert of.modalities[:12].tolist() == ["rna", "meth"] * 6
    space = search_space("stackix", {"k_filter": [16], "latent_dim_fixed": [2, 4]})
    runs = with_seeds(sample_configurations(space, 3, 0), [0])
    given = {"n_train": 500, "settings": TrainingSettings(epochs=3, device="cpu"), "cost": None}
    stacked = planned_seconds("stackix", runs, of=of, **given)
    each = [
        planned_seconds("varix", own, of=features_of("toy_rna", columns[:count]), **given)
        for own, count in stages_of("stackix", runs, of)
    ]
    assert len(each) == 3
    assert stacked == pytest.approx(sum(each))
    # Of one network of all features it would be a third.
    assert stacked > 2 * planned_seconds("varix", runs, of=of, **given)


def test_times_are_told_in_units_of_people() -> None:
    assert [duration(s) for s in (4.4, 59, 90, 3600, 36e5)] == [
        "4 s",
        "59 s",
        "1.5 min",
        "1.0 h",
        "1,000.0 h",
    ]
