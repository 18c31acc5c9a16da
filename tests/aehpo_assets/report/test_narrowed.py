"""A narrowed space as a file is the space of a next study, and says what it rests on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from aehpo_assets.analysis.narrowed import COLUMNS, NarrowedSpace
from aehpo_assets.report.narrowed import narrowed_yaml
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home


def test_it_is_the_space_of_the_study_with_what_is_narrowed(finished_tiny: Path) -> None:
    home = Home(finished_tiny / "home")
    support = pd.DataFrame({"top": [5], "configurations": [25]})
    worth = pd.DataFrame([(1, 0.7, 0.8, 0.1, 0.05, 0.15, 9, 25)], columns=list(COLUMNS))
    found = NarrowedSpace({"lr_fixed": {"loguniform": [0.001, 0.01]}}, support, worth)
    text = narrowed_yaml(home, "vanillix", "toy_rna", found)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert max(map(len, comments)) <= 92
    said = " ".join(line.removeprefix("# ") for line in comments)
    assert "four in five of the best 5 of 25 lie" in said
    assert "Of 25 configurations held out, 9 lie inside" in said
    space = search_space("vanillix", yaml.safe_load(text)["space"])
    assert str(space.hyperparameters["lr_fixed"]) == "loguniform [0.001, 0.01]"
    assert str(space.hyperparameters["latent_dim_fixed"]) == "[2, 4]"
