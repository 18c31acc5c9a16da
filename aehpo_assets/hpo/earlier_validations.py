"""What earlier rounds of a study really trained: the runs from which the next round starts.

Recommending, validating and learning from it go round in a circle, and a graph of assets has none.
The runs validated so far are therefore a table of their own, to which a person adds the present
ones on purpose. When that is allowed belongs to ``aehpo_assets.hpo.rounds``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pandas as pd

from aehpo_assets.space import SearchSpace, config_id_of
from aehpo_assets.store.hashes import content_hash, settings_hash
from aehpo_assets.store.measured import measured_columns
from aehpo_assets.store.provenance import Provenance

logger = logging.getLogger(__name__)

COLUMNS = {"round": "int64", "origin": "str", "task": "str", "config_id": "str", "seed": "int64"}
"""Columns of the table before the first round, and their types."""

RACE = "race"
"""Origin of the runs of a race, and the asset that holds them."""

CONDITIONS = "conditions"
_CONDITION_INPUTS = ("preprocessed_matrix", "data_split", "sample_labels", "feature_ontology")
_CONDITION_SETTINGS = ("epochs", "annealing", "vae_loss", "precision")
_NOT_OF_A_RUN = (
    "rank",
    "searcher",
    "transfer",
    "known_runs",
    "known_valid",
    "last_tenth_fall",
    "fleet_runtime",
    "evaluation_runtime",
    "run_key",
)


def no_validations() -> pd.DataFrame:
    """Return the table of a study in its first round."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})


def finished_rounds(earlier: pd.DataFrame) -> int:
    """Return how many rounds a table of earlier validations holds."""
    return 0 if earlier.empty else int(earlier["round"].max())


def as_it_was(earlier: pd.DataFrame, data_version: str) -> pd.DataFrame | None:
    """Return a table of earlier validations as it was before some of its rounds.

    Parameters
    ----------
    earlier
        The table of today.
    data_version
        What it was then.

    Returns
    -------
    pandas.DataFrame or None
        None if no number of its first rounds is that table: it was begun again since, or a later
        round brought labels that it had not.
    """
    rounds = range(finished_rounds(earlier), 0, -1)
    first = [earlier[earlier["round"] <= number].reset_index(drop=True) for number in rounds]
    tables = [*first, no_validations()]
    # An older version counted measured seconds as well.
    return next(
        (
            table
            for table in tables
            if data_version in (content_hash(table, measured_columns(table)), content_hash(table))
        ),
        None,
    )


def training_conditions(provenance: Provenance) -> str:
    """Return a hash of what has to be equal for scores of runs to be comparable.

    Parameters
    ----------
    provenance
        Record of run results or of validated recommendations: data, split, labels, length,
        annealing, loss and precision are looked at.
    """
    inputs = {n: v for n, v in provenance.inputs.items() if n.split("/")[0] in _CONDITION_INPUTS}
    settings = {name: provenance.settings.get(name) for name in _CONDITION_SETTINGS}
    if (steps := provenance.settings.get("steps")) is not None:
        settings["steps"] = steps
    return settings_hash({"inputs": inputs, "settings": settings})


def with_race(validated: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Put the runs of the race that chose what was validated beside it, as of the origin ``race``.

    Parameters
    ----------
    validated
        Validated recommendations of one task.
    runs
        Results of all runs of its race.
    """
    raced = runs.drop(columns="round").assign(origin=RACE)
    return pd.concat([validated, raced], ignore_index=True)


def with_next_round(
    earlier: pd.DataFrame, validated: Mapping[str, pd.DataFrame], conditions: Mapping[str, str]
) -> pd.DataFrame:
    """Add the validations of a round.

    Parameters
    ----------
    earlier
        The table so far.
    validated
        Task to validated recommendations, of one architecture, with the runs of its race if there
        was one (:func:`with_race`).
    conditions
        Task to what they were trained under (:func:`training_conditions`).

    Returns
    -------
    pandas.DataFrame
        RangeIndex; ``round`` (from 1), ``origin`` (recommended | best_sampled | untuned_default |
        race), ``conditions`` and the columns of run results without seconds that nothing reads. A
        run that is a candidate of two origins counts once, as that of the first.
    """
    parts = []
    for task, table in validated.items():
        dropped = [name for name in table if name in _NOT_OF_A_RUN or name.startswith("predicted_")]
        runs = table.drop(columns=dropped).drop_duplicates(["config_id", "seed"])
        runs = runs.assign(task=task, **{CONDITIONS: conditions[task]})
        runs["config_id"] = runs["config_id"].astype("str")
        runs.insert(0, "round", finished_rounds(earlier) + 1)
        parts.append(runs)
    return pd.concat([table for table in (earlier, *parts) if len(table)], ignore_index=True)


def comparable_runs(
    earlier: pd.DataFrame,
    results: Mapping[str, pd.DataFrame],
    conditions: Mapping[str, str],
    space: SearchSpace,
) -> dict[str, pd.DataFrame]:
    """Pick the earlier runs that may stand beside the present run results.

    Parameters
    ----------
    earlier
        Output of :func:`with_next_round`.
    results
        Task to run results.
    conditions
        Task to what the run results were trained under.
    space
        The architecture's search space as it is now.

    Returns
    -------
    dict of str to pandas.DataFrame
        Task to the runs trained under the same conditions and inside the space, for the tasks that
        have any. A configuration that is sampled has the ``config_id`` of the sample, and any other
        one that of its hyperparameters: the list of samples may have changed since.
    """
    found: dict[str, pd.DataFrame] = {}
    for task, runs in results.items():
        own = earlier[earlier["task"] == task]
        if own.empty:
            continue
        records = own[space.names].to_dict("records")
        inside = pd.Series([space.problem(record) is None for record in records], index=own.index)
        usable = inside & (own[CONDITIONS] == conditions[task])
        if not usable.all():
            logger.warning(
                "%s: %d of %d runs of earlier rounds are of other data, settings or another space, "
                "and are left out",
                task,
                int((~usable).sum()),
                len(own),
            )
        if usable.any():
            found[task] = _with_present_ids(own[usable], runs, space)
    return found


def _with_present_ids(own: pd.DataFrame, results: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    keys = results[space.names].itertuples(index=False, name=None)
    known = dict(zip(keys, results["config_id"].astype(str), strict=True))
    ids = [
        known.get(key) or config_id_of(dict(zip(space.names, key, strict=True)))
        for key in own[space.names].itertuples(index=False, name=None)
    ]
    return own.assign(config_id=ids).reset_index(drop=True)
