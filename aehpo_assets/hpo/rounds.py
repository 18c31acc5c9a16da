"""Which validations may join the evidence of the next round, and which have.

The table that they join belongs to ``hpo.earlier_validations``, the command to ``next_round``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aehpo_assets.errors import InputError
from aehpo_assets.store.store import Partition, Store, artefact_name

EARLIER_VALIDATIONS = "earlier_validations"
VALIDATED = "validated_recommendations"
RECOMMENDATIONS = "recommendations"


def validations_to_take(store: Store, architecture: str, tasks: Sequence[str]) -> list[Partition]:
    """Return the validations of an architecture that earlier rounds do not hold yet.

    Parameters
    ----------
    store
        The store.
    architecture
        The architecture.
    tasks
        Tasks of the study; those without recommendations, whose data or training failed, are
        passed over.

    Returns
    -------
    list of Partition
        Empty where all of them are taken already.

    Raises
    ------
    InputError
        If nothing is validated, or a validation is not of the present recommendations.
    """
    record = store.provenance(EARLIER_VALIDATIONS, (architecture,))
    taken: Mapping[str, Sequence[str]] = {} if record is None else record.taken
    new: list[Partition] = []
    known = 0
    for task in tasks:
        partition = (architecture, task)
        recommended = store.provenance(RECOMMENDATIONS, partition)
        if recommended is None:
            continue
        name = artefact_name(VALIDATED, partition)
        validated = store.provenance(VALIDATED, partition)
        if validated is None or validated.failed_checks:
            raise InputError(
                f"{artefact_name(RECOMMENDATIONS, partition)} is not validated yet",
                file=store.root,
                remedy="Let `aehpo run` finish the present round first.",
            )
        made_from = validated.inputs.get(artefact_name(RECOMMENDATIONS, partition))
        if made_from != recommended.data_version:
            raise InputError(
                f"{name} is not of the present recommendations",
                file=store.root,
                remedy="Let `aehpo run` finish the present round first.",
            )
        known += 1
        if validated.data_version not in taken.get(name, ()):
            new.append(partition)
    if not known:
        raise InputError(
            f"nothing of {architecture} is validated yet",
            file=store.root,
            remedy="Run the study first: aehpo run STUDY.yaml.",
        )
    return new
