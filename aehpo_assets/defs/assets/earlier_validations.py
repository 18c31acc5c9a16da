"""The asset of what earlier rounds validated; with an asset upstream it would close a circle.

It is a given, as raw data is: made empty when it is missing, and grown by a person who materializes
it with ``next_round: true``, which is what ``aehpo next-round`` does. No code and no setting makes
it stale. What may be taken is decided in ``aehpo_assets.hpo.rounds``.
"""

import dagster as dg
import pandas as pd

from aehpo_assets.defs.conditions import when_inputs_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.partitions import architectures
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.after import objectives_for
from aehpo_assets.hpo.earlier_validations import (
    RACE,
    comparable_runs,
    finished_rounds,
    no_validations,
    training_conditions,
    with_next_round,
    with_race,
)
from aehpo_assets.hpo.rounds import VALIDATED, validations_to_take
from aehpo_assets.hpo.surrogate.fit import training_table
from aehpo_assets.store.store import artefact_name

EARLIER_VALIDATIONS = Recipe("earlier_validations", compute=())

EVALUATIONS = (comparable_runs, training_conditions, training_table, objectives_for)
"""What computes :func:`evaluations_of`."""


class RoundConfig(dg.Config):
    """Whether to take over what is validated now, or leave the table as it is."""

    next_round: bool = False


@dg.asset(
    partitions_def=architectures,
    group_name="hpo",
    automation_condition=when_inputs_change,
    **EARLIER_VALIDATIONS.definition,
)
def earlier_validations(
    context: dg.AssetExecutionContext, config: RoundConfig, study: StudyResource
) -> dg.MaterializeResult:
    """Runs validated in earlier rounds; with ``next_round: true`` the present ones join them."""
    making = Making.begin(EARLIER_VALIDATIONS, context, study)
    architecture = context.partition_key
    table = _so_far(making)
    if config.next_round:
        new = validations_to_take(making.store, architecture, making.tasks)
        validated = {task: _validated(making, task) for _, task in new}
        records = {task: making.store.checked(VALIDATED, (of, task)) for of, task in new}
        if new:
            conditions = {task: training_conditions(record) for task, record in records.items()}
            table = with_next_round(table, validated, conditions)
    return making.write_table(
        table,
        metadata={"rounds": finished_rounds(table), "runs": len(table)},
        measured=True,
    )


def _validated(making: Making, task: str) -> pd.DataFrame:
    """Take over the validation of a task, and the runs of the race that it followed, if any."""
    partition = (making.partition[0], task)
    table = making.taken_table(VALIDATED, *partition)
    race, name = making.store.provenance(RACE, partition), artefact_name(RACE, partition)
    followed = making.store.checked(VALIDATED, partition).inputs.get(name)
    if race is None or race.data_version != followed:
        return table
    making.taken[name] = [*making.taken.get(name, []), race.data_version]
    folder = making.store.existing_folder(RACE, partition)
    return with_race(table, pd.read_parquet(folder / "runs.parquet"))


def _so_far(making: Making) -> pd.DataFrame:
    """Read the table as it is, or begin it.

    Raises
    ------
    StaleInputError
        If it is damaged.
    """
    store, partition = making.store, making.partition
    if (damage := store.damage(making.recipe.asset, partition)) is not None:
        path = store.table_path(making.recipe.asset, partition)
        raise StaleInputError(
            f"{path}: {damage}. It holds what earlier rounds trained and cannot be made again: "
            f"bring it back from a backup, or remove .{path.name}.damaged beside it to start over."
        )
    record = store.provenance(making.recipe.asset, partition)
    if record is None:
        return no_validations()
    making.taken = dict(record.taken)
    return store.read_table(making.recipe.asset, partition)


def evaluations_of(making: Making, results: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the long training table: the study's runs, and those validated in earlier rounds.

    Parameters
    ----------
    making
        The artefact in the making, of one architecture; what is read becomes its input.
    results
        Task to run results.
    """
    architecture = making.partition[0]
    earlier = making.table("earlier_validations", architecture)
    conditions = {
        task: training_conditions(making.store.checked("run_results", (architecture, task)))
        for task in results
    }
    validated = comparable_runs(earlier, results, conditions, making.space)
    after = objectives_for(making.settings.hpo.objective)
    return training_table(results, making.space, validated, after)
