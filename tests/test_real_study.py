"""A whole study on real tumours, where the data is at hand: three omics of 121 patients."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Store

TASKS = ["coread_cna", "coread_mut", "coread_rna"]
SCORE = "weighted_avg_auc_downstream_performance"

STUDY = {
    "name": "coread_small",
    "tasks": TASKS,
    "architectures": ["varix"],
    "report": None,
    "configurations": {"count": 8},
    "space": {"k_filter": [32, 64], "latent_dim_fixed": [4, 8]},
    "epochs": 5,
    "device": "cpu",
    "test": "open",
    "preprocessing": {"scaler": "robust", "clip": 10},
    "hpo": {"trials": 12, "validate_top": 1, "surrogates": ["xgboost"]},
}


@pytest.fixture(scope="module")
def finished(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    """Store of the finished study, and what was printed."""
    root = tmp_path_factory.mktemp("coread")
    file = root / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    printed = io.StringIO()
    console = Console(file=printed, width=160)
    ok = run_headless(file, Home(root / "home"), [shared_data], console)
    assert ok, printed.getvalue()
    return Store(root / "home" / "store"), printed.getvalue()


def test_every_task_gets_a_validated_recommendation(finished: tuple[Store, str]) -> None:
    store, _ = finished
    for task in TASKS:
        validated = store.read_table("validated_recommendations", ("varix", task))
        assert set(validated["origin"]) == {"recommended", "best_sampled", "untuned_default"}
        assert validated[f"{SCORE}_valid"].between(0, 1).all()
        recommended = validated[validated["origin"] == "recommended"]
        assert recommended[f"predicted_{SCORE}_valid"].between(0, 1).all()


def test_every_label_is_scored_by_runs_and_baselines(finished: tuple[Store, str]) -> None:
    store, _ = finished
    columns = [
        f"auc_{label}_{split}"
        for label in ("cms_label", "gender", "msi")
        for split in ("valid", "test")
    ]
    for task in TASKS:
        runs = store.read_table("run_results", ("varix", task))
        baselines = store.read_table("baseline_performance", (task,))
        assert runs[columns].notna().all(axis=None)
        assert baselines[columns].notna().all(axis=None)


def test_one_split_serves_all_omics_of_a_patient(finished: tuple[Store, str]) -> None:
    store, _ = finished
    splits = [store.read_table("data_split", (task,))["split"] for task in TASKS]
    for other in splits[1:]:
        both = splits[0].index.intersection(other.index)
        assert len(both) > 100
        assert (splits[0][both] == other[both]).all()


def test_the_summary_names_every_task(finished: tuple[Store, str]) -> None:
    for task in TASKS:
        assert task in finished[1]


def test_verdicts_say_that_the_test_is_open(finished: tuple[Store, str]) -> None:
    folder = finished[0].existing_folder("validation_report", ("varix",))
    verdicts = pd.read_parquet(folder / "verdicts.parquet")["verdict"]
    assert len(verdicts) == len(TASKS)
    assert verdicts.str.contains("The test of this study is open").all()
