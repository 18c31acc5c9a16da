"""What validation found, read from a home: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aehpo_assets.analysis.names import BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import TEST_SCORE
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import Store

STUDY_REPORT = "study_report"
"""The asset of the page, which does not tell of itself."""

Report = dict[str, pd.DataFrame]
"""Tables of the validation report of an architecture, by name."""


def validation_reports(home: Home) -> dict[str, Report]:
    """Return the tables of each architecture of the study that has a validation report.

    Raises
    ------
    InputError
        If none has.
    """
    reports = {}
    for architecture in home.study().architectures:
        if home.store.is_usable("validation_report", (architecture,)):
            folder = home.store.existing_folder("validation_report", (architecture,))
            files = sorted(folder.glob("*.parquet"))
            reports[architecture] = {file.stem: pd.read_parquet(file) for file in files}
    if not reports:
        raise InputError(
            "nothing was validated here yet",
            file=home.root,
            remedy="`aehpo run STUDY.yaml` does, and `aehpo status` says what is missing.",
        )
    return reports


def records(store: Store) -> list[Provenance]:
    """Return the records of all artefacts of a store but its page, by asset and partition."""
    folders = (path.name for path in store.root.glob("*") if path.is_dir())
    assets = sorted(name for name in folders if name != STUDY_REPORT)
    found = [store.provenance(asset, own) for asset in assets for own in store.partitions(asset)]
    return [record for record in found if record is not None]


def of_task(report: Report, task: str) -> Report:
    """Return the rows of one task, of the tables that have tasks."""
    return {name: table[table["task"] == task] for name, table in report.items() if "task" in table}


def compared_configurations(
    home: Home, architecture: str, task: str, report: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return the hyperparameters of what was recommended, and of what it was compared with.

    Parameters
    ----------
    home
        The home.
    architecture, task
        What was validated.
    report
        The validation report of the architecture.

    Returns
    -------
    pandas.DataFrame
        One row a configuration: ``origin``, ``config_id`` and the hyperparameters; the recommended
        one first.
    """
    compared = report["improvements"]
    compared = compared[(compared["task"] == task) & (compared["score"] == TEST_SCORE)]
    ids = [(RECOMMENDED, config_id) for config_id in compared["config_id"].head(1)]
    for origin in (BEST_SAMPLED, UNTUNED_DEFAULT):
        own = compared.loc[compared["opponent"] == origin, "opponent_config_id"]
        ids += [(origin, config_id) for config_id in own.head(1)]
    validated = home.store.read_table("validated_recommendations", (architecture, task))
    trained = validated.assign(config_id=validated["config_id"].astype(str))
    trained = trained.drop_duplicates("config_id").set_index("config_id")
    names = search_space(architecture, home.study().space).names
    chosen = pd.DataFrame(ids, columns=["origin", "config_id"])
    values = trained.loc[chosen["config_id"], names].reset_index(drop=True)
    return pd.concat([chosen, values], axis=1)
