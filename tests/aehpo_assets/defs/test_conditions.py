"""What automation asks for, and when, as data comes, changes, fails or stays as it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from aehpo_assets.definitions import defs as assets_location
from aehpo_assets.defs.partitions import (
    architectures,
    architectures_and_tasks,
    partition_key,
    tasks,
)
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import Study
from aehpo_gpu.definitions import defs as gpu_location

ARCHITECTURES = ["vanillix", "varix"]

RAW = (
    *("omics_matrix", "sample_labels", "data_split", "preprocessed_matrix", "dataset_profile"),
    "feature_ontology",
)

# What joins the results of all tasks of an architecture.
JOINED = ("blackbox", "blackbox_curves", "hyperparameter_effects", "surrogate")


# What comes of a recommendation: trained again, and then its test opened.
VALIDATED = ("validated_recommendations", "test_results")


class Daemon:
    """Ticks of the condition sensors of both code locations, and what runs would leave behind."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        # One more than the study has: what a person added by hand is not asked for.
        self.instance.add_dynamic_partitions(str(architectures.name), ARCHITECTURES)
        self.cursors: dict[int, Any] = {}

    def lands(self, *names: str) -> None:
        self.instance.add_dynamic_partitions(str(tasks.name), list(names))

    def tick(self) -> dict[str, set[str]]:
        """Asset to the partitions that are asked for, over both code locations."""
        asked: dict[str, set[str]] = {}
        with pytest.MonkeyPatch.context() as one_tick:
            # Dagster asks for them thousands of times; in a tick nobody adds any.
            for question in ("get_dynamic_partitions", "has_dynamic_partition"):
                known = cache(getattr(self.instance, question))
                one_tick.setattr(self.instance, question, known)
            for number, location in enumerate((assets_location, gpu_location)):
                result = dg.evaluate_automation_conditions(
                    location, self.instance, cursor=self.cursors.get(number)
                )
                self.cursors[number] = result.cursor
                for one in result.results:
                    asked_for = one.true_subset
                    if asked_for.partitions_def is None:
                        keys = set() if asked_for.is_empty else {""}
                    else:
                        keys = set(asked_for.expensively_compute_partition_keys())
                    if keys:
                        asked[one.key.to_user_string()] = {str(key) for key in keys}
        return asked

    def made(self, asset: str, *partition: str, version: str = "1") -> None:
        """Report that an artefact was made."""
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset, partition=partition_key(partition), tags={"dagster/data_version": version}
            )
        )

    def failed(self, asset: str, *partition: str) -> None:
        """Leave a failed run behind."""
        definition: dg.PartitionsDefinition[Any] = {
            1: architectures if partition[0] in ARCHITECTURES else tasks,
            2: architectures_and_tasks,
        }[len(partition)]

        @dg.asset(name=asset, partitions_def=definition)
        def fails() -> None:
            raise ValueError

        dg.materialize(
            [fails],
            partition_key=partition_key(partition),
            instance=self.instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def canceled(self, asset: str, *partition: str) -> None:
        """Leave a canceled run behind."""
        self.instance.add_run(
            dg.DagsterRun(
                job_name="materialize",
                status=dg.DagsterRunStatus.CANCELED,
                tags={"dagster/partition": str(partition_key(partition))},
                asset_selection=frozenset({dg.AssetKey(asset)}),
            )
        )

    def trained(self, *names: str, version: str = "1") -> None:
        """Make everything of some tasks up to their run results, and the noise of these."""
        for asset in ("configurations", "earlier_validations"):
            self.made(asset, "varix")
        for name in names:
            for asset in RAW:
                self.made(asset, name, version=version)
            self.made("baseline_performance", name)
            for asset in ("run_results", "learning_curves", "noise"):
                self.made(asset, "varix", name, version=version)

    def finished(self, *names: str) -> None:
        """Make everything."""
        self.trained(*names)
        for asset in JOINED:
            self.made(asset, "varix")
        for asset in ("recommendations", "recommended_latents", *VALIDATED):
            for name in names:
                self.made(asset, "varix", name)
        self.made("validation_report", "varix")


def adopt(folder: Path, **changes: Any) -> None:
    study = {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 3,
        "report": None,
    }
    Home(folder).adopt(Study.model_validate(study | changes), Path("tiny.yaml"))


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon on a home that has adopted a study of one architecture."""
    monkeypatch.setenv("AEHPO_HOME", str(tmp_path))
    adopt(tmp_path)
    return Daemon()


BY_HAND = {"hpo_benchmark", "live_search", "transfer_benchmark", "validated_benchmark"}
"""What answers a question of its own; no recommendation depends on it."""


def test_every_asset_has_a_condition() -> None:
    for location in (assets_location, gpu_location):
        for asset in location.assets or []:
            if isinstance(asset, dg.AssetsDefinition):
                for spec in asset.specs:
                    name = spec.key.to_user_string()
                    assert name in BY_HAND or spec.automation_condition is not None, name


def test_a_new_task_is_prepared_in_one_run_also_if_it_came_before_the_first_tick(
    daemon: Daemon,
) -> None:
    daemon.lands("toy_rna")
    first = daemon.tick()
    once = {asset: {"varix"} for asset in ("configurations", "earlier_validations")}
    assert first == {asset: {"toy_rna"} for asset in RAW} | once
    daemon.lands("toy_meth")
    assert daemon.tick()["omics_matrix"] >= {"toy_meth"}


def test_only_the_study_is_made(daemon: Daemon, tmp_path: Path) -> None:
    adopt(tmp_path, tasks=["toy_rna"])
    daemon.lands("toy_rna", "toy_meth")
    asked = daemon.tick()
    assert asked["configurations"] == {"varix"}
    assert asked["omics_matrix"] == {"toy_rna"}


@pytest.mark.slow
def test_nothing_is_made_without_a_study_or_beside_a_headless_run(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.lands("toy_rna")
    with Home(tmp_path).locked():
        assert daemon.tick() == {}
    assert daemon.tick() != {}
    monkeypatch.setenv("AEHPO_HOME", str(tmp_path / "other"))
    assert daemon.tick() == {}


def test_training_follows_the_data_and_the_rest_follows_training(daemon: Daemon) -> None:
    daemon.lands("toy_rna")
    daemon.tick()
    for asset in ("configurations", "earlier_validations"):
        daemon.made(asset, "varix")
    for asset in RAW:
        daemon.made(asset, "toy_rna")
    assert daemon.tick() == {
        "run_results": {"varix|toy_rna"},
        "learning_curves": {"varix|toy_rna"},
        "baseline_performance": {"toy_rna"},
    }
    daemon.trained("toy_rna")
    joined = daemon.tick()
    assert set(joined) == set(JOINED)
    for asset in joined:
        daemon.made(asset, "varix")
    assert daemon.tick() == {"recommendations": {"varix|toy_rna"}}
    daemon.made("recommendations", "varix", "toy_rna")
    assert daemon.tick() == {
        "validated_recommendations": {"varix|toy_rna"},
        "test_results": {"varix|toy_rna"},
        "recommended_latents": {"varix|toy_rna"},
    }
    for asset in VALIDATED:
        daemon.made(asset, "varix", "toy_rna")
    assert daemon.tick() == {"validation_report": {"varix"}}


@pytest.mark.slow
def test_where_the_study_has_a_race_validation_follows_it(daemon: Daemon, tmp_path: Path) -> None:
    adopt(tmp_path, race={})
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    assert daemon.tick() == {"race": {"varix|toy_rna"}}
    daemon.made("race", "varix", "toy_rna")
    assert daemon.tick() == {"validated_recommendations": {"varix|toy_rna"}}


def test_what_is_left_of_a_race_holds_nothing_up(daemon: Daemon, tmp_path: Path) -> None:
    """The study has no race any more: what an earlier form of it made is never made again."""
    own = ("varix", "toy_rna")
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    daemon.tick()
    home = Home(tmp_path)
    record(home, "recommendations", *own, version="2")
    record(home, "race", *own, version="1", recommendations__varix__toy_rna="1")
    daemon.made("recommendations", *own, version="2")
    assert daemon.tick() == {"validated_recommendations": {"varix|toy_rna"}}


@pytest.mark.slow
def test_the_report_waits_for_validations_on_their_way_and_not_for_what_failed(
    daemon: Daemon,
) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.tick()
    daemon.trained("toy_rna", "toy_meth")
    for asset in JOINED:
        daemon.made(asset, "varix")
    for name in ("toy_rna", "toy_meth"):
        daemon.made("recommendations", "varix", name)
    for asset in VALIDATED:
        daemon.made(asset, "varix", "toy_rna")
    assert "validation_report" not in daemon.tick()
    daemon.failed("validated_recommendations", "varix", "toy_meth")
    assert daemon.tick()["validation_report"] == {"varix"}


@pytest.mark.slow
def test_blackboxes_wait_for_what_is_on_its_way_and_not_for_what_failed(daemon: Daemon) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.tick()
    daemon.trained("toy_rna")
    assert "blackbox" not in daemon.tick()
    daemon.failed("omics_matrix", "toy_meth")
    assert daemon.tick()["blackbox"] == {"varix"}


@pytest.mark.slow
def test_recommendations_of_all_tasks_follow_the_new_surrogate(daemon: Daemon) -> None:
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    daemon.tick()
    daemon.lands("toy_meth")
    daemon.tick()
    daemon.trained("toy_meth")
    assert set(daemon.tick()) == set(JOINED)
    for asset in JOINED:
        daemon.made(asset, "varix", version="2")
    assert daemon.tick() == {"recommendations": {"varix|toy_rna", "varix|toy_meth"}}


def test_what_is_made_again_as_it_was_makes_nothing_stale(daemon: Daemon) -> None:
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    assert daemon.tick() == {}
    for asset in ("omics_matrix", "sample_labels", "data_split"):
        daemon.made(asset, "toy_rna")
    assert daemon.tick() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("sample_labels", {"data_split", "dataset_profile"}),
        ("data_split", {"preprocessed_matrix", "dataset_profile"}),
        ("preprocessed_matrix", {"dataset_profile"}),
    ],
)
def test_a_change_asks_for_exactly_what_hangs_on_it(
    daemon: Daemon, changed: str, expected: set[str]
) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.finished("toy_rna", "toy_meth")
    daemon.tick()
    daemon.made(changed, "toy_rna", version="2")
    asked = daemon.tick()
    trained = {"run_results", "learning_curves", "baseline_performance", "recommended_latents"}
    assert set(asked) == expected | trained
    assert all(key.endswith("toy_rna") for keys in asked.values() for key in keys)


@pytest.mark.slow
def test_what_a_person_canceled_is_not_started_again_and_holds_nothing_up(daemon: Daemon) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.tick()
    daemon.trained("toy_rna")
    daemon.made("baseline_performance", "toy_meth")
    for asset in RAW:
        daemon.made(asset, "toy_meth")
    assert daemon.tick()["run_results"] == {"varix|toy_meth"}
    for asset in ("run_results", "learning_curves"):
        daemon.canceled(asset, "varix", "toy_meth")
    asked = daemon.tick()
    assert "run_results" not in asked
    assert asked["blackbox"] == {"varix"}


def record(home: Home, asset: str, *partition: str, version: str, **inputs: str) -> None:
    """Put an artefact into the store that says what it was made from."""
    made_from = {name.replace("__", "/"): data_version for name, data_version in inputs.items()}
    home.store.write_folder(
        asset,
        partition,
        lambda folder: None,
        Record(code_version="1", inputs=made_from),
        data_version=version,
    )


@pytest.mark.slow
def test_recommendations_wait_for_baselines_on_their_way_and_not_for_failed_ones(
    daemon: Daemon,
) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.tick()
    daemon.made("configurations", "varix")
    for name in ("toy_rna", "toy_meth"):
        for asset in RAW:
            daemon.made(asset, name)
        for asset in ("run_results", "learning_curves", "noise"):
            daemon.made(asset, "varix", name)
    for asset in (*JOINED, "earlier_validations"):
        daemon.made(asset, "varix")
    assert daemon.tick() == {"baseline_performance": {"toy_rna", "toy_meth"}}
    daemon.made("baseline_performance", "toy_rna")
    assert "recommendations" not in daemon.tick()
    daemon.failed("baseline_performance", "toy_meth")
    assert daemon.tick() == {"recommendations": {"varix|toy_rna", "varix|toy_meth"}}


def test_a_task_that_never_gets_described_holds_up_no_other(daemon: Daemon) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.tick()
    daemon.trained("toy_rna")
    daemon.failed("omics_matrix", "toy_meth")
    for asset in JOINED:
        daemon.made(asset, "varix")
    assert daemon.tick()["recommendations"] == {"varix|toy_rna"}


def test_a_new_description_of_a_task_is_news_for_all(daemon: Daemon) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.finished("toy_rna", "toy_meth")
    assert daemon.tick() == {}
    daemon.made("dataset_profile", "toy_meth", version="2")
    every = {"varix|toy_rna", "varix|toy_meth"}
    assert daemon.tick() == {"recommendations": every}
    for name in ("toy_rna", "toy_meth"):
        daemon.made("recommendations", "varix", name)
    assert daemon.tick() == {}
    daemon.made("baseline_performance", "toy_rna", version="2")
    assert daemon.tick()["recommendations"] == every


def test_old_recommendations_are_not_validated_while_new_ones_are_to_come(
    daemon: Daemon, tmp_path: Path
) -> None:
    home, own = Home(tmp_path), ("varix", "toy_rna")
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    daemon.tick()
    record(home, "run_results", *own, version="2")
    for asset in ("recommendations", "validated_recommendations"):
        record(home, asset, *own, version="1", run_results__varix__toy_rna="1")
    for asset in ("run_results", "learning_curves"):
        daemon.made(asset, *own, version="2")
    assert set(daemon.tick()) == {*JOINED, "noise"}
    daemon.made("noise", *own, version="2")
    record(home, "recommendations", *own, version="2", run_results__varix__toy_rna="2")
    daemon.made("recommendations", *own, version="2")
    assert daemon.tick() == {"validated_recommendations": {"varix|toy_rna"}}


def test_noise_that_changes_alone_is_reported_at_once(daemon: Daemon) -> None:
    daemon.lands("toy_rna", "toy_meth")
    daemon.finished("toy_rna", "toy_meth")
    assert daemon.tick() == {}
    daemon.made("noise", "varix", "toy_rna", version="2")
    assert daemon.tick() == {"validation_report": {"varix"}}
    daemon.made("validation_report", "varix", version="2")
    assert daemon.tick() == {}


@pytest.mark.slow
def test_the_page_follows_the_reports_and_what_it_tells_beside_them(
    daemon: Daemon, tmp_path: Path
) -> None:
    adopt(tmp_path, report={})
    daemon.lands("toy_rna")
    daemon.trained("toy_rna")
    # There is nothing to tell as long as nothing was validated.
    assert "study_report" not in daemon.tick()
    daemon.finished("toy_rna")
    assert daemon.tick() == {"study_report": {""}}
    daemon.made("study_report")
    assert daemon.tick() == {}
    daemon.made("recommended_latents", "varix", "toy_rna", version="2")
    assert daemon.tick() == {"study_report": {""}}
    daemon.made("study_report", version="2")
    daemon.made("noise", "varix", "toy_rna", version="2")
    # Of noise that changes, the validation report tells first.
    assert daemon.tick() == {"validation_report": {"varix"}}
    daemon.made("validation_report", "varix", version="2")
    assert daemon.tick() == {"study_report": {""}}
    daemon.made("study_report", version="3")
    assert daemon.tick() == {}


@pytest.mark.slow
def test_what_modalities_share_follows_the_latents(daemon: Daemon, tmp_path: Path) -> None:
    adopt(tmp_path, fusion="all_pairs", report={})
    daemon.lands("toy_rna", "toy_rna+meth")
    daemon.finished("toy_rna", "toy_rna+meth")
    asked = daemon.tick()
    assert (asked["late_fusion"], asked["shared_factors"]) == ({"varix"}, {""})
    daemon.made("shared_factors")
    daemon.made("late_fusion", "varix")
    daemon.made("validation_report", "varix", version="2")
    daemon.made("study_report")
    assert daemon.tick() == {}
    daemon.made("recommended_latents", "varix", "toy_rna+meth", version="2")
    asked = daemon.tick()
    assert asked["shared_factors"] == {""}
    daemon.made("shared_factors", version="2")
    daemon.made("study_report", version="2")
    assert daemon.tick() == {}


@pytest.mark.slow
def test_scores_against_train_samples_follow_the_validation(daemon: Daemon, tmp_path: Path) -> None:
    adopt(tmp_path, train_sizes={})
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    assert daemon.tick() == {"train_size_curve": {"varix|toy_rna"}}
    daemon.made("train_size_curve", "varix", "toy_rna")
    assert daemon.tick() == {}
    daemon.made("validated_recommendations", "varix", "toy_rna", version="2")
    assert daemon.tick()["train_size_curve"] == {"varix|toy_rna"}


@pytest.mark.slow
def test_noise_that_changes_with_the_results_is_reported_once_these_are_validated(
    daemon: Daemon, tmp_path: Path
) -> None:
    home, own = Home(tmp_path), ("varix", "toy_rna")
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    daemon.tick()
    record(home, "run_results", *own, version="2")
    chosen = ("recommendations", "validated_recommendations")
    for asset in chosen:
        record(home, asset, *own, version="1", run_results__varix__toy_rna="1")
    for asset in ("run_results", "learning_curves"):
        daemon.made(asset, *own, version="2")
    assert set(daemon.tick()) == {*JOINED, "noise"}
    daemon.made("noise", *own, version="2")
    assert "validation_report" not in daemon.tick()
    for asset in chosen:
        record(home, asset, *own, version="2", run_results__varix__toy_rna="2")
    for asset in ("recommendations", *VALIDATED):
        daemon.made(asset, *own, version="2")
    assert daemon.tick()["validation_report"] == {"varix"}


@pytest.mark.slow
def test_no_round_is_started_by_itself_and_one_that_a_person_starts_is_carried_through(
    daemon: Daemon, tmp_path: Path
) -> None:
    home, own = Home(tmp_path), ("varix", "toy_rna")
    daemon.lands("toy_rna")
    daemon.finished("toy_rna")
    daemon.tick()
    record(home, "recommendations", *own, version="1", earlier_validations__varix="1")
    for asset in ("recommended_latents", *VALIDATED):
        daemon.made(asset, *own, version="2")
    daemon.made("validation_report", "varix", version="2")
    assert daemon.tick() == {}

    record(home, "earlier_validations", "varix", version="2")
    daemon.made("earlier_validations", "varix", version="2")
    assert daemon.tick() == {"surrogate": {"varix"}}
    daemon.made("surrogate", "varix", version="2")
    assert daemon.tick() == {"recommendations": {"varix|toy_rna"}}
    record(home, "recommendations", *own, version="2", earlier_validations__varix="2")
    daemon.made("recommendations", *own, version="2")
    assert daemon.tick() == {"validated_recommendations": {"varix|toy_rna"}}


@pytest.mark.slow
def test_what_failed_is_tried_again_only_when_an_input_changes(daemon: Daemon) -> None:
    daemon.lands("toy_rna")
    daemon.tick()
    daemon.made("omics_matrix", "toy_rna")
    for asset in RAW[1:]:
        daemon.failed(asset, "toy_rna")
    daemon.tick()
    assert "sample_labels" not in daemon.tick()
    daemon.made("omics_matrix", "toy_rna", version="2")
    assert daemon.tick()["sample_labels"] == {"toy_rna"}
