"""What a study recommends for one task, as its home tells it: the configuration, and its scores.

That is the best of what was validated, by its valid score; before validation, what is predicted to
be the best. How it is written for other tools belongs to ``exports``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aehpo_assets.analysis.names import RECOMMENDED
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.rounds import RECOMMENDATIONS, VALIDATED
from aehpo_assets.space import search_space
from aehpo_assets.space.batches import epochs_of_steps
from aehpo_assets.space.training import LENGTHS
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import artefact_name

REPORT = "validation_report"

NOT_VALIDATED = "Nothing was validated yet: these values are predicted to be the best."
NO_VERDICT = "The validation report is not made yet, or not of this validation: no verdict."


@dataclass(frozen=True)
class Recommended:
    """One recommended configuration.

    Attributes
    ----------
    architecture, task, config_id
        What it is.
    configuration
        Hyperparameters by the names of this platform.
    epochs
        Epochs that it is trained.
    seeds
        Seeds that it was validated with; empty if it was not.
    scores
        ``predicted_valid``, and of what was validated ``valid``, ``valid_error``, ``runs``,
        ``failed_runs``, and with a verdict ``test`` and ``test_error``: weighted average AUC.
    verdict
        The verdict of the study in words, or why there is none.
    """

    architecture: str
    task: str
    config_id: str
    configuration: Mapping[str, float]
    epochs: int
    seeds: list[int]
    scores: Mapping[str, float]
    verdict: str

    @property
    def stem(self) -> str:
        """How its files are called."""
        return f"{self.architecture}_{self.task}"


def recommended(home: Home, architecture: str, task: str) -> Recommended:
    """Return what the study of a home recommends.

    Parameters
    ----------
    home
        The home.
    architecture, task
        What has recommendations there.

    Raises
    ------
    StaleInputError
        If what it is read from is damaged or did not pass its checks.
    """
    store, partition = home.store, (architecture, task)
    store.checked(RECOMMENDATIONS, partition)
    row = store.read_table(RECOMMENDATIONS, partition).iloc[0]
    seeds: list[int] = []
    scores = {"predicted_valid": float(row[f"predicted_{VALID_SCORE}"])}
    verdict = NOT_VALIDATED
    if _is_made_from(home, VALIDATED, partition, RECOMMENDATIONS, partition):
        runs = best_runs(scored_runs(store.read_table(VALIDATED, partition)), RECOMMENDED)
        row, seeds = runs.iloc[0], sorted(int(seed) for seed in runs["seed"].unique())
        scores = {
            "predicted_valid": float(row[f"predicted_{VALID_SCORE}"]),
            "valid": float(runs[VALID_SCORE].mean()),
            "runs": len(runs),
            "failed_runs": int(runs["failed"].sum()),
        }
        verdict = NO_VERDICT
        if _is_made_from(home, REPORT, (architecture,), VALIDATED, partition):
            tables = _report(home, architecture)
            candidates = tables["candidates"]
            is_it = (candidates["task"] == task) & (candidates["origin"] == RECOMMENDED)
            (told,) = candidates[is_it].to_dict("records")
            for name in ("valid", "valid_error", "test", "test_error"):
                scores[name] = float(told[name])
            verdicts = tables["verdicts"]
            verdict = str(verdicts.loc[verdicts["task"] == task, "verdict"].iloc[0])
    names = search_space(architecture, home.study().space).names
    return Recommended(
        architecture=architecture,
        task=task,
        config_id=str(row["config_id"]),
        configuration={name: pd.Series(row[name]).item() for name in names},
        epochs=_epochs(home, task, row),
        seeds=seeds,
        scores=scores,
        verdict=verdict,
    )


def _is_made_from(
    home: Home, asset: str, partition: tuple[str, ...], parent: str, of: tuple[str, ...]
) -> bool:
    """Whether an artefact is usable, and was made from its parent as that is now."""
    store = home.store
    if not store.is_usable(asset, partition) or (made := store.provenance(parent, of)) is None:
        return False
    read = store.checked(asset, partition).inputs.get(artefact_name(parent, of))
    return read == made.data_version


def _report(home: Home, architecture: str) -> Mapping[str, Any]:
    folder = home.store.existing_folder(REPORT, (architecture,))
    return {n: pd.read_parquet(folder / f"{n}.parquet") for n in ("candidates", "verdicts")}


def _epochs(home: Home, task: str, row: pd.Series) -> int:
    """Epochs of a configuration: its own, or those of the study, or those that have its steps."""
    study = home.study()
    length = int(min(study.length, row.get(LENGTHS[study.unit], study.length)))
    if study.unit == "epoch":
        return length
    split = home.store.read_table("data_split", (task,))["split"]
    return epochs_of_steps(length, int((split == "train").sum()), int(row["batch_size"]))
