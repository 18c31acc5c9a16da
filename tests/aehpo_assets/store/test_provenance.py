"""The hash of content: the same for equal tables, however they lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.provenance import named_seed

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "by rows": np.ascontiguousarray,
    "by columns": np.asfortranarray,
    "every second of twice as many": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "of another byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "at an odd address": lambda a: np.frombuffer(
        b"." + a.tobytes(), dtype=a.dtype, offset=1
    ).reshape(a.shape),
}
"""Equal values, which lie differently in memory."""

DIGESTS = {
    "numbers": "ce5353f8069a8b80",
    "with gaps": "c006e36e3b16f510",
    "whole numbers": "5beeef5502187b6c",
    "mixed": "76a8ad3e55ef30d6",
    "categories": "9905782677a98d5f",
    "no rows": "6c03c7196d312176",
    "no columns": "682caf83dad05e33",
}
"""What is written in the records of homes that exist."""

TYPES = ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")


def table(values: np.ndarray, writeable: bool = True) -> pd.DataFrame:
    values.flags.writeable = values.flags.writeable and writeable
    index = pd.Index([f"s{i}" for i in range(len(values))], name="sample")
    columns = [f"g{i}" for i in range(values.shape[1])]
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


@given(st.data())
def test_equal_content_has_one_hash_whatever_its_layout(data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    # More rows than are hashed at once; none; one column, which is contiguous in either order.
    shape = data.draw(st.sampled_from([(0, 3), (1, 1), (5, 1), (1, 4), (7, 5), (600, 3)]))
    source = np.random.default_rng(data.draw(st.integers(0, 9)))
    values = (source.normal(size=shape) * 3).astype(dtype)
    if dtype.kind == "f" and data.draw(st.booleans()):
        values[source.random(shape) < 0.3] = np.nan
    expected = content_hash(table(values.copy()))
    for name, layout in LAYOUTS.items():
        for writeable in (True, False):
            assert content_hash(table(layout(values), writeable)) == expected, name
    # Column by column in memory, as a table that was assembled is.
    columns = [table(values).iloc[:, [i]] for i in range(shape[1])]
    assert content_hash(pd.concat(columns, axis=1)) == expected


@given(st.sampled_from(TYPES), st.sampled_from(list(LAYOUTS)))
def test_equal_columns_of_several_types_have_one_hash(dtype: str, layout: str) -> None:
    values = np.arange(12).reshape(4, 3).astype(dtype)
    plain = table(values).assign(text=["a", None, "b", "c"])
    assert content_hash(table(LAYOUTS[layout](values)).assign(text=plain["text"])) == (
        content_hash(plain)
    )


def test_named_seeds_are_those_of_earlier_versions() -> None:
    assert named_seed(0, "tcga_rna", "cqr", 2) == 1523807798


def test_hashes_are_those_of_earlier_versions() -> None:
    values = np.arange(12).reshape(4, 3)
    gaps = np.where(values % 5 == 0, np.nan, values)
    found = {
        "numbers": content_hash(table(values.astype("float32"))),
        "with gaps": content_hash(table(gaps)),
        "whole numbers": content_hash(table(values)),
        "mixed": content_hash(table(gaps).assign(text=["a", None, "b", "c"], flag=True)),
        "categories": content_hash(table(gaps).assign(c=pd.Categorical(["a", "b", "a", None]))),
        "no rows": content_hash(table(gaps[:0])),
        "no columns": content_hash(table(gaps[:, :0])),
    }
    assert found == DIGESTS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_value_is_another_hash(layout: str) -> None:
    values = np.arange(12.0).reshape(4, 3)
    other = values.copy()
    other[2, 1] += 1
    assert content_hash(table(LAYOUTS[layout](other))) != content_hash(table(values))
    assert content_hash(table(LAYOUTS[layout](values.T.copy()).T)) == content_hash(table(values))
