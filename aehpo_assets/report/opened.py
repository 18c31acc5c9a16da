"""A finished study in Python, as ``aehpo_assets.open(home)`` returns it.

Tables are data frames, latents AnnData, blackboxes Syne Tune's. No Dagster is needed, and nothing
is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.report.found import compared_configurations, records, validation_reports
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

if TYPE_CHECKING:
    from anndata import AnnData

    from aehpo_assets.analysis.narrowed import NarrowedSpace


class OpenedStudy:
    """The study of a home, to be read.

    What is asked for by ``architecture`` or ``task`` is restricted to it; without, all that the
    home holds is returned below each other. Every table is held against its hash as it is read.

    Parameters
    ----------
    home
        Folder of the home, which may be read-only; None for ``AEHPO_HOME``, or ``.aehpo``.

    Raises
    ------
    InputError
        If it holds no study.
    """

    def __init__(self, home: str | Path | None = None):
        self._home = Home(home)
        self.study: Study = self._home.study()

    def __repr__(self) -> str:
        return f"OpenedStudy({str(self._home.root)!r})  # {self.study.name}"

    def configurations(self, architecture: str | None = None) -> pd.DataFrame:
        """Return what was sampled: ``architecture``, ``config_id`` and the hyperparameters."""
        return self._tables("configurations", architecture)

    def runs(self, architecture: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the results of all sampled runs, one row a run."""
        return self._tables("run_results", architecture, task)

    def curves(self, architecture: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the learning curves, one row a run and fidelity."""
        return self._tables("learning_curves", architecture, task)

    def recommendations(
        self, architecture: str | None = None, task: str | None = None
    ) -> pd.DataFrame:
        """Return what searchers recommend, best first, with what is predicted of it."""
        return self._tables("recommendations", architecture, task)

    def validated(self, architecture: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the runs by which recommendations were validated, one row a candidate and seed."""
        return self._tables("validated_recommendations", architecture, task)

    def answer(self) -> pd.DataFrame:
        """Return what to train with: the validated hyperparameters of every task.

        Returns
        -------
        pandas.DataFrame
            One row a configuration: ``architecture, task, origin`` (``recommended``,
            ``best_sampled``, ``untuned_default``), ``config_id`` and the hyperparameters.
        """
        parts = []
        for architecture, report in validation_reports(self._home).items():
            for task in report["verdicts"]["task"]:
                own = compared_configurations(self._home, architecture, task, report)
                parts.append(_named(own, (architecture, task)))
        return pd.concat(parts, ignore_index=True)

    def verdicts(self) -> pd.DataFrame:
        """Return what the recommendations add: one row a task, opponent and score."""
        reports = validation_reports(self._home).items()
        parts = [
            _named(report["improvements"], (architecture,)) for architecture, report in reports
        ]
        return pd.concat(parts, ignore_index=True)

    def baselines(self, task: str | None = None) -> pd.DataFrame:
        """Return the baselines of each task, on valid."""
        tables = {
            partition: self._home.store.read_table("baseline_performance", partition)
            for partition in self._home.store.partitions("baseline_performance")
            if task in (None, partition[0])
        }
        return _joined([table.assign(task=own) for (own,), table in tables.items()], "baselines")

    def matrix(self, task: str) -> pd.DataFrame:
        """Return the matrix of a task, (samples, features), transformed and not scaled yet.

        An exported model encodes it with ``encode(matrix, transformed=True)``.
        """
        return self._home.store.read_table("omics_matrix", (task,))

    def noise(self, architecture: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the variance components of every score."""
        return self._tables("noise", architecture, task, file="components.parquet")

    def narrowed_space(self, architecture: str, task: str) -> NarrowedSpace:
        """Return the space where the best configurations lie, and what it is worth."""
        from aehpo_assets.report.narrowed import narrowed_of

        return narrowed_of(self._home, architecture, task)

    def latents(self, architecture: str, task: str) -> AnnData:
        """Return the latents of what is recommended, ``.obsm["X_<config_id>"]`` each."""
        import anndata

        folder = self._home.store.existing_folder("recommended_latents", (architecture, task))
        return anndata.read_h5ad(folder / "latents.h5ad")

    def blackbox(self, architecture: str) -> dict[str, Any]:
        """Return Syne Tune's blackbox of each task, as its own ``deserialize`` does."""
        from syne_tune.blackbox_repository.blackbox_tabular import deserialize

        return deserialize(str(self._home.store.existing_folder("blackbox", (architecture,))))

    def figures(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the SVG of every figure of the page of the study."""
        from aehpo_assets.analysis.plots.style import drawn_as
        from aehpo_assets.report.blocks import Picture
        from aehpo_assets.report.page import blocks_of
        from aehpo_assets.report.study import study_sections

        for block in blocks_of(study_sections(self._home, records(self._home.store))):
            if isinstance(block, Picture):
                with drawn_as("svg"):
                    yield block.name, block.draw()

    def _tables(self, asset: str, *wanted: str | None, file: str | None = None) -> pd.DataFrame:
        store, parts = self._home.store, []
        for partition in store.partitions(asset):
            if any(w not in (None, own) for w, own in zip(wanted, partition, strict=False)):
                continue
            if file is None:
                table = store.read_table(asset, partition)
            else:
                table = pd.read_parquet(store.existing_folder(asset, partition) / file)
            parts.append(_named(table, partition))
        return _joined(parts, asset)


def _named(table: pd.DataFrame, partition: tuple[str, ...]) -> pd.DataFrame:
    """Put architecture and task in front of a table that does not have them."""
    named = dict(zip(("architecture", "task"), partition, strict=False))
    rest = table.drop(columns=[*named], errors="ignore")
    for at, (name, value) in enumerate(named.items()):
        rest.insert(at, name, value)
    return rest


def _joined(parts: list[pd.DataFrame], what: str) -> pd.DataFrame:
    if not parts:
        raise InputError(
            f"the home holds no {what} of that",
            remedy="`aehpo status` says what there is, and what is missing.",
        )
    return pd.concat(parts, ignore_index=True)
