"""What an artefact was made from, taken over as it is once its content was verified."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import FILE, Store


def take_over(home: Home, clean: Home, record: Provenance, without: Collection[str]) -> list[str]:
    """Copy the artefacts that another was made from into a clean home.

    Parameters
    ----------
    home
        Where they are.
    clean
        Where they are copied to.
    record
        That of what was made from them.
    without
        Names of those that are made again.

    Returns
    -------
    list of str
        Their names.

    Raises
    ------
    InputError
        If one is gone, damaged, or not what was read any more; nothing is copied then.
    """
    wanted = {
        name: version
        for name, version in record.inputs.items()
        if not name.startswith(FILE) and name not in without
    }
    for name, version in wanted.items():
        if (problem := _problem(home.store, name, version)) is not None:
            raise InputError(
                f"{record.artefact} was made from {name} {version}, which {problem}",
                file=home.store.root,
                remedy="Leave out --only, so that it is made again too.",
            )
    for name in wanted:
        source = _place(home.store, name)
        target = clean.store.root / source.relative_to(home.store.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, target)
    return list(wanted)


def _place(store: Store, name: str) -> Path:
    asset, *partition = name.split("/")
    table = store.table_path(asset, tuple(partition))
    return table if table.exists() else store.existing_folder(asset, tuple(partition))


def _problem(store: Store, name: str, version: str) -> str | None:
    asset, *partition = name.split("/")
    present = store.provenance(asset, tuple(partition))
    damage = store.damage(asset, tuple(partition))
    if damage is not None:
        return f"is damaged ({damage})"
    if present is None:
        return "is gone"
    if present.data_version != version:
        return f"is {present.data_version} now"
    return None
