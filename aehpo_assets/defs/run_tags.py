"""How runs are named: tags that say what a run makes, and for which part of which study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aehpo_assets.defs.partitions import dimensions, partition_key
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.store.store import Partition

ASSETS_TAG = "aehpo/assets"
"""Tag of the assets that a run makes."""


def run_tags(
    artefacts: StudyArtefacts, assets: Iterable[str], partition: Partition
) -> Mapping[str, str]:
    """Return the tags of a run that makes some assets of one partition.

    Parameters
    ----------
    artefacts
        The artefacts of the study.
    assets
        Assets of the same partitions.
    partition
        Which one; a job of mixed partitions takes no key, but goes by tags.
    """
    assets = list(assets)
    definition = artefacts.specs[assets[0]].partitions_def
    parts = dict(zip(dimensions(definition), partition, strict=True))
    key = partition_key(partition)
    return {
        "aehpo/study": artefacts.study.name,
        ASSETS_TAG: ", ".join(assets),
        **{f"aehpo/{name}": value for name, value in parts.items()},
        **(definition.get_tags_for_partition_key(key) if definition and key else {}),
    }
