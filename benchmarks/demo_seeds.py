"""The verdicts of the demo on cohorts whose truth is known, held against it.

For every seed of the simulator a cohort is written, and a study like the demo (the cohort's rna and
meth, fewer configurations) is run on it by the command line, in a home of its own. Its verdict
beside the best baseline is then held against what a perfect representation gains on linear
components on the same test samples (``benchmarks.cohort_truth``). *Better* contradicts the truth
where even the lower end of its interval lies above that; no other verdict can: that something could
be gained does not say that it was. Run as ``python -m benchmarks.demo_seeds [SEEDS] [FIRST]``;
exits with 1 if a verdict contradicts the truth.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from aehpo_assets.analysis.names import BASELINE
from aehpo_assets.datasets.simulate import write_cohort
from aehpo_assets.hpo.objectives import TEST_SCORE
from aehpo_assets.noise.verdict import BETTER
from aehpo_assets.shipped import study_file
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study
from benchmarks.cohort_truth import truth, weighted

SEEDS = 20
CONFIGURATIONS = 12
TASKS = ("cohort_rna", "cohort_meth")

SHOWN = ["seed", "task", "improvement", "lower", "upper", "outcome", "to_gain", "contradicts"]


def study() -> dict[str, Any]:
    """Return the demo's study with fewer configurations: something to gain, and next to nothing."""
    settings: dict[str, Any] = yaml.safe_load(study_file(Path("demo")).read_text(encoding="utf-8"))
    configurations = settings["configurations"] | {"count": CONFIGURATIONS}
    return settings | {"name": "demo_seeds", "tasks": list(TASKS), "configurations": configurations}


def verdicts(seed: int, folder: Path) -> pd.DataFrame:
    """Run the study on one cohort.

    Parameters
    ----------
    seed
        Of the simulator.
    folder
        Empty folder to work in.

    Returns
    -------
    pandas.DataFrame
        One row a task: its verdict on test beside the best baseline, of the columns of
        :func:`aehpo_assets.analysis.validation_report.improvements`.
    """
    file, data, home = folder / "study.yaml", folder / "data", folder / "home"
    file.write_text(yaml.safe_dump(study()), encoding="utf-8")
    (data / "cohort").mkdir(parents=True)
    write_cohort(data / "cohort", seed)
    command = "from aehpo_assets.cli.main import main; main()"
    given = ["run", str(file), "--data", str(data), "--home", str(home)]
    ran = subprocess.run(
        [sys.executable, "-c", command, *given], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"seed {seed}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    (architecture,) = read_study(file).architectures
    report = Home(home).store.existing_folder("validation_report", (architecture,))
    found = pd.read_parquet(report / "improvements.parquet")
    return found[(found["opponent"] == BASELINE) & (found["score"] == TEST_SCORE)]


def beside_truth(found: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Hold verdicts against what there is to gain.

    Parameters
    ----------
    found
        Output of :func:`verdicts`.
    known
        Output of :func:`benchmarks.cohort_truth.weighted` of the same cohort.

    Returns
    -------
    pandas.DataFrame
        ``found`` with ``to_gain`` and ``contradicts``.
    """
    to_gain = found["task"].str.removeprefix("cohort_").map(known.set_index("modality")["to_gain"])
    contradicts = (found["outcome"] == BETTER) & (found["lower"] > to_gain)
    return found.assign(to_gain=to_gain, contradicts=contradicts)


def main(seeds: int = SEEDS, first: int = 0) -> int:
    """Print every verdict as it comes, and how many there were of each."""
    parts = []
    for seed in range(first, first + seeds):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = verdicts(seed, Path(folder))
        parts.append(beside_truth(found, weighted(truth(seed))).assign(seed=seed))
        print(parts[-1][SHOWN].round(3).to_string(index=False, header=len(parts) == 1), flush=True)
        print(f"  {time.perf_counter() - started:.0f} s", flush=True)
    table = pd.concat(parts, ignore_index=True)
    print(table.groupby(["task", "outcome"]).size().to_string())
    return int(table["contradicts"].any())


if __name__ == "__main__":
    sys.exit(main(*(int(number) for number in sys.argv[1:3])))
