"""Which modules a function reaches, on small packages made up for it."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aehpo_assets.registry import Registry
from aehpo_assets.store.code_version import Chosen, Code, CodeVersions, code_version, module_of

FILES = {
    "__init__.py": '"""A package."""\n__version__ = "1"\n',
    "study.py": "from lab.model import fit\nfrom lab.tools import load\n\ndef run(x):\n"
    "    from lab.late import score\n    return score(fit(load(x)))\n",
    "late.py": "FAILED = 0.5\ndef score(x):\n    return x or FAILED\n",
    "other.py": "LIMIT = 1\n",
    "model/__init__.py": "from lab.model.fitting import fit\nfrom lab.model.plots import draw\n",
    "model/fitting.py": "from . import numbers\ndef fit(x):\n    return x + numbers.ONE\n",
    "model/numbers.py": "ONE = 1\n",
    "model/plots.py": "def draw(x):\n    return x\n",
    "tools/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
    "    from lab import other\n\ndef load(x):\n    return x\n",
}


class Lab:
    """A package in a folder, to be changed."""

    def __init__(self, root: Path):
        self.root = root

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self.root / name
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before

    @property
    def code(self) -> Code:
        return Code({"lab": self.root})

    def version(self, module: str = "lab.study") -> str:
        return self.code.version(module)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "lab")
    made.write(FILES)
    return made


def test_imports_are_followed_to_what_binds_the_name(lab: Lab) -> None:
    assert set(lab.code.reached("lab.study")) == {
        "lab",
        "lab.study",
        "lab.late",
        "lab.model",
        "lab.model.fitting",
        "lab.model.numbers",
        "lab.tools",
    }
    # Of a package that is asked for itself, everything counts.
    assert "lab.model.plots" in lab.code.reached("lab.model")


@pytest.mark.parametrize(
    ("file", "reached"),
    [
        ("study.py", True),
        ("late.py", True),
        ("model/fitting.py", True),
        ("model/numbers.py", True),
        ("tools/__init__.py", True),
        ("model/plots.py", False),
        ("other.py", False),
    ],
)
def test_a_constant_counts_where_it_is_reached(lab: Lab, file: str, reached: bool) -> None:
    before = lab.version()
    lab.edit(file, lambda text: text + "ADDED = 1\n")
    added = lab.version()
    lab.edit(file, lambda text: text.replace("ADDED = 1", "ADDED = 2"))
    assert (added != before) == (lab.version() != added) == reached


@pytest.mark.parametrize("file", list(FILES))
def test_docstrings_comments_and_layout_count_nowhere(lab: Lab, file: str) -> None:
    before = lab.version()
    lab.edit(file, lambda text: f'"""What it is."""\n# Why.\n\n\n{text}\n"""Of the last."""\n')
    assert lab.version() == before


def test_a_file_that_moves_changes_nothing(lab: Lab) -> None:
    before = lab.version()
    (lab.root / "deep").mkdir()
    (lab.root / "deep" / "__init__.py").write_text('"""A folder."""\n')
    shutil.move(lab.root / "late.py", lab.root / "deep" / "scores.py")
    lab.edit("study.py", lambda text: text.replace("lab.late", "lab.deep.scores"))
    shutil.move(lab.root / "model", lab.root / "deep" / "model")
    for file in ("study.py", "deep/model/__init__.py"):
        lab.edit(file, lambda text: text.replace("lab.model", "lab.deep.model"))
    shutil.move(lab.root / "study.py", lab.root / "deep" / "study.py")
    assert lab.version("lab.deep.study") == before
    # Nor does it matter by which package a name is passed on, or where the import stands.
    lab.edit(
        "deep/study.py",
        lambda text: (
            "from lab.deep.model.fitting import fit\nfrom lab.deep.scores import score\n"
            + text.replace("from lab.deep.model import fit\n", "").replace(
                "    from lab.deep.scores import score\n", ""
            )
        ),
    )
    assert lab.version("lab.deep.study") == before


def test_files_of_one_name_do_not_hide_each_other(lab: Lab) -> None:
    lab.write({"model/late.py": "LATE = 1\n"})
    lab.edit("model/fitting.py", lambda text: "from .late import LATE\n" + text)
    versions = [lab.version()]
    for file in ("late.py", "model/late.py", "tools/__init__.py", "model/__init__.py"):
        lab.edit(file, lambda text: text + "ADDED = 1\n")
        versions.append(lab.version())
    assert len(set(versions)) == len(versions)


def test_a_function_of_the_same_name_from_elsewhere_is_another(lab: Lab) -> None:
    lab.write({"a.py": "def f(x):\n    return 1\n", "b.py": "def f(x):\n    return 2\n"})
    lab.edit("late.py", lambda text: "from lab.a import f\nfrom lab.b import f as g\n" + text)
    before = lab.version()
    lab.edit("late.py", lambda text: text.replace("lab.a", "lab.c").replace("lab.b", "lab.a"))
    lab.edit("late.py", lambda text: text.replace("lab.c", "lab.b"))
    assert lab.version() != before
    lab.edit("late.py", lambda text: "from numpy import sum\n" + text)
    other = lab.version()
    lab.edit("late.py", lambda text: text.replace("numpy", "torch"))
    assert lab.version() != other


def test_what_is_no_science_or_not_there_is_refused_as_a_root() -> None:
    for module in ("aehpo_assets.errors", "aehpo_assets.nothing"):
        with pytest.raises(ValueError, match=f"{module} is no module of the science"):
            Code.installed().version(module)


def test_a_function_is_of_the_module_that_defines_it() -> None:
    from aehpo_assets import space
    from aehpo_assets.space import sample, search_space

    assert module_of(search_space) == "aehpo_assets.space.search_space"
    assert module_of(space) == "aehpo_assets.space"
    assert code_version(search_space) != code_version(sample)


@dataclass(frozen=True)
class Kind:
    """What the members of the registries below are."""

    name: str


MEMBERS = {
    "__init__.py": '"""A package."""\n',
    "kinds.py": "from tests_kind import Kind\n",
    "first.py": "from tests_kind import Kind\nFIRST = Kind('first')\n",
    "second.py": "from tests_kind import Kind\n"
    "from {0}.deep import DEPTH\nSECOND = Kind('second')\n",
    "deep.py": "DEPTH = 3\n",
    "registry.py": "from {0} import first, second\nfrom tests_kind import Kind\n"
    "KINDS = Registry(Kind, 'tests.kinds', first, second)\n",
    "use.py": "from {0}.registry import KINDS\ndef use(name):\n    return KINDS[name]\n",
}


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Lab, Registry[Kind]]:
    """A package with two members, and an installed one that adds a third by an entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "tests_kind", sys.modules[__name__])
    made = Lab(tmp_path / "kinds_of_tests")
    made.write({name: text.format("kinds_of_tests") for name, text in MEMBERS.items()})
    plugin = {
        "plugin_of_tests.py": "from tests_kind import Kind\nfrom kinds_of_tests.deep import DEPTH\n"
        "THIRD = Kind('third')\n",
        "plugin_of_tests-1.0.dist-info/METADATA": "Name: plugin_of_tests\nVersion: 1.0\n",
        "plugin_of_tests-1.0.dist-info/entry_points.txt": "[tests.kinds]\nx = plugin_of_tests\n",
    }
    Lab(tmp_path).write(plugin)
    importlib.invalidate_caches()
    modules = [importlib.import_module(f"kinds_of_tests.{name}") for name in ("first", "second")]
    registry = Registry(Kind, "tests.kinds", *modules)
    yield made, registry
    for name in [name for name in sys.modules if name.startswith(("kinds_of", "plugin_of"))]:
        del sys.modules[name]


def test_a_registry_is_a_wall_and_members_count_when_chosen(
    kinds: tuple[Lab, Registry[Kind]],
) -> None:
    package, registry = kinds
    root = package.root

    def versions() -> CodeVersions:
        places = {"kinds_of_tests": root, "plugin_of_tests": root.parent / "plugin_of_tests.py"}
        code = Code(places)
        return CodeVersions(
            code.version("kinds_of_tests.use"),
            (("listed", Chosen(registry, "listed").versions(code)),),
        )

    def of(*names: str) -> str:
        return versions().version({"listed": names})

    choices = [(), ("first",), ("second",), ("third",), ("first", "third")]
    before = {names: of(*names) for names in choices}
    assert len(set(before.values())) == len(choices)
    assert of("third", "first") == before["first", "third"]
    assert of("first", "first+box") != of("first+box")

    def changed(file: Path) -> set[tuple[str, ...]]:
        was = {names: of(*names) for names in choices}
        Lab(root).edit(str(file), lambda text: text + "ADDED = 1\n")
        return {names for names in choices if of(*names) != was[names]}

    assert changed(root / "first.py") == {("first",), ("first", "third")}
    assert changed(root / "second.py") == {("second",)}
    assert changed(root.parent / "plugin_of_tests.py") == {("third",), ("first", "third")}
    assert changed(root / "deep.py") == {("second",), ("third",), ("first", "third")}
    assert changed(root / "use.py") == set(choices)
