"""A study of two rounds: what was validated is evidence for what is recommended next."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from aehpo_assets.cli.main import app
from aehpo_assets.cli.reproduce import run_reproduction
from aehpo_assets.cli.trace import print_trace
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.running.next_round import start_next_round
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import read_study
from aehpo_assets.study.searches import Hpo
from aehpo_gpu.export.stored_run import export_stored_run
from aehpo_gpu.runs.table import measured_cost, training_settings
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import training_task

pytestmark = pytest.mark.slow

OWN = ("vanillix", "toy_rna")
EARLIER = ("earlier_validations", ("vanillix",))
ROUND = (
    *("surrogate", "recommendations", "validated_recommendations", "test_results"),
    "validation_report",
)


def make_stale(home: Home, root: Path) -> list[str]:
    """Make what a run of the study would, benchmark and pictures left out; returns its names."""
    file = root / "tiny.yaml"
    home.record_data_roots([root / "data"])
    tasks = available_tasks(home.data_roots())
    instance = prepare(read_study(file), home, tasks, file=file)
    study_run = StudyRun(home, instance, tasks)
    made = []
    for assets, partition in study_run.works():
        if set(assets) & {"recommended_latents", "blackbox_curves"}:
            continue
        if any(study_run.artefacts.why_stale(asset, partition) is not None for asset in assets):
            outcome = study_run.materialize(Work(assets, partition, "stale"))
            assert outcome.error is None, outcome
            made += [asset for asset in assets if asset != "learning_curves"]
    return made


@pytest.fixture(scope="module")
def first(finished_tiny: Path) -> Home:
    """A home whose first round is finished."""
    return Home(finished_tiny / "home")


@pytest.fixture(scope="module")
def second(
    first: Home, finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, list[str]]:
    """A copy of it after its second round, and what was made in it."""
    home = Home(tmp_path_factory.mktemp("rounds") / "second")
    shutil.copytree(first.root, home.root)
    assert start_next_round(home) == [OWN]
    return home, make_stale(home, finished_tiny)


def reproduced(home: Home, name: str) -> str:
    printed = io.StringIO()
    assert run_reproduction(home, name, 1e-5, Console(file=printed, width=160)), printed.getvalue()
    return printed.getvalue()


def test_the_first_round_has_no_evidence_and_one_default(first: Home) -> None:
    assert first.store.read_table(*EARLIER).empty
    validated = first.store.read_table("validated_recommendations", OWN)
    origins = ["recommended", "best_sampled", "untuned_default"]
    assert list(validated["origin"].unique()) == origins
    for _, own in validated.groupby("origin"):
        assert list(own["replicate"]) == list(own["split_seed"]) == list(own["seed"]) == [2, 3]
    report = first.store.existing_folder("validation_report", ("vanillix",))
    (sentence,) = pd.read_parquet(report / "verdicts.parquet")["verdict"]
    assert "the untuned default" in sentence
    assert "PCA" in sentence
    assert len(pd.read_parquet(report / "predictions.parquet")) == 1


def test_every_configuration_is_trained_in_every_replicate_on_its_split(first: Home) -> None:
    store = first.store
    results = store.read_table("run_results", OWN)
    assert list(results["replicate"]) == [0, 1] * 6
    assert list(results["split_seed"]) == list(results["seed"]) == [0, 1] * 6
    # Each is what its training alone on the split of its replicate gives.
    split = store.read_table("data_split", OWN[1:])
    assert list(split) == ["split", "split_1"]
    matrix = store.read_table("omics_matrix", OWN[1:])
    study = first.study()
    for seed, column in enumerate(split):
        fitted = fit_preprocessing(matrix, split[column], study.preprocessing).apply(matrix)
        labels = store.read_table("sample_labels", OWN[1:])
        data = training_task("toy_rna", fitted, split[[column]].set_axis(["split"], axis=1), labels)
        run = results[results["seed"] == seed].head(1).reset_index(drop=True)
        settings = training_settings(study)
        inputs = run[["config_id", *search_space("vanillix", study.space).names, "seed"]]
        cost = measured_cost(first, "vanillix", inputs, settings)
        alone = train_shard(data, "vanillix", inputs, [[0]], settings, cost).runs
        for name in ("train_recon_loss", "valid_r2", "auc_sex_valid"):
            assert alone[name].iloc[0] == pytest.approx(run[name].iloc[0], rel=1e-5)


def test_baselines_are_scored_in_the_replicates_of_validation(first: Home) -> None:
    table = first.store.read_table("baseline_performance", OWN[1:])
    assert set(table.loc[~table["fresh"], "replicate"]) == {0, 1}
    fresh = table[table["fresh"]]
    for _, own in fresh.groupby("method"):
        assert list(own["replicate"]) == [2, 3]
        assert own[["latent_dim", "features"]].drop_duplicates().shape[0] == 1


def test_a_run_of_any_replicate_is_exported_with_its_own_fit(first: Home, tmp_path: Path) -> None:
    split = first.store.read_table("data_split", OWN[1:])
    matrix = first.store.read_table("omics_matrix", OWN[1:])
    results = first.store.read_table("run_results", OWN)
    config_id = str(results["config_id"].iloc[0])
    export_stored_run(first, "toy_rna", "vanillix", config_id, 1, tmp_path / "model")
    fitted = fit_preprocessing(matrix, split["split_1"], first.study().preprocessing)
    kept = json.loads((tmp_path / "model" / "preprocessing.json").read_text())
    count = len(kept["features"])
    assert kept["features"] == fitted.features[:count]
    np.testing.assert_allclose(kept["center"], fitted.center[:count])


def test_the_next_round_makes_exactly_what_hangs_on_the_evidence(
    second: tuple[Home, list[str]],
) -> None:
    assert tuple(second[1]) == ROUND


def test_the_second_look_at_the_test_is_counted_and_named(
    first: Home, second: tuple[Home, list[str]]
) -> None:
    home, _ = second
    for number, looked in enumerate((first, home), 1):
        folder = looked.store.existing_folder("test_results", OWN)
        assert (pd.read_parquet(folder / "runs.parquet")["opening"] == number).all()
        report = looked.store.existing_folder("validation_report", OWN[:1])
        (sentence,) = pd.read_parquet(report / "verdicts.parquet")["verdict"]
        assert ("This is opening 2 of these test samples" in sentence) == (number == 2)
    assert len(home.openings.known(*OWN)) == 2


def test_what_was_validated_is_evidence_and_seeds_are_fresh(
    first: Home, second: tuple[Home, list[str]]
) -> None:
    home, _ = second
    before = first.store.read_table("validated_recommendations", OWN)
    earlier = home.store.read_table(*EARLIER)
    assert set(earlier["config_id"]) == set(before["config_id"])
    assert set(earlier["round"]) == {1}
    record = home.store.provenance(*EARLIER)
    assert record is not None
    old = first.store.provenance("validated_recommendations", OWN)
    assert old is not None
    assert record.taken == {"validated_recommendations/vanillix/toy_rna": [old.data_version]}
    after = home.store.read_table("validated_recommendations", OWN)
    assert set(after["seed"]) == {4, 5}
    diagnostics = pd.read_parquet(
        home.store.existing_folder("surrogate", ("vanillix",)) / "diagnostics.parquet"
    )
    assert set(diagnostics["runs"]) == {2 * (6 + earlier["config_id"].nunique())}


def test_the_instance_knows_of_the_new_round(second: tuple[Home, list[str]]) -> None:
    home, _ = second
    event = open_instance(home).get_latest_materialization_event(dg.AssetKey(EARLIER[0]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["rounds"].value == 1
    record = home.store.provenance(*EARLIER)
    assert record is not None
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == record.data_version


def test_the_same_validation_is_never_added_twice(first: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(first.root, home.root)
    arguments = ["next-round", "--home", str(home.root)]
    assert "taken     validated_recommendations/vanillix/toy_rna" in (
        CliRunner().invoke(app, arguments).output
    )
    before = home.store.provenance(*EARLIER)
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0
    assert "hold all of it already" in again.output
    assert home.store.provenance(*EARLIER) == before


def test_made_again_without_being_asked_to_go_on_it_stays_as_it_is(
    second: tuple[Home, list[str]],
) -> None:
    home, _ = second
    before = home.store.provenance(*EARLIER)
    instance = open_instance(home)
    study_run = StudyRun(home, instance, available_tasks(home.data_roots()))
    outcome = study_run.materialize(Work((EARLIER[0],), EARLIER[1], "by mistake"))
    assert outcome.error is None
    after = home.store.provenance(*EARLIER)
    assert before is not None
    assert after is not None
    assert (after.data_version, after.taken) == (before.data_version, before.taken)


def test_a_round_that_is_not_finished_is_refused(first: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no study"):
        start_next_round(Home(tmp_path / "nothing"))
    home = Home(tmp_path / "home")
    shutil.copytree(first.root, home.root)
    before = home.store.provenance(*EARLIER)
    recommendations = home.store.table_path("recommendations", OWN)
    validated = home.store.table_path("validated_recommendations", OWN)
    kept = validated.read_bytes()
    validated.unlink()
    with pytest.raises(InputError, match="is not validated yet"):
        start_next_round(home)
    validated.write_bytes(kept)
    kept = recommendations.read_bytes()
    recommendations.unlink()
    with pytest.raises(InputError, match="nothing of vanillix is validated yet"):
        start_next_round(home)
    recommendations.write_bytes(kept)
    record = home.store.provenance("recommendations", OWN)
    assert record is not None
    table = home.store.read_table("recommendations", OWN)
    home.store.write_table("recommendations", OWN, table.iloc[::-1], Record("1"))
    with pytest.raises(InputError, match="is not of the present recommendations"):
        start_next_round(home)
    assert home.store.provenance(*EARLIER) == before


@pytest.mark.parametrize(
    ("setting", "value", "asset"),
    [
        ("hpo", Hpo(seed=7), "recommendations"),
        ("annealing", "no-annealing", "validated_recommendations"),
    ],
)
def test_a_round_that_is_stale_is_refused(
    first: Home, tmp_path: Path, setting: str, value: Hpo | str, asset: str
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(first.root, home.root)
    home.adopt(home.study().model_copy(update={setting: value}), Path("tiny.yaml"))
    before = home.store.provenance(*EARLIER)
    refused = CliRunner().invoke(app, ["next-round", "--home", str(home.root)])
    assert refused.exit_code == 1
    assert isinstance(refused.exception, InputError)
    why = f": {asset}/vanillix/toy_rna is stale: the setting {setting} changed"
    assert why in str(refused.exception)
    assert "aehpo run STUDY.yaml" in str(refused.exception)
    assert home.store.provenance(*EARLIER) == before


def test_a_home_with_nothing_but_a_study_is_left_as_it_is(
    finished_tiny: Path, tmp_path: Path
) -> None:
    home, file = Home(tmp_path / "home"), finished_tiny / "tiny.yaml"
    for tasks in ("all", ["toy_rna"]):
        home.adopt(read_study(file).model_copy(update={"tasks": tasks}), file)
        with pytest.raises(InputError, match="nothing of vanillix is validated yet"):
            start_next_round(home)
        assert sorted(path.name for path in home.root.rglob("*")) == ["home.json", "study.yaml"]


def test_a_damaged_table_of_earlier_rounds_is_not_made_anew(
    second: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(second[0].root, home.root)
    path = home.store.table_path(*EARLIER)
    path.write_bytes(path.read_bytes()[:-40])
    study_run = StudyRun(home, open_instance(home), available_tasks(home.data_roots()))
    for _ in range(2):
        outcome = study_run.materialize(Work((EARLIER[0],), EARLIER[1], "damaged"))
        assert outcome.error is not None
        assert "cannot be made again" in outcome.error
        with pytest.raises(InputError, match="Bring it back"):
            run_reproduction(home, "surrogate/vanillix", 1e-5, Console(file=io.StringIO()))


def test_a_recommendation_of_the_second_round_is_reproduced_and_traced(
    second: tuple[Home, list[str]],
) -> None:
    home, _ = second
    printed = reproduced(home, "recommendations/vanillix/toy_rna")
    assert "recommendations/vanillix/toy_rna: equal" in printed
    assert "earlier_validations" not in printed
    shown = io.StringIO()
    assert print_trace(
        home, "recommendations/vanillix/toy_rna", Console(file=shown, width=200), full=True
    )
    assert "took over validated_recommendations/vanillix/toy_rna: " in shown.getvalue()


def test_a_recommendation_of_a_round_before_is_reproduced_with_the_evidence_of_then(
    first: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(first.root, home.root)
    start_next_round(home)
    assert "surrogate/vanillix: equal" in reproduced(home, "surrogate/vanillix")
    with pytest.raises(InputError, match="is a given"):
        reproduced(home, "earlier_validations/vanillix")


def test_evidence_that_is_not_kept_as_it_was_is_refused(
    second: tuple[Home, list[str]], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(second[0].root, home.root)
    other = home.store.read_table(*EARLIER).iloc[1:].reset_index(drop=True)
    home.store.write_table(*EARLIER, other, Record("1"))
    with pytest.raises(InputError, match="which is not kept"):
        reproduced(home, "recommendations/vanillix/toy_rna")
