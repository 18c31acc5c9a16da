"""The runs of a study as trials, read back by Optuna itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aehpo_assets.cli.main import app
from aehpo_assets.errors import InputError
from aehpo_assets.exchange.optuna_storage import write_optuna
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home

optuna = pytest.importorskip("optuna")

NAME = "tiny/vanillix/toy_rna"


def test_every_run_is_a_trial(finished_tiny: Path, tmp_path: Path) -> None:
    home = Home(finished_tiny / "home")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    said = CliRunner().invoke(app, ["export", "--optuna", url, "--home", str(home.root)])
    assert said.exit_code == 0, said.exception
    study = optuna.load_study(study_name=NAME, storage=url)
    runs = home.store.read_table("run_results", ("vanillix", "toy_rna"))
    assert [t.value for t in study.trials] == pytest.approx(runs[VALID_SCORE].tolist())
    space = search_space("vanillix", home.study().space)
    first = study.trials[0]
    assert first.params == {name: runs[name].iloc[0] for name in space.names}
    assert first.user_attrs["config_id"] == runs["config_id"].iloc[0]
    assert first.user_attrs["replicate"] == 0
    assert study.best_value == pytest.approx(runs[VALID_SCORE].max())
    assert first.distributions["lr_fixed"].log
    # It goes on from there: a sampler takes what is known.
    study.sampler = optuna.samplers.TPESampler(seed=0)
    asked = study.ask(first.distributions)
    assert asked.params.keys() == first.params.keys()


def test_what_is_there_is_left_alone(finished_tiny: Path, tmp_path: Path) -> None:
    home = Home(finished_tiny / "home")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    assert write_optuna(home, url) == [NAME]
    with pytest.raises(InputError, match="has a study tiny/vanillix/toy_rna already"):
        write_optuna(home, url)
    assert len(optuna.load_study(study_name=NAME, storage=url).trials) == 12


@pytest.mark.parametrize("url", ["nothing://here", "study.db", "sqlite:////not/there/study.db"])
def test_what_is_no_storage_is_refused(finished_tiny: Path, url: str) -> None:
    with pytest.raises(InputError, match="no storage that can be opened"):
        write_optuna(Home(finished_tiny / "home"), url)


def test_nothing_to_export_and_nowhere_to_is_said(tmp_path: Path, finished_tiny: Path) -> None:
    home = str(finished_tiny / "home")
    nowhere = CliRunner().invoke(app, ["export", "--home", home])
    assert "says nowhere to write to" in str(nowhere.exception)
