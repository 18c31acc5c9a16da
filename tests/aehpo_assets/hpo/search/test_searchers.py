"""The registry of searchers: what is known by name, and what another package adds."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, run_cell
from aehpo_assets.hpo.recommend import SAMPLED, recommend
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.searchers import (
    SEARCHERS,
    check_searchers,
    find_searcher,
    make_scheduler,
    searcher_names,
)
from aehpo_assets.hpo.search.told import TaskFacts
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.running.preflight import check_study
from aehpo_assets.space import Choice, SearchSpace, Uniform
from aehpo_assets.study import read_study

GOLDEN = (5**0.5 - 1) / 2

PLUGIN = '''
"""A searcher of a lab: steps of the golden ratio through every hyperparameter."""

from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity


def golden_ratio():
    from syne_tune.config_space import Categorical
    from syne_tune.optimizer.schedulers.searchers.single_objective_searcher import (
        SingleObjectiveBaseSearcher,
    )

    class GoldenRatio(SingleObjectiveBaseSearcher):
        step = 0

        def suggest(self):
            self.step += 1
            share = self.step * (5**0.5 - 1) / 2 % 1
            return {
                name: domain.categories[self.step % len(domain.categories)]
                if isinstance(domain, Categorical)
                else domain.lower + share * (domain.upper - domain.lower)
                for name, domain in self.config_space.items()
            }

    return GoldenRatio


GOLDEN_SEARCH = Searcher("golden_search", single_fidelity(golden_ratio), "Knuth, TAOCP 3, 6.4")
ABSENT = Searcher(
    "absent_search", single_fidelity(golden_ratio), "", library="no_such_library", extra="lab[x]"
)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a package with one module of searchers, as pip would."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__init__.py").touch()
    (tmp_path / "lab" / "golden.py").write_text(PLUGIN)
    metadata = tmp_path / "lab-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text("[aehpo.searchers]\nmine = lab.golden\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    vars(SEARCHERS).pop("_found", None)
    yield
    vars(SEARCHERS).pop("_found", None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "lab"]:
        del sys.modules[name]


def golden(space: SearchSpace, count: int) -> pd.DataFrame:
    """Return what the plug-in should propose."""
    rows = []
    for step in range(1, count + 1):
        row = {}
        for name, known in space.hyperparameters.items():
            if isinstance(known, Choice):
                row[name] = known.values[step % len(known.values)]
            else:
                row[name] = known.lower + step * GOLDEN % 1 * (known.upper - known.lower)
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.usefixtures("plugin")
def test_a_searcher_of_another_package_recommends_for_a_study(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace, tmp_path: Path
) -> None:
    file = tmp_path / "study.yaml"
    content = {
        "name": "s",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 2},
        "epochs": 1,
        "hpo": {"searchers": ["golden_search"], "trials": 8, "workers": 1, "repetitions": 1},
        "benchmark": {"searchers": ["random_search", "golden_search+box"]},
        "live": {"searchers": ["golden_search"]},
    }
    file.write_text(yaml.safe_dump(content))
    study = read_study(file)
    check_study(study, file, ["a", "b"])
    assert SEARCHERS.module_of("golden_search") == "lab.golden"
    found = recommend("a", evaluations, surrogate, space, study.hpo, n_features=9999)
    assert set(found.table["searcher"]) == {"golden_search", SAMPLED}
    alone = found.trials[~found.trials["transfer"]]
    expected = golden(space, 8)
    assert len(alone) == 8
    pd.testing.assert_frame_equal(
        alone[space.names].reset_index(drop=True), expected, check_dtype=False
    )


@pytest.mark.usefixtures("plugin")
def test_a_searcher_of_another_package_searches_the_box_of_other_tasks(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    plan = BenchmarkPlan(("golden_search", "golden_search+box"), 1, 6)
    plan.check(tasks=2, curves=False)
    facts = TaskFacts(TrainingOperations(4096, 500, 90))
    whole, boxed = (
        run_cell(plan, "a", name, evaluations, facts, surrogate) for name in plan.searchers
    )
    ranges = [name for name, known in space.hyperparameters.items() if isinstance(known, Uniform)]
    assert not np.allclose(whole[ranges], boxed[ranges])
    assert set(boxed["searcher"]) == {"golden_search+box"}


@pytest.mark.usefixtures("plugin")
def test_what_another_package_needs_is_named() -> None:
    with pytest.raises(InputError, match="'absent_search' needs no_such_library") as caught:
        check_searchers(["absent_search"])
    assert caught.value.remedy == "Install what it needs: pip install 'lab[x]'."
    with pytest.raises(InputError, match="Did you mean golden_search"):
        check_searchers(["golden_serch"])


def test_the_plugin_is_gone_with_its_package() -> None:
    assert "golden_search" not in SEARCHERS
    with pytest.raises(InputError, match="unknown searcher"):
        check_searchers(["golden_search"])


def test_searchers_of_the_extra_are_known_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_extra = {name for name, searcher in SEARCHERS.items() if searcher.library}
    assert of_the_extra == {"botorch", "ehvi", "optuna_tpe", "optuna_tpe_median"}
    for library in ("botorch", "optuna"):
        monkeypatch.setitem(sys.modules, library, None)
    assert not of_the_extra & set(searcher_names(lambda searcher: True))
    for name in (*of_the_extra, "botorch+box"):
        with pytest.raises(InputError, match="which is not installed") as caught:
            check_searchers([name], fits=lambda searcher: True)
        assert caught.value.remedy == "Install what it needs: pip install 'aehpo[searchers]'."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("random_search", "whole trainings"),
        ("cqr+box", "whole trainings"),
        ("quantile_transfer", "whole trainings"),
        ("ehvi", "whole trainings"),
        ("asha", "stopped early"),
        ("moasha", "stopped early"),
        ("optuna_tpe_median", "stopped early"),
        ("zero_shot", "fixed list"),
    ],
)
def test_a_searcher_knows_what_it_spends_on(name: str, kind: str) -> None:
    assert find_searcher(name).kind == kind


def test_a_box_is_of_a_searcher_that_sees_whole_trainings_of_one_task() -> None:
    boxed = searcher_names(lambda searcher: searcher.box)
    alone = searcher_names(lambda searcher: searcher.single_fidelity)
    assert [name.removesuffix("+box") for name in boxed] == alone
    # The box is the caller's to make: without it, the name would promise what is not done.
    with pytest.raises(InputError, match="does not work here"):
        make_scheduler("cqr+box", None)  # type: ignore[arg-type]


def test_every_searcher_names_its_source() -> None:
    assert all(any(map(str.isdigit, searcher.reference)) for searcher in SEARCHERS.values())
