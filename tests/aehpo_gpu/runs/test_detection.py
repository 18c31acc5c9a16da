"""What deciding a gain takes: from the noise of the home, too much, or not known."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.power import replicates_to_detect
from aehpo_assets.noise.summary import noise_tables
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import read_study
from aehpo_assets.study.results import Race
from aehpo_gpu.cli.estimate import detection_table
from aehpo_gpu.runs.detection import detections
from aehpo_gpu.runs.estimate import TaskEstimate

ESTIMATES = [
    TaskEstimate(
        "vanillix", task, 80, 20, runs=6, shards=1, hours=0.06, memory_bytes=1, disk_bytes=1
    )
    for task in ("toy_rna", "toy_meth")
]


def store_noise(home: Home, task: str, seeds: int) -> pd.DataFrame:
    """Store the noise of 200 configurations whose runs have a standard deviation of 0.02."""
    source = np.random.default_rng(1)
    runs = pd.DataFrame(
        {
            "config_id": np.repeat(np.arange(200), seeds).astype(str),
            "status": "ok",
            VALID_SCORE: np.repeat(source.normal(0.8, 0.1, 200), seeds),
        }
    )
    runs[TEST_SCORE] = runs[VALID_SCORE] + source.normal(0, 0.02, len(runs))
    tables = noise_tables(runs, {VALID_SCORE: (0.0, 1.0), TEST_SCORE: (0.0, 1.0)})

    components = tables["components"].set_index("score", drop=False)
    for asset, score in (("noise", VALID_SCORE), ("test_results", TEST_SCORE)):

        def fill(folder: Path, score: str = score) -> None:
            components.loc[[score]].to_parquet(folder / "components.parquet")

        record = Record(code_version="1", settings={}, inputs={})
        home.store.write_folder(asset, ("vanillix", task), fill, record)
    return components


def printed(found: list, gain: float) -> str:  # type: ignore[type-arg]
    text = io.StringIO()
    Console(file=text, width=160).print(detection_table(found, gain))
    return text.getvalue()


def test_replicates_and_hours_follow_from_the_noise_of_the_home(
    tiny_root: Path, tmp_path: Path
) -> None:
    study, home = read_study(tiny_root / "tiny.yaml"), Home(tmp_path / "home")
    home.adopt(study, tiny_root / "tiny.yaml")
    noise = store_noise(home, "toy_rna", seeds=3)
    rna, meth = detections(study, ESTIMATES, home, 0.02)
    # On two tasks, three opponents each share the level; the verdict is on test.
    variance = noise.loc[TEST_SCORE, "replicate"]
    assert rna.replicates == replicates_to_detect(
        0.02, variance, comparisons=6, configurations=2 * study.hpo.validate_top + 1
    )
    assert rna.replicates == pytest.approx(2 * 3.48**2, rel=0.2)
    # One recommended, one sampled and the default, at 36 seconds a run.
    assert rna.hours == pytest.approx(rna.replicates * 3 * 0.01)
    assert meth.replicates is None
    text = printed([rna, meth], 0.02)
    assert "a gain of 0.02, with a power of 80 %" in text
    assert "can be decided" in text
    assert "noise not known: give the study at least two seeds" in text


def test_what_needs_too_many_cannot_be_decided(tiny_root: Path, tmp_path: Path) -> None:
    study, home = read_study(tiny_root / "tiny.yaml"), Home(tmp_path / "home")
    home.adopt(study, tiny_root / "tiny.yaml")
    store_noise(home, "toy_rna", seeds=3)
    found = detections(study, ESTIMATES[:1], home, 0.002)
    assert not found[0].can_be_decided
    assert "cannot be decided here: more than 40 replicates" in printed(found, 0.002)
    most = found[0].replicates
    assert most is not None
    patient = study.model_copy(update={"race": Race(max_replicates=most)})
    assert detections(patient, ESTIMATES[:1], home, 0.002)[0].can_be_decided


def test_one_seed_or_the_noise_of_another_study_says_nothing(
    tiny_root: Path, tmp_path: Path
) -> None:
    study, home = read_study(tiny_root / "tiny.yaml"), Home(tmp_path / "home")
    assert detections(study, ESTIMATES, home, 0.02)[0].replicates is None
    home.adopt(study, tiny_root / "tiny.yaml")
    store_noise(home, "toy_rna", seeds=1)
    store_noise(home, "toy_meth", seeds=3)
    rna, meth = detections(study, ESTIMATES, home, 0.02)
    assert (rna.replicates, meth.replicates is None) == (None, False)
    other = study.model_copy(update={"name": "other"})
    assert all(one.replicates is None for one in detections(other, ESTIMATES, home, 0.02))
