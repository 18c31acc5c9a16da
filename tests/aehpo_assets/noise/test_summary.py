"""Tables of noise, and the words for them: several seeds, several splits, one seed, nothing."""

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis import plots
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.noise.components import variance_components
from aehpo_assets.noise.summary import REPLICATES, known_noise, noise_tables, sentence
from aehpo_assets.quality.noise import check_noise

SCORES = {VALID_SCORE: (0.0, 1.0), "valid_r2": (-1.0, 1.0)}


def run_results(seed=0, configurations=200, seeds=3, noise=0.05, between=0.05):
    source = np.random.default_rng(seed)
    config_id = np.repeat(np.arange(configurations), seeds).astype(str)
    truth = np.repeat(source.normal(0.8, between, configurations), seeds)
    return pd.DataFrame(
        {
            "config_id": config_id,
            "seed": np.tile(np.arange(seeds), configurations),
            "status": "ok",
            VALID_SCORE: truth + source.normal(0, noise, len(truth)),
        }
    )


def test_several_seeds_tell_the_noise_and_what_it_allows():
    runs = run_results()
    tables = noise_tables(runs, SCORES)
    (row,) = tables["components"].to_dict("records")
    assert (row["score"], row["known"], row["runs"], row["left_out"]) == (
        VALID_SCORE,
        True,
        600,
        0,
    )
    assert row["reliability"] == pytest.approx(0.5, abs=0.1)
    assert row["deviation"] == pytest.approx(0.05, rel=0.1)
    assert math.isnan(row["split"])
    by = tables["by_replicates"]
    assert tuple(by["replicates"]) == REPLICATES
    assert by["reliability"].is_monotonic_increasing
    assert by["smallest_gain"].is_monotonic_decreasing
    three = by.set_index("replicates").loc[3]
    # The means of three runs, and the truth: the squared correlation is the reliability.
    means = runs.groupby("config_id")[VALID_SCORE].mean()
    assert three["standard_error"] == pytest.approx(row["deviation"] / math.sqrt(3))
    assert three["reliability"] == pytest.approx(row["configuration"] / means.var(), rel=0.02)
    noise = known_noise(tables["components"], VALID_SCORE)
    assert (noise.variance, noise.degrees) == (row["replicate"], 400)


def test_a_column_of_splits_is_used():
    runs = run_results(configurations=40).assign(split_seed=lambda rows: rows["seed"])
    runs[VALID_SCORE] += 0.02 * runs["split_seed"]
    (row,) = noise_tables(runs, SCORES)["components"].to_dict("records")
    expected = variance_components(runs.rename(columns={VALID_SCORE: "score"}))
    assert row["splits"] == 3
    assert (row["split"], row["replicate"]) == (expected.split, expected.replicate)


def test_with_one_seed_the_noise_is_not_known_and_nothing_is_invented():
    runs = run_results(seeds=1)
    tables = noise_tables(runs, SCORES)
    (row,) = tables["components"].to_dict("records")
    assert (row["known"], row["runs"]) == (False, 200)
    numbers = ("configuration", "split", "interaction", "seed", "replicate", "reliability")
    assert all(math.isnan(row[name]) for name in numbers)
    assert tables["by_replicates"].empty
    assert known_noise(tables["components"], VALID_SCORE) is None
    assert sentence(tables["components"], VALID_SCORE) == (
        "The noise is not known: every configuration was trained once. "
        "Give the study at least two seeds."
    )
    (check,) = check_noise(tables["components"], VALID_SCORE)
    assert check.passed


def test_runs_that_did_not_finish_are_left_out_and_counted():
    runs = run_results()
    runs.loc[:9, ["status", VALID_SCORE]] = ["diverged", np.nan]
    (row,) = noise_tables(runs, SCORES)["components"].to_dict("records")
    assert (row["runs"], row["left_out"]) == (590, 10)
    none = noise_tables(runs.assign(status="failed"), SCORES)["components"]
    assert sentence(none, VALID_SCORE) == "The noise is not known: no run has the score."


def test_a_reliability_below_a_half_warns_with_the_number():
    noisy = noise_tables(run_results(noise=0.1), SCORES)["components"]
    (check,) = check_noise(noisy, VALID_SCORE)
    assert (check.passed, check.blocking) == (False, False)
    assert f"found {noisy['reliability'].iloc[0]:g} " in check.description
    assert "more seeds" in check.description
    (check,) = check_noise(noise_tables(run_results(noise=0.01), SCORES)["components"], VALID_SCORE)
    assert check.passed


def test_the_sentence_says_what_replicates_decide():
    components = noise_tables(run_results(), SCORES)["components"]
    text = sentence(components, VALID_SCORE)
    row = components.iloc[0]
    gain = (1.959964 + 0.841621) * math.sqrt(2 * row["replicate"] / 3)
    assert f"reliability of one run is {row['reliability']:.2f}" in text
    assert f"3 replicates of each side decide a gain of {gain:.3f}" in text


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.usefixtures("pictures")
def test_the_picture_is_drawn(seeds):
    runs = run_results(seeds=seeds).assign(valid_r2=lambda rows: rows[VALID_SCORE] - 0.5)
    tables = noise_tables(runs, SCORES)
    picture = plots.noise(tables["components"], tables["by_replicates"])
    assert picture.startswith(b"\x89PNG")


@pytest.mark.usefixtures("pictures")
def test_scores_that_never_vary_are_drawn_and_said():
    runs = run_results().assign(**{VALID_SCORE: 0.5})
    tables = noise_tables(runs, SCORES)
    assert "does not vary" in sentence(tables["components"], VALID_SCORE)
    assert plots.noise(tables["components"], tables["by_replicates"]).startswith(b"\x89PNG")
