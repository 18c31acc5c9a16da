"""The blackbox folder, as stock Syne Tune reads, searches and transfers from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.blackbox import (
    blackbox_evaluations,
    build_blackboxes,
    curves_blackboxes,
    read_blackbox,
    write_blackbox,
)
from aehpo_assets.hpo.columns import without_test
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, RUNTIME, TEST_SCORE, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import Choice, SearchSpace, search_space

Results = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def folder(results: Results, space: SearchSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blackbox") / "varix"
    write_blackbox(path, build_blackboxes(results, space, 300))
    return path


def test_numbers_are_those_of_the_run_results(
    folder: Path, results: Results, space: SearchSpace
) -> None:
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize

    boxes = deserialize(str(folder))
    assert list(boxes) == ["a", "b", "c"]
    # The synthetic results hold the test score: that of an open test comes last.
    names = [*OBJECTIVE_NAMES, TEST_SCORE]
    for task, box in boxes.items():
        assert box.objectives_names == names
        assert box.objectives_evaluations.shape == (60, 2, 1, 4)
        assert box.fidelity_values.tolist() == [300]
        for seed in (0, 1):
            runs = results[task].query("seed == @seed").reset_index(drop=True)
            pd.testing.assert_frame_equal(box.hyperparameters, runs[space.names])
            ok = (runs["status"] == "ok").to_numpy()
            stored = box.objectives_evaluations[ok, seed, 0]
            np.testing.assert_allclose(stored, runs.loc[ok, names], rtol=1e-6)
            failed = box.objectives_evaluations[~ok, seed, 0]
            worst = results[task].query("status == 'ok'")[VALID_SCORE].min()
            column = list(OBJECTIVE_NAMES).index(VALID_SCORE)
            np.testing.assert_allclose(failed[:, column], worst, rtol=1e-6)


def test_a_closed_test_is_no_objective(results: Results, space: SearchSpace) -> None:
    closed = results | {"c": without_test(results["c"])}
    boxes = build_blackboxes(closed, space, 300).tasks
    assert all(box.objectives_names == list(OBJECTIVE_NAMES) for box in boxes.values())
    # Nor is that of an open one anything that searches are told of.
    opened = blackbox_evaluations(build_blackboxes(results, space, 300))
    assert TEST_SCORE not in opened


def test_stock_backend_answers_and_a_stock_searcher_searches(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path))
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository import UserBlackboxBackend, add_surrogate
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize
    from syne_tune.optimizer.baselines import RandomSearch

    box = deserialize(str(folder))["a"]
    backend = UserBlackboxBackend(blackbox=add_surrogate(box), elapsed_time_attr=RUNTIME)
    scheduler = RandomSearch(
        box.configuration_space, metrics=[VALID_SCORE], do_minimize=False, random_seed=0
    )
    tuner = Tuner(
        backend,
        scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_finished=6),
        n_workers=2,
        sleep_time=0,
        callbacks=[SimulatorCallback()],
        save_tuner=False,
        suffix_tuner_name=True,
        tuner_name="aehpo-test",
    )
    tuner.run()
    assert len(tuner.tuning_status.overall_metric_statistics.max_metrics) > 0


def test_stock_bounding_box_transfers_from_it(folder: Path) -> None:
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize
    from syne_tune.optimizer.baselines import REA
    from syne_tune.optimizer.schedulers.transfer_learning.bounding_box import BoundingBox
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    boxes = deserialize(str(folder))
    evidence = {
        task: TransferLearningTaskEvaluations(
            configuration_space=box.configuration_space,
            hyperparameters=box.hyperparameters,
            objectives_names=box.objectives_names,
            objectives_evaluations=box.objectives_evaluations,
        )
        for task, box in boxes.items()
        if task != "a"
    }
    scheduler = BoundingBox(
        lambda space, metric, do_minimize, seed: REA(
            space, metric=metric, do_minimize=do_minimize, random_seed=seed
        ),
        boxes["a"].configuration_space,
        metric=VALID_SCORE,
        transfer_learning_evaluations=evidence,
        do_minimize=False,
        num_hyperparameters_per_task=5,
        random_seed=1,
    )
    suggestion = scheduler.suggest()
    assert suggestion is not None
    assert set(suggestion.config) == set(boxes["a"].configuration_space)


def test_only_configurations_of_every_task_enter(results: Results, space: SearchSpace) -> None:
    partial = dict(results)
    partial["b"] = results["b"][results["b"]["config_id"] != "7"]
    one_seed_less = (results["c"]["config_id"] == "9") & (results["c"]["seed"] == 1)
    partial["c"] = results["c"][~one_seed_less]
    tables = build_blackboxes(partial, space, 300)
    assert len(tables.config_ids) == 58
    assert not {"7", "9"} & set(tables.config_ids)
    reasons = tables.dropped.set_index("config_id")["reason"]
    assert reasons.to_dict() == {
        "7": "missing or incomplete for b",
        "9": "missing or incomplete for c",
    }


def test_only_replicates_that_every_configuration_has_are_seeds(
    results: Results, space: SearchSpace
) -> None:
    several = {task: runs.assign(split_seed=runs["seed"]) for task, runs in results.items()}
    assert build_blackboxes(several, space, 300).seeds == (0, 1)
    first = several["a"]
    one_run = (first["seed"] == 1) & (first["config_id"] == first["config_id"].iloc[0])
    found = build_blackboxes(several | {"a": first[~one_run]}, space, 300)
    assert found.seeds == (0,)
    assert len(found.config_ids) == 60
    # Of plain seeds, the configuration that lacks one is left out.
    plain = build_blackboxes(results | {"a": results["a"][~one_run]}, space, 300)
    assert (plain.seeds, len(plain.config_ids)) == ((0, 1), 59)


def test_order_of_rows_does_not_matter(results: Results, space: SearchSpace) -> None:
    shuffled = dict(results)
    shuffled["b"] = results["b"].sample(frac=1, random_state=0)
    expected = build_blackboxes(results, space, 300)
    actual = build_blackboxes(shuffled, space, 300)
    assert actual.config_ids == expected.config_ids
    for task, box in expected.tasks.items():
        np.testing.assert_array_equal(
            box.objectives_evaluations, actual.tasks[task].objectives_evaluations
        )


def test_repeated_hyperparameters_enter_once(results: Results, space: SearchSpace) -> None:
    doubled = {
        task: pd.concat([runs, runs[runs["config_id"] == "3"].assign(config_id="twin")])
        for task, runs in results.items()
    }
    tables = build_blackboxes(doubled, space, 300)
    assert "twin" not in tables.config_ids
    assert tables.dropped["reason"].tolist() == ["repeats the hyperparameters of 3"]


def test_nothing_in_common_is_refused(results: Results, space: SearchSpace) -> None:
    apart = {"a": results["a"].query("config_id == '1'"), "b": results["b"].query("config_id=='2'")}
    with pytest.raises(InputError, match="no configuration is present for every task"):
        build_blackboxes(apart, space, 300)


def test_a_run_counted_twice_is_refused(results: Results, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="two rows"):
        build_blackboxes({"a": pd.concat([results["a"], results["a"].head(1)])}, space, 300)


def test_written_and_read_back(folder: Path, results: Results, space: SearchSpace) -> None:
    tables = build_blackboxes(results, space, 300)
    back = read_blackbox(folder)
    assert back.config_ids == tables.config_ids
    assert back.seeds == (0, 1)
    pd.testing.assert_frame_equal(blackbox_evaluations(back), blackbox_evaluations(tables))


def test_a_folder_in_use_is_refused(folder: Path, results: Results, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="empty folder"):
        write_blackbox(folder, build_blackboxes(results, space, 300))


def test_narrowed_space_is_recorded(results: Results, tmp_path: Path) -> None:
    space = search_space("varix", {"k_filter": [128, 256, 512]})
    assert space.hyperparameters["k_filter"] == Choice((128, 256, 512))
    write_blackbox(tmp_path / "box", build_blackboxes(results, space, 300))
    box = read_blackbox(tmp_path / "box").tasks["a"]
    assert box.configuration_space["k_filter"].categories == [128, 256, 512]


def test_choices_of_whole_and_broken_numbers(tmp_path: Path) -> None:
    space = search_space("vanillix", {"enc_factor": [1, 2.5]})
    results = synthetic_results(space, ("a",), 12)
    write_blackbox(tmp_path / "box", build_blackboxes(results, space, 3))
    box = read_blackbox(tmp_path / "box").tasks["a"]
    assert box.configuration_space["enc_factor"].categories == [1.0, 2.5]


def test_curves_have_objectives_at_every_fidelity(
    results: Results, space: SearchSpace, tmp_path: Path
) -> None:
    from syne_tune.blackbox_repository import UserBlackboxBackend, add_surrogate

    curves = {}
    for task, runs in results.items():
        steps = runs[["config_id", "seed", RUNTIME, VALID_R2]].merge(
            pd.DataFrame({"epoch": [10, 30]}), how="cross"
        )
        steps["runtime"] = steps[RUNTIME] * steps["epoch"] / 30
        # Run 5 diverged after epoch 10.
        gone = (steps["config_id"] == "5") & (steps["epoch"] == 30)
        curves[task] = steps.drop(columns=RUNTIME)[~gone]
    tables = curves_blackboxes(curves, results, space, [10, 30])
    box = tables.tasks["a"]
    assert box.objectives_names == [RUNTIME, VALID_R2]
    assert box.objectives_evaluations.shape == (60, 2, 2, 2)
    values = box.objectives_evaluations
    assert np.isfinite(values).all()
    assert (np.diff(values[..., 0], axis=2) >= 0).all()
    row = tables.config_ids.index("5")
    assert values[row, 0, 1, 0] == values[row, 0, 0, 0]
    assert values[row, 0, 1, 1] == values[..., 1].min()

    write_blackbox(tmp_path / "curves", tables)
    back = read_blackbox(tmp_path / "curves").tasks["a"]
    backend = UserBlackboxBackend(blackbox=add_surrogate(back), elapsed_time_attr=RUNTIME)
    configuration = back.hyperparameters.iloc[0].to_dict()
    answers = backend.config_objectives(configuration, seed=0)
    assert [answer["epoch"] for answer in answers] == [10, 30]
    assert answers[0][RUNTIME] < answers[1][RUNTIME]


def test_fidelities_may_count_steps(results: Results, space: SearchSpace, tmp_path: Path) -> None:
    runs = results["a"]
    curve = runs[["config_id", "seed", RUNTIME, VALID_R2]].rename(columns={RUNTIME: "runtime"})
    # How many epochs so many steps are differs from run to run.
    at = [curve.assign(epoch=range(n, n + len(curve)), step=n) for n in (500, 1000)]
    tables = curves_blackboxes({"a": pd.concat(at)}, {"a": runs}, space, [500, 1000], "step")
    write_blackbox(tmp_path / "box", tables)
    assert read_blackbox(tmp_path / "box").tasks["a"].fidelity_values.tolist() == [500, 1000]
    assert json.loads((tmp_path / "box" / "metadata.json").read_text())["time_attr"] == "step"
    (whole,) = build_blackboxes({"a": runs}, space, 1000, "step").tasks.values()
    assert list(whole.fidelity_space) == ["step"]
    assert whole.fidelity_values.tolist() == [1000]


def test_curves_with_downstream_scores(results: Results, space: SearchSpace) -> None:
    curve = results["a"].rename(columns={RUNTIME: "runtime"}).assign(epoch=30)
    tables = curves_blackboxes({"a": curve}, {"a": results["a"]}, space, [30])
    assert tables.tasks["a"].objectives_names == [*OBJECTIVE_NAMES, TEST_SCORE]
    failed = (results["a"].query("seed == 0")["status"] != "ok").to_numpy()
    column = list(OBJECTIVE_NAMES).index(VALID_SCORE)
    worst = results["a"].query("status == 'ok'")[VALID_SCORE].min()
    counted = tables.tasks["a"].objectives_evaluations[failed, 0, 0, column]
    np.testing.assert_allclose(counted, worst, rtol=1e-6)
