"""Where an artefact came from: the chain of records from it down to the raw files.

Here the records in the store and the files of today are put side by side. How a chain is shown
belongs to ``cli.trace``; making it again to ``reproduce``. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import FILE, Partition, Store, artefact_name


@dataclass(frozen=True)
class Artefact:
    """An artefact as a person names it: ``recommendations/varix/tcga_rna``.

    Attributes
    ----------
    asset, partition
        Which artefact of the store.
    config_id
        A configuration within its table (``run_results/varix/tcga_rna/17``), or None for all of it.
    """

    asset: str
    partition: Partition
    config_id: str | None = None

    @property
    def name(self) -> str:
        """Name of the artefact, the configuration left out."""
        return artefact_name(self.asset, self.partition)


@dataclass(frozen=True)
class Link:
    """One artefact or file of a chain.

    Attributes
    ----------
    name
        Name of the artefact, or ``file:`` and the path.
    recorded
        Data version that what depends on it was made from; of the first link, its own.
    provenance
        Record of today's artefact; None for a file, and for what is gone.
    problems
        Where the chain is broken here, each in a sentence.
    inputs
        What it was made from.
    """

    name: str
    recorded: str
    provenance: Provenance | None
    problems: tuple[str, ...]
    inputs: tuple[Link, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether it is a file outside the store."""
        return self.name.startswith(FILE)


def find_artefact(store: Store, name: str) -> Artefact:
    """Return the artefact that a person means.

    Raises
    ------
    InputError
        If there is no such artefact, or its table has no such configuration.
    """
    asset, *parts = name.strip("/").split("/")
    present = store.partitions(asset) if _is_plain(asset) else []
    if tuple(parts) in present:
        return Artefact(asset, tuple(parts))
    if len(parts) > 1 and (partition := tuple(parts[:-1])) in present:
        found = Artefact(asset, partition, parts[-1])
        runs_of(store, found)
        return found
    known = [artefact_name(asset, partition) for partition in present]
    if not known and store.root.is_dir():
        known = sorted(path.name for path in store.root.iterdir() if _is_plain(path.name))
    raise InputError(
        f"there is no artefact {name!r} in {store.root}",
        remedy=f"There are: {', '.join(known)}." if known else "Nothing is materialized yet.",
    )


def _is_plain(asset: str) -> bool:
    return bool(asset) and not asset.startswith(".")


def runs_of(store: Store, artefact: Artefact) -> pd.DataFrame:
    """Return the rows of a table that are of the artefact's configuration.

    Raises
    ------
    InputError
        If the table knows no such configuration, or is no table of configurations.
    StaleInputError
        If it is damaged; it stays where it is.
    """
    if (damage := store.damage(artefact.asset, artefact.partition)) is not None:
        raise StaleInputError(f"{artefact.name}: damaged ({damage}). `aehpo run` makes it again.")
    table = (
        store.read_table(artefact.asset, artefact.partition)
        if store.table_path(artefact.asset, artefact.partition).exists()
        else pd.DataFrame()
    )
    if "config_id" not in table:
        raise InputError(
            f"{artefact.name} is no table of configurations",
            remedy="Name the artefact alone.",
        )
    rows = table[table["config_id"] == artefact.config_id].reset_index(drop=True)
    if rows.empty:
        known = ", ".join(table["config_id"].head(5))
        raise InputError(
            f"{artefact.name} holds no configuration {artefact.config_id!r}",
            remedy=f"It holds {len(table)} rows: {known}, …",
        )
    return rows


def trace(store: Store, artefact: Artefact, *, content: bool = True) -> Link:
    """Follow an artefact down to the raw files.

    Parameters
    ----------
    store
        The store.
    artefact
        Where to begin.
    content
        Whether every artefact is read and held against its hash, rather than its record believed.

    Returns
    -------
    Link
        The first link. What several artefacts depend on in the same version is one object.
    """
    links: dict[tuple[str, str], Link] = {}
    damage: dict[str, str | None] = {}
    hashes: dict[str, str | None] = {}

    def problem_of(name: str) -> str | None:
        if name not in damage:
            asset, *partition = name.split("/")
            damage[name] = store.damage(asset, tuple(partition)) if content else None
        return damage[name]

    def link(name: str, recorded: str | None) -> Link:
        if (key := (name, recorded or "")) not in links:
            links[key] = (
                _file_link(store, name, recorded or "", hashes)
                if name.startswith(FILE)
                else artefact_link(name, recorded)
            )
        return links[key]

    def artefact_link(name: str, recorded: str | None) -> Link:
        asset, *partition = name.split("/")
        provenance = store.provenance(asset, tuple(partition))
        damaged = problem_of(name)
        if provenance is None:
            problem = damaged or "it is gone, and with it what it was made from"
            return Link(name, recorded or "", None, (problem,))
        problems = [] if damaged is None else [damaged]
        if recorded not in (None, provenance.data_version):
            problems.append(
                f"today it is {provenance.data_version}, made {provenance.created}; "
                f"what depends on it was made from {recorded}"
            )
        inputs = tuple(link(*item) for item in provenance.inputs.items())
        version = recorded or provenance.data_version
        return Link(name, version, provenance, tuple(problems), inputs)

    return link(artefact.name, None)


def _file_link(store: Store, name: str, recorded: str, hashes: dict[str, str | None]) -> Link:
    path = store.file_path(name)
    if name not in hashes:
        hashes[name] = file_hash(path) if path.is_file() else None
    present = hashes[name]
    problems = []
    if present is None:
        problems.append("the file is gone")
    elif present != recorded:
        problems.append(f"today the file is {present}; what depends on it was made from {recorded}")
    return Link(name, recorded, None, tuple(problems))


def walk(link: Link) -> Iterator[Link]:
    """Yield every link of a chain once, each before what it was made from."""
    seen: set[int] = set()
    waiting = [link]
    while waiting:
        present = waiting.pop(0)
        if id(present) not in seen:
            seen.add(id(present))
            yield present
            waiting += present.inputs


def breaks(link: Link) -> list[str]:
    """Return where a chain is broken, as ``name: problem``; empty if it is whole."""
    found = [f"{part.name}: {problem}" for part in walk(link) for problem in part.problems]
    return list(dict.fromkeys(found))
