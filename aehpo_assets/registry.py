"""Registries: members by name, those of this project and those that other packages bring.

Here belongs how a registry finds its members. What a member is (an architecture, a searcher, a
format) is said where the registry is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from aehpo_assets.errors import InputError


class Named(Protocol):
    """Whatever has a name that a study can say."""

    @property
    def name(self) -> str:
        """Name in studies."""


Member = TypeVar("Member", bound=Named)


class Registry(Mapping[str, Member], Generic[Member]):
    """Members of one kind by name.

    A member is an object of the kind at the top level of a module. The modules of this project are
    listed; an installed package adds its own by an entry point that names a module::

        [project.entry-points."aehpo.architectures"]
        mine = "my_package.mine"

    The registry does not make what is stale depend on all of its members: ``store.code_version``
    leaves the call of ``Registry`` and its modules out, and takes the module of the chosen member.

    Parameters
    ----------
    kind
        Class of the members.
    group
        Group of the entry points of other packages.
    modules
        Modules of this project that hold members; one that imports a member of another module
        comes after it.
    """

    def __init__(self, kind: type[Member], group: str, *modules: ModuleType):
        self._kind, self._group, self._modules = kind, group, modules

    @cached_property
    def _found(self) -> dict[str, tuple[Member, str]]:
        """Name to the member and the name of its module.

        Raises
        ------
        InputError
            If another package cannot be imported, brings no member, or one whose name is taken.
        """
        found: dict[str, tuple[Member, str]] = {}
        for module in self._modules:
            self._add(found, module, f"the module {module.__name__}")
        for point in sorted(entry_points(group=self._group), key=lambda point: point.value):
            self._add(found, self._imported(point), self._origin(point))
        return found

    def _add(self, found: dict[str, tuple[Member, str]], module: ModuleType, origin: str) -> None:
        members = [value for value in vars(module).values() if isinstance(value, self._kind)]
        if not members:
            raise InputError(f"{origin} holds no {self._kind.__name__}", key=self._group)
        for member in members:
            known, place = found.setdefault(member.name, (member, module.__name__))
            if known is not member:
                raise InputError(
                    f"{origin} brings the name {member.name!r}, which {place} has already",
                    key=self._group,
                    remedy="Give it another name, or uninstall the package.",
                )

    def _imported(self, point: EntryPoint) -> ModuleType:
        try:
            return importlib.import_module(point.module)
        except Exception as error:
            raise InputError(
                f"{self._origin(point)} cannot be imported ({error})",
                key=self._group,
                remedy="Repair or uninstall the package.",
            ) from error

    @staticmethod
    def _origin(point: EntryPoint) -> str:
        package = f" of the package {point.dist.name}" if point.dist else ""
        return f"the entry point {point.name} = {point.value}{package}"

    def module_of(self, name: str) -> str:
        """Return the name of the module that holds a member."""
        return self._found[name][1]

    def __getitem__(self, name: str) -> Member:
        return self._found[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
