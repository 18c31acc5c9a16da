"""A chain of lineage as a person sees it, from an artefact down to the raw files.

What the chain is belongs to ``store.lineage``; this only prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.tree import Tree

from aehpo_assets.cli.scripted import print_json, records
from aehpo_assets.foreign import escaped
from aehpo_assets.store.home import Home
from aehpo_assets.store.lineage import Artefact, Link, breaks, find_artefact, runs_of, trace, walk
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import FILE

_LONGEST_SETTING = 120


def print_trace(
    home: Home, name: str, console: Console, *, full: bool = False, as_json: bool = False
) -> bool:
    """Print what an artefact was made from; returns whether its chain is whole.

    Parameters
    ----------
    home
        The home.
    name
        ``recommendations/varix/tcga_rna``, or with a configuration
        ``run_results/varix/tcga_rna/17``.
    console
        Where to print.
    full
        Whether to print the whole tree, with settings and versions of every artefact; otherwise
        the artefact, its raw files, and what lies between by name.
    as_json
        Whether to print everything as JSON instead.

    Raises
    ------
    InputError
        If there is no such artefact.
    """
    artefact = find_artefact(home.store, name)
    first = trace(home.store, artefact)
    broken = breaks(first)
    if as_json:
        rows = runs_of(home.store, artefact) if artefact.config_id is not None else None
        print_json(_as_json(first, broken, rows))
        return not broken
    if full:
        tree = Tree(_title(first))
        if artefact.config_id is not None:
            _add_runs(tree, home, artefact)
        _fill(tree, first, first.provenance, set())
        console.print(tree, highlight=False)
    else:
        _print_short(first, home, artefact, console)
    if not broken:
        console.print("[green]whole[/]: every hash is that of today's artefact or file.")
    for problem in broken:
        console.print(f"[bold red]broken[/] {escaped(problem)}", soft_wrap=True, highlight=False)
    return not broken


def _print_short(first: Link, home: Home, artefact: Artefact, console: Console) -> None:
    """Print an artefact, the raw files it comes from, and what lies between by name."""
    tree = Tree(_title(first))
    if artefact.config_id is not None:
        _add_runs(tree, home, artefact)
    if (record := first.provenance) is not None:
        code = (
            f"{record.commit[:12]}{' with changes' if record.dirty else ''}"
            if record.commit
            else ""
        )
        made = f"made {record.created}" + (f" by commit {code}" if code else "")
        tree.add(f"[dim]{escaped(made)}, on {escaped(record.device)}[/]")
    links = [link for link in walk(first) if link is not first]
    between = sorted({link.name for link in links if not link.is_file})
    if between:
        tree.add(f"[dim]from[/] {escaped(', '.join(between))}")
    for link in sorted((link for link in links if link.is_file), key=lambda link: link.name):
        tree.add(_title(link))
    console.print(tree, highlight=False)
    console.print("[dim]With --full, everything about each of them.[/]", highlight=False)


def _as_json(first: Link, broken: list[str], rows: pd.DataFrame | None) -> dict[str, Any]:
    """The whole chain, each artefact and file once, as it was made from."""
    links = list(walk(first))
    content: dict[str, Any] = {
        "artefact": first.name,
        "version": first.recorded,
        "whole": not broken,
        "problems": broken,
        "artefacts": [
            {
                "name": link.name,
                "version": link.recorded,
                "made_from": {part.name: part.recorded for part in link.inputs},
                "record": None
                if link.provenance is None
                else link.provenance.model_dump(mode="json", exclude={"checks", "files"}),
            }
            for link in links
            if not link.is_file
        ],
        "files": [
            {"name": link.name.removeprefix(FILE), "version": link.recorded}
            for link in links
            if link.is_file
        ],
    }
    if rows is not None:
        content["runs"] = records(rows)
    return content


def _title(link: Link) -> str:
    name = link.name.removeprefix(FILE)
    mark = "[bold red]broken[/] " if link.problems else ""
    kind = "[dim]file[/] " if link.is_file else ""
    return f"{mark}{kind}[bold]{escaped(name)}[/]  [cyan]{escaped(link.recorded)}[/]"


def _fill(tree: Tree, link: Link, first: Provenance | None, shown: set[int]) -> None:
    shown.add(id(link))
    for problem in link.problems:
        tree.add(f"[red]{escaped(problem)}[/]")
    if link.provenance is not None:
        for line in _facts(link.provenance, first):
            tree.add(f"[dim]{escaped(line)}[/]")
    for part in link.inputs:
        if part.inputs and id(part) in shown:
            tree.add(f"{_title(part)} [dim](see above)[/]")
        else:
            _fill(tree.add(_title(part)), part, first, shown)


def _facts(record: Provenance, first: Provenance | None) -> list[str]:
    """What the numbers depend on beside the inputs; libraries where they are not the first's."""
    checkout = ""
    if record.commit:
        checkout = f", commit {record.commit[:12]}{' with changes' if record.dirty else ''}"
    lines = [
        f"code {record.code_version}{checkout}, on {record.device}, made {record.created}",
    ]
    settings = "; ".join(f"{key} {_short(value)}" for key, value in _flat(record.settings).items())
    if settings:
        lines.append(f"settings: {settings}")
    lines += [f"took over {name}: {', '.join(versions)}" for name, versions in record.taken.items()]
    if record.processor and record.processor != (first and first is not record and first.processor):
        lines.append(f"processor: {record.processor}")
    if record.opening is not None:
        lines.append(f"opening {record.opening} of the test samples")
    if failed := record.failed_checks:
        lines.append(f"failed checks: {', '.join(check.name for check in failed)}")
    theirs = {} if first is None or first is record else _versions(first)
    differing = {n: version for n, version in _versions(record).items() if theirs.get(n) != version}
    if differing:
        lines.append("with " + ", ".join(f"{n} {version}" for n, version in differing.items()))
    return lines


def _versions(record: Provenance) -> dict[str, str]:
    return {"python": record.python, "aehpo": record.aehpo} | record.libraries


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif value not in (None, "", []):
            flat[prefix + key] = value
    return flat


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_SETTING else f"{text[:_LONGEST_SETTING]}…"


def _add_runs(tree: Tree, home: Home, artefact: Artefact) -> None:
    for row in runs_of(home.store, artefact).to_dict("records"):
        numbers = ", ".join(
            f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in row.items()
            if value == value and value is not None
        )
        tree.add(escaped(f"run of configuration {artefact.config_id}: {numbers}"))
