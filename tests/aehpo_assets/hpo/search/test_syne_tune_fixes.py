"""Each defect of stock Syne Tune that is worked around, shown, and the workaround beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from syne_tune.config_space import choice, loguniform, uniform
from syne_tune.optimizer.schedulers.searchers.bore import Bore
from syne_tune.optimizer.schedulers.searchers.kde import KernelDensityEstimator
from syne_tune.optimizer.schedulers.searchers.random_searcher import RandomSearcher
from syne_tune.optimizer.schedulers.searchers.regularized_evolution import RegularizedEvolution

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.batched_bore import BatchedBore
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.scaled_kde import ScaledKernelDensityEstimator, product_kernel_density
from aehpo_assets.hpo.search.searchers import searcher_names
from aehpo_assets.hpo.search.syne_tune_fixes import OwnNumpyStream, native_configuration
from aehpo_assets.hpo.transfer.boxes import bounding_box
from aehpo_assets.space import Choice, SearchSpace, sample_configurations

# A grid is of lists, and repeats by nature.
SINGLE_FIDELITY = searcher_names(
    lambda searcher: searcher.single_fidelity and searcher.name != "grid"
)
PLAIN = {"x": uniform(0, 1), "rate": loguniform(1e-5, 1e-1), "width": choice([1, 2, 4, 8])}


@pytest.mark.parametrize(
    "searcher", [RandomSearcher, RegularizedEvolution, Bore, KernelDensityEstimator]
)
def test_stock_ignores_its_seed_and_the_private_stream_does_not(searcher: Any) -> None:
    def first(stream: OwnNumpyStream | None) -> Any:
        if stream is None:
            return searcher(config_space=PLAIN, random_seed=1).suggest()
        with stream.active():
            return searcher(config_space=PLAIN, random_seed=1).suggest()

    np.random.seed(0)  # noqa: NPY002
    assert first(None) != first(None)
    assert first(OwnNumpyStream(1)) == first(OwnNumpyStream(1))
    assert first(OwnNumpyStream(1)) != first(OwnNumpyStream(2))


def test_private_stream_goes_on_and_leaves_the_global_one_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(2)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    stream, drawn = OwnNumpyStream(1), []
    outer = []
    for _ in range(2):
        with stream.active():
            drawn.append(np.random.random())  # noqa: NPY002
        outer.append(np.random.random())  # noqa: NPY002
    assert outer == expected.tolist()
    assert drawn == np.random.RandomState(1).random_sample(2).tolist()


def test_private_stream_survives_an_error() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    with pytest.raises(ValueError, match="negative"), OwnNumpyStream(1).active():
        np.random.random(-1)  # noqa: NPY002
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SINGLE_FIDELITY if name != "botorch"])
def test_every_searcher_repeats_bit_for_bit(name: str, space: SearchSpace) -> None:
    def walk(seed: int, trials: int = 25) -> list[dict[str, Any]]:
        searcher = AskTell(name, Problem(space, seed, trials=25))
        found = []
        for _ in range(trials):
            asked = searcher.ask()
            assert asked is not None
            number, configuration = asked
            found.append(configuration)
            searcher.tell(number, {VALID_SCORE: 1 - configuration["drop_p"]})
            np.random.random()  # noqa: NPY002  (other code draws in between)
        return found

    found = walk(1)
    assert walk(1) == found
    assert walk(2, trials=5) != found[:5]


def test_stock_crashes_on_numpy_categories_and_native_types_do_not(space: SearchSpace) -> None:
    numpy_choice = choice(list(np.array([1, 2, 4])))
    with pytest.raises(AssertionError):
        Bore(config_space={"width": numpy_choice, "x": uniform(0, 1)})
    sampled = sample_configurations(space, 10, seed=0)
    box = bounding_box(space, sampled)
    for distribution in box.hyperparameters.values():
        if isinstance(distribution, Choice):
            assert {type(value) for value in distribution.values} == {int}
    row = sampled[space.names].iloc[0]
    native = native_configuration(row, space)
    assert [type(value) for value in native.values()] == [
        int,
        int,
        float,
        int,
        float,
        float,
        int,
        float,
    ]
    AskTell("bore", Problem(box, 1, trials=5)).ask()


def test_stock_tpe_squeezes_log_uniform_values_and_ours_does_not() -> None:
    stock = KernelDensityEstimator(config_space=PLAIN)
    ours = ScaledKernelDensityEstimator(config_space=PLAIN)
    low, high = {"x": 0.5, "rate": 1e-4, "width": 1}, {"x": 0.5, "rate": 1e-3, "width": 1}
    assert abs(stock._to_feature(low)[1] - stock._to_feature(high)[1]) < 0.01
    for configuration in (low, high):
        ours.on_trial_complete(0, configuration, 0.0)
    assert ours.X[1][1] - ours.X[0][1] == pytest.approx(0.25)


def test_stock_tpe_is_random_search_for_long_and_ours_starts_early(space: SearchSpace) -> None:
    configurations = sample_configurations(space, 30, seed=0)[space.names].to_dict("records")
    stock = KernelDensityEstimator(config_space=space.syne_tune())
    ours = ScaledKernelDensityEstimator(config_space=space.syne_tune(), random_seed=0)
    for trial, configuration in enumerate(configurations):
        for searcher in (stock, ours):
            searcher.on_trial_complete(trial, configuration, configuration["drop_p"])
    assert stock._train_kde(np.array(stock.X), np.array(stock.y)) is None
    assert ours._train_kde(np.array(ours.X), np.array(ours.y)) is not None


def test_stock_tpe_prefers_categories_never_seen_good_and_ours_does_not() -> None:
    config_space = {"x": uniform(0, 1), "kind": choice(["good", "bad", "worse"])}
    trials = [
        ({"x": i / 40, "kind": ["good", "bad", "worse"][0 if i < 12 else 1 + i % 2]}, float(i))
        for i in range(40)
    ]

    settings = {"num_min_data_points": 5, "random_seed": 0}
    stock = KernelDensityEstimator(config_space=config_space, **settings)
    ours = ScaledKernelDensityEstimator(config_space=config_space, **settings)
    densities = []
    for searcher in (stock, ours):
        for number, (configuration, loss) in enumerate(trials):
            searcher.on_trial_complete(number, configuration, loss)
        with np.errstate(divide="ignore"):
            _, good = searcher._train_kde(np.array(searcher.X), np.array(searcher.y))
            seen, unseen = searcher.X[0], searcher.X[-1]
            densities.append((good.pdf(seen), good.pdf(unseen)))
    assert np.isinf(densities[0][1])
    assert densities[1][1] < 1e-6 < densities[1][0]


def test_density_is_that_of_statsmodels() -> None:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    generator = np.random.default_rng(0)
    data, points = generator.random((30, 3)), generator.random((20, 3))
    stock = KDEMultivariate(data, var_type="ccc", bw="normal_reference")
    ours = product_kernel_density(data, stock.bw, points)
    np.testing.assert_allclose(ours, stock.pdf(points), rtol=1e-10)


def test_ours_suggests_inside_the_space(space: SearchSpace) -> None:
    searcher = AskTell("kde", Problem(space, 0, trials=40))
    for _ in range(40):
        asked = searcher.ask()
        assert asked is not None
        assert space.problem(asked[1]) is None
        searcher.tell(asked[0], {VALID_SCORE: asked[1]["drop_p"]})


def test_stock_evolution_is_random_search_up_to_its_population() -> None:
    """The default here leaves most of the budget to evolution."""
    from aehpo_assets.hpo.search.searchers import make_scheduler
    from aehpo_assets.space import search_space

    stock = RegularizedEvolution(config_space=PLAIN)
    assert stock.population_size == 100
    space = search_space("vanillix")
    ours = make_scheduler("regularized_evolution", Problem(space, 0, trials=60)).searcher
    assert (ours.population_size, ours.sample_size) == (12, 3)
    settings = {"population_size": 7, "sample_size": 2}
    chosen = make_scheduler(
        "regularized_evolution", Problem(space, 0, trials=60, settings=settings)
    ).searcher
    assert (chosen.population_size, chosen.sample_size) == (7, 2)


def test_stock_ranks_nan_best_when_maximising() -> None:
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    evidence = TransferLearningTaskEvaluations(
        configuration_space={"x": uniform(0, 1)},
        hyperparameters=pd.DataFrame({"x": [0.1, 0.2, 0.3]}),
        objectives_names=[VALID_SCORE],
        objectives_evaluations=np.array([0.9, np.nan, 0.5]).reshape(3, 1, 1, 1),
    )
    best = evidence.top_k_hyperparameter_configurations(1, VALID_SCORE, do_minimize=False)
    assert best == [{"x": 0.2}]


def test_stock_and_batched_bore_choose_the_same_candidate() -> None:
    # In alphabetical order, in which the stock encodes them.
    config_space = {"rate": loguniform(1e-5, 1e-1), "width": choice([1, 2, 4]), "x": uniform(0, 1)}
    generator = np.random.RandomState(0)
    stock = Bore(config_space=config_space, random_seed=1)
    ours = BatchedBore(config_space=config_space, random_seed=1)
    for trial in range(30):
        drawn = {
            name: domain.sample(random_state=generator) for name, domain in config_space.items()
        }
        loss = (drawn["x"] - 0.3) ** 2 + abs(np.log10(drawn["rate"]) + 3)
        stock.on_trial_complete(trial, drawn, loss)
        ours.on_trial_complete(trial, drawn, loss)
    np.testing.assert_allclose(np.array(stock.inputs), np.array(ours.inputs))
    stock._train_model(ours.inputs, stock.targets)
    ours._train_model(ours.inputs, ours.targets)
    points = generator.random_sample((200, 5))
    one_by_one = [stock._loss(point)[0] for point in points]
    np.testing.assert_array_equal(one_by_one, ours._loss(points))
