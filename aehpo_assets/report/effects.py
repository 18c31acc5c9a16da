"""Which hyperparameters matter, alone and in pairs, as sections of the page of a study."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.interactions import interactions_text
from aehpo_assets.report.blocks import Block, Picture, Section, Table, Text
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home

ASSET = "hyperparameter_effects"


def effect_sections(home: Home) -> Iterator[Section]:
    """Yield a section for each architecture whose effects are known.

    Parameters
    ----------
    home
        A home; what was not made yet is left out.
    """
    for (architecture,) in home.store.partitions(ASSET):
        if not home.store.is_usable(ASSET, (architecture,)):
            continue
        folder = home.store.existing_folder(ASSET, (architecture,))
        tables = {file.stem: pd.read_parquet(file) for file in folder.glob("*.parquet")}
        stem, first = f"effects-{architecture}", tables["importance"]["task"].iloc[0]
        own = {name: table[table["task"] == first] for name, table in tables.items()}
        blocks: list[Block] = [
            Table(
                f"{stem}-importance",
                f"Importance of each hyperparameter for the valid score, over {first}.",
                tables["importance"],
                own["importance"].drop(columns="task").round(3).astype(str),
            ),
            Picture(
                f"{stem}-effects",
                f"Main effects of each hyperparameter on the valid score, over {first}.",
                partial(plots.main_effects, own["main_effects"]),
                tables["main_effects"],
            ),
        ]
        names = search_space(architecture, home.study().space).names
        blocks += _interactions(tables, first, names, stem)
        yield Section(architecture, stem, blocks)


def _interactions(
    tables: dict[str, pd.DataFrame], first: str, names: list[str], stem: str
) -> Iterator[Block]:
    """What pairs do over all; of every task, questions and answers tell it in words."""
    # What an older version made has none, until it is made again.
    if "interactions" not in tables or tables["interactions"].empty:
        return
    pairs, surfaces = tables["interactions"], tables["interaction_surfaces"]
    over_all = pairs[pairs["task"] == first]
    yield Text(f"Interactions over {first}. {interactions_text(over_all)}")
    yield Picture(
        f"{stem}-interactions",
        "What each pair of hyperparameters explains of the variance between configurations that a "
        f"forest did not see, beyond what both do by themselves, over {first}; beside it, what the "
        "two strongest pairs do. Those with a number are told from chance at 5 % over all pairs.",
        partial(
            plots.interactions,
            over_all,
            surfaces[surfaces["task"] == first],
            names,
        ),
        pairs,
        wide=True,
    )
