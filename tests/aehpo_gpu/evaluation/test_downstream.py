"""The table of downstream scores: parity, missing labels, useless latents, weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets, RegressionTarget
from aehpo_assets.hpo.columns import INFLUENCE, columns_of_test
from aehpo_gpu.evaluation import downstream
from aehpo_gpu.evaluation.downstream import TEST_SCORE, VALID_SCORE, score_latents

N = 120
SPLIT = np.array(["train"] * 70 + ["valid"] * 20 + ["test"] * 30)


@pytest.fixture
def targets() -> DownstreamTargets:
    rng = np.random.default_rng(0)
    sex = rng.permutation(N) % 2
    stage = np.arange(N) % 4 - 1
    age = rng.normal(60, 10, N)
    age[::7] = np.nan
    return DownstreamTargets(
        (
            ClassificationTarget("SEX", ("f", "m"), sex, 0.75),
            ClassificationTarget("STAGE", ("I", "II", "III"), stage, 0.25),
        ),
        (RegressionTarget("AGE", age),),
        {},
    )


@pytest.fixture
def latents(targets: DownstreamTargets) -> torch.Tensor:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5, N, 6))
    for column, target in enumerate(targets.classification):
        values[..., column] += target.codes
    values[..., 2] += np.nan_to_num(targets.regression[0].values) / 10
    return torch.from_numpy(values.astype(np.float32))


def test_scores_are_those_of_scikit_learn(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    table = score_latents(latents, SPLIT, targets)
    assert list(table.index) == list(range(5))
    for run, target in [(run, t) for run in range(5) for t in targets.classification]:
        known = target.codes >= 0
        train = known & (SPLIT == "train")
        X = latents[run].numpy().astype(float)
        model = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=1000)
        model.fit(X[train], target.codes[train])
        for part in ("valid", "test"):
            rows = known & (part == SPLIT)
            scores = model.predict_proba(X[rows])
            expected = roc_auc_score(
                target.codes[rows],
                scores[:, 1] if scores.shape[1] == 2 else scores,
                multi_class="ovo",
            )
            assert table[f"auc_{target.label}_{part}"][run] == pytest.approx(expected, abs=1e-9)


def test_the_average_has_the_weights_of_the_task(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    table = score_latents(latents, SPLIT, targets)
    for name, part in ((VALID_SCORE, "valid"), (TEST_SCORE, "test")):
        expected = 0.75 * table[f"auc_SEX_{part}"] + 0.25 * table[f"auc_STAGE_{part}"]
        pd.testing.assert_series_equal(table[name], expected, check_names=False)


@pytest.mark.parametrize(
    ("value", "status"), [(np.nan, "non-finite"), (np.inf, "non-finite"), (0.1, "collapsed")]
)
def test_useless_latents_score_a_half_and_harm_nobody(
    latents: torch.Tensor, targets: DownstreamTargets, value: float, status: str
) -> None:
    alone = score_latents(latents[:1], SPLIT, targets)
    broken = latents.clone()
    if status == "collapsed":
        broken[1] = value
    else:
        broken[1, -1, 3] = value
    table = score_latents(broken, SPLIT, targets)
    assert list(table["latent_status"]) == ["ok", status, "ok", "ok", "ok"]
    auc = [name for name in table if name.startswith("auc_")]
    assert (table.loc[1, [*auc, VALID_SCORE, TEST_SCORE]] == 0.5).all()
    assert table.loc[1, "r2_AGE_valid"] <= 0
    numbers = alone.columns.drop("latent_status")
    pd.testing.assert_frame_equal(table.loc[:0, numbers], alone[numbers], rtol=0, atol=1e-9)


def test_rounding_around_a_constant_is_collapsed_and_small_latents_are_not(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    noise = 1 + latents * 1e-7
    table = score_latents(torch.stack([noise[0], latents[0] * 1e-6]), SPLIT, targets)
    assert list(table["latent_status"]) == ["collapsed", "ok"]


def test_a_label_known_to_few_samples_ignores_the_others(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    moved = latents.clone()
    unknown = torch.from_numpy(targets.classification[1].codes < 0)
    moved[:, unknown] = moved[:, unknown] + 1000
    before, after = (score_latents(x, SPLIT, targets) for x in (latents, moved))
    for part in ("valid", "test"):
        name = f"auc_STAGE_{part}"
        pd.testing.assert_series_equal(before[name], after[name])


def test_columns_of_zeros_and_chunks_change_nothing(
    latents: torch.Tensor, targets: DownstreamTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = score_latents(latents, SPLIT, targets)
    monkeypatch.setattr(downstream, "CHUNK_BYTES", 1)
    padded = torch.cat([latents, torch.zeros(5, N, 3)], -1)
    pd.testing.assert_frame_equal(score_latents(padded, SPLIT, targets), plain, atol=1e-9)


def test_without_labels_there_is_no_score(latents: torch.Tensor) -> None:
    table = score_latents(latents, SPLIT, DownstreamTargets((), (), {}))
    assert table[[VALID_SCORE, TEST_SCORE]].isna().all(axis=None)
    assert list(table["latent_status"]) == ["ok"] * 5


def test_refuses_a_split_of_other_samples(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    with pytest.raises(ValueError, match="samples"):
        score_latents(latents, SPLIT[:-1], targets)


def test_what_test_samples_add_has_the_weights_of_the_task(
    latents: torch.Tensor, targets: DownstreamTargets
) -> None:
    plain = score_latents(latents, SPLIT, targets)
    table = score_latents(latents, SPLIT, targets, influence=True)
    pd.testing.assert_frame_equal(table.drop(columns=INFLUENCE), plain)
    assert INFLUENCE in columns_of_test(table)
    sex, stage = targets.classification
    parts = []
    for target in (sex, stage):
        alone = DownstreamTargets(
            (ClassificationTarget(target.label, target.classes, target.codes, 1.0),), (), {}
        )
        parts.append(score_latents(latents, SPLIT, alone, influence=True)[INFLUENCE])
    for run in range(5):
        expected = 0.75 * parts[0][run] + 0.25 * parts[1][run]
        np.testing.assert_allclose(table[INFLUENCE][run], expected, atol=1e-12)
        # A sample without the label adds nothing to that label's score.
        unlabelled = stage.codes[SPLIT == "test"] < 0
        assert not parts[1][run][unlabelled].any()
