"""Seconds and peak memory of large matrices from file to preprocessed matrix, checks included.

``python -m benchmarks.large_matrices [FOLDER] [--small]`` generates a dense 10,071 x 20,304 float64
Parquet file (the size of TCGA's expression) and a sparse 45,549 x 6,000 AnnData file of counts (a
single-cell cortex), and takes each through the assets ``omics_matrix``, ``sample_labels``,
``data_split`` and ``preprocessed_matrix`` in a process of its own. The limit is 8 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

LIMIT_GIB = 8.0
ASSETS = {
    "omics_matrix": "read",
    "sample_labels": "labels",
    "data_split": "split",
    "preprocessed_matrix": "scale",
}
"""Asset to its name in the table."""

SIZES = {"dense": (10_071, 20_304), "sparse": (45_549, 6_000)}
ROWS_AT_ONCE = 500
SEED = 0


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where to; a temporary one by default")
    parser.add_argument("--small", action="store_true", help="a tenth of the samples and features")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(_measure(arguments.folder, arguments.measure)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        return _compare(folder, 10 if arguments.small else 1)


def _compare(folder: Path, divisor: int) -> int:
    table = Table(
        "matrix", "size", *ASSETS.values(), "all, s", "peak, GiB", title="from file to matrix"
    )
    within = True
    for name, (samples, features) in SIZES.items():
        size = (samples // divisor, features // divisor)
        _generate(folder / "data" / name, name, *size)
        command = [
            sys.executable,
            "-m",
            "benchmarks.large_matrices",
            str(folder),
            "--measure",
            name,
        ]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            print(finished.stderr, file=sys.stderr)
            return 1
        measured = json.loads(finished.stdout.splitlines()[-1])
        within &= measured["peak_gib"] < LIMIT_GIB
        seconds = measured["seconds"]
        table.add_row(
            name,
            f"{size[0]:,} x {size[1]:,}",
            *(f"{seconds[asset]:.1f}" for asset in ASSETS),
            f"{sum(seconds.values()):.0f}",
            f"{measured['peak_gib']:.2f}",
        )
    Console().print(table)
    return 0 if within else 1


def _measure(folder: Path, name: str) -> dict[str, object]:
    """Materialize the assets of one data set in this process."""
    from aehpo_assets.datasets.catalogue import available_tasks
    from aehpo_assets.running.runner import StudyRun, Work, prepare
    from aehpo_assets.store.home import Home
    from aehpo_assets.study import Study

    content = {
        "name": name,
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 1},
        "epochs": 1,
    }
    home, tasks = Home(folder / f"home_{name}"), available_tasks([folder / "data" / name])
    home.record_data_roots([folder / "data" / name])
    instance = prepare(Study.model_validate(content), home, tasks, file=Path("study.yaml"))
    run = StudyRun(home, instance, tasks)
    seconds = {}
    for assets, partition in run.works():
        if assets[0] in ASSETS:
            outcome = run.materialize(Work(assets, partition, "measured"))
            if outcome.error:
                raise SystemExit(f"{assets[0]}: {outcome.error}")
            seconds[assets[0]] = outcome.seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak_gib": peak}


def _generate(folder: Path, name: str, samples: int, features: int) -> None:
    """Write a data set, a few samples at a time."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    source = np.random.default_rng(SEED)
    file = "rna.parquet" if name == "dense" else "rna.h5ad"
    kind = {"kind": "counts", "transform": "normalize_log1p"} if name == "sparse" else {}
    settings = {
        "name": name,
        "modalities": {"rna": {"file": file, **kind}},
        "labels": {"file": "clinical.csv", "objective": {"type": ["type"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    ids = [f"S{number:06d}" for number in range(samples)]
    labels = pd.DataFrame({"type": source.choice(["a", "b", "c"], samples)}, index=ids)
    labels.rename_axis("sample_id").to_csv(folder / "clinical.csv")
    columns = [f"G{number:05d}" for number in range(features)]
    write = _write_dense if name == "dense" else _write_sparse
    write(folder / file, ids, columns, source)
    print(f"{file}: {time.monotonic() - started:.0f} s to generate", file=sys.stderr)


def _write_dense(
    path: Path, ids: list[str], columns: list[str], source: np.random.Generator
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    frames = (
        pd.DataFrame(
            source.gamma(2.0, 3.0, (len(rows), len(columns))), index=rows, columns=columns
        ).rename_axis("sample_id")
        for rows in _parts(ids)
    )
    first = pa.Table.from_pandas(next(frames))
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(pa.Table.from_pandas(frame, schema=first.schema))


def _write_sparse(
    path: Path, ids: list[str], columns: list[str], source: np.random.Generator
) -> None:
    import h5py
    from scipy import sparse

    parts = [
        sparse.csr_matrix(source.poisson(0.12, (len(rows), len(columns))).astype(np.float32))
        for rows in _parts(ids)
    ]
    matrix = sparse.vstack(parts, format="csr")
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = matrix.shape
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(matrix, part)
        for axis, names in (("obs", ids), ("var", columns)):
            frame = file.create_group(axis)
            frame.attrs.update(
                {"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"}
            )
            frame.attrs["column-order"] = np.array([], dtype="S1")
            frame["_index"] = names
            frame["_index"].attrs.update(
                {"encoding-type": "string-array", "encoding-version": "0.2.0"}
            )


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), ROWS_AT_ONCE):
        yield ids[start : start + ROWS_AT_ONCE]


if __name__ == "__main__":
    sys.exit(main())
