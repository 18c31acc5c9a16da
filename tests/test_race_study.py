"""A study with a race: really trained, validated in other replicates, taken to the next round."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.running.next_round import start_next_round
from aehpo_assets.store.home import Home
from aehpo_gpu.runs.validation import RACE_SEEDS

pytestmark = pytest.mark.slow

OWN = ("vanillix", "toy_rna")


RACING: dict[str, Any] = {"replicates": 2, "race": {"candidates": 4, "max_replicates": 4}}


def run(folder: Path, home: Path, **changes: Any) -> tuple[bool, str]:
    """Run the study of a folder with some changes; returns whether all stands, and what it said."""
    file = home.parent / f"{home.name}.yaml"
    content = yaml.safe_load((folder / "tiny.yaml").read_text())
    file.write_text(yaml.safe_dump(content | RACING | changes))
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    return run_headless(file, Home(home), [], console), printed.getvalue()


@pytest.fixture(scope="module")
def folder(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a race whose first round is finished; up to the race it is the tiny study."""
    folder = tmp_path_factory.mktemp("race")
    shutil.copytree(finished_tiny / "home", folder / "home")
    shutil.copy(finished_tiny / "tiny.yaml", folder)
    ok, printed = run(folder, folder / "home")
    assert ok, printed
    return folder


def raced(home: Path) -> dict[str, pd.DataFrame]:
    path = Home(home).store.existing_folder("race", OWN)
    return {file.stem: pd.read_parquet(file) for file in path.glob("*.parquet")}


def test_its_winner_is_validated_in_replicates_that_it_never_saw(folder: Path) -> None:
    tables = raced(folder / "home")
    winner = tables["standings"].query("state == 'winner'").iloc[0]
    store = Home(folder / "home").store
    validated = store.read_table("validated_recommendations", OWN)
    first = validated[(validated["origin"] == "recommended") & (validated["rank"] == 1)]
    assert set(first["config_id"]) == {winner["config_id"]}
    assert first[f"predicted_{VALID_SCORE}"].tolist() == [winner["mean"]] * 2
    replicates = set(tables["runs"]["replicate"])
    assert replicates == set(range(2 + RACE_SEEDS, 2 + RACE_SEEDS + len(replicates)))
    assert set(validated["replicate"]) == {2, 3}
    assert tables["runs"].groupby("replicate")["split_seed"].nunique().eq(1).all()
    assert set(tables["baselines"]["seed"]) == replicates


def test_once_finished_it_stands_and_without_it_validation_is_of_recommendations(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "home"
    shutil.copytree(folder / "home", other)
    _, printed = run(folder, other)
    assert "0 made" in printed
    ok, printed = run(folder, other, race=None)
    assert ok, printed
    made = [line.split()[1] for line in printed.splitlines() if line.startswith("made")]
    assert "validated_recommendations" in made
    assert not {"race", "run_results", "recommendations"} & set(made)
    store = Home(other).store
    validated = store.read_table("validated_recommendations", OWN)
    recommended = store.read_table("recommendations", OWN)
    first = validated[(validated["origin"] == "recommended") & (validated["rank"] == 1)]
    assert set(first["config_id"]) == {recommended["config_id"][0]}


def test_what_raced_is_evidence_of_the_next_round(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "home"
    shutil.copytree(folder / "home", other)
    home, before = Home(other), raced(other)["runs"]
    start_next_round(home)
    earlier = home.store.read_table("earlier_validations", OWN[:1])
    own = earlier[earlier["origin"] == "race"]
    assert (
        own[["config_id", "seed"]].values.tolist() == before[["config_id", "seed"]].values.tolist()
    )
    ok, printed = run(folder, other)
    assert ok, printed
    assert not set(raced(other)["runs"]["seed"]) & set(earlier["seed"])
