"""Preprocessing: fitted on train only, equal to scikit-learn and scanpy, every prefix a filter."""

from __future__ import annotations

from typing import get_args

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import fit_preprocessing, preprocess
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.study.data import Preprocessing

SCALERS = {
    "standard": StandardScaler,
    "robust": RobustScaler,
    "minmax": MinMaxScaler,
    "maxabs": MaxAbsScaler,
}


def matrix(samples: int = 60, features: int = 40, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(samples, features)) * generator.uniform(0.5, 3, features)
    index = pd.Index([f"s{i}" for i in range(samples)], name="sample_id")
    columns = [f"g{i}" for i in range(features)]
    return pd.DataFrame(values.astype(np.float32), index=index, columns=columns)


def split_of(frame: pd.DataFrame) -> pd.Series:
    parts = np.resize(["train", "train", "valid", "train", "test"], len(frame))
    return pd.Series(parts, index=frame.index, name="split")


def train_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(split_of(frame) == "train").to_numpy()].astype(float)


@pytest.mark.parametrize("scaler", SCALERS)
def test_scalers_are_those_of_scikit_learn_fitted_on_train(scaler: str) -> None:
    frame = matrix()
    found = preprocess(frame, split_of(frame), Preprocessing(scaler=scaler))
    order = train_of(frame).var(ddof=0).sort_values(ascending=False).index
    expected = SCALERS[scaler]().fit(train_of(frame)[order]).transform(frame[order].astype(float))
    assert found.columns.tolist() == order.tolist()
    assert (found.dtypes == np.float32).all()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_a_scaler_values_stay_as_they_are() -> None:
    frame = matrix()
    found = preprocess(frame, split_of(frame), Preprocessing(scaler="none"))
    assert found[frame.columns].equals(frame)


@pytest.mark.parametrize("filter_name", ["var", "mad", "corr", "varcorr", "nonzerovar"])
@pytest.mark.parametrize("scaler", [*SCALERS, "none"])
def test_nothing_is_fitted_on_valid_and_test(filter_name: str, scaler: str) -> None:
    frame = matrix()
    outside = (split_of(frame) != "train").to_numpy()
    changed = frame.copy()
    changed[outside] = changed[outside] * 100 + 7
    chosen = Preprocessing(filter=filter_name, scaler=scaler)
    first, second = (preprocess(f, split_of(f), chosen) for f in (frame, changed))
    assert first.columns.equals(second.columns)
    assert first[~outside].equals(second[~outside])


def test_features_constant_on_train_are_removed() -> None:
    frame = matrix()
    frame["g3"] = np.where(split_of(frame) == "train", 1.0, frame["g3"]).astype(np.float32)
    assert "g3" not in preprocess(frame, split_of(frame), Preprocessing())


def test_a_matrix_that_does_not_vary_is_refused() -> None:
    frame = matrix() * 0
    with pytest.raises(InputError, match="no feature varies"):
        preprocess(frame, split_of(frame), Preprocessing())


def test_samples_in_another_order_than_the_split_are_refused() -> None:
    frame = matrix()
    with pytest.raises(ValueError, match="same order"):
        preprocess(frame, split_of(frame)[::-1], Preprocessing())


def test_ties_are_settled_by_name() -> None:
    frame = matrix(features=1)
    frame = pd.concat([frame["g0"].rename(name) for name in ("b", "c", "a")], axis=1)
    found = preprocess(frame, split_of(frame), Preprocessing())
    assert found.columns.tolist() == ["a", "b", "c"]


def test_missing_values_become_the_median_of_train() -> None:
    frame = matrix()
    frame.iloc[5:20, 2] = np.nan
    found = preprocess(frame, split_of(frame), Preprocessing(scaler="none"))
    median = train_of(frame)["g2"].median()
    np.testing.assert_allclose(found["g2"].iloc[5:20], median, rtol=1e-6)


def test_a_feature_nobody_in_train_has_is_removed() -> None:
    frame = matrix()
    frame.loc[(split_of(frame) == "train").to_numpy(), "g2"] = np.nan
    found = preprocess(frame, split_of(frame), Preprocessing())
    assert "g2" not in found
    assert np.isfinite(found.to_numpy()).all()


def test_clipping_cuts_scaled_values() -> None:
    frame = matrix()
    frame.iloc[4, 0] = 1e4
    found = preprocess(frame, split_of(frame), Preprocessing(clip=5))
    assert found.abs().to_numpy().max() == 5


def test_new_samples_come_to_the_scale_of_train() -> None:
    frame = matrix()
    fitted = fit_preprocessing(frame, split_of(frame), Preprocessing())
    again = fitted.apply(frame.iloc[::-1, ::-1].head(5))
    assert again.equals(fitted.apply(frame).loc[again.index])
    with pytest.raises(InputError, match="1 features are missing, the first is g7"):
        fitted.apply(frame.drop(columns="g7"))


def test_blocks_of_features_change_nothing() -> None:
    wide = matrix(features=1100)
    found = preprocess(wide, split_of(wide), Preprocessing())
    part = wide.iloc[:, 500:530]
    alone = preprocess(part, split_of(part), Preprocessing())
    np.testing.assert_allclose(found[alone.columns], alone, rtol=1e-6, atol=1e-7)


@given(st.integers(0, 10_000), st.sampled_from(["var", "mad", "corr", "varcorr", "nonzerovar"]))
@settings(max_examples=40, deadline=None)
def test_a_filter_orders_every_feature_once_by_a_score_that_never_rises(
    seed: int, filter_name: str
) -> None:
    frame = matrix(samples=30, features=12, seed=seed)
    fitted = fit_preprocessing(frame, split_of(frame), Preprocessing(filter=filter_name))
    assert sorted(fitted.features) == sorted(frame.columns)
    assert (np.diff(fitted.score) <= 1e-12).all()
    assert fitted.score.index.tolist() == fitted.features


def order(frame: pd.DataFrame, **chosen: object) -> list[str]:
    return fit_preprocessing(frame, split_of(frame), Preprocessing(**chosen)).features


def test_the_mad_filter_ranks_by_median_absolute_deviation() -> None:
    frame = matrix()
    mads = pd.Series(median_abs_deviation(train_of(frame)), index=frame.columns)
    assert order(frame, filter="mad") == mads.sort_values(ascending=False).index.tolist()


def test_the_nonzerovar_filter_keeps_the_order_of_the_file() -> None:
    frame = matrix()
    frame["g1"] = np.float32(3)
    expected = [name for name in frame.columns if name != "g1"]
    assert order(frame, filter="nonzerovar") == expected


def with_copies() -> pd.DataFrame:
    """Four features, and noisy copies of the first two, one of them inverted."""
    frame = matrix(samples=200, features=4) * np.array([4, 3, 2, 1], dtype=np.float32)
    noise = matrix(samples=200, features=2, seed=9).to_numpy() * 0.05
    frame["copy0"] = frame["g0"] * 0.9 + noise[:, 0]
    frame["copy1"] = -frame["g1"] * 0.9 + noise[:, 1]
    return frame.astype(np.float32)


def test_the_varcorr_filter_sets_repeats_aside() -> None:
    frame = with_copies()
    by_variance = order(frame)
    found = order(frame, filter="varcorr")
    unrepeated = [name for name in by_variance if not name.startswith("copy")]
    assert sorted(by_variance[:4]) != sorted(unrepeated)
    assert found[:4] == unrepeated
    assert found[4:] == [name for name in by_variance if name.startswith("copy")]
    assert order(frame, filter="varcorr", correlation_limit=1.0) == by_variance


def test_the_varcorr_filter_leaves_no_pair_above_the_limit() -> None:
    generator = np.random.default_rng(3)
    loadings = generator.normal(size=(6, 700))
    values = generator.normal(size=(80, 6)) @ loadings + 0.5 * generator.normal(size=(80, 700))
    frame = matrix(80, 700)
    frame[:] = values.astype(np.float32)
    chosen = Preprocessing(filter="varcorr", correlation_limit=0.8)
    fitted = fit_preprocessing(frame, split_of(frame), chosen)
    kept = [name for name, score in fitted.score.items() if score > 0]
    assert 6 < len(kept) < 700
    correlation = np.abs(np.corrcoef(train_of(frame)[kept].T))
    assert np.max(correlation - np.eye(len(kept))) <= 0.8 + 1e-5
    aside = [name for name in fitted.features if name not in kept]
    everything = np.abs(np.corrcoef(train_of(frame)[kept + aside].T))
    assert (everything[len(kept) :, : len(kept)].max(axis=1) > 0.8 - 1e-5).all()


def test_the_corr_filter_takes_what_adds_most() -> None:
    frame = with_copies()
    found = order(frame, filter="corr")
    assert found[0] == order(frame)[0]
    sources = [name[-1] for name in found[:4]]
    assert sorted(sources) == ["0", "1", "2", "3"]
    correlation = train_of(frame).corr().abs()
    for k in range(1, len(found)):
        nearest = correlation.loc[found[k:], found[:k]].max(axis=1)
        assert nearest.iloc[0] == pytest.approx(nearest.min(), abs=1e-5)


def test_the_hvg_filter_keeps_what_scanpy_keeps() -> None:
    generator = np.random.default_rng(5)
    counts = generator.negative_binomial(2, 0.3, (150, 300)) * generator.integers(0, 2, 300)
    frame = np.log1p(pd.DataFrame(counts, dtype=np.float32)).add_prefix("g")
    frame.index = pd.Index([f"s{i}" for i in range(150)], name="sample_id")
    found = order(frame, filter="hvg")
    varying = frame.loc[:, train_of(frame).var() > 0]
    data = anndata.AnnData(train_of(varying).to_numpy(dtype=np.float32))
    for k in (10, 50, 100):
        table = scanpy.pp.highly_variable_genes(data, n_top_genes=k, inplace=False)
        kept = varying.columns[table["highly_variable"].to_numpy()]
        assert set(found[:k]) == set(kept)


def test_the_hvg_filter_refuses_values_that_are_no_logarithms_of_counts() -> None:
    frame = matrix()
    with pytest.raises(InputError, match="highly variable genes") as caught:
        order(frame, filter="hvg")
    assert caught.value.key == "preprocessing.filter"


FILTERS = get_args(Preprocessing.model_fields["filter"].annotation)
EVERY_SCALER = get_args(Preprocessing.model_fields["scaler"].annotation)


@pytest.mark.parametrize("clip", [None, 1.5])
@pytest.mark.parametrize("scaler", EVERY_SCALER)
@pytest.mark.parametrize("filter_name", FILTERS)
def test_gaps_are_imputed_alike_however_the_matrix_lies_in_memory(
    filter_name: str, scaler: str, clip: float | None
) -> None:
    frame = matrix(features=30).abs()
    gaps = np.random.default_rng(1).random(frame.shape) < 0.05
    values = frame.mask(gaps).to_numpy()
    by_rows, by_columns = (
        pd.DataFrame(layout(values), index=frame.index, columns=frame.columns, copy=False)
        for layout in (np.ascontiguousarray, np.asfortranarray)
    )
    assert by_rows.to_numpy().flags.c_contiguous
    assert by_columns.to_numpy().flags.f_contiguous
    chosen = Preprocessing(filter=filter_name, scaler=scaler, clip=clip)
    first, second = (preprocess(f, split_of(f), chosen) for f in (by_rows, by_columns))
    pd.testing.assert_frame_equal(first, second)
    assert content_hash(first) == content_hash(second)
    assert content_hash(by_rows) == content_hash(by_columns)
    assert np.isfinite(first.to_numpy()).all()
    assert clip is None or np.abs(first.to_numpy()).max() <= clip
    # A gap lies where the median of train lies.
    name = next(name for name in first if gaps[:, frame.columns.get_loc(name)].any())
    filled = first.loc[gaps[:, frame.columns.get_loc(name)], name]
    assert filled.nunique() == 1
    train = (split_of(frame) == "train").to_numpy()
    present = ~gaps[:, frame.columns.get_loc(name)] & train
    below = (first.loc[present, name] <= filled.iloc[0]).mean()
    above = (first.loc[present, name] >= filled.iloc[0]).mean()
    assert min(below, above) >= 0.5
