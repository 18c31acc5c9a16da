"""The study file: what is accepted, and how each mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aehpo_assets.errors import InputError
from aehpo_assets.study import Study, passed_over, read_study

STUDIES = Path(__file__).parents[2] / "data" / "studies"

MINIMAL = {
    "name": "tiny",
    "tasks": "all",
    "architectures": ["vanillix"],
    "configurations": {"count": 4},
    "epochs": 3,
}


def write(folder: Path, **changes: object) -> Path:
    content = {key: value for key, value in (MINIMAL | changes).items() if value is not None}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", ["demo", "thesis"])
def test_the_studies_that_ship_with_the_project_are_valid(name: str) -> None:
    assert read_study(STUDIES / f"{name}.yaml").name == name


def test_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    study = read_study(write(tmp_path))
    assert study.split.model_dump() == {**study.split.model_dump(), "train": 0.7, "seed": 0}
    assert study.configurations.seed == 42
    assert study.configurations.trained == 4
    assert study.hpo.transfer_top_k == 30
    assert study.precision == "float32"
    assert study.race is None


def test_a_study_without_a_length_has_steps_enough_to_be_compared_with_pca(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, epochs=None))
    assert (study.steps, study.epochs, study.length, study.unit) == (3000, None, 3000, "step")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["nearest_neighbours"], ["gaussian_process"]),
        (["nearest_neighbours", "xgboost"], ["xgboost"]),
    ],
)
def test_what_an_older_study_names_is_passed_over_and_said(
    tmp_path: Path, given: list[str], left: list[str]
) -> None:
    path = write(tmp_path, hpo={"surrogates": given})
    assert read_study(path).hpo.surrogates == left
    (said,) = passed_over(path)
    assert said.startswith("hpo.surrogates: nearest_neighbours is passed over: it told")
    assert passed_over(write(tmp_path, hpo={"surrogates": left})) == []


def test_an_empty_race_has_the_defaults(tmp_path: Path) -> None:
    race = read_study(write(tmp_path, race={})).race
    assert race is not None
    assert race.model_dump() == {"candidates": 12, "max_replicates": 40, "equivalence": 0.01}


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"epoch": 3}, "epoch", "known keys"),
        ({"epoch": 3, "epochs": None}, "epoch", "known keys"),
        ({"hpo": {"trails": 3}}, "hpo.trails", "known keys: searchers"),
        ({"steps": 500}, "epochs", "either epochs or steps (500), not both"),
        ({"epochs": None, "steps": 0}, "steps", "greater than 0"),
        ({"epochs": None, "steps": 9, "fidelities": [10]}, "study.yaml", "1 and steps (9)"),
        ({"configurations": {"count": 0}}, "configurations.count", "greater than 0"),
        ({"configurations": {"count": 4, "train": 5}}, "configurations", "exceeds count"),
        ({"split": {"train": 0.9, "valid": 0.1, "test": 0.2}}, "split", "add up to 1"),
        ({"fidelities": [4]}, "study.yaml", "between 1 and epochs"),
        ({"race": {"candidates": 2}}, "race.candidates", "greater than or equal to 3"),
        ({"race": {"max_replicates": 1}}, "race.max_replicates", "greater than or equal to 2"),
        ({"race": {"rounds": 3}}, "race.rounds", "known keys: candidates"),
        ({"seeds": [0, 0]}, "seeds", "twice"),
        ({"seeds": [0, 1], "replicates": 2}, "study.yaml", "replicates bring their own seeds"),
        ({"replicates": 0}, "replicates", "greater than 0"),
        ({"split": {"group": "p", "column": "c"}}, "study.yaml", "for replicates above 1 only"),
        ({"split": {"stratify": "p", "column": "c"}}, "split", "exclude each other"),
        ({"tasks": "some"}, "tasks", "'all'"),
        ({"name": "no spaces"}, "name", "pattern"),
        ({"hpo": {"clock": "unit", "simulated_hours": 4}}, "hpo", "clock"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(
    tmp_path: Path, changes: dict[str, object], key: str, words: str
) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        read_study(path)
    assert str(path) in str(caught.value)
    assert key in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "unit", "rungs"),
    [
        ({"fidelities": [2, 1]}, "epoch", [1, 2, 3]),
        ({"epochs": None, "steps": 500, "fidelities": [100, 500]}, "step", [100, 500]),
    ],
)
def test_a_study_counts_in_epochs_or_in_steps(
    tmp_path: Path, changes: dict[str, object], unit: str, rungs: list[int]
) -> None:
    study = read_study(write(tmp_path, **changes))
    assert (study.unit, study.rungs, study.length) == (unit, rungs, rungs[-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "occurs twice"),
        ("- a list\n", "mapping"),
        ("name: [unclosed\n", "no valid YAML"),
        ("name: !!python/object/apply:os.getcwd []\n", "no valid YAML"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_study(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_study(tmp_path / "absent.yaml")


def test_a_relative_source_is_resolved_beside_the_study_file(tmp_path: Path) -> None:
    path = write(tmp_path, configurations={"count": 4, "source": "mine.parquet"})
    assert read_study(path).configurations.source == str(tmp_path / "mine.parquet")


def test_simulated_hours_are_measured_unless_the_clock_is_set() -> None:
    assert Study.model_validate(MINIMAL).hpo.clock == "unit"
    assert Study.model_validate(MINIMAL | {"hpo": {"simulated_hours": 4}}).hpo.clock == "measured"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"benchmark": {"searchers": ["kde", "kde", "cqr"]}}, "benchmark.searchers"),
        ({"benchmark": {"grounds": ["table", "table"]}}, "benchmark.grounds"),
        ({"benchmark": {"repetitions": 2, "validate_repetitions": 3}}, "benchmark"),
        ({"transfer_benchmark": {"searchers": ["kde", "kde"]}}, "transfer_benchmark.searchers"),
        ({"live": {"searchers": ["kde", "kde"]}}, "live.searchers"),
    ],
)
def test_a_section_that_contradicts_itself_is_refused(
    section: dict[str, Any], key: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read_study(write(tmp_path, **section))
    assert caught.value.key == key


def test_an_unknown_key_of_an_optional_section_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"known keys: searchers, repetitions"):
        read_study(write(tmp_path, benchmark={"searcher": ["kde", "cqr"]}))


@pytest.mark.parametrize("word", ["yes", "off", "1.10", "null", "2020-01-01"])
def test_a_word_that_yaml_does_not_read_as_text_is_refused_with_the_remedy(
    tmp_path: Path, word: str
) -> None:
    path = write(tmp_path)
    path.write_text(f"{path.read_text()}split: {{group: {{toy: {word}}}}}\n")
    with pytest.raises(InputError, match="put it into quotes") as caught:
        read_study(path)
    assert caught.value.key == "split.group.toy"
    path.write_text(path.read_text().replace(f"toy: {word}", f"toy: '{word}'"))
    assert read_study(path).split.group == {"toy": word}


def test_a_replicate_is_a_seed(tmp_path: Path) -> None:
    assert read_study(write(tmp_path)).run_seeds == [0]
    assert read_study(write(tmp_path, seeds=[4, 2])).run_seeds == [4, 2]
    several = read_study(
        write(tmp_path, replicates=3, seeds=[0], split={"group": "p", "column": "c"})
    )
    assert several.run_seeds == [0, 1, 2]


def test_a_timezone_is_one_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    text = "name: s\ntasks: all\narchitectures: [varix]\nconfigurations: {count: 1}\nepochs: 1\n"
    file.write_text(text + "timezone: Europe/Berlin\n")
    assert read_study(file).timezone == "Europe/Berlin"
    file.write_text(text + "timezone: Europe/Berlinn\n")
    with pytest.raises(InputError, match="timezone"):
        read_study(file)
