"""An architecture of another package: one module, found by both packages, searched and trained."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.effects import main_effects
from aehpo_assets.analysis.importance import hyperparameter_importance
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.blackbox import build_blackboxes, read_blackbox, write_blackbox
from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.surrogate.diagnostics import worst_regions
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.running.preflight import check_study
from aehpo_assets.space import (
    ARCHITECTURE_SPACES,
    Uniform,
    configurations_of,
    default_configuration,
    search_space,
)
from aehpo_assets.study import Study
from aehpo_assets.study.searches import Hpo
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.runs.preflight import difference
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

ROOT = Path(__file__).parents[2]
MODULE = '''
"""A VAE that pays for no latent below its free bits (Kingma et al. 2016, equation 15)."""

import torch

from aehpo_assets.space import SHARED, ArchitectureSpace, Hyperparameter, Uniform
from aehpo_gpu.architectures import Architecture
from aehpo_gpu.architectures.varix import log_variance, sample

SPACE = ArchitectureSpace("freebits", (*SHARED, Hyperparameter("gamma", Uniform(0, 1), 0.25)))


def loss(batch):
    variance = log_variance(batch.heads)
    kl = -0.5 * (1 + variance - batch.heads["mean"].square() - variance.exp())
    floor = batch.hyperparameters["gamma"][:, None] * batch.mask[:, 0]
    paid = torch.maximum(kl.mean(1), floor).sum(1) * kl.shape[1]
    return kl.sum((1, 2)), paid


FREEBITS = Architecture("freebits", ("mean", "log_variance"), sample, loss, ("gamma",))
'''

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a package of one module beside its dist-info, as an installer does."""

    def make(source: str) -> None:
        (tmp_path / "lab_freebits.py").write_text(source)
        info = tmp_path / "lab_freebits-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-freebits\nVersion: 1.0\n")
        points = "[aehpo.architectures]\nfreebits = lab_freebits\n"
        # Where this project itself is not installed, nobody else asks the engine.
        points += (
            "[aehpo.preflight]\narchitectures = aehpo_gpu.runs.preflight:check_architectures\n"
        )
        (info / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        forget()

    def forget() -> None:
        for registry in (ARCHITECTURES, ARCHITECTURE_SPACES):
            vars(registry).pop("_found", None)
        sys.modules.pop("lab_freebits", None)

    yield make
    monkeypatch.undo()
    forget()


def study(**changes: Any) -> Study:
    content = {
        "name": "s",
        "tasks": ["toy_rna"],
        "architectures": ["freebits"],
        "report": None,
        "configurations": {"count": 24},
        "space": {
            "k_filter": [32, 48],
            "latent_dim_fixed": [2, 4],
            "batch_size": [32, 64],
            "lr_fixed": {"loguniform": [1e-3, 1e-2]},
            "gamma": {"uniform": [0.1, 0.5]},
        },
        "epochs": 2,
    }
    return Study.model_validate(content | changes)


def test_every_space_has_its_architecture_and_every_loss_its_weights() -> None:
    assert set(ARCHITECTURES) == set(ARCHITECTURE_SPACES)
    assert {name: difference(name) for name in ARCHITECTURES} == dict.fromkeys(ARCHITECTURES)


def test_the_engine_is_asked_before_a_study_starts() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    point = EntryPoint("it", declared["aehpo.preflight"]["architectures"], "aehpo.preflight")
    point.load()(study(architectures=["varix"]), Path("study.yaml"))


@pytest.mark.slow
@pytest.mark.usefixtures("pictures")
def test_a_hyperparameter_of_another_package_goes_all_the_way(
    install: Install, task: TrainingTask, tmp_path: Path
) -> None:
    install(MODULE)
    words = {"optimizer": ["adam", "sgd"], "lr_schedule": ["cosine"]}
    settings, file = study(space=study().space | words), Path("study.yaml")
    check_study(settings, file, ["toy_rna"])
    space = search_space("freebits", settings.space)
    assert space.hyperparameters["gamma"] == Uniform(0.1, 0.5)
    assert default_configuration(space)["gamma"] == 0.25
    configurations = configurations_of(settings, "freebits")
    assert configurations["gamma"].between(0.1, 0.5).all()
    assert configurations["gamma"].is_unique
    position = Encoder(space).columns.index("gamma")
    encoded = Encoder(space).matrix(configurations)[:, position]
    np.testing.assert_allclose(encoded, (configurations["gamma"] - 0.1) / 0.4)

    # A word has a column each in models of distances, and a constant has none.
    assert set(configurations["optimizer"]) == {"adam", "sgd"}
    assert {"optimizer=adam", "optimizer=sgd"} < set(Encoder(space).columns)

    results = trained(task, configurations)
    assert (results["status"] == "ok").all()
    assert np.isfinite(results[[*SCORES, "valid_r2", "train_vae_loss"]]).all().all()
    # The loss reads gamma: a larger one leaves other weights behind.
    other = trained(task, configurations.assign(gamma=0.5))
    assert not np.allclose(results["valid_r2"], other["valid_r2"])
    adam = (results["optimizer"] == "adam").to_numpy()
    swapped = trained(task, configurations.assign(optimizer="sgd"))
    changed = (results["valid_r2"] != swapped["valid_r2"]).to_numpy()
    assert (changed == adam).all()

    names = space.names
    effects = main_effects(results, names)
    assert "gamma" in set(effects["hyperparameter"])
    levels = effects[effects["hyperparameter"] == "optimizer"]
    assert levels["word"].tolist() == ["adam", "sgd"]
    assert levels["value"].isna().all()
    for picture in (
        plots.main_effects(effects),
        plots.configuration_distribution(configurations),
        plots.score_against_hyperparameters(results, names),
    ):
        assert picture.startswith(b"\x89PNG")
    importance = hyperparameter_importance(results, names)
    by_name = importance.set_index("hyperparameter")
    assert np.isfinite(by_name.loc[["gamma", "optimizer"], "importance"]).all()
    box = build_blackboxes({"toy_rna": results}, space, settings.epochs).tasks["toy_rna"]
    assert {"gamma", "optimizer", "lr_schedule"} < set(box.configuration_space)
    write_blackbox(tmp_path / "box", build_blackboxes({"toy_rna": results}, space, 2))
    read = read_blackbox(tmp_path / "box").tasks["toy_rna"]
    assert read.hyperparameters["optimizer"].tolist() == configurations["optimizer"].tolist()
    evaluations = training_table({"toy_rna": results}, space)
    fitted, _, out_of_fold = fit_surrogate(evaluations, space)
    regions = worst_regions(out_of_fold, evaluations, ["optimizer"])
    assert set(regions["word"]) <= {"adam", "sgd"}
    fitted.save(tmp_path / "surrogate")
    assert Surrogate.load(tmp_path / "surrogate").space == space
    hpo = Hpo(searchers=["random_search", "regularized_evolution", "cqr", "kde", "bore"], trials=12)
    found = recommend("toy_rna", evaluations, fitted, space, hpo, n_features=48).table
    assert set(found["optimizer"]) <= {"adam", "sgd"}
    assert set(found["lr_schedule"]) == {"cosine"}
    assert found["gamma"].between(0.1, 0.5).all()
    assert not set(found["gamma"]) <= set(configurations["gamma"])


def trained(task: TrainingTask, configurations: pd.DataFrame) -> pd.DataFrame:
    """Train all configurations as fleets of one depth and batch size."""
    runs = configurations.assign(seed=0)
    groups = runs.reset_index(drop=True).groupby(["n_layers", "batch_size"]).groups.values()
    cost = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
    settings = TrainingSettings(epochs=2, device="cpu")
    return train_shard(task, "freebits", runs, [list(g) for g in groups], settings, cost).runs


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('("gamma",))\n', '("gama",))\n', "the loss of freebits reads gama, which its search"),
        ('Architecture("freebits"', 'Architecture("freebit"', "but no Architecture of that name"),
        (
            '("gamma",))\n',
            '("gamma",), training={"optimizer": "sgd"})\n',
            "optimizer of freebits is adamw in its search space, and sgd where it is trained",
        ),
        ("(*SHARED, Hyper", "(*SHARED[1:], Hyper", "the space of freebits lacks .* k_filter"),
        ("SPACE = ArchitectureSpace", "ArchitectureSpace", "freebits.*holds no ArchitectureSpace"),
    ],
)
def test_a_space_and_a_loss_that_do_not_fit_are_refused(
    install: Install, old: str, new: str, words: str
) -> None:
    assert old in MODULE
    install(MODULE.replace(old, new))
    with pytest.raises(InputError, match=words):
        check_study(study(), Path("study.yaml"), ["toy_rna"])
