"""Automation conditions that Dagster does not have: they know the study, or look past one edge.

Roles are put together from these in ``conditions``. Dagster evaluates such conditions inside the
code location.
See https://docs.dagster.io/guides/automate/declarative-automation/customizing-automation-conditions.
"""

from collections.abc import Collection
from typing import Any

import dagster as dg
from dagster._core.definitions.declarative_automation.operators import AndAutomationCondition

from aehpo_assets.defs.partitions import belongs, dimensions
from aehpo_assets.defs.recipe import is_asked_for
from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition, Store
from aehpo_assets.study import Study

Context = dg.AutomationContext[Any]
Result = dg.AutomationResult[Any]


class InTurn(AndAutomationCondition[dg.AssetKey]):
    """All of its operands, each asked about what those before it leave; with nothing left it ends.

    Dagster's own asks every operand also where the first leaves nothing, which is how it is most of
    the time. Only the first may remember earlier evaluations: it is asked in each.
    """

    async def evaluate(self, context: Context) -> Result:  # type: ignore[override]
        """Return the candidates for which all operands hold."""
        left, asked = context.candidate_subset, list[Result]()
        for position, operand in enumerate(self.operands):
            if asked and left.is_empty:
                left = context.get_empty_subset()
                break
            own = context.for_child_condition(operand, [position], left)
            asked.append(await own.evaluate_async())
            left = left.compute_intersection(asked[-1].true_subset)
        return dg.AutomationResult(context, left, child_results=asked)


def in_turn(*operands: dg.AutomationCondition[Any]) -> InTurn:
    """Return the condition that holds where all of these do, see :class:`InTurn`."""
    return InTurn(operands=operands)


class InStudy(dg.AutomationCondition[dg.AssetKey]):
    """Partitions of the home's study; none while no study lives there or a headless run is on.

    An asset of a section that the study does not have has none either.

    The instance may know more: what a person added by hand, or an earlier form of the study had.
    """

    def evaluate(self, context: Context) -> Result:
        """Return the candidates that belong to the study."""
        home = Home()
        if not home.study_file.exists() or home.is_locked:
            return dg.AutomationResult(context, context.get_empty_subset())
        try:
            study = home.study()
        except InputError:
            return dg.AutomationResult(context, context.get_empty_subset())
        if not is_asked_for(context.asset_graph.get(context.key).metadata, study):
            return dg.AutomationResult(context, context.get_empty_subset())
        if context.partitions_def is None:
            return dg.AutomationResult(context, context.candidate_subset)
        keys = {
            key
            for key in context.candidate_subset.expensively_compute_partition_keys()
            if _belongs(study, context, key)
        }
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(keys)
        )


class OwnPartitionMissing(dg.AutomationCondition[dg.AssetKey]):
    """Partitions that are missing in a dependency of the same partitions.

    For an asset that depends on every task of a dependency, and needs that of its own.
    """

    async def evaluate(self, context: Context) -> Result:  # type: ignore[override]
        """Return the candidates whose own partition is missing upstream."""
        graph, view = context.asset_graph, context.asset_graph_view
        missing: set[str] = set()
        for parent in graph.get(context.key).parent_keys:
            if graph.get(parent).partitions_def == context.partitions_def:
                subset = await view.compute_missing_subset(
                    key=parent, from_subset=view.get_full_subset(key=parent)
                )
                missing |= subset.expensively_compute_partition_keys()
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(missing)
        )


class WillBeRequestedElsewhere(dg.AutomationCondition[dg.AssetKey]):
    """Partitions that this evaluation requests, but in another run than what depends on them."""

    async def evaluate(self, context: Context) -> Result:  # type: ignore[override]
        """Return the candidates that are requested in a run of their own."""
        requested = context.request_subsets_by_key.get(context.key)
        if requested is None:
            return dg.AutomationResult(context, context.get_empty_subset())
        here = await context.for_child_condition(
            dg.AutomationCondition.will_be_requested(), [0], context.candidate_subset
        ).evaluate_async()
        elsewhere = requested.compute_difference(here.true_subset)
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection(elsewhere)
        )


class MadeMeanwhile(dg.AutomationCondition[dg.AssetKey]):
    """Partitions that were made after the evaluation began.

    An evaluation looks at events up to its beginning, but at runs as they are when it asks. Of a
    run that ends in between it sees neither that it is under way nor what it made.
    """

    def evaluate(self, context: Context) -> Result:
        """Return the candidates with a materialization that the evaluation does not see."""
        view = context.asset_graph_view
        began = view.last_event_id or 0
        if context.partitions_def is None:
            records = view.instance.fetch_materializations(context.key, limit=1).records
            is_made = any(record.storage_id > began for record in records)
            nothing = context.get_empty_subset()
            return dg.AutomationResult(context, context.candidate_subset if is_made else nothing)
        keys = context.candidate_subset.expensively_compute_partition_keys()
        latest = view.instance.event_log_storage.get_latest_storage_id_by_partition(
            context.key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions=set(keys)
        )
        made = {key for key, storage_id in latest.items() if storage_id > began}
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(made)
        )


class OutOfDate(dg.AutomationCondition[dg.AssetKey]):
    """Partitions whose record names another data version of an input than the store holds now.

    They will be made again first, in whatever code location.
    """

    def evaluate(self, context: Context) -> Result:
        """Return the candidates that something they were made from has overtaken."""
        store = Home().store
        asset = context.key.to_user_string()
        if context.partitions_def is None:
            is_overtaken, nothing = _is_overtaken(store, asset, ()), context.get_empty_subset()
            return dg.AutomationResult(
                context, context.candidate_subset if is_overtaken else nothing
            )
        overtaken = {
            key
            for key in context.candidate_subset.expensively_compute_partition_keys()
            if _is_overtaken(store, asset, _partition(key))
        }
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(overtaken)
        )


class OnItsWay(dg.AutomationCondition[dg.AssetKey]):
    """Partitions that are missing now but will come.

    The study asks for them, and neither they nor anything that they depend on has failed or was
    canceled.
    """

    async def evaluate(self, context: Context) -> Result:  # type: ignore[override]
        """Return the candidates that are missing without a failure upstream."""
        view = context.asset_graph_view
        missing = await view.compute_missing_subset(
            key=context.key, from_subset=context.candidate_subset
        )
        upstream = context.asset_graph.get_ancestor_asset_keys(context.key, include_self=True)
        failed = _canceled(view.instance, upstream)
        for key in upstream:
            subset = await view.compute_execution_failed_subset(
                key=key, from_subset=view.get_full_subset(key=key)
            )
            failed |= {
                _partition(failure) for failure in subset.expensively_compute_partition_keys()
            }
        home = Home()
        study = home.study() if home.study_file.exists() else None
        if study and not is_asked_for(context.asset_graph.get(context.key).metadata, study):
            return dg.AutomationResult(context, context.get_empty_subset())
        coming = {
            key
            for key in missing.expensively_compute_partition_keys()
            if study is not None
            and _belongs(study, context, key)
            and not any(set(failure) <= set(_partition(key)) for failure in failed)
        }
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(coming)
        )


def _canceled(instance: dg.DagsterInstance, assets: Collection[dg.AssetKey]) -> set[Partition]:
    """Partitions for which a run of some assets was canceled; Dagster counts that as no failure."""
    canceled = dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED])
    return {
        _partition(run.tags["dagster/partition"])
        for run in instance.get_runs(canceled, limit=100)
        if "dagster/partition" in run.tags and set(assets) & (run.asset_selection or set())
    }


def _is_overtaken(store: Store, asset: str, partition: Partition) -> bool:
    """Whether an artefact was made from another version of an input than there is now."""
    provenance = store.provenance(asset, partition)
    for name, version in provenance.inputs.items() if provenance else ():
        parent, *parent_partition = name.split("/")
        if name.startswith("file:"):
            continue
        present = store.provenance(parent, tuple(parent_partition))
        if present is not None and present.data_version != version:
            return True
    return False


def _partition(key: str) -> Partition:
    """Return the partition behind a key that may have lost its dimensions: ``varix|tcga_rna``."""
    return tuple(key.split("|"))


def _belongs(study: Study, context: Context, key: str) -> bool:
    """Whether the architecture and the task of a partition are those of the study."""
    of = zip(dimensions(context.partitions_def), _partition(key), strict=True)
    return all(belongs(study, dimension, part) for dimension, part in of)
