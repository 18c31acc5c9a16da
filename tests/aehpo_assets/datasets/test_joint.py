"""Joint tasks: their samples, their features, their order, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets import landing
from aehpo_assets.datasets.catalogue import available_tasks, dataset_settings, usable_tasks
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.joint import joined, read_parts
from aehpo_assets.datasets.joint_names import modality_of
from aehpo_assets.datasets.landing import landed
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.quality.matrix import check_preprocessed
from aehpo_assets.running.runner import study_tasks
from aehpo_assets.study import Study, read_study
from aehpo_assets.study.data import Fusion, Preprocessing, Split

RNA_MUT = Fusion(dataset="toy", modalities=["rna", "mut"])


def write_cohort(folder: Path, mut_of: slice = slice(4, 44), prefix: str = "P") -> Path:
    """Forty samples with rna (6 features), others with mut (3 features), one label."""
    source = np.random.default_rng(0)
    folder.mkdir(parents=True)
    ids = pd.Index([f"P{i:02d}" for i in range(44)], name="sample_id")
    rna = pd.DataFrame(source.normal(size=(40, 6)), ids[:40], [f"g{i}" for i in range(6)])
    others = ids[mut_of].str.replace("P", prefix)
    mut = pd.DataFrame(source.integers(0, 2, (len(others), 3)), others, ["g0", "g1", "X:2"])
    rna.to_csv(folder / "rna.csv")
    mut.rename_axis("sample_id").to_csv(folder / "mut.csv")
    pd.DataFrame({"sex": ["f", "m"] * 22}, ids).to_csv(folder / "clinical.csv")
    content = {
        "name": "toy",
        "modalities": {
            "rna": {"file": "rna.csv"},
            "mut": {"file": "mut.csv", "kind": "binary"},
        },
        "labels": {"file": "clinical.csv", "objective": {"sex": ["sex"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def write_study(folder: Path, **settings_: Any) -> Path:
    content = {
        "name": "fused",
        "tasks": ["toy_rna"],
        "architectures": ["vanillix"],
        "configurations": {"count": 2},
        "epochs": 1,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content | settings_))
    return path


def test_a_joint_task_has_the_common_samples_and_all_features(tmp_path: Path) -> None:
    dataset = read_dataset(write_cohort(tmp_path / "toy"))
    parts = read_parts(dataset, "rna+mut")
    found = joined(dataset, parts)
    assert found.index.tolist() == [f"P{i:02d}" for i in range(4, 40)]
    assert found.columns.tolist() == [
        *(f"rna:g{i}" for i in range(6)),
        "mut:g0",
        "mut:g1",
        "mut:X:2",
    ]
    assert (found.dtypes == np.float32).all()
    by_hand = np.hstack([parts[name].loc[found.index].to_numpy() for name in ("rna", "mut")])
    np.testing.assert_array_equal(found.to_numpy(), by_hand)
    kinds = modality_of("toy_rna+mut", found.columns)
    assert kinds is not None
    assert kinds.tolist() == ["rna"] * 6 + ["mut"] * 3


def test_a_single_matrix_stays_as_it_is(tmp_path: Path) -> None:
    dataset = read_dataset(write_cohort(tmp_path / "toy"))
    parts = read_parts(dataset, "rna")
    assert joined(dataset, parts) is parts["rna"]
    assert modality_of("toy_rna", parts["rna"].columns) is None


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 7), min_size=2, max_size=3), seed=st.integers(0, 99))
def test_every_prefix_has_the_best_of_each_modality(sizes: list[int], seed: int) -> None:
    source = np.random.default_rng(seed)
    index = pd.Index([f"s{i}" for i in range(30)], name="sample_id")
    split = pd.Series(np.resize(["train", "train", "valid", "test"], 30), index)
    parts = {
        f"m{number}": pd.DataFrame(
            source.normal(size=(30, size)) * source.uniform(0.1, 9, size),
            index,
            [f"f{i}" for i in range(size)],
        )
        for number, size in enumerate(sizes)
    }
    whole = pd.concat([p.add_prefix(f"{name}:") for name, p in parts.items()], axis=1)
    rules = Preprocessing()
    fitted = fit_preprocessing(whole, split, rules, modality_of("x_m0+m1", whole.columns))
    apart = {name: fit_preprocessing(part, split, rules) for name, part in parts.items()}
    for width in range(1, whole.shape[1] + 1):
        prefix = fitted.features[:width]
        for name, own in apart.items():
            mine = [f.removeprefix(f"{name}:") for f in prefix if f.startswith(f"{name}:")]
            assert mine == own.features[: len(mine)]
        taken = [sum(f.startswith(f"{name}:") for f in prefix) for name in parts]
        unspent = [t for t, size in zip(taken, sizes, strict=True) if t < size]
        assert not unspent or max(taken) - min(unspent) <= 1
    # Scaled as each would be alone: parity with what was concatenated by hand.
    together = fitted.apply(whole)
    for name, own in apart.items():
        expected = own.apply(parts[name]).add_prefix(f"{name}:")
        pd.testing.assert_frame_equal(together[expected.columns], expected)


def test_the_order_within_each_modality_is_checked() -> None:
    index = pd.Index([f"s{i}" for i in range(4)], name="sample_id")
    names = ["a:1", "b:1", "a:2", "b:2"]
    matrix = pd.DataFrame(np.random.default_rng(0).normal(size=(4, 4)), index, names)
    split = pd.Series(["train", "train", "valid", "test"], index)
    kinds = modality_of("toy_a+b", matrix.columns)
    score = pd.Series([1.0, 9.0, 0.5, 8.0], names)
    order = "ordered_by_the_filter"
    good = {c.name: c.passed for c in check_preprocessed(matrix, split, score, kinds)}
    wrong = {c.name: c.passed for c in check_preprocessed(matrix, split, score)}
    assert good[order]
    assert not wrong[order]
    turned = pd.Series([1.0, 8.0, 0.5, 9.0], names)
    bad = {c.name: c.passed for c in check_preprocessed(matrix, split, turned, kinds)}
    assert not bad[order]


def test_a_study_adds_the_joint_tasks_that_it_lists(tmp_path: Path) -> None:
    write_cohort(tmp_path / "toy")
    listed = [RNA_MUT.model_dump()]
    study = read_study(write_study(tmp_path, fusion=listed))
    assert study.wanted_tasks == ["toy_rna", "toy_rna+mut"]
    available = available_tasks([tmp_path], study.fusion)
    assert sorted(available) == ["toy_mut", "toy_rna", "toy_rna+mut"]
    tasks = study_tasks(study, available, tmp_path / "study.yaml")
    assert list(tasks) == ["toy_rna", "toy_rna+mut"]
    assert sorted(dataset_settings(tasks["toy_rna+mut"], "modality")) == [
        "dataset.modality.mut",
        "dataset.modality.rna",
    ]
    every = read_study(write_study(tmp_path, tasks="all", fusion="all_pairs"))
    assert sorted(usable_tasks([tmp_path], every.fusion)[0]) == sorted(available)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "all_pairs"}, "tasks: all"),
        ({"fusion": [{"dataset": "toy", "modalities": ["rna", "rna"]}]}, "twice"),
        ({"fusion": [{"dataset": "toy", "modalities": ["rna"]}]}, "at least 2"),
        ({"fusion": [{"dataset": "toy", "modalities": ["rna", "mut"]}] * 2}, "twice"),
        (
            {
                "fusion": [
                    {"dataset": "toy", "modalities": ["rna", "mut"]},
                    {"dataset": "toy", "modalities": ["mut", "rna"]},
                ]
            },
            "twice",
        ),
    ],
)
def test_a_fusion_that_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, **changes))


def test_a_modality_that_no_data_set_has_is_refused_with_those_that_there_are(
    tmp_path: Path,
) -> None:
    write_cohort(tmp_path / "toy")
    path = write_study(tmp_path, fusion=[{"dataset": "toy", "modalities": ["rna", "meth"]}])
    study = read_study(path)
    with pytest.raises(InputError, match=r"all that toy_rna\+meth joins") as told:
        study_tasks(study, available_tasks([tmp_path], study.fusion), path)
    assert told.value.key == "fusion"
    assert "toy_mut, toy_rna" in str(told.value)


def test_modalities_without_a_common_sample_are_refused(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "toy", slice(0, 40), prefix="Q")
    (problem,) = validate_dataset(folder, None, ["rna+mut"])
    assert "rna and mut have no sample in common" in str(problem)
    assert "'P00' in the one, 'Q00' in the other" in str(problem)
    dataset = read_dataset(folder)
    with pytest.raises(InputError, match="no sample in common"):
        joined(dataset, read_parts(dataset, "rna+mut"))


def test_too_few_common_samples_for_the_split_are_refused(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "toy", slice(38, 44))
    (problem,) = validate_dataset(folder, Split(), ["rna+mut"])
    assert str(problem).count("rna+mut") >= 1


def test_a_joint_task_lands_with_its_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "SETTLED_SECONDS", 0.0)
    write_cohort(tmp_path / "toy")
    (found,) = landed([tmp_path], {}, Split(), "all_pairs")
    assert found.problem is None
    assert sorted(found.tasks) == ["toy_mut", "toy_rna", "toy_rna+mut"]


def test_a_study_without_fusion_is_what_it_was() -> None:
    study = Study.model_validate(
        {
            "name": "plain",
            "tasks": ["toy_rna"],
            "architectures": ["vanillix"],
            "configurations": {"count": 2},
            "epochs": 1,
        }
    )
    assert study.wanted_tasks == ["toy_rna"]
    assert study.fused_tasks == []
