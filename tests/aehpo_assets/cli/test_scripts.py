"""What scripts ask of the command: its version, help that says the defaults, and JSON."""

from __future__ import annotations

import inspect
import json
import math
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from aehpo_assets import __version__
from aehpo_assets.cli.datasets import dataset_app
from aehpo_assets.cli.main import app
from aehpo_assets.cli.scripted import print_json
from aehpo_assets.store.home import Home
from aehpo_gpu.cli.main import app as gpu_app


def call(commands: typer.Typer, *arguments: str | Path) -> str:
    called = CliRunner().invoke(commands, list(map(str, arguments)), env={"COLUMNS": "200"})
    assert called.exit_code == 0, called.output
    return called.stdout


@pytest.fixture(scope="module")
def home(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("scripts") / "home"
    shutil.copytree(finished_tiny / "home", copy)
    return copy


def test_the_version_is_told() -> None:
    assert call(app, "--version").strip() == f"aehpo {__version__}"


@pytest.mark.parametrize(
    ("commands", "arguments", "default"),
    [
        (app, ["run"], "AEHPO_HOME, or .aehpo"),
        (app, ["status"], "AEHPO_HOME, or .aehpo"),
        (app, ["dataset", "fetch"], "NAME"),
        (gpu_app, ["tune"], "hpo.seed of the study"),
        (gpu_app, ["plan"], "AEHPO_HOME, or .aehpo"),
    ],
)
def test_help_says_the_defaults(commands: typer.Typer, arguments: list[str], default: str) -> None:
    assert f"({default})" in call(commands, *arguments, "--help")


def test_the_status_as_json(home: Path) -> None:
    told: dict[str, Any] = json.loads(call(app, "status", "--home", home, "--json"))
    assert told["study"] == "tiny"
    assert told["history"]
    assert told["counts"] == {"up to date": len(told["artefacts"])}
    assert {"asset": "run_results", "partition": ["vanillix", "toy_rna"], "state": "up to date"} | {
        "why": ""
    } in told["artefacts"]


def test_the_results_as_json(home: Path) -> None:
    (told,) = json.loads(call(app, "results", "--home", home, "--json"))
    assert (told["architecture"], told["task"]) == ("vanillix", "toy_rna")
    store = Home(home).store
    validated = store.read_table("validated_recommendations", ("vanillix", "toy_rna"))
    row = validated.set_index("config_id").loc[told["config_id"]].head(1)
    assert told["configuration"]["lr_fixed"] == pytest.approx(float(row["lr_fixed"].iloc[0]))
    assert told["verdict"]
    assert {one["opponent"] for one in told["improvements"]} >= {"untuned_default", "baseline"}
    refused = CliRunner().invoke(app, ["results", "nothing", "--home", str(home), "--json"])
    assert "nothing was validated of nothing" in str(refused.exception)


def test_what_to_train_is_told(home: Path) -> None:
    shown = call(app, "recommend", "toy_rna", "--home", home)
    (told,) = json.loads(call(app, "recommend", "toy_rna", "--home", home, "--json"))
    validated = Home(home).store.read_table("validated_recommendations", ("vanillix", "toy_rna"))
    own = validated[validated["config_id"] == told["config_id"]]
    assert told["configuration"]["lr_fixed"] == pytest.approx(float(own["lr_fixed"].iloc[0]))
    assert sorted(told["seeds"]) == sorted(own["seed"].unique())
    for name in told["configuration"]:
        assert name in shown
    assert f"{told['scores']['valid']:.3f}" in shown
    assert " ".join(told["verdict"].split()[:3]) in " ".join(shown.split())
    refused = CliRunner().invoke(app, ["recommend", "toy_dna", "--home", str(home)])
    assert "nothing is recommended for toy_dna" in str(refused.exception)
    assert "toy_rna with vanillix" in str(refused.exception)


def test_a_trace_is_short_and_can_be_all_of_it(home: Path) -> None:
    arguments = ("run_results/vanillix/toy_rna/0", "--home", home)
    short, full = call(app, "trace", *arguments), call(app, "trace", *arguments, "--full")
    for shown in (short, full):
        assert "rna.parquet" in shown
        assert "run of configuration 0" in shown
        assert "whole: every hash" in shown
    assert len(short) < len(full)
    assert "settings: " in full
    assert "settings: " not in short
    told = json.loads(call(app, "trace", *arguments, "--json"))
    assert (told["artefact"], told["whole"]) == ("run_results/vanillix/toy_rna", True)
    assert {Path(one["name"]).name for one in told["files"]} == {"rna.parquet", "clinical.csv"}
    named = {one["name"]: one for one in told["artefacts"]}
    assert named["data_split/toy_rna"]["record"]["artefact"] == "data_split/toy_rna"
    assert told["runs"][0]["config_id"] == "0"


def test_the_plan_as_json(finished_tiny: Path, home: Path) -> None:
    study, data = finished_tiny / "tiny.yaml", finished_tiny / "data"
    arguments = (study, "--data", data, "--home", home, "--detect", "0.02", "--json")
    told = json.loads(call(gpu_app, "plan", *arguments))
    assert [one["task"] for one in told["estimates"]] == ["toy_rna"]
    assert told["hours"] > 0
    assert [one["architecture"] for one in told["detections"]] == ["vanillix"]


@pytest.mark.slow
def test_what_is_written_is_told_as_json(
    finished_tiny: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aehpo_assets.cli.main.run_stoppable", lambda work: work())
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    where = ("--home", copy, "--json")

    def told(*arguments: str | Path) -> Any:
        return json.loads(call(app, *arguments))

    def told_by_training(*arguments: str | Path) -> Any:
        return json.loads(call(gpu_app, *arguments))

    study, model = finished_tiny / "tiny.yaml", tmp_path / "model"
    (sampled,) = told("sample", study, "--out", tmp_path / "sampled", "--json")
    assert (Path(sampled["file"]).is_file(), sampled["configurations"]) == (True, 6)
    again = told("run", study, "--data", finished_tiny / "data", *where)
    assert (again["study"], again["made"], again["failed"]) == ("tiny", [], [])
    assert again["up_to_date"] >= 20
    exported = told("export", "--out", tmp_path / "exported", *where)
    assert all(Path(file).exists() for file in exported["files"])
    made = told_by_training("export-model", "toy_rna", "vanillix", "0", "--out", model, *where)
    assert all((model / file).is_file() for file in made["files"])
    tuned = told_by_training("tune", "toy_rna", "vanillix", "--runs", "2", "--batch", "2", *where)
    assert (tuned["runs"], tuned["not_compared"]) == (2, None)
    assert len(tuned["verdicts"]) == len(tuned["standings"]) > 0
    kept = told("reproduce", "data_split/toy_rna", "--only", *where)
    assert (kept["artefact"], kept["reproduced"]) == ("data_split/toy_rna", True)
    taken = told("next-round", *where)
    assert taken == {"taken": [["validated_recommendations", "vanillix", "toy_rna"]]}
    other = ("--home", tmp_path / "other", "--json")
    added = told("dataset", "add", finished_tiny / "data" / "toy", *other)
    assert Path(added["folder"]).is_dir()
    assert told("dataset", "demo", tmp_path / "gate", "--and-gate", "--json")
    assert {"name", "title", "origin"} == set(told("dataset", "sources", "--json")[0])


def _commands() -> list[Any]:
    (entry,) = entry_points(group="aehpo.commands")
    training = entry.load().registered_commands
    return [*app.registered_commands, *training, *dataset_app.registered_commands]


def test_every_command_has_a_help_and_a_document_for_scripts() -> None:
    for command in _commands():
        assert command.callback is not None
        assert (command.callback.__doc__ or "").strip()
        if command.callback.__name__ != "ui":
            assert "as_json" in inspect.signature(command.callback).parameters, command.callback


def test_a_document_holds_no_number_that_json_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"a": (math.nan, 1.5), "b": [math.inf, Path("c")], 3: "\u202e"})
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert json.loads(shown) == {"a": [None, 1.5], "b": [None, "c"], "3": "\u202e"}
