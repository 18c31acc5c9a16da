"""MOFA is that of its authors on train, and the same closed form brings new samples to it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.factor_nodes import factor_nodes
from aehpo_assets.analysis.plots import factors
from aehpo_assets.analysis.shared_factors import COUNTS, SHARED, kinds
from aehpo_assets.datasets.simulate import hidden_programmes, ontology, simulate_cohort
from aehpo_gpu.evaluation.mofa import Mofa, fit_mofa
from aehpo_gpu.evaluation.mofa_factors import factors_of, masked_r2

pytestmark = pytest.mark.skipif(
    find_spec("mofapy2") is None, reason="mofapy2 (the extra reference) is not installed"
)


def simulated() -> tuple[np.ndarray, list[np.ndarray]]:
    """One factor of both modalities, one of each alone."""
    source = np.random.default_rng(0)
    factors = source.normal(size=(90, 3))
    shares = (np.array([1, 1, 0.0]), np.array([1, 0.0, 1]))
    views = [
        factors @ (share[:, None] * source.normal(size=(3, width)))
        + 0.5 * source.normal(size=(90, width))
        for share, width in zip(shares, (40, 25), strict=True)
    ]
    return factors, views


@pytest.fixture(scope="module")
def fitted() -> Mofa:
    _, views = simulated()
    return fit_mofa([view[:60] for view in views], 3, seed=1)


def test_factors_of_train_are_those_of_mofapy2(fitted: Mofa) -> None:
    _, views = simulated()
    found = fitted.transform([view[:60] for view in views])
    np.testing.assert_allclose(found, fitted.factors, atol=2e-3)
    assert fitted.factors.std() > 0.5


def test_factors_of_new_samples_are_the_simulated_ones(fitted: Mofa) -> None:
    truth, views = simulated()
    found = fitted.transform([view[60:] for view in views])
    matched = np.abs(np.corrcoef(truth[60:].T, found.T)[:3, 3:])
    assert (matched.max(axis=1) > 0.95).all()
    assert sorted(matched.argmax(axis=1)) == [0, 1, 2]


def test_it_says_which_factor_is_of_which_modality(fitted: Mofa) -> None:
    truth, views = simulated()
    train = [view[:60] for view in views]
    explained = fitted.variance_explained(train)
    matched = np.abs(np.corrcoef(truth[:60].T, fitted.factors.T)[:3, 3:]).argmax(axis=1)
    both, first, second = explained[matched]
    assert both.min() > 0.1
    assert first[0] > 0.1 > 0.02 > first[1]
    assert second[1] > 0.1 > 0.02 > second[0]


def test_the_shared_random_numbers_stay(capsys: pytest.CaptureFixture[str]) -> None:
    _, views = simulated()
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    fit_mofa([views[0][:20]], 1, seed=0)
    assert np.random.rand() == expected  # noqa: NPY002
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.usefixtures("pictures")
def test_masked_entries_choose_as_many_factors_as_there_are() -> None:
    _, (first, second) = simulated()
    found = factors_of({"rna": first, "cna": second}, [1, 3, 6], seed=0)
    assert found.chosen == 3
    assert found.masked[1] < found.masked[3] - 0.1
    assert found.masked == factors_of({"rna": first, "cna": second}, [1, 3, 6], seed=0).masked
    of = (found.explained >= COUNTS).sum(axis=1)
    assert sorted(of) == [1, 1, 2]
    assert found.explained.sum(axis=1).is_monotonic_decreasing
    assert found.sentence.startswith("3 factors are enough by masked entries (R2 0.")
    assert "1 of several modalities, 1 of rna alone, 1 of cna alone, 0 of none" in found.sentence
    # Each is there again from other starts; of more factors than there are, not every one is.
    assert (found.reproduced > 0.95).all()
    assert "3 are there again in 2 fits from other starts" in found.sentence
    truth, _ = simulated()
    matched = np.abs(np.corrcoef(truth.T, found.values.T)[:3, 3:])
    assert (matched.max(axis=1) > 0.95).all()
    # In the order of what they explain, which is that of the shared one first or second.
    shared = int(matched[0].argmax())
    assert (found.explained.iloc[shared] >= COUNTS).all()
    assert factors(found.explained).startswith(b"\x89PNG")


def test_masked_entries_are_told_by_the_others_alone() -> None:
    noise = [np.random.default_rng(0).normal(size=(80, width)) for width in (20, 10)]
    assert masked_r2(noise, 3, seed=0) < 0.02


def test_the_programmes_of_the_simulated_cohort_are_its_shared_factors() -> None:
    modalities, _ = simulate_cohort(seed=0)
    truth = hidden_programmes(seed=0)
    common = truth.index[truth.index.isin(modalities["rna"].index)]
    common = common[common.isin(modalities["dna"].index)][:250]
    counts = modalities["rna"].loc[common].to_numpy("float64")
    depth = counts.sum(axis=1, keepdims=True)
    rna = np.log1p(counts / depth * np.median(depth))
    dna = modalities["dna"].loc[common].to_numpy("float64")
    names = {
        name: modalities[name].columns[view.std(axis=0) > 0][::2]
        for name, view in (("rna", rna), ("dna", dna))
    }
    rna, dna = (view[:, view.std(axis=0) > 0][:, ::2] for view in (rna, dna))
    views = [(v - v.mean(0)) / v.std(0) for v in (rna, dna)]
    fitted = fit_mofa(views, 7, seed=0)
    explained = pd.DataFrame(fitted.variance_explained(views), columns=["rna", "dna"])
    programmes = truth.loc[common].drop(columns="sex").to_numpy()
    matched = np.abs(np.corrcoef(programmes.T, fitted.factors.T)[:5, 5:])
    assert (matched.max(axis=1) > 0.9).all()
    assert len(set(matched.argmax(axis=1))) == 5
    # All five are shared, and what else there is, such as the depth of the counts, is not.
    kind = kinds(explained)
    assert (kind[matched.argmax(axis=1)] == SHARED).all()
    assert (kind == SHARED).sum() == 5
    assert (kind == "rna").any()
    # The features of each are those of its programme.
    weights = {
        name: pd.DataFrame(own, names[name])
        for name, own in zip(names, fitted.weights, strict=True)
    }
    nodes = factor_nodes("cohort_rna+dna", weights, ontology(seed=0))
    nodes = nodes[(nodes["modality"] == "rna") & nodes["supported"]]
    columns = truth.columns.drop("sex")
    for programme, factor in zip(columns, matched.argmax(axis=1), strict=True):
        own = nodes[nodes["factor"] == factor].sort_values("p_value")
        assert own["node"].iloc[0] == programme
