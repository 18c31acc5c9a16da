"""The sweep of a study, where it is one, as a section of its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from aehpo_assets.analysis.plots.sweep import sweep as draw_sweep
from aehpo_assets.analysis.sweep import FEWEST_REPLICATES, sweep_scores, sweep_text
from aehpo_assets.report.blocks import Block, Picture, Section, Text
from aehpo_assets.space.distributions import value_text
from aehpo_assets.store.home import Home


def sweep_sections(home: Home) -> Iterator[Section]:
    """Yield the section of what was swept, if the study is a sweep.

    Parameters
    ----------
    home
        A home; without runs there is nothing to show.
    """
    settings = home.study().configurations
    if settings.sweep is None:
        return
    swept = list(settings.sweep)
    parts = []
    for architecture, task in home.store.partitions("run_results"):
        if home.store.is_usable("run_results", (architecture, task)):
            results = home.store.read_table("run_results", (architecture, task))
            stem = f"sweep-{architecture}-{task}"
            blocks = list(sweep_blocks(results, swept, stem))
            parts.append(Section(f"{task}, {architecture}", stem, blocks))
    fixed = ", ".join(f"{name} {value_text(value)}" for name, value in settings.at.items())
    told = Text(f"Swept: {', '.join(swept)}. All else stays what it is: {fixed}.")
    yield Section("What the sweep says", "sweep", [told], parts)


def sweep_blocks(results: pd.DataFrame, swept: Sequence[str], stem: str) -> Iterator[Block]:
    """Yield what is best of a sweep in words, and the scores at every value.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    swept
        The hyperparameters that vary, the one on the axis first.
    stem
        Of the name of the picture.
    """
    table = sweep_scores(results, swept)
    for sentence in sweep_text(table, swept):
        yield Text(sentence)
    of = f", a line for each {swept[1]}" if len(swept) > 1 else ""
    yield Picture(
        f"{stem}-scores",
        f"Valid score and R² against {swept[0]}{of}: means over replicates, with 95 % intervals "
        f"where there are {FEWEST_REPLICATES} or more. Filled points are not told from the best of "
        "their line. The table beside it has every label.",
        partial(draw_sweep, table, swept),
        table,
        wide=True,
    )
