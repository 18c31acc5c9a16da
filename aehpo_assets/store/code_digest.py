"""What a source file says, whatever it is called and wherever it lies: its digest and its imports.

The digest is over the syntax tree. Comments, layout, docstrings, annotations of arguments and
results, ``__all__`` and ``__version__`` are not in it, nor registries of members (``NAME =
Registry(...)``). It is the same on every Python that the project supports: ``ast.dump`` is not,
its fields and its empty lists differ between versions. Which files a function reaches belongs to
``code_version``.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

REGISTRY = "Registry"

_IGNORED_NAMES = {"__all__", "__version__"}
_IGNORED_FIELDS = {"ctx", "type_comment", "kind", "annotation", "returns", "type_ignores"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Import:
    """One name that an import statement binds.

    Attributes
    ----------
    bound
        The name in the importing module; ``*`` for all names of a module.
    module
        The module named, absolute.
    name
        What is taken from it; empty if it is the module itself.
    used
        Whether the code of the importing module says the bound name, or only passes it on.
    """

    bound: str
    module: str
    name: str
    used: bool = False


@dataclass(frozen=True)
class SourceFile:
    """What one file says.

    Attributes
    ----------
    digest
        Digest of its syntax tree without imports; empty if nothing remains, as of a package that
        only passes on names.
    imports
        Its imports, those inside functions too, without those only for type checkers and those
        only for the members of a registry.
    binds
        Names that its own statements bind at the top level.
    registries
        Names of its registries.
    """

    digest: str
    imports: tuple[Import, ...]
    binds: tuple[str, ...]
    registries: tuple[str, ...]


class KnownSources:
    """What files say that were read before, kept beside the byte code as that is.

    Reading a hundred files takes half a second, which every command would wait for.

    Parameters
    ----------
    file
        Where it is kept.
    """

    def __init__(self, file: Path):
        self._file, self._new = file, False

    @cached_property
    def _known(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) and len(known) < 5000 else {}

    def read(self, path: Path, module: str) -> SourceFile:
        """Read a file, see :func:`read_source`."""
        content = path.read_bytes()
        is_package = path.name == "__init__.py"
        key = hashlib.sha256(f"{module} {is_package} ".encode() + content).hexdigest()
        if key not in self._known:
            self._known[key] = astuple(read_source(content, module, is_package=is_package))
            self._new = True
        digest, imports, binds, registries = self._known[key]
        return SourceFile(
            digest, tuple(Import(*found) for found in imports), tuple(binds), tuple(registries)
        )

    def keep(self) -> None:
        """Write down what is new; where that is not possible, it will be read again."""
        if not self._new or sys.dont_write_bytecode:
            return
        self._new = False
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            part.parent.mkdir(exist_ok=True)
            part.write_text(json.dumps(self._known))
            part.replace(self._file)


def read_source(content: bytes, module: str, *, is_package: bool = False) -> SourceFile:
    """Read what a file says.

    Parameters
    ----------
    content
        The file's bytes.
    module
        Its absolute name, for its relative imports.
    is_package
        Whether it is the ``__init__`` of a package.
    """
    package = module if is_package else module.rpartition(".")[0]
    tree = ast.parse(content)
    imports: list[Import] = []
    registries = [statement for statement in tree.body if _registry(statement)]
    reader = _Reader(package, imports)
    text = reader.block(s for s in tree.body if s not in registries)
    uses = reader.names
    walls = {
        node.id
        for statement in registries
        for node in ast.walk(statement)
        if isinstance(node, ast.Name)
    }
    members = walls - uses
    return SourceFile(
        digest=hashlib.sha256(text.encode()).hexdigest()[:16] if text else "",
        imports=tuple(
            replace(found, used=found.bound in uses or found.bound == "*")
            for found in imports
            if found.bound not in members
        ),
        binds=tuple(sorted(set(_bound(tree.body)))),
        registries=tuple(name for statement in registries for name in _targets(statement)),
    )


class _Reader:
    """Writes a syntax tree as text, and gathers imports and names on the way."""

    def __init__(self, package: str, imports: list[Import]):
        self._package, self._imports = package, imports
        self.names: set[str] = set()

    def block(self, statements: Iterable[ast.stmt], *, in_class: bool = False) -> str:
        """Statements one after another, without those that say nothing."""
        return "".join([self._statement(statement, in_class) for statement in statements])

    def _statement(self, node: ast.stmt, in_class: bool) -> str:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._imports += _imports(node, self._package)
            return ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return ""  # A docstring, of a module, a function, or of the assignment before it.
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and _IGNORED_NAMES & set(_targets(node)):
            return ""
        if isinstance(node, ast.If) and _for_type_checkers(node.test):
            return self.block(node.orelse)
        if in_class and isinstance(node, ast.AnnAssign):
            # Of a field the type is code: pydantic converts to it.
            return f"field {self._node(node.annotation)} {self._node(node)}"
        if isinstance(node, ast.ClassDef):
            head = "".join(map(self._node, [*node.decorator_list, *node.bases, *node.keywords]))
            body = self.block(node.body, in_class=True)
            return f"class {node.name!a}({head}){{{body}}}"
        return self._node(node)

    def _node(self, node: ast.AST) -> str:
        kind = type(node).__name__
        if isinstance(node, ast.Name):
            self.names.add(node.id)
            return f"Name {node.id!a};"
        if isinstance(node, ast.Constant):
            return f"Constant {type(node.value).__name__} {node.value!a};"
        if isinstance(node, ast.JoinedStr):
            return f"JoinedStr[{''.join(self._formatted(node.values))}]"
        if isinstance(node, ast.FormattedValue):
            parts = self._formatted(getattr(node.format_spec, "values", []))
            return f"Value {node.conversion}({self._node(node.value)}){''.join(parts)};"
        written = [kind, "("]
        for name in node._fields:
            if name in _IGNORED_FIELDS:
                continue
            value = getattr(node, name, None)
            if value is None or value == []:
                continue
            written += [name, "="]
            if isinstance(value, list):
                statements = value and isinstance(value[0], ast.stmt)
                written.append(self.block(value) if statements else self._list(value))
            elif isinstance(value, ast.AST):
                written.append(self._node(value))
            else:
                written.append(ascii(value))
            written.append(";")
        written.append(")")
        return "".join(written)

    def _list(self, values: list[ast.AST | str | None]) -> str:
        return ",".join([self._node(v) if isinstance(v, ast.AST) else ascii(v) for v in values])

    def _formatted(self, values: Iterable[ast.expr]) -> Iterator[str]:
        """Pieces of an f-string; how its constant text is cut differs between versions."""
        text = ""
        for value in values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
                continue
            if text:
                yield f"{text!a},"
            text = ""
            yield self._node(value)
        if text:
            yield f"{text!a},"


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> list[Import]:
    if isinstance(node, ast.Import):
        return [
            Import(alias.asname or alias.name.partition(".")[0], alias.name, "")
            for alias in node.names
        ]
    module = node.module or ""
    if node.level:
        parts = package.split(".")
        base = parts[: len(parts) - node.level + 1]
        module = ".".join([*base, module] if module else base)
    return [Import(alias.asname or alias.name, module, alias.name) for alias in node.names]


def _for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _registry(node: ast.stmt) -> bool:
    """Whether a statement is ``NAME = Registry(...)``."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    if isinstance(called, ast.Subscript):
        called = called.value
    return isinstance(called, ast.Name) and called.id == REGISTRY


def _targets(node: ast.stmt) -> list[str]:
    """Names that a statement binds."""
    if isinstance(node, (ast.ClassDef, *_FUNCTIONS)):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    return [
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    ]


def _bound(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that the statements of a module bind, those under conditions too."""
    for statement in statements:
        yield from _targets(statement)
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.ClassDef, *_FUNCTIONS)):
                yield from _bound(getattr(statement, inner, []))


def _beside_the_byte_code() -> Path:
    """File for this very version of what is written here: another one writes other digests."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    return Path(importlib.util.cache_from_source(__file__)).with_name(
        f"code_digests-{version}.json"
    )


KNOWN = KnownSources(_beside_the_byte_code())
"""What the files of the installed packages say."""
