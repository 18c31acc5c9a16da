"""Hyperparameters of training: words, switches, streams of their own, and what refuses them."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.space import (
    ARCHITECTURE_SPACES,
    Choice,
    default_configuration,
    read_configurations,
    refuse_unread,
    sample_configurations,
    search_space,
)
from aehpo_assets.space.distributions import value_text
from aehpo_assets.store.run_archive import run_keys

BEFORE = [
    [0.1369320113781534, 2.376438679959044, 0.006960767650512807],
    [0.0010073116300685827, 0.26871260020880317, 0.020729887580536625],
    [0.0046833865638015535, 0.0031380694883404764, 0.17565040750775496],
]
"""Drawn before further hyperparameters had streams of their own."""

WORDS = {"optimizer": ["sgd", "adam"], "clip_norm": [None, 5], "annealing": ["linear-warmup"]}


def test_a_space_has_them_as_soon_as_a_study_names_them() -> None:
    space, without = search_space("varix", WORDS), search_space("varix")
    # In an order of their own, whatever the study's.
    assert space.names == [*without.names, "optimizer", "clip_norm", "annealing"]
    assert space.hyperparameters["optimizer"] == Choice(("sgd", "adam"))
    assert space.hyperparameters["clip_norm"] == Choice((0.0, 5))
    # Vanillix has no loss to anneal.
    assert "annealing" not in search_space("vanillix", WORDS).names
    assert type(space).from_json(space.to_json()) == space


def test_the_untuned_configuration_has_the_default_or_else_the_first_word() -> None:
    space = search_space("varix", WORDS | {"lr_schedule": ["cosine", "constant"]})
    default = default_configuration(space)
    assert default["optimizer"] == "sgd"
    assert default["lr_schedule"] == "constant"
    assert default["clip_norm"] == 5
    assert space.problem(default) is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"optimizer": ["adagrad"]}, "'adagrad' is not known. Known: adamw, adam, sgd, rmsprop"),
        ({"optimizer": [1]}, "'1' is not known"),
        ({"optimizer": {"uniform": [0, 1]}}, "list of values"),
        ({"optimizer": []}, "distinct values"),
        ({"optimizer": ["sgd", "sgd"]}, "distinct values"),
        ({"lr_fixed": [None]}, "None is no number"),
        ({"lr_fixed": ["sgd"]}, "no number"),
        ({"momentum": [1]}, "outside 0 to 1"),
        ({"clip_norm": [-1]}, "outside 0"),
        ({"lr_period": [0]}, "outside 1"),
        ({"lr_period": [2.5]}, "whole numbers"),
        ({"optimiser": ["sgd"]}, "Did you mean optimizer"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_key(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        search_space("varix", overrides, file="study.yaml")
    assert f"study.yaml: space.{next(iter(overrides))}" in str(caught.value)


def test_what_no_architecture_of_the_study_reads_is_refused() -> None:
    refuse_unread(["vanillix", "varix"], {"annealing": ["no-annealing"], "beta": [1]})
    with pytest.raises(InputError, match=r"space.annealing: .*\(vanillix\).*disentanglix"):
        refuse_unread(["vanillix"], {"annealing": ["no-annealing"]}, file="study.yaml")


def test_each_draws_from_a_stream_of_its_own() -> None:
    plain = sample_configurations(search_space("varix"), 30, 42)
    one = sample_configurations(search_space("varix", {"optimizer": ["adam", "sgd"]}), 30, 42)
    both = sample_configurations(search_space("varix", WORDS), 30, 42)
    pd.testing.assert_frame_equal(one[plain.columns], plain)
    pd.testing.assert_frame_equal(both[plain.columns], plain)
    stream = random.Random("optimizer 42")
    assert one["optimizer"].tolist() == [stream.choice(("adam", "sgd")) for _ in range(30)]
    stream = random.Random("optimizer 42")
    assert both["optimizer"].tolist() == [stream.choice(("sgd", "adam")) for _ in range(30)]


def test_the_weights_of_disentanglix_are_drawn_as_ever() -> None:
    drawn = sample_configurations(search_space("disentanglix", WORDS), 3, 42)
    assert drawn[["beta_mi", "beta_tc", "beta_dimKL"]].to_numpy().tolist() == BEFORE


def test_words_of_a_file_of_configurations_are_looked_at(tmp_path: Path) -> None:
    space = search_space("varix", WORDS)
    sampled, file = sample_configurations(space, 5, 0), tmp_path / "mine.parquet"
    sampled.to_parquet(file)
    pd.testing.assert_frame_equal(read_configurations(space, file, 5), sampled)
    for column, words in ((["no"] * 5, "optimizer=no lies outside"), ([1] * 5, "are no words")):
        sampled.assign(optimizer=column).to_parquet(file)
        with pytest.raises(InputError, match=words):
            read_configurations(space, file, 5)


def test_a_run_that_names_a_default_is_the_same_run() -> None:
    runs = pd.DataFrame({"config_id": ["0"], "lr_fixed": [1e-3], "seed": [0]})
    defaults = ARCHITECTURE_SPACES["varix"].defaults
    (key,) = run_keys(runs, {"engine": "x"})
    named = runs.assign(optimizer="adamw", weight_decay=1e-3, clip_norm=5)
    assert run_keys(named, {"engine": "x"}, defaults) == [key]
    assert run_keys(named.assign(optimizer="sgd"), {"engine": "x"}, defaults) != [key]
    assert run_keys(named.assign(weight_decay=0.0), {"engine": "x"}, defaults) != [key]


def test_a_value_is_shown_as_a_word_or_to_so_many_digits() -> None:
    assert [value_text(value) for value in ("sgd", 0.123456, 64, 1e-5)] == [
        "sgd",
        "0.1235",
        "64",
        "1e-05",
    ]
    assert value_text(0.123456, 6) == "0.123456"
