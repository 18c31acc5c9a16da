"""Published findings: the rule of the verdicts, what is trained for them, and one of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets.errors import InputError
from benchmarks.findings import losses
from benchmarks.findings.__main__ import EXPERIMENTS, chosen
from benchmarks.findings.cohorts import Given
from benchmarks.findings.gates import PLAIN, Table, principal_error
from benchmarks.findings.losses import naive_log_cosh
from benchmarks.findings.models import ARMS, OWN, configurations
from benchmarks.findings.table import write_experiment, write_tables
from benchmarks.findings.trainings import Cohort, Trainer, grid
from benchmarks.findings.verdict import (
    ABOVE,
    CONFIRMED,
    REFUTED,
    REPORTED,
    UNDECIDED,
    Finding,
    Number,
    bootstrapped,
    paired,
)

NEAR = np.array([0.9, 1.0, 1.1, 1.0, 1.0])
"""Differences that are surely above zero, and below two."""

WIDE = np.array([-4.0, 5.0, -3.0, 4.0, 1.0])


def _finding(*numbers: Number, item: str = "1") -> Finding:
    return Finding(item, "a claim", "a source", "what was run", numbers)


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ([(NEAR, ABOVE)], CONFIRMED),
        ([(NEAR, (0.5, 2.0)), (-NEAR, (-2.0, 0.0))], CONFIRMED),
        ([(-NEAR, ABOVE)], REFUTED),
        ([(NEAR, (-0.1, 0.1))], REFUTED),
        # All have to hold, and one that does not is enough.
        ([(NEAR, ABOVE), (-NEAR, ABOVE)], REFUTED),
        ([(NEAR, ABOVE), (WIDE, ABOVE)], UNDECIDED),
        ([(WIDE, ABOVE)], UNDECIDED),
        ([(NEAR[:1], ABOVE)], UNDECIDED),
        ([(np.zeros(3), (0.0, 0.0))], CONFIRMED),
        ([(np.ones(3), (0.0, 0.0))], REFUTED),
        ([(NEAR, None)], REPORTED),
        ([], UNDECIDED),
    ],
)
def test_a_claim_is_confirmed_refuted_or_neither(
    numbers: list[tuple[np.ndarray, tuple[float, float] | None]], verdict: str
) -> None:
    assert _finding(*(paired("it", values, reach) for values, reach in numbers)).verdict == verdict


def test_refuting_takes_more_where_more_is_claimed() -> None:
    """Holm: a p value that refutes one claim alone does not refute one of five."""
    values = np.array([-0.1, -1.2, -0.7, -1.6, -0.3])
    alone = paired("it", values, ABOVE)
    assert 0.025 / 5 < alone.p_outside < 0.025
    assert _finding(alone).verdict == REFUTED
    others = [paired("other", NEAR, ABOVE)] * 4
    assert _finding(alone, *others).verdict == UNDECIDED


def test_wrong_verdicts_are_as_rare_as_they_should_be() -> None:
    """Of a difference of exactly nothing, 2.5 of 100 say more and as many less."""
    draws = np.random.default_rng(0).normal(size=(2000, 5))
    found = [_finding(paired("it", values, ABOVE)).verdict for values in draws]
    for verdict in (CONFIRMED, REFUTED):
        assert found.count(verdict) / 2000 == pytest.approx(0.025, abs=0.011)


def test_the_smallest_difference_is_found_in_four_of_five_cases() -> None:
    source = np.random.default_rng(1)
    known = paired("it", [-1, -1, 1, 1, 0], ABOVE)
    assert known.difference.error == pytest.approx(1 / math.sqrt(5))
    found = [
        paired("it", values, ABOVE).holds
        for values in source.normal(known.smallest, 1.0, (2000, 5))
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_a_bootstrap_of_a_mean_has_its_standard_error() -> None:
    values = np.random.default_rng(2).normal(3, 1, 100)
    number = bootstrapped("mean", lambda rows: float(values[rows].mean()), 100, ABOVE, 7)
    assert number.difference.mean == pytest.approx(values.mean())
    assert number.difference.error == pytest.approx(values.std() / 10, rel=0.1)


def test_tables_say_what_was_found(tmp_path: Path) -> None:
    write_experiment(tmp_path / "experiments" / "b.json", [_finding(item="10a")])
    known = _finding(paired("gain", NEAR, ABOVE), paired("one", [2.0], None), item="9")
    write_experiment(tmp_path / "experiments" / "a.json", [known])
    lines = write_tables(tmp_path).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith(
        "| 9 | a claim | a source | what was run | gain 1 [0.912, 1.09]; one 2"
    )
    assert "| confirmed |" in lines[2]
    assert lines[3].endswith("| none | undecided |  |")
    rows = pd.read_csv(tmp_path / "findings.tsv", sep="\t", dtype={"item": str})
    assert rows["item"].tolist() == ["9", "9", "10a"]
    assert [one["verdict"] for one in json.loads((tmp_path / "findings.json").read_text())] == [
        CONFIRMED,
        UNDECIDED,
    ]


def test_items_name_experiments() -> None:
    assert chosen(None) == list(EXPERIMENTS)
    assert chosen(["31", "9"]) == ["recipe", "tybalt"]
    with pytest.raises(InputError, match="no experiment is about item 12"):
        chosen(["12"])


def test_arms_differ_in_nothing_but_how_losses_are_reduced() -> None:
    for name in OWN:
        tables = [configurations(name, reductions[name]) for reductions in ARMS.values()]
        plain = [
            table.drop(columns=["loss_reduction", "mn_weight"], errors="ignore") for table in tables
        ]
        for other in plain[1:]:
            pd.testing.assert_frame_equal(plain[0], other)
        assert tables[-1]["loss_reduction"].eq("sum").all()


def test_the_published_form_of_the_log_cosh_overflows_where_it_is_said_to() -> None:
    with np.errstate(invalid="ignore"):
        assert np.isinf(naive_log_cosh(np.array([-5.0]))).all()
    exact = np.log(np.cosh(10 * np.array([0.3, -0.3]))) / 10
    np.testing.assert_allclose(naive_log_cosh(np.array([0.3, -0.3])), exact, rtol=1e-5)


def test_pca_of_an_and_gate_is_what_its_eigenvalues_say() -> None:
    data = Table("and").data(0)
    train = data.matrix[data.split == "train"]
    smallest = np.linalg.eigvalsh(np.cov(train.T, bias=True))[0]
    assert principal_error(data, 2) == pytest.approx(smallest / 3)


def test_what_is_trained_is_kept_and_not_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer, table = Trainer(tmp_path), Table("and")
    fixed = PLAIN | {"k_filter": 3, "enc_factor": 0.25, "n_layers": 1, "activation": "linear"}
    asked = grid(fixed, latent_dim_fixed=[1, 2], lr_fixed=[0.03])
    first = trainer.runs("gate", table, "sparsix", asked, [0, 1], 2)
    assert capsys.readouterr().err.count("2 of sparsix") == 2
    again = trainer.runs("gate", table, "sparsix", asked, [0, 1], 2)
    assert capsys.readouterr().err == ""
    pd.testing.assert_frame_equal(first, again)
    trainer.runs("gate", table, "sparsix", asked, [1], 3)
    assert capsys.readouterr().err.count("2 of sparsix, seed 1") == 1


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set by the name and the labels of the real one, of 160 samples and 64 features."""
    folder = tmp_path_factory.mktemp("data") / "tcga"
    folder.mkdir()
    source = np.random.default_rng(0)
    hidden = source.normal(size=(160, 3))
    ids = pd.Index([f"P{i:03d}" for i in range(160)], name="sample_id")
    values = hidden @ source.normal(size=(3, 64)) + source.normal(size=(160, 64))
    pd.DataFrame(values, ids, [f"g{i}" for i in range(64)]).to_parquet(folder / "rna.parquet")
    named = ("SEX", "GRADE", "OS_STATUS", "SUBTYPE")
    on = {name: np.where(hidden[:, at % 3] > 0, "x", "y") for at, name in enumerate(named)}
    pd.DataFrame(on, index=ids).to_csv(folder / "clinical.csv")
    labels = {"file": "clinical.csv", "objective": {"all": list(named)}}
    content = {"name": "tcga", "modalities": {"rna": {"file": "rna.parquet"}}, "labels": labels}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    return folder.parent


def test_a_cohort_trains_on_so_many_samples_of_each_replicate(small: Path) -> None:
    cohort = Cohort(small / "tcga", "rna", ("SEX",), samples=50)
    one, other = cohort.data(0), cohort.data(1)
    assert one.n_train == other.n_train == 50
    assert (one.split == "valid").sum() == 16
    assert not np.array_equal(
        one.matrix[one.split == "train"], other.matrix[other.split == "train"]
    )
    assert [target.label for target in one.targets.classification] == ["SEX"]
    np.testing.assert_array_equal(cohort.data(0).matrix, one.matrix)
    with pytest.raises(InputError, match="tcga has no label AGES"):
        Cohort(small / "tcga", "rna", ("AGES",)).data(0)


@pytest.mark.slow
def test_an_experiment_on_small_data(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "SEEDS", 2)
    bound, latents = losses.bounds(Given(small, Trainer(tmp_path)))
    assert bound.item == "19a"
    # With more draws the same network can but have a tighter bound.
    assert all(number.difference.mean > 0 for number in bound.numbers)
    assert {number.difference.replicates for number in (*bound.numbers, *latents.numbers)} == {2}
    assert bound.verdict in (CONFIRMED, UNDECIDED)
