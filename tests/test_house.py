"""The rules of the house, read from the imports: who may know Dagster, who may print, and so on.

Rooms are the folders of the two packages.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
A, G = "aehpo_assets", "aehpo_gpu"

ROOT = (
    "definitions",
    "settings",
    "errors",
    "foreign",
    "limits",
    "registry",
    "shipped",
)
"""Modules of ``aehpo_assets`` in no room: what every room may know, and the definitions."""

ORDER = {
    A: (
        *("", "study", "store", "datasets", "omics", "space", "noise", "hpo", "race", "analysis"),
        *("quality", "report", "exchange", "defs", "running", "cli"),
    ),
    G: ("architectures", "evaluation", "training", "runs", "export", "defs", "cli"),
}
"""Rooms from the bottom to the top: a room knows those before it. ``aehpo_gpu`` knows all of
``aehpo_assets``."""

DAGSTER = ("defs", "running")
"""Rooms that may import Dagster; ``definitions`` of both packages may, too."""

PRINTING = ("cli",)
PRINTERS = ("rich.console", "rich.progress", "rich.live", "typer", "click", "tqdm")


def module_names() -> dict[str, Path]:
    found = {}
    for package in (A, G):
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            parts = file.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = module_names()


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}


def imports_of(tree: ast.AST, module: str) -> Iterator[str]:
    """Names of the modules that are imported anywhere in a module, within functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


@cache
def imports() -> dict[str, set[str]]:
    return {name: set(imports_of(tree, name)) for name, tree in trees().items()}


def room(module: str) -> str:
    """The room of a module in its package; empty for the root."""
    first, _, more = module.partition(".")[2].partition(".")
    is_package = MODULES.get(module, Path()).name == "__init__.py"
    return first if more or is_package else ""


def level(module: str) -> int:
    """Height of a module in the order of the rooms."""
    package = module.partition(".")[0]
    if module.endswith(".definitions"):
        return 1000 + (package == G)
    order = ORDER[package]
    if room(module) not in order:
        return 500 if package == G and room(module) == "" else -1
    return order.index(room(module)) + 100 * (package == G)


def own(imported: set[str]) -> set[str]:
    return {name for name in imported if name in MODULES}


def upward(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found = {
        name: {other for other in own(imported) if level(other) > level(name)}
        for name, imported in imports.items()
    }
    return {name: others for name, others in found.items() if others}


def test_every_module_has_a_room() -> None:
    homeless = [
        name
        for name in MODULES
        if "." in name and room(name) not in (*ORDER[name.partition(".")[0]], "")
    ]
    assert homeless == []
    loose = {name for name in MODULES if "." in name and room(name) == ""}
    assert loose == {f"{G}.definitions", *(f"{A}.{name}" for name in ROOT)}, "it needs a room"


def test_only_the_dagster_layer_imports_dagster() -> None:
    found = [
        name
        for name, imported in imports().items()
        if any(i.partition(".")[0].startswith("dagster") for i in imported)
        and room(name) not in DAGSTER
        and not name.endswith(".definitions")
    ]
    assert found == []


def test_only_the_command_line_prints() -> None:
    found = []
    for name, tree in trees().items():
        if room(name) in PRINTING:
            continue
        prints = any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            for node in ast.walk(tree)
        )
        if prints or any(i.startswith(PRINTERS) for i in imports()[name]):
            found.append(name)
    assert found == []


def test_the_first_package_knows_neither_torch_nor_the_second() -> None:
    found = {
        name: bad
        for name, imported in imports().items()
        if name.partition(".")[0] == A
        and (bad := {i for i in imported if i.partition(".")[0] in ("torch", G)})
    }
    assert found == {}


def test_nothing_imports_a_room_above_its_own() -> None:
    assert upward(imports()) == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: own(imported) - {name} for name, imported in imports().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_rules_see_what_breaks_them() -> None:
    made = ast.parse(
        "def f():\n    import dagster as dg\n    from aehpo_assets.cli.main import app\n"
    )
    assert set(imports_of(made, "made")) >= {"dagster", "aehpo_assets.cli.main"}
    assert upward(
        {"aehpo_assets.errors": {"aehpo_assets.limits", "aehpo_assets.running.runner"}}
    ) == {"aehpo_assets.errors": {"aehpo_assets.running.runner"}}
