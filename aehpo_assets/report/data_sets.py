"""Where the data of a study come from, and what one may do with them, as their owners say."""

from __future__ import annotations

from dataclasses import dataclass

from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.datasets.joint_names import JOINS
from aehpo_assets.store.home import Home

NOT_STATED = "not stated in its dataset.yaml"
NOT_FOUND = "not known: the data set is not at hand"


@dataclass(frozen=True)
class Origin:
    """What ``dataset.yaml`` says of a data set at present.

    Attributes
    ----------
    name, title
        Of the data set; without one at hand, the name of the task.
    source, licence
        What it says, or why that is not known.
    """

    name: str
    title: str
    source: str
    licence: str

    @property
    def known(self) -> bool:
        """Whether the licence is one that was stated."""
        return self.licence not in (NOT_STATED, NOT_FOUND)


def origins(home: Home) -> dict[str, Origin]:
    """Return where each task comes from whose matrix is in the store.

    Parameters
    ----------
    home
        A home; its data sets are looked for below its data roots.

    Returns
    -------
    dict
        Task to the origin of its data set.
    """
    found, _ = usable_tasks(home.data_roots())
    said = {}
    for (task,) in home.store.partitions("omics_matrix"):
        # All modalities of a joint task are of one data set.
        one = found.get(task.split(JOINS)[0])
        if one is None:
            said[task] = Origin(task, "", NOT_FOUND, NOT_FOUND)
            continue
        dataset = one[0]
        said[task] = Origin(
            dataset.name,
            dataset.title,
            dataset.source or NOT_STATED,
            dataset.licence or NOT_STATED,
        )
    return said


def origin_settings(home: Home) -> dict[str, dict[str, str]]:
    """Return what a page of a study says of its data sets, as settings that it depends on.

    Parameters
    ----------
    home
        A home.

    Returns
    -------
    dict
        ``dataset.origin.<data set>`` to its title, source and licence, of those that are at hand.
    """
    return {
        f"dataset.origin.{one.name}": {
            "title": one.title,
            "source": one.source,
            "licence": one.licence,
        }
        for one in origins(home).values()
        if one.source != NOT_FOUND
    }


def licence_text(home: Home) -> str:
    """Return in a sentence what is known of the licences of the data of a study.

    Parameters
    ----------
    home
        A home.
    """
    named = {one.name: one.licence for one in origins(home).values()}
    listed = "; ".join(f"{name}: {licence}" for name, licence in named.items())
    return f"The raw data belong to their owners, and are not in it. {listed}."
