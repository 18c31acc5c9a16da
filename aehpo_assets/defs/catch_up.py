"""What is to be made of the stale artefacts of one code location at this moment.

An artefact is asked for when everything that it depends on is usable, or made in the same run. The
others follow in a later round. Staleness itself is the business of ``defs.study_artefacts``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.store.store import Partition

Group = tuple[str, ...]
"""Assets that are always made together."""


def due_artefacts(
    artefacts: StudyArtefacts,
    groups: Sequence[Group],
    busy: Collection[tuple[str, Partition]] = (),
) -> Iterator[tuple[Partition, dict[str, str]]]:
    """Yield each partition with something to make, and the assets to be made in one run.

    Parameters
    ----------
    artefacts
        The artefacts of the study.
    groups
        The assets of the code location, upstream before downstream.
    busy
        Assets and partitions that a run is making already.

    Yields
    ------
    tuple of Partition and dict
        The partition, and asset to the reason why it is stale.
    """
    stale = set(busy)
    due: dict[Partition, dict[str, str]] = {}
    for group in groups:
        for partition in artefacts.partitions(group[0]):
            if any((asset, partition) in stale for asset in group):
                continue
            reasons = [artefacts.why_stale(asset, partition) for asset in group]
            reason = next((why for why in reasons if why), None)
            if reason is None:
                continue
            stale |= {(asset, partition) for asset in group}
            together = due.get(partition, {})
            if all(_is_ready(artefacts, asset, partition, stale, together) for asset in group):
                due.setdefault(partition, {}).update(dict.fromkeys(group, reason))
    yield from due.items()


def _is_ready(
    artefacts: StudyArtefacts,
    asset: str,
    partition: Partition,
    stale: Collection[tuple[str, Partition]],
    together: Collection[str],
) -> bool:
    """Whether everything that an asset depends on is usable, or made in the same run."""
    for parent, partitions in artefacts.needs(asset, partition).items():
        if parent in together and partition in partitions:
            continue
        if any((parent, p) in stale for p in partitions):
            return False
        needed = [partition] if partition in partitions else partitions
        if not any(artefacts.home.store.is_usable(parent, p) for p in needed):
            return False
    return True
