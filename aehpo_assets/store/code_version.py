"""The version of the code that computes something: which modules of the science it reaches.

Imports are followed in the syntax trees, those inside functions too, through the two packages and,
for a module of a plug-in, through its own. What each file says belongs to ``code_digest``. The
version is over what the modules say and what their imports name; a module that moves,
a docstring and a comment leave it as it is.

A registry (``NAME = Registry(...)``) is a wall: its members are not reached through it. What is
made with some of them depends on the versions of those alone, see :class:`CodeVersions`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from aehpo_assets.registry import Registry
from aehpo_assets.store.code_digest import KNOWN, Import, SourceFile

PACKAGES = ("aehpo_assets", "aehpo_gpu")

NO_SCIENCE: dict[str, str] = {
    "aehpo_assets.study": "the settings that an artefact depends on are in its record themselves",
    "aehpo_assets.settings": "how files of settings are read",
    "aehpo_assets.errors": "words of messages",
    "aehpo_assets.foreign": "words of messages and pages",
    "aehpo_assets.limits": "how much is read, shown and held in memory",
    "aehpo_assets.store.code_version": "how versions are put together",
    "aehpo_assets.registry": "how members are found, not what they do",
    "aehpo_assets.store.home": "where artefacts lie",
    "aehpo_assets.store.store": "how artefacts lie on the disk",
    "aehpo_assets.store.files": "how files are written",
    "aehpo_assets.store.provenance": "what is recorded; its hashes are pinned by a test",
    "aehpo_assets.store.hashes": "hashes, which a test pins",
    "aehpo_assets.store.measured": "which columns hold what a clock said",
    "aehpo_assets.datasets.reading.memory": "refuses what does not fit into memory",
    "aehpo_assets.store.run_archive": "how finished runs lie on the disk",
    "aehpo_gpu.training.progress": "what is told while training goes on",
    "aehpo_gpu.training.plan": "how runs are cut into fleets: none depends on the others",
    "aehpo_gpu.training.stretch": "how runs are cut into fleets",
    "aehpo_gpu.training.cost": "seconds, which are recorded with the version of their prices",
    "aehpo_gpu.training.device_cost": "seconds",
    "aehpo_gpu.training.work": "how much a step has to do: seconds and memory",
    "aehpo_gpu.training.memory": "what becomes of freed memory",
}
"""Modules, and packages with all below them, that science imports and that change no number.

Whatever is not listed counts. What no science imports, such as checks, plots and the Dagster layer,
is not reached and need not be here.
"""

ARCHITECTURE = "architecture"
"""What chooses the member that a partition names."""

Computes = Callable[..., Any] | ModuleType
"""What computes: a function, a class, or a module with all in it."""


@dataclass(frozen=True)
class Code:
    """The source of some packages.

    Attributes
    ----------
    folders
        Name of each top-level package or module to its folder or file.
    """

    folders: Mapping[str, Path]
    _sources: dict[str, SourceFile | None] = field(default_factory=dict, repr=False)
    _paths: dict[str, Path | None] = field(default_factory=dict, repr=False)
    _sayings: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def installed(cls, *modules: str) -> Code:
        """Return the source of the two packages, and of those that some modules belong to."""
        tops = {*PACKAGES, *(module.partition(".")[0] for module in modules)}
        return cls({top: path for top in sorted(tops) if (path := _place(top)) is not None})

    def path(self, module: str) -> Path | None:
        """File of a module; None if there is none in these packages."""
        if module not in self._paths:
            self._paths[module] = self._path(module)
        return self._paths[module]

    def _path(self, module: str) -> Path | None:
        top, *parts = module.split(".")
        if top not in self.folders:
            return None
        place = self.folders[top].joinpath(*parts)
        candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"), place)
        return next((path for path in candidates if path.is_file()), None)

    def source(self, module: str) -> SourceFile | None:
        """What a module says; None if it is not of these packages, or no science."""
        if module not in self._sources:
            path = None if left_out(module) else self.path(module)
            self._sources[module] = None if path is None else KNOWN.read(path, module)
        return self._sources[module]

    def reached(self, *modules: str) -> dict[str, SourceFile]:
        """Name of each module that some modules reach, themselves included, to what it says.

        Of a package from which one name is taken, what it only passes on is not reached.
        """
        followed: dict[str, bool] = {}
        waiting = [(module, True) for module in modules]
        while waiting:
            module, whole = waiting.pop()
            source = self.source(module)
            if source is None or (module in followed and followed[module] >= whole):
                continue
            followed[module] = whole
            if parent := module.rpartition(".")[0]:
                waiting.append((parent, False))
            waiting += [self._target(found)[:2] for found in self._imports(module, whole)]
        return {name: self._sources[name] for name in followed}  # type: ignore[misc]

    def version(self, *modules: str) -> str:
        """Hash of all that some modules reach: 16 hexadecimal digits.

        Raises
        ------
        ValueError
            If one of the modules is no science of these packages, and would count as nothing.
        """
        for module in modules:
            if self.source(module) is None:
                raise ValueError(f"{module} is no module of the science of {list(self.folders)}")
        reached = self.reached(*modules)
        for module in reached.keys() - self._sayings.keys():
            self._sayings[module] = self._said(module, reached[module])
        KNOWN.keep()
        return _hash([self._sayings[module] for module, found in reached.items() if found.digest])

    def _said(self, module: str, source: SourceFile) -> str:
        """What a module says, and what the names that it imports stand for.

        Without the latter, taking a function of the same name from another module would not show.
        """
        named = {f"{found.bound}={self._named(found)}" for found in self._imports(module, False)}
        return f"{source.digest} {_hash(named)}"

    def _named(self, found: Import) -> str:
        if found.module.partition(".")[0] not in self.folders:
            return f"{found.module}.{found.name}"
        module, _, name = self._target(found)
        source = self.source(module)
        return f"{source.digest if source else ''}.{name}"

    def _imports(self, module: str, whole: bool) -> list[Import]:
        source = self.source(module)
        path = self.path(module)
        every = whole or path is None or path.name != "__init__.py"
        return [found for found in (source.imports if source else ()) if every or found.used]

    def _target(self, found: Import, passed: frozenset[str] = frozenset()) -> tuple[str, bool, str]:
        """Module that binds what is imported, whether all of it counts, and the name there."""
        package, name = found.module, found.name
        path = self.path(package)
        if not name or name == "*" or path is None or path.name != "__init__.py":
            return package, True, name
        source = self.source(package)
        if source is not None and name in source.binds:
            return package, False, name
        for known in source.imports if source else ():
            if known.bound == name and package not in passed:
                return self._target(known, passed | {package})
        if self.path(f"{package}.{name}") is not None:
            return f"{package}.{name}", True, ""
        return package, True, name


@dataclass(frozen=True)
class Chosen:
    """Members of a registry that an artefact depends on.

    Attributes
    ----------
    registry
        The registry.
    by
        What names them: :data:`ARCHITECTURE`, or the dotted key of a list in the study.
    """

    registry: Registry[Any]
    by: str = ARCHITECTURE

    def versions(self, code: Code | None = None) -> dict[str, str]:
        """Name of each member to the version of its module and all that it reaches."""
        modules = {name: self.registry.module_of(name) for name in self.registry}
        return {
            name: version_of_modules(module) if code is None else code.version(module)
            for name, module in modules.items()
        }


@dataclass(frozen=True)
class CodeVersions:
    """The versions that an artefact's own is put together from.

    Attributes
    ----------
    base
        Of what computes it, whatever is chosen.
    members
        What names the members of a registry, and the version of each member by name; one a
        registry.
    """

    base: str
    members: tuple[tuple[str, Mapping[str, str]], ...] = ()

    @classmethod
    def of(
        cls, compute: Sequence[Computes], chosen: Sequence[Chosen] = (), code: Code | None = None
    ) -> CodeVersions:
        """Return the versions of what computes an artefact with some members chosen.

        Parameters
        ----------
        compute
            What computes it.
        chosen
            Registries of which it depends on some members.
        code
            The source; that of the installed packages by default.
        """
        modules = tuple(map(module_of, compute))
        base = version_of_modules(*modules) if code is None else code.version(*modules)
        return cls(base, tuple((one.by, one.versions(code)) for one in chosen))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What names the chosen members."""
        return tuple(dict.fromkeys(by for by, _ in self.members))

    def version(self, names: Mapping[str, Sequence[str]]) -> str:
        """Return the version with some members chosen.

        Parameters
        ----------
        names
            Each of :attr:`keys` to the names of the members. A searcher may have the suffix of a
            restricted space (``cqr+box``); it is the same code.
        """
        if not self.members:
            return self.base
        chosen = {f"{name} {self.of_member(by, name)}" for by in self.keys for name in names[by]}
        return _hash({self.base, *chosen})

    def of_member(self, by: str, name: str) -> str:
        """Return the version of one member."""
        plain = name.partition("+")[0]
        found = [versions.get(plain, "unknown") for key, versions in self.members if key == by]
        return _hash(found)


def code_version(*compute: Computes) -> str:
    """Return the version of what some functions, classes or modules reach."""
    return version_of_modules(*map(module_of, compute))


@cache
def version_of_modules(*modules: str) -> str:
    """Return the version of what some installed modules reach, by their names."""
    return _installed(*sorted({module.partition(".")[0] for module in modules})).version(*modules)


@cache
def _installed(*tops: str) -> Code:
    return Code.installed(*tops)


def module_of(compute: Computes) -> str:
    """Name of the module that something is defined in."""
    if isinstance(compute, ModuleType):
        return compute.__name__
    return str(inspect.unwrap(compute).__module__)


def left_out(module: str) -> bool:
    """Whether a module is no science, see :data:`NO_SCIENCE`."""
    parts = module.split(".")
    return any(".".join(parts[:count]) in NO_SCIENCE for count in range(1, len(parts) + 1))


def _place(top: str) -> Path | None:
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _hash(said: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(said)).encode()).hexdigest()[:16]
