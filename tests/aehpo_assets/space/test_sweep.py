"""Sweeps are complete grids about one configuration; whatever they leave open is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aehpo_assets.errors import InputError
from aehpo_assets.space import configurations_of
from aehpo_assets.study import read_study

SWEEP = {"beta": [0.01, 1.0], "latent_dim_fixed": [2, 4, 8]}
AT = {
    "k_filter": 64,
    "n_layers": 2,
    "enc_factor": 2.0,
    "lr_fixed": 0.001,
    "batch_size": 64,
    "drop_p": 0.1,
}


def write(folder: Path, configurations: dict[str, Any], **changes: object) -> Path:
    content = {"name": "s", "tasks": "all", "architectures": ["varix"], "steps": 10}
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(content | {"configurations": configurations} | changes))
    return file


def test_it_is_every_combination_about_one_configuration(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, {"sweep": SWEEP, "at": AT}))
    table = configurations_of(study, "varix")
    assert len(table) == study.configurations.count == 6
    assert {(b, d) for b, d in table[list(SWEEP)].to_numpy()} == {
        (b, d) for b in SWEEP["beta"] for d in SWEEP["latent_dim_fixed"]
    }
    assert table[list(AT)].drop_duplicates().to_dict("records") == [AT]
    # As a home keeps it, it is the same study.
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json")))
    assert read_study(tmp_path / "again.yaml") == study


@pytest.mark.parametrize(
    ("configurations", "changes", "said"),
    [
        ({"sweep": SWEEP, "at": {}}, {}, r"configurations.at: does not say what k_filter, .* are"),
        ({"sweep": SWEEP, "at": AT}, {"space": {"k_filter": [32]}}, "no space beside it"),
        ({"sweep": SWEEP, "at": AT, "count": 3}, {}, "all of its 6 combinations: leave out count"),
        ({"sweep": SWEEP, "at": AT, "source": "sobol"}, {}, "leave out source"),
        ({"sweep": {"betta": [1, 2]}, "at": AT}, {}, r"sweep.betta: .* Did you mean beta"),
        ({"sweep": SWEEP, "at": AT | {"droop": 1}}, {}, r"configurations.at.droop: unknown"),
        ({"sweep": {"beta": [1]}, "at": AT}, {}, "beta needs two values or more"),
        ({"sweep": {"beta": [1, -2]}, "at": AT}, {}, r"sweep.beta: allows -2.0"),
        ({"sweep": {"beta": [1, 1]}, "at": AT}, {}, r"sweep.beta: needs a list of distinct"),
        ({"sweep": SWEEP, "at": AT | {"drop_p": "x"}}, {}, r"at.drop_p: 'x' is no number"),
        ({"sweep": SWEEP, "at": AT | {"beta": 1}}, {}, "beta is swept and fixed"),
        ({"sweep": SWEEP, "at": AT}, {"architectures": ["vanillix"]}, "not read by vanillix"),
        ({"count": 3, "at": AT}, {}, "give sweep, or leave out at"),
        ({"at": AT}, {}, "configurations.count: required"),
    ],
)
def test_what_it_leaves_open_is_refused(
    tmp_path: Path, configurations: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    file = write(tmp_path, configurations, **changes)

    def begun() -> None:
        study = read_study(file)
        configurations_of(study, study.architectures[0], file=file)

    with pytest.raises(InputError, match=said) as caught:
        begun()
    assert str(caught.value).startswith(f"{file}: ")
