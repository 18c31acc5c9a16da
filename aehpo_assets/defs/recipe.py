"""What an asset is made from: the code that computes it, and the settings it depends on.

A :class:`Recipe` stands beside the asset that it is of. How an artefact is then made belongs to
``making``, how it is shown to ``shown``; what the tables mean is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from aehpo_assets.defs.code_links import code_links
from aehpo_assets.errors import InputError
from aehpo_assets.store.code_version import Chosen, CodeVersions, Computes
from aehpo_assets.store.freshness import study_settings
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

CODE_VERSIONS = "code versions"
STUDY_SETTINGS = "study settings"
DATASET_SECTION = "data set section"
ONLY_WITH = "only with"
OPTIONAL_INPUTS = "optional inputs"

ORIGIN = "origin"
"""The section of every ``dataset.yaml`` that says what it is, whose, and under what licence."""


@dataclass(frozen=True)
class Recipe:
    """What an asset depends on beside its inputs.

    Attributes
    ----------
    asset
        Name of the asset.
    compute
        Functions that compute what is in it. Its code version is that of all the science which
        they reach (``code_version``).
    chosen
        Registries of whose members it depends on some: the architecture of its partition, the
        searchers that the study names.
    settings
        Dotted keys of the study that it depends on.
    dataset_section
        The section of ``dataset.yaml`` that it depends on: ``modality``, ``ontology`` or
        ``labels`` of that of its task, or :data:`ORIGIN`.
    only_with
        Dotted key of an optional section of the study, or of a list that may be empty, without
        which there is nothing to make.
    optional_inputs
        Assets of which it reads what is there, and does without the rest.
    """

    asset: str
    compute: tuple[Computes, ...]
    chosen: tuple[Chosen, ...] = ()
    settings: tuple[str, ...] = ()
    dataset_section: str | None = None
    only_with: str | None = None
    optional_inputs: tuple[str, ...] = ()

    @cached_property
    def code(self) -> CodeVersions:
        """Versions of what computes it, and of the members that can be chosen."""
        return CodeVersions.of(self.compute, self.chosen)

    @property
    def code_version(self) -> str:
        """Code version shown by Dagster: what computes it, and the settings of the home's study.

        With the settings in it, the UI marks as stale what a changed study file touches. Dagster
        knows one code version for all partitions of an asset: those of the architectures and
        searchers are not in it. The record of an artefact has :attr:`Making.code_version`.
        """
        try:
            settings = study_settings(Home().study(), self.settings)
        except InputError:
            return self.code.base
        return f"{self.code.base}-{settings_hash(settings)[:8]}"

    @property
    def metadata(self) -> dict[str, Any]:
        """Definition metadata: shown in the UI, and read by the headless runner."""
        return {
            CODE_VERSIONS: asdict(self.code),
            STUDY_SETTINGS: list(self.settings),
            DATASET_SECTION: self.dataset_section or "",
            ONLY_WITH: self.only_with or "",
            OPTIONAL_INPUTS: list(self.optional_inputs),
        }

    @property
    def definition(self) -> dict[str, Any]:
        """Keyword arguments for ``@dg.asset``."""
        metadata = self.metadata | code_links(self.compute)
        return {"code_version": self.code_version, "metadata": metadata}


def is_asked_for(metadata: Mapping[str, Any], study: Study) -> bool:
    """Whether a study has the optional section that an asset needs, if it needs one.

    Parameters
    ----------
    metadata
        The asset's :attr:`Recipe.metadata`; that of a stub may lack all of it.
    study
        The study.
    """
    section = str(metadata.get(ONLY_WITH, ""))
    return not section or study_settings(study, [section])[section] not in (None, [])
