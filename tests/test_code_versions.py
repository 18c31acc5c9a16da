"""What makes which artefacts stale: the code versions of all assets, on copies of the packages."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import aehpo_assets.defs
import aehpo_gpu.defs
from aehpo_assets.defs.recipe import CODE_VERSIONS, Recipe
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.registry import Registry
from aehpo_assets.running.runner import CodeLocations
from aehpo_assets.store.code_version import (
    NO_SCIENCE,
    PACKAGES,
    Code,
    CodeVersions,
    left_out,
    module_of,
)
from aehpo_assets.store.freshness import code_version_of
from aehpo_assets.study import Study
from aehpo_gpu.architectures import ARCHITECTURES, Architecture
from aehpo_gpu.runs.live import search_version
from aehpo_gpu.runs.table import engine_version

ROOTS = {top: Path(importlib.import_module(top).__file__ or "").parent for top in PACKAGES}

COUNTS_NOWHERE = {
    "aehpo_assets.analysis.plots": "draws",
    "aehpo_assets.cli": "the command line",
    "aehpo_assets.datasets.download": "fetches files; what is read of them is recorded",
    "aehpo_assets.datasets.sources": "fetches files; what is read of them is recorded",
    "aehpo_assets.datasets.catalogue": "finds data sets; what is read of them is recorded",
    "aehpo_assets.datasets.label_facts": "what pages and checks say of labels",
    "aehpo_assets.datasets.landing": "puts data sets into their folder",
    "aehpo_assets.datasets.logic": "makes a data set, not artefacts",
    "aehpo_assets.datasets.matrix_facts": "what pages and checks say of a matrix",
    "aehpo_assets.datasets.page": "words of pages",
    "aehpo_assets.datasets.patients": "only checks ask",
    "aehpo_assets.datasets.sentences": "words of checks",
    "aehpo_assets.datasets.simulate": "makes data sets, not artefacts",
    "aehpo_assets.datasets.validate": "looks at a data set before anything is made of it",
    "aehpo_assets.definitions": "a code location",
    "aehpo_assets.defs": "the Dagster layer holds no science",
    "aehpo_assets.exchange": "reads and writes for other programs, at the command line",
    "aehpo_assets.hpo.rounds": "says which round is under way",
    "aehpo_assets.hpo.synthetic": "makes tables for tests and benchmarks",
    "aehpo_assets.omics.confounders": "only checks ask",
    "aehpo_assets.omics.drift": "only checks ask",
    "aehpo_assets.quality": "checks judge an artefact, and do not change it",
    "aehpo_assets.report": "tells what was found, and computes nothing of it",
    "aehpo_assets.running": "runs studies, and computes nothing of them",
    "aehpo_assets.shipped": "where the project's own files lie",
    "aehpo_assets.store": "keeps, compares or tells; computes nothing",
    "aehpo_gpu.cli": "the command line",
    "aehpo_gpu.definitions": "a code location",
    "aehpo_gpu.defs": "the Dagster layer holds no science",
    "aehpo_gpu.export": "writes models, at the command line",
    "aehpo_gpu.runs.baseline_seconds": "what a study would cost",
    "aehpo_gpu.runs.detection": "what a decision would cost",
    "aehpo_gpu.runs.estimate": "what a study would cost",
    "aehpo_gpu.runs.preflight": "refuses what cannot work, before anything is made",
    "aehpo_gpu.runs.stages": "what a study would cost",
    "aehpo_gpu.training.prices": "seconds",
    "aehpo_gpu.training.timing": "seconds",
}
"""Modules and packages of which no artefact depends on any code, and why."""


def recipes_of(module: ModuleType) -> list[Recipe]:
    return [value for value in vars(module).values() if isinstance(value, Recipe)]


def asset_modules() -> Iterator[ModuleType]:
    for package in (aehpo_assets.defs, aehpo_gpu.defs):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


RECIPES = {recipe.asset: recipe for module in asset_modules() for recipe in recipes_of(module)}


def roots(recipe: Recipe) -> list[str]:
    members = [
        chosen.registry.module_of(name)
        for chosen in recipe.chosen
        if isinstance(chosen.registry, Registry)
        for name in chosen.registry
    ]
    return [*map(module_of, recipe.compute), *members]


def versions(code: Code) -> dict[str, CodeVersions]:
    return {
        asset: CodeVersions.of(recipe.compute, recipe.chosen, code)
        for asset, recipe in RECIPES.items()
    }


INSTALLED = Code.installed()
TODAY = versions(INSTALLED)


class Copy:
    """The two packages in another folder, to be changed."""

    def __init__(self, root: Path):
        self.root = root
        for top, folder in ROOTS.items():
            shutil.copytree(folder, root / top, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(self, module: str, change: Callable[[str], str]) -> None:
        path = Code(self.folders).path(module)
        assert path is not None
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before

    @property
    def folders(self) -> dict[str, Path]:
        return {top: self.root / top for top in ROOTS}

    def stale(self) -> set[str]:
        """Assets of which all partitions are stale."""
        now = versions(Code(self.folders))
        return {asset for asset, found in now.items() if found.base != TODAY[asset].base}

    def stale_members(self) -> set[str]:
        """Architectures and searchers of which anything is stale."""
        now = versions(Code(self.folders))
        return {
            name
            for asset, found in now.items()
            for (_, members), (_, before) in zip(found.members, TODAY[asset].members, strict=True)
            for name, version in members.items()
            if version != before[name]
        }


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def add_a_constant(text: str) -> str:
    return f"{text}\nADDED = 1\n"


def test_every_asset_has_a_recipe_whose_versions_its_metadata_hold() -> None:
    specs = CodeLocations().specs
    assert {asset: specs[asset].metadata[CODE_VERSIONS] for asset in RECIPES} == {
        asset: asdict(found) for asset, found in TODAY.items()
    }
    made = {name for name, spec in specs.items() if CODE_VERSIONS in spec.metadata}
    assert made == set(RECIPES) == set(specs)


def test_a_copy_elsewhere_is_the_same_code(copy: Copy) -> None:
    assert versions(Code(copy.folders)) == TODAY


def test_a_changed_constant_makes_stale_what_depends_on_it(copy: Copy) -> None:
    of_failed_runs = Code(copy.folders).reached("aehpo_assets.hpo.objectives")
    assert "aehpo_assets.hpo.objectives" in of_failed_runs
    copy.edit(
        "aehpo_assets.hpo.objectives",
        lambda text: text.replace("FAILED_SCORE = 0.5", "FAILED_SCORE = 0.4"),
    )
    # The scores of failed runs: not what is read and trained before there are any.
    untouched = {
        *("omics_matrix", "sample_labels", "data_split", "preprocessed_matrix"),
        *("dataset_profile", "configurations", "earlier_validations"),
        *("run_results", "learning_curves"),
    }
    assert untouched & copy.stale() == set()
    assert copy.stale() >= {
        *("blackbox", "blackbox_curves", "surrogate", "recommendations", "hpo_benchmark"),
        *("transfer_benchmark", "validation_report", "hyperparameter_effects", "live_search"),
        *("validated_recommendations", "validated_benchmark"),
    }


FIRST_STEPS = {"omics_matrix", "sample_labels", "data_split"}
LABELLED = {"sample_labels", "data_split"}
TRAINED = {
    *("run_results", "learning_curves", "validated_recommendations", "validated_benchmark"),
    *("recommended_latents", "live_search", "race"),
}
JUDGED = {
    *(
        "validation_report",
        "race",
        "study_report",
        "hyperparameter_effects",
        "shared_factors",
        "train_size_curve",
    ),
}


@pytest.mark.parametrize(
    ("module", "stale", "fresh"),
    [
        ("aehpo_assets.datasets.reading.spelling", LABELLED, set(RECIPES) - LABELLED),
        ("aehpo_assets.omics.filters", {"preprocessed_matrix"}, FIRST_STEPS),
        ("aehpo_assets.omics.profile", {"dataset_profile"}, set(RECIPES) - {"dataset_profile"}),
        (
            "aehpo_assets.noise.components",
            {"noise", "validation_report", "race"},
            {*TRAINED} - {"live_search", "race"},
        ),
        (
            "aehpo_assets.noise.pooled",
            {"noise", "surrogate", "validation_report", "live_search"},
            {"run_results", "configurations"},
        ),
        (
            "aehpo_assets.noise.verdict",
            JUDGED,
            set(RECIPES) - JUDGED,
        ),
        ("aehpo_assets.race.race", {"race"}, set(RECIPES) - {"race"}),
        ("aehpo_gpu.training.fleet", TRAINED, {"omics_matrix", "surrogate", "recommendations"}),
        ("aehpo_gpu.training.optimiser", TRAINED, {"blackbox", "configurations"}),
        ("aehpo_assets.hpo.recommend", {"recommendations"}, set(RECIPES) - {"recommendations"}),
        (
            "aehpo_assets.hpo.surrogate.encoding",
            {"surrogate", "recommendations"},
            {"configurations"},
        ),
        ("aehpo_gpu.training.cost", set(), set(RECIPES)),
        ("aehpo_gpu.training.plan", set(), set(RECIPES)),
        ("aehpo_gpu.training.progress", set(), set(RECIPES)),
        ("aehpo_assets.quality.matrix", set(), set(RECIPES)),
        ("aehpo_assets.analysis.plots.style", set(), set(RECIPES)),
        ("aehpo_assets.defs.runs", set(), set(RECIPES))
        if (ROOTS["aehpo_assets"] / "defs" / "runs.py").exists()
        else ("aehpo_gpu.defs.assets.runs", set(), set(RECIPES)),
    ],
)
def test_an_edit_makes_stale_what_reaches_it(
    copy: Copy, module: str, stale: set[str], fresh: set[str]
) -> None:
    copy.edit(module, add_a_constant)
    assert copy.stale() >= stale
    assert not copy.stale() & fresh


def test_words_and_places_make_nothing_stale(copy: Copy) -> None:
    for module in list(INSTALLED.reached(*(m for r in RECIPES.values() for m in roots(r)))):
        copy.edit(module, lambda text: f"# A comment.\n{text}\n# The end.\n")
    copy.edit(
        "aehpo_gpu.training.fleet", lambda text: text.replace('"""', '"""In other words: ', 1)
    )
    # Merged into one folder, the three packages of the engine have the same code.
    engine = copy.root / "aehpo_gpu"
    shutil.move(engine / "training" / "draws.py", engine / "draws.py")
    for path in engine.rglob("*.py"):
        text = path.read_text()
        moved = text.replace("aehpo_gpu.training.draws", "aehpo_gpu.draws")
        path.write_text(
            moved.replace("from aehpo_gpu.training import draws", "from aehpo_gpu import draws")
        )
    assert "aehpo_gpu.draws" in Code(copy.folders).reached("aehpo_gpu.training.shard")
    assert versions(Code(copy.folders)) == TODAY


def test_the_packages_of_the_engine_do_not_hide_each_other(copy: Copy) -> None:
    def engine() -> str:
        return Code(copy.folders).version("aehpo_gpu.training.shard")

    found = [engine()]
    for package in ("training", "evaluation", "architectures"):
        copy.edit(f"aehpo_gpu.{package}", add_a_constant)
        found.append(engine())
    assert len(set(found)) == 4


def test_an_edit_of_an_architecture_is_of_that_one_alone(copy: Copy) -> None:
    copy.edit("aehpo_gpu.architectures.vanillix", add_a_constant)
    assert copy.stale() == set()
    assert copy.stale_members() == {"vanillix"}
    # Other VAEs draw their latents as varix does, by the same function.
    copy.edit("aehpo_gpu.architectures.vanillix", lambda text: text.replace("ADDED = 1", ""))
    copy.edit("aehpo_gpu.architectures.varix", lambda text: text.replace("= 20.0", "= 10.0"))
    assert copy.stale() == set()
    plain = {"vanillix", "sparsix", "topk", "denoisix", "adage", "adage_tan", "convolix"}
    assert copy.stale_members() == set(ARCHITECTURES) - plain
    copy.edit("aehpo_gpu.architectures.architecture", add_a_constant)
    assert copy.stale_members() == set(ARCHITECTURES)


def test_a_trained_artefact_depends_on_the_architecture_of_its_partition() -> None:
    study = Study.model_validate(STUDY)
    for asset in TRAINED:
        found = {
            code_version_of(RECIPES[asset].code, study, (architecture, "toy_rna"))
            for architecture in ARCHITECTURES
        }
        assert len(found) == len(ARCHITECTURES), asset
    for version in (engine_version, lambda architecture: search_version(architecture, "cqr")):
        assert len({version(architecture) for architecture in ARCHITECTURES}) == len(ARCHITECTURES)


STUDY: dict[str, Any] = {
    "name": "tiny",
    "tasks": "all",
    "architectures": ["vanillix"],
    "configurations": {"count": 6},
    "epochs": 2,
}
SEARCHING = {
    "recommendations": "hpo",
    "hpo_benchmark": "benchmark",
    "transfer_benchmark": "transfer_benchmark",
    "live_search": "live",
}
"""Assets whose searchers the study names, and in which section."""


def study_naming(section: str, *searchers: str) -> Study:
    return Study.model_validate(STUDY | {section: {"searchers": list(searchers)}})


@pytest.mark.parametrize("asset", SEARCHING)
def test_a_searcher_counts_where_the_study_names_it(asset: str, copy: Copy) -> None:
    def of(found: CodeVersions, *searchers: str) -> str:
        study = study_naming(SEARCHING[asset], *searchers)
        return code_version_of(found, study, ("varix", "toy_rna"))

    module = SEARCHERS.module_of("kde")
    elsewhere = next(name for name in SEARCHERS if SEARCHERS.module_of(name) != module)
    copy.edit(module, add_a_constant)
    now = versions(Code(copy.folders))[asset]
    assert now.base == TODAY[asset].base
    assert of(now, "kde", elsewhere) != of(TODAY[asset], "kde", elsewhere)
    others = [name for name in ("cqr", "random_search") if SEARCHERS.module_of(name) != module]
    assert of(now, *others) == of(TODAY[asset], *others)


IN_SETTINGS = {("aehpo_assets.datasets.reading.formats", "OF_OTHERS")}
"""Registries of which the chosen member's version is among the settings of the data set."""


@pytest.mark.parametrize("asset", RECIPES)
def test_every_registry_that_is_reached_has_its_chosen_members(asset: str) -> None:
    chosen = [one.registry for one in RECIPES[asset].chosen]
    for module, found in INSTALLED.reached(*roots(RECIPES[asset])).items():
        for name in found.registries:
            if (module, name) in IN_SETTINGS:
                continue
            registry = getattr(importlib.import_module(module), name)
            assert any(registry is one for one in chosen), f"{asset} reaches {module}.{name}"


USED_BESIDE = {
    "aehpo_assets.datasets.catalogue": "finds the data set; what is read of it is recorded",
    "aehpo_assets.store.freshness": "picks settings",
    "aehpo_assets.analysis.names": "words of pages",
    "aehpo_assets.hpo.rounds": "earlier validations are never stale",
}


@pytest.mark.parametrize(
    "module", [m for m in asset_modules() if recipes_of(m)], ids=lambda m: m.__name__
)
def test_all_that_an_asset_imports_is_reached_by_its_recipe(module: ModuleType) -> None:
    reached = INSTALLED.reached(*(m for recipe in recipes_of(module) for m in roots(recipe)))
    if all(not recipe.compute for recipe in recipes_of(module)):
        pytest.skip("no code makes it stale")
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text())):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PACKAGES):
            continue
        for alias in node.names:
            value = getattr(importlib.import_module(str(node.module)), alias.name)
            place = getattr(value, "__module__", None) or getattr(value, "__name__", node.module)
            place = place if place.startswith(PACKAGES) else str(node.module)
            known = left_out(place) or place in USED_BESIDE or counts_nowhere(place)
            assert known or place in reached, f"{alias.name} of {place}"


def counts_nowhere(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in COUNTS_NOWHERE)


def all_modules() -> set[str]:
    return {
        ".".join((top, *path.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__")
        for top, folder in ROOTS.items()
        for path in folder.rglob("*.py")
    }


def test_every_module_counts_or_is_named_with_the_reason_why_not() -> None:
    counted = set(INSTALLED.reached(*(m for r in RECIPES.values() for m in roots(r))))
    forgotten = {
        module
        for module in all_modules() - counted
        if not left_out(module) and not counts_nowhere(module)
    }
    assert not forgotten, "reached by no recipe: add what computes to a recipe, or name it above"
    assert not {module for module in counted if counts_nowhere(module)}


@pytest.mark.parametrize("name", [*NO_SCIENCE, *COUNTS_NOWHERE])
def test_what_is_named_is_there(name: str) -> None:
    assert name in all_modules()


def test_science_imports_nothing_by_a_text() -> None:
    """What is imported by ``importlib`` is not followed; a registry's own files are."""
    counted = INSTALLED.reached(*(m for r in RECIPES.values() for m in roots(r)))
    by_text = {
        module
        for module in counted
        if "import_module" in (INSTALLED.path(module) or Path()).read_text()
    }
    # The package itself, whose version counts, opens finished studies by a text.
    assert by_text == {"aehpo_gpu.architectures", "aehpo_assets"}


def test_an_architecture_of_another_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "lab_of_tests.py"
    plugin.write_text(
        "from aehpo_gpu.architectures import Architecture\n"
        "from aehpo_gpu.architectures.varix import sample\n"
        "MINE = Architecture(name='mine', heads=('mean', 'log_variance'), sample=sample)\n"
    )
    record = tmp_path / "lab_of_tests-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Name: lab_of_tests\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text("[aehpo.architectures]\nmine = lab_of_tests\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    modules = [importlib.import_module(ARCHITECTURES.module_of(name)) for name in ARCHITECTURES]
    registry = Registry(Architecture, "aehpo.architectures", *modules)
    assert set(registry) == {*ARCHITECTURES, "mine"}

    def version() -> str:
        code = Code(ROOTS | {"lab_of_tests": plugin})
        return code.version(registry.module_of("mine"))

    assert "aehpo_gpu.architectures.varix" in Code(ROOTS | {"lab_of_tests": plugin}).reached(
        "lab_of_tests"
    )
    before = version()
    plugin.write_text(plugin.read_text() + "# A comment.\n")
    assert version() == before
    plugin.write_text(plugin.read_text() + "ADDED = 1\n")
    assert version() != before
