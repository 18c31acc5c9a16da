"""Which labels factors go along with: by ranks, against scipy by hand, and told from chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway, rankdata, spearmanr

from aehpo_assets.analysis.factor_labels import COLUMNS, factor_labels, factor_labels_text

SOURCE = np.random.default_rng(0)
SAMPLES = pd.Index([f"s{i}" for i in range(120)])
FACTORS = pd.DataFrame(SOURCE.normal(size=(120, 3)), SAMPLES, [1, 2, 3])


def labels() -> pd.DataFrame:
    """One of the first factor, one by chance, a number of the second; some are missing."""
    grade = np.digitize(FACTORS[1] + 0.3 * SOURCE.normal(size=120), [-0.5, 0.5]).astype(str)
    table = pd.DataFrame(
        {
            "grade": pd.Series(grade, SAMPLES).mask(np.arange(120) % 10 == 0),
            "sex": SOURCE.choice(["f", "m"], 120),
            "country": "DE",
            "age": np.exp(FACTORS[2]) + 0.01 * SOURCE.normal(size=120),
        }
    )
    table.loc[SAMPLES[:3], "sex"] = "x"
    # Others of the data set, in another order.
    table = pd.concat([table, table.head(5).set_axis([f"o{i}" for i in range(5)])]).iloc[::-1]
    table.attrs = {"objective": {"a": ["grade"], "b": ["sex", "country"]}, "regression": ["age"]}
    return table


def test_ranks_of_a_factor_follow_the_label_that_it_is_of() -> None:
    found = factor_labels("a_rna+cna", "MOFA", FACTORS, labels())
    assert list(found) == COLUMNS
    of = found.set_index(["factor", "label"])
    assert set(found["label"]) == {"grade", "sex", "age"}
    supported = of.index[of["supported"]].tolist()
    assert supported == [(1, "grade"), (2, "age")]
    assert of.loc[(1, "grade"), "samples"] == 108
    # A class of three samples says nothing.
    assert of.loc[(1, "sex"), "samples"] == 117


def test_shares_are_those_of_ranks() -> None:
    table = labels()
    found = factor_labels("t", "MOFA", FACTORS, table).set_index(["factor", "label"])
    own = table.loc[SAMPLES]
    known = own["grade"].notna()
    ranks = pd.Series(rankdata(FACTORS.loc[known, 1]), SAMPLES[known])
    groups = ranks.groupby(own.loc[known, "grade"])
    between = (groups.size() * (groups.mean() - ranks.mean()) ** 2).sum()
    share = between / ((ranks - ranks.mean()) ** 2).sum()
    assert found.loc[(1, "grade"), "explained"] == pytest.approx(share)
    assert f_oneway(*(one for _, one in groups)).pvalue < 1e-10
    correlation = spearmanr(FACTORS[2], own["age"]).statistic
    assert found.loc[(2, "age"), "explained"] == pytest.approx(correlation**2)


def test_a_dead_factor_goes_along_with_nothing() -> None:
    dead = FACTORS.assign(**{"3": 0.0}).set_axis([1, 2, 3, 4], axis=1)
    found = factor_labels("t", "varix", dead, labels())
    own = found[found["factor"] == 4]
    assert (own["explained"] == 0).all()
    assert (own["p_value"] == 1).all()


def test_nothing_to_say_is_an_empty_table() -> None:
    table = labels()
    table.attrs = {"objective": {"b": ["country"]}, "regression": []}
    found = factor_labels("t", "MOFA", FACTORS, table)
    assert found.empty
    assert list(found) == COLUMNS


def test_people_read_one_row_a_label() -> None:
    table = pd.concat([factor_labels("t", of, FACTORS, labels()) for of in ("MOFA", "varix")])
    text = factor_labels_text(table)
    assert text[["of", "label"]].to_numpy().tolist() == [
        [of, label] for of in ("MOFA", "varix") for label in ("grade", "sex", "age")
    ]
    first = text.iloc[0]
    assert (first["factor"], first["told from chance"], first["other factors"]) == ("1", "yes", "0")
    assert text.loc[1, "told from chance"] == "no"
