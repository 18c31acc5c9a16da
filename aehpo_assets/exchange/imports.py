"""Run results of other people's studies, in the columns of this platform.

Two published sources are read: the 30,000 runs of the reference study (github.com/ralf-koenig/
ae-st-hpo, one Parquet file per architecture and task, or the zip of all) and the JSON files of
BBOmix (github.com/Kavlahkaff/BBOmix). What they do not say stays missing; where only one split was
scored, ``score_split`` says which.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from aehpo_assets.datasets.reading.memory import Need, parquet_need, refuse_need
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_SCORE
from aehpo_assets.limits import JSON_BYTES, read_json, size_of
from aehpo_assets.settings import NAME
from aehpo_assets.space import ARCHITECTURE_SPACES, STUDY_HYPERPARAMETERS, config_id_of
from aehpo_assets.store.hashes import file_hash

TCGA_GROUPS: dict[str, list[str]] = {
    "histology": ["CANCER_TYPE", "SUBTYPE", "ONCOTREE_CODE"],
    "sex": ["SEX"],
    "stage": ["AJCC_PATHOLOGIC_TUMOR_STAGE"],
    "grade": ["GRADE"],
    "n_stage": ["PATH_N_STAGE"],
    "disease_specific_survival": ["DSS_STATUS"],
    "overall_survival": ["OS_STATUS"],
}
SCHC_GROUPS: dict[str, list[str]] = {
    "cell_type": ["author_cell_type"],
    "age": ["age_group"],
    "sex": ["sex"],
}
STUDY_GROUPS = {"tcga": TCGA_GROUPS, "schc": SCHC_GROUPS}
"""Scenario of the reference study to its label groups: groups are averaged, then the groups."""

_AS_PUBLISHED = "Give the files as they were published."

_FILE = re.compile(r"real_ae_results_(?P<architecture>\w+)_(?P<scenario>\w+)_(?P<modality>\w+)$")


def import_study_results(
    source: Path, groups: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> dict[str, dict[str, pd.DataFrame]]:
    """Read the results of the reference study.

    The study scored the test split only; its weighted AUC stands in both score columns, and
    ``score_split`` is ``test``. Whoever searches on these results searches on test scores, as the
    study did.

    Parameters
    ----------
    source
        A folder or zip with files ``real_ae_results_<architecture>_<scenario>_<MODALITY>.parquet``.
    groups
        Scenario to label groups; :data:`STUDY_GROUPS` by default. A label that a file lacks drops
        out of its group.

    Returns
    -------
    dict of str to dict of str to pandas.DataFrame
        Architecture to task (``tcga_rna``) to run results. ``attrs["source"]`` holds file name
        and hash of the source.

    Raises
    ------
    InputError
        If there is no such file, one cannot be read, or lacks a column.
    """
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for name, frame, digest in _study_files(source):
        match = _FILE.match(Path(name).stem)
        if match is None:
            continue
        architecture, scenario, modality = match.group("architecture", "scenario", "modality")
        task = _name(f"{scenario}_{modality}".lower(), name, "file name")
        _name(architecture, name, "file name")
        labels = (groups or STUDY_GROUPS).get(scenario.lower())
        if labels is None:
            raise InputError(
                f"unknown scenario {scenario!r}", file=name, remedy="Give its label groups."
            )
        try:
            runs = _study_runs(frame, architecture.lower(), task, labels, name)
        except (ValueError, TypeError, ArithmeticError) as error:
            problem = f"holds what is no result of a run ({error})"
            raise InputError(problem, file=name, remedy=_AS_PUBLISHED) from None
        runs.attrs["source"] = {"file": Path(name).name, "sha256": digest}
        found.setdefault(architecture.lower(), {})[task] = runs
    if not found:
        raise InputError(
            "holds no file real_ae_results_<architecture>_<scenario>_<MODALITY>.parquet",
            file=source,
            remedy="Give the folder or the zip that the study published.",
        )
    return found


def _study_files(source: Path) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield name, content and hash of the source, in the order of the names."""
    if source.is_dir():
        for path in sorted(source.rglob("real_ae_results_*.parquet")):
            if not path.is_file():
                continue
            yield str(path), _parquet(path, path), file_hash(path)
        return
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"is neither a folder nor a readable zip ({error})", file=source) from None
    with archive:
        digest = file_hash(source)
        for name in sorted(archive.namelist()):
            if Path(name).name.startswith("real_ae_results_") and name.endswith(".parquet"):
                yield name, _parquet(_member(archive, name), name), digest


def _member(archive: zipfile.ZipFile, name: str) -> io.BytesIO:
    """Unpack one file of a zip into memory; no more comes of it than the zip says."""
    size = archive.getinfo(name).file_size
    # Two copies exist while it is read.
    refuse_need(Need(f"{size:,} bytes, unpacked,", 2 * size), name)
    try:
        # Without a number, all that is packed would be unpacked at once, whatever the zip says.
        with archive.open(name) as stream:
            return io.BytesIO(stream.read(size))
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        problem = f"cannot be unpacked ({error})"
        raise InputError(problem, file=name, remedy=_AS_PUBLISHED) from None


def _parquet(content: Path | io.BytesIO, name: Path | str) -> pd.DataFrame:
    try:
        refuse_need(parquet_need(content), str(name))
        return pd.read_parquet(content)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"is no readable Parquet file ({error})", file=name) from None


def _study_runs(
    frame: pd.DataFrame,
    architecture: str,
    task: str,
    groups: Mapping[str, Sequence[str]],
    file: str,
) -> pd.DataFrame:
    lowered = frame.rename(columns=str.lower)
    if architecture not in ARCHITECTURE_SPACES:
        raise InputError(f"unknown architecture {architecture!r}", file=file)
    space = ARCHITECTURE_SPACES[architecture]
    known = [one for one in STUDY_HYPERPARAMETERS if one in space.hyperparameters]
    names = [one.name for one in known]
    for name in ["run_id", RUNTIME, "valid_r2", *names]:
        if name not in lowered:
            raise InputError("column missing", file=file, key=name.upper())
    numbers = lowered[[*names, RUNTIME, "valid_r2"]].apply(pd.to_numeric, errors="coerce")
    whole = [one.name for one in known if one.kind == "whole"]
    runs = pd.DataFrame(
        {
            # RUN_varix_tcga_RNA_000123 is configuration 123 of the shared list.
            "config_id": lowered["run_id"].str.extract(r"(\d+)$")[0].astype("int64").astype(str),
            "task": task,
            "architecture": architecture,
            "seed": 0,
        }
    )
    runs[names] = numbers[names].astype("float64")
    runs[whole] = numbers[whole].astype("int64")
    runs["epochs"] = pd.to_numeric(lowered.get("epochs", 300)).astype("int64")
    runs["status"] = numbers["valid_r2"].notna().map({True: "ok", False: "failed"}).astype("str")
    runs[[RUNTIME, "valid_r2"]] = numbers[[RUNTIME, "valid_r2"]].astype("float64")
    means = {}
    for group, labels in groups.items():
        present = [label for label in labels if label.lower() in lowered]
        scores = lowered[[label.lower() for label in present]].apply(pd.to_numeric)
        for label in present:
            runs[f"auc_{label}_test"] = scores[label.lower()].astype("float64")
        if present:
            means[group] = scores.mean(axis=1, skipna=False)
    if not means:
        raise InputError("holds none of the label columns", file=file, key=", ".join(groups))
    runs[TEST_SCORE] = pd.DataFrame(means).mean(axis=1, skipna=False)
    runs[VALID_SCORE] = runs[TEST_SCORE]
    runs["score_split"] = "test"
    return runs.sort_values("config_id", key=lambda ids: ids.astype(int)).reset_index(drop=True)


def import_bbomix_results(source: Path) -> dict[str, dict[str, pd.DataFrame]]:
    """Read the JSON files of BBOmix, one a run.

    BBOmix scored the valid split only (``score_split`` is ``valid``, the test score is missing)
    and reports no R2. Its ``n_layers`` counts hidden layers and is ours minus one. Its modalities
    make the task; ``CLIN``, the labels, is left out of the name.

    Parameters
    ----------
    source
        A folder with files ``*_result.json`` at any depth.

    Returns
    -------
    dict of str to dict of str to pandas.DataFrame
        Architecture to task to run results. ``config_id`` is made of the hyperparameters, so that
        tasks share it.

    Raises
    ------
    InputError
        If there is no such file, or one is no JSON or lacks a key.
    """
    files = sorted(path for path in source.rglob("*_result.json") if path.is_file())
    if not files:
        raise InputError("holds no *_result.json", file=source)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in files:
        row = _bbomix_run(_json(path), path)
        rows.setdefault((row["architecture"], row["task"]), []).append(row)
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for (architecture, task), runs in rows.items():
        found.setdefault(architecture, {})[task] = pd.DataFrame(runs)
    return found


def _json(path: Path) -> Any:
    with path.open("rb") as stream:
        content = stream.read(JSON_BYTES + 1)
    if len(content) > JSON_BYTES:
        problem = f"is larger than {size_of(JSON_BYTES)}, which no result is"
        raise InputError(problem, file=path, remedy=_AS_PUBLISHED)
    try:
        return read_json(content)
    except ValueError as error:
        problem = f"is no readable JSON ({error})"
        raise InputError(problem, file=path, remedy=_AS_PUBLISHED) from None


def _name(word: Any, file: Path | str, key: str) -> str:
    """Return what becomes part of a path, if it is a name.

    Raises
    ------
    InputError
        If it is not as the names of tasks and architectures are.
    """
    try:
        return NAME.validate_python(word, strict=True)
    except ValidationError:
        raise InputError(
            f"{quoted(word)} is no name",
            file=file,
            key=key,
            remedy="Names begin with a letter, and have letters, digits, - and _.",
        ) from None


def _bbomix_run(content: Any, file: Path) -> dict[str, Any]:
    try:
        row = _bbomix_row(content)
    except KeyError as error:
        key = str(error.args[0])
        raise InputError("key missing", file=file, key=key, remedy=_AS_PUBLISHED) from None
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        problem = f"holds what is no result of a run ({error})"
        raise InputError(problem, file=file, remedy=_AS_PUBLISHED) from None
    _name(row["architecture"], file, "ARCHITECTURE")
    _name(row["task"], file, "DATASET, MODALITIES, ONTOLOGY")
    return row


def _bbomix_row(content: Mapping[str, Any]) -> dict[str, Any]:
    given = content["HYPERPARAMETERS"]
    values: dict[str, Any] = {
        "k_filter": _whole(given["k_filter"]),
        "n_layers": _whole(given["n_layers"]) + 1,
        "enc_factor": float(given["enc_factor"]),
        "latent_dim_fixed": _whole(given["latent_dim"]),
        "lr_fixed": float(given["learning_rate"]),
        "batch_size": _whole(given["batch_size"]),
        "drop_p": float(given["drop_p"]),
    }
    values |= {name: float(given[name]) for name in ("beta", "weight_decay") if name in given}
    modalities = [name for name in content["MODALITIES"] if name != "CLIN"]
    ontology = content.get("ONTOLOGY")
    parts = [
        content["DATASET"],
        *modalities,
        *([ontology] if ontology not in (None, "N/A") else []),
    ]
    scores = content.get("PER_TASK_PERFORMANCE", {})
    return {
        "config_id": config_id_of(values),
        "task": "_".join(parts).lower(),
        "architecture": content["ARCHITECTURE"],
        "seed": _whole(content["SEED"]),
        **values,
        "epochs": _whole(given.get("epochs", 300)),
        "status": "ok",
        RUNTIME: float(content["RUNTIME_SECONDS"]),
        "valid_recon_loss": float(content["VALID_RECON_LOSS"]),
        "valid_r2": float("nan"),
        **{f"auc_{label}_valid": float(score) for label, score in scores.items()},
        VALID_SCORE: float(content["AVG_ML_TASK_PERFORMANCE"]),
        TEST_SCORE: float("nan"),
        "score_split": "valid",
    }


def _whole(value: Any) -> int:
    """Return a whole number that a table can hold.

    Raises
    ------
    ValueError, TypeError, OverflowError
        If it is none.
    """
    return int(np.int64(value))
