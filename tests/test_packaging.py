"""The wheel and the source distribution: what they hold, and that a wheel needs no checkout."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from aehpo_assets import __version__
from aehpo_assets.errors import InputError
from aehpo_assets.shipped import INSTALLED, WORKSPACE_FILE, data_of_checkout, study_file
from aehpo_assets.store.home import Home

CHECKOUT = Path(__file__).parents[1]
STUDIES = (
    *("adage", "adage_small", "and_gate", "delft", "delft_small", "demo"),
    *("eltager", "eltager_small", "thesis", "tybalt", "tybalt_small"),
)
SHIPPED = (
    *("py.typed", "workspace.yaml"),
    *(f"studies/{name}.yaml" for name in STUDIES),
    *("report/page.html.j2", "store/columns.tsv"),
)


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build with the setuptools that is installed; returns the file."""
    folder.mkdir()
    script = f"import setuptools.build_meta as b; print(b.build_{kind}({str(folder)!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=source, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    installed = importlib.metadata.distribution("setuptools").version
    if int(installed.partition(".")[0]) < 77:
        pytest.skip(f"setuptools 77 builds the project, and {installed} is installed")
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    # Building writes beside its sources.
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build")
    shutil.copytree(CHECKOUT, source, symlinks=True, ignore=unwanted)
    return build("sdist", source, folder / "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel of the source distribution, as registries build it."""
    folder = sdist.parents[1]
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return build("wheel", source, folder / "wheel")


def python_files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*.py")}


def test_the_source_distribution_holds_what_tests_and_builds_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"Makefile", "constraints.txt", "workspace.yaml", "LICENSE", "README.md"}
    assert needed | {"data/studies/demo.yaml", "tests/conftest.py"} <= names
    assert {f"aehpo_assets/{name}" for name in SHIPPED} <= names
    for package in ("aehpo_assets", "aehpo_gpu"):
        assert {f"{package}/{file}" for file in python_files(CHECKOUT / package)} <= names


def test_the_wheel_holds_both_packages_and_what_they_bring_along(wheel: Path) -> None:
    assert wheel.name == f"aehpo-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        for name, source in (
            ("studies/demo.yaml", "data/studies/demo.yaml"),
            ("studies/thesis.yaml", "data/studies/thesis.yaml"),
            ("workspace.yaml", "workspace.yaml"),
        ):
            assert archive.read(f"aehpo_assets/{name}") == (CHECKOUT / source).read_bytes()
        metadata = next(n for n in archive.namelist() if n.endswith("/METADATA"))
        assert b"Requires-Dist: torch" in archive.read(metadata)
        points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert "aehpo = aehpo_assets.cli.main" in points
    assert "[aehpo.commands]" in points
    expected = {f"aehpo_assets/{name}" for name in SHIPPED} | {"aehpo_gpu/py.typed"}
    for package in ("aehpo_assets", "aehpo_gpu"):
        expected |= {f"{package}/{file}" for file in python_files(CHECKOUT / package)}
    assert names == expected


@pytest.mark.slow
def test_an_unpacked_wheel_finds_its_study_and_code_locations(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    script = (
        "import sys; from pathlib import Path\n"
        "from aehpo_assets.running.runner import CodeLocations\n"
        "from aehpo_assets.store.home import Home\n"
        "import aehpo_assets, aehpo_gpu\n"
        "for package in (aehpo_assets, aehpo_gpu):\n"
        f"    assert Path(package.__file__).is_relative_to({str(site)!r}), package\n"
        f"assert not [r for r in Home().data_roots() if not r.is_relative_to({str(elsewhere)!r})]\n"
        "print(len(CodeLocations().assets))\n"
        "from aehpo_assets.cli.main import main\n"
        "sys.argv = ['aehpo', 'sample', 'demo', '--out', 'out']\n"
        "main()\n"
    )
    without = {"AEHPO_HOME", "AEHPO_DATA", "DAGSTER_HOME"}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=elsewhere,
        env={k: v for k, v in os.environ.items() if k not in without} | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[0]) > 10
    assert (elsewhere / "out" / "varix.parquet").exists()


def test_a_study_of_the_package_is_meant_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    demo = study_file(Path("demo"))
    assert demo.samefile(CHECKOUT / "data" / "studies" / "demo.yaml")
    for other in ("demo.yaml", "a/demo", str(tmp_path / "demo")):
        assert study_file(Path(other)) == Path(other)
    (tmp_path / "demo").write_text("name: mine")
    assert study_file(Path("demo")) == Path("demo")
    with pytest.raises(InputError, match=r"tcga: is no file.*one of: adage, .*demo, .*thesis"):
        study_file(Path("tcga"))


def test_a_checkout_has_its_own_folder_of_data(tmp_path: Path) -> None:
    assert data_of_checkout() == [CHECKOUT / "data"]
    assert CHECKOUT / "data" in Home(tmp_path).data_roots()
    assert INSTALLED == CHECKOUT
    assert WORKSPACE_FILE.samefile(CHECKOUT / "workspace.yaml")
