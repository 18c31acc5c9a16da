"""Fixtures that tests of every package share."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has a core. Threads of several would wait for each other, and burn it by waiting.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Else the first layout of UMAP sets as many for the whole process as there are cores.
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import settings

from aehpo_assets.analysis.plots.style import drawn_as

# The same examples each time, however slow the machine: a change is what makes a test fail.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


_TESTS = Path(__file__).parent
_LONGEST_FIRST = (_TESTS / "aehpo_gpu", _TESTS / "aehpo_assets" / "hpo")
"""Below them there are files that train or fit for a long time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, so that no worker is left alone with one at the end.

    Workers take whole files, in this order as long as ``make test`` tells pytest-xdist not to
    order them itself: it takes those of many tests first, but what takes long here are whole
    studies, which few tests share. Those are the files that lie in this folder itself.
    """

    def rank(item: pytest.Item) -> int:
        if item.path.parent == _TESTS:
            return 0
        below = (n for n, folder in enumerate(_LONGEST_FIRST, 1) if folder in item.path.parents)
        return next(below, len(_LONGEST_FIRST) + 1)

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def short_timings() -> Iterator[None]:
    """Each home measures what a training step takes; how well is a matter of the cost model."""
    from aehpo_gpu.training import timing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "SECONDS_OF_A_TIMING", 0.01)
        patch.setattr(timing, "SOLO_TIMINGS", 8)
        patch.setattr(timing, "FLEETS_OF_A_SIZE", 2)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets beside the checkout; the test is skipped where it is absent."""
    folder = Path(
        os.environ.get("AEHPO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder


TINY_STUDY = {
    "name": "tiny",
    "tasks": "all",
    "architectures": ["vanillix"],
    "configurations": {"count": 6},
    "space": {"k_filter": [16], "latent_dim_fixed": [2, 4], "activation": ["relu", "tanh"]},
    "epochs": 2,
    "device": "cpu",
    "report": None,
    # The baselines that take seconds, and the other surrogates, are those of the larger studies.
    "baselines": {"methods": ["pca", "raw_features", "random_features"]},
    "hpo": {"trials": 6, "validate_top": 1, "surrogates": ["gaussian_process"]},
}
"""One architecture on one task: as little as a study can be."""


def write_tiny(root: Path, **changes: object) -> None:
    """Write ``tiny.yaml``, and the data set that it is about below ``data``."""
    folder = root / "data" / "toy"
    folder.mkdir(parents=True)
    source = np.random.default_rng(0)
    hidden = source.normal(size=(80, 2))
    values = np.tanh(hidden @ source.normal(size=(2, 20))) + 0.3 * source.normal(size=(80, 20))
    ids = pd.Index([f"P{i:03d}" for i in range(80)], name="sample_id")
    columns = [f"g{i}" for i in range(20)]
    pd.DataFrame(values, index=ids, columns=columns).to_parquet(folder / "rna.parquet")
    labels = pd.DataFrame({"sex": np.where(hidden[:, 0] > 0, "f", "m")}, index=ids)
    labels.to_csv(folder / "clinical.csv")
    content = {
        "name": "toy",
        "source": "made up",
        "licence": "CC0-1.0",
        "modalities": {"rna": {"file": "rna.parquet"}},
        "labels": {"file": "clinical.csv", "objective": {"sex": ["sex"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    (root / "tiny.yaml").write_text(yaml.safe_dump(TINY_STUDY | changes))


@pytest.fixture
def same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands that can be stopped do their work in the process that captures their words."""
    from aehpo_assets.cli import main

    monkeypatch.setattr(main, "run_stoppable", lambda work: work())


@pytest.fixture(scope="session", autouse=True)
def studies_without_pictures() -> Iterator[None]:
    """Draw where a test asks for it alone: pictures are a third of what a tiny study takes."""
    with drawn_as("nothing"):
        yield


@pytest.fixture
def pictures() -> Iterator[None]:
    """Draw what is drawn, as PNG."""
    with drawn_as("png"):
        yield


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.yaml`` and the data set that it is about below ``data``."""
    root = tmp_path_factory.mktemp("tiny")
    write_tiny(root)
    return root


@pytest.fixture(scope="session")
def finished_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study in two replicates, and ``home``, in which all of it is made and drawn.

    It is made once for all workers, and no test writes into it: whatever changes a home takes a
    copy, whose records go on naming the data set here.
    """
    from aehpo_assets.datasets.catalogue import available_tasks
    from aehpo_assets.running.runner import StudyRun, prepare
    from aehpo_assets.store.home import Home
    from aehpo_assets.study import read_study

    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "finished_tiny"
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "is_finished").exists():
            shutil.rmtree(root, ignore_errors=True)
            write_tiny(root, replicates=2)
            home, file = Home(root / "home"), root / "tiny.yaml"
            home.record_data_roots([root / "data"])
            tasks = available_tasks(home.data_roots())
            instance = prepare(read_study(file), home, tasks, file=file)
            with drawn_as("png"):
                outcomes = list(StudyRun(home, instance, tasks).run())
            assert [outcome for outcome in outcomes if outcome.error is not None] == []
            # So that the files of its databases are whole.
            instance.dispose()
            (root / "is_finished").touch()
    return root
