"""The digest of a source file: of what it says, not of how it is written, on every Python."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from aehpo_assets.store import code_digest
from aehpo_assets.store.code_digest import Import, read_source

SAMPLE = '''
"""A docstring."""
from __future__ import annotations
import asyncio as aio
import os.path
from .near import here as there
from ..far import *

__all__ = ["first"]
LIMIT: float = -1.5e-300
"""What it is."""
TEXT = "caf\\u00e9 \\U0001fae8", b"\\x00", 1j, ..., None, True, 10**20

@decorated(1, key="v")
class Shape(Base, metaclass=Meta):
    """A docstring."""
    width: int = 3
    height: list[str] | None = None

    async def first(self, a, /, b: int, *args, c=None, d, **kwargs) -> str:
        """A docstring."""
        async with aio.timeout(1) as t, other:
            await t
        async for x in y:
            yield x
        return f"{a!r:>{b}} {b:.3f}" f" and {c=}" "plain"

def second(x):
    global LIMIT
    match x:
        case {"a": [1, *rest], **others} if rest:
            return others
        case Shape(width=3) | None:
            pass
        case _:
            x[1:2, ::3] = {**x, "k": lambda q=1: -q}
    try:
        while (n := x.pop()) < 3 <= n:
            del x[n]
        else:
            raise ValueError(n) from None
    except* (OSError, ValueError) as error:
        assert error, f"{error}"
    finally:
        return [i for j in x if j for i in {*j}], x @ n, not x is n
'''

DIGEST = "e9bc6401f904ec0f"
"""What it was when the records of homes were written."""


def digest(text: str) -> str:
    return read_source(text.encode(), "package.module").digest


def test_the_digest_is_that_of_earlier_versions() -> None:
    assert digest(SAMPLE) == DIGEST


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_digest_is_the_same_on_every_python(version: str) -> None:
    python = shutil.which(f"python{version}")
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        python = sys.executable
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"there is no Python {version} here")
    script = (
        "import sys, runpy; module = runpy.run_path(sys.argv[1], run_name='code_digest')\n"
        "print(module['read_source'](sys.stdin.buffer.read(), 'package.module').digest)"
    )
    command = [python, "-B", "-c", script, str(code_digest.__file__)]
    done = subprocess.run(command, input=SAMPLE.encode(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == DIGEST


PLAIN = "def f(x, y=1):\n    return x + y\n"


@pytest.mark.parametrize(
    "same",
    [
        '"""A module."""\n' + PLAIN,
        "# a comment\n" + PLAIN.replace("x + y", "(x\n            + y)  # why"),
        PLAIN.replace("\n    return", '\n    """What it is."""\n    return'),
        PLAIN.replace("x, y=1", "x: int, y: float = 1").replace("):", ") -> float:"),
        '__all__ = ["f"]\n__version__ = "2"\n' + PLAIN,
        "import numpy as np\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from a import B\n" + PLAIN,
    ],
)
def test_how_it_is_written_does_not_count(same: str) -> None:
    assert digest(same) == digest(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("y=1", "y=2"),
        PLAIN.replace("y=1", "y=1.0"),
        PLAIN.replace("y=1", "y=True"),
        PLAIN.replace("+", "-"),
        PLAIN.replace("x + y", "y + x"),
        PLAIN.replace("x, y=1", "x, *, y=1"),
        PLAIN.replace("    return x + y", "    x + y"),
        PLAIN + "LIMIT = 3\n",
        PLAIN + "f(1)\n",
        PLAIN.replace("x + y", "f'{x:>3}'"),
    ],
)
def test_whatever_it_says_counts(other: str) -> None:
    assert digest(other) != digest(PLAIN)


def test_the_type_of_a_field_counts() -> None:
    field = "class Settings(BaseModel):\n    epochs: int = 3\n"
    assert digest(field) != digest(field.replace("int", "float"))


def test_f_strings_differ_by_what_they_format() -> None:
    texts = ["f'{x}'", "f'{x!r}'", "f'{x:3}'", "f'{x:{y}}'", "f'{x}3'", "f'3{x}'", "f'{x=}'", "'x'"]
    assert len({digest(f"a = {text}\n") for text in texts}) == len(texts)


def test_imports_are_found_wherever_they_stand() -> None:
    found = read_source(SAMPLE.encode(), "top.package.module")
    assert set(found.imports) == {
        Import("annotations", "__future__", "annotations"),
        Import("aio", "asyncio", "", used=True),
        Import("os", "os.path", ""),
        Import("there", "top.package.near", "here"),
        Import("*", "top.far", "*", used=True),
    }
    inside = read_source(b"def f():\n    if x:\n        from a import b\n    b()\n", "m")
    assert inside.imports == (Import("b", "a", "b", used=True),)
    package = read_source(b"from .near import here\n", "top.package", is_package=True)
    assert package.imports == (Import("here", "top.package.near", "here"),)
    assert package.digest == ""


def test_a_registry_is_left_out_with_what_only_it_names() -> None:
    text = "from a import one, two\nfrom r import Registry\nKINDS{} = Registry{}(Kind, 'g', one)\n"
    for annotation, subscript in [("", ""), (": Registry[Kind]", ""), ("", "[Kind]")]:
        found = read_source((text.format(annotation, subscript) + "two()\n").encode(), "m")
        assert [i.bound for i in found.imports] == ["two"]
        assert found.registries == ("KINDS",)
        assert "KINDS" in found.binds
        assert found.digest == digest("two()\n")
