"""Live tuning on this machine: what a searcher proposes becomes fleets that are really trained.

The conversation with the searcher belongs to ``aehpo_assets.hpo.search.live``, stopping runs of a
fleet to ``training.rungs``, what a live search was worth to ``aehpo_assets.analysis.equal_time``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from aehpo_assets.hpo.columns import without_test
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.known_best import best_known
from aehpo_assets.hpo.objectives import NAMED
from aehpo_assets.hpo.search.live import Decide, LiveBudget, live_search
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS, find_searcher
from aehpo_assets.space import configurations_of, search_space
from aehpo_assets.store.code_version import ARCHITECTURE, Chosen, CodeVersions
from aehpo_assets.store.hashes import content_hash, settings_hash
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study import Study
from aehpo_assets.study.searches import Live
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.runs.table import measured_cost, training_settings
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.rungs import RungTraining, train_together
from aehpo_gpu.training.task import TrainingTask


def search_version(architecture: str, searcher: str) -> str:
    """Return the version of the code that a live search depends on."""
    versions = CodeVersions.of(
        (live_search, train_together, RungTraining),
        (Chosen(ARCHITECTURES), Chosen(SEARCHERS, by="searcher")),
    )
    return versions.version({ARCHITECTURE: (architecture,), "searcher": (searcher,)})


@dataclass(frozen=True)
class LiveTuning:
    """Live searches of one architecture on one task.

    Attributes
    ----------
    architecture
        Name of the architecture.
    data
        Matrix, split and targets of the task.
    study
        What all runs share; they have the first of its seeds, or the first few.
    seed
        Seed of the searchers.
    inputs
        Name to data version of what ``data`` was made of.
    home
        Where finished batches are kept, and what the device was measured at.
    replicates
        Where the study has several: the run of seed r is of replicate r.
    """

    architecture: str
    data: TrainingTask
    study: Study
    seed: int
    inputs: dict[str, str]
    home: Home
    replicates: Replicates | None = None

    def search(
        self,
        searcher: str,
        live: Live,
        sampled: pd.DataFrame | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_batch: Callable[[pd.DataFrame], None] = lambda results: None,
    ) -> pd.DataFrame:
        """Let one searcher tune, or go on where it was interrupted.

        Parameters
        ----------
        searcher
            Its name.
        live
            Budget, batches and warm start.
        sampled
            Run results of the study, which a warm start needs.
        on_progress
            Called a few times a second; may raise to cancel. Finished batches are kept.
        on_batch
            Called after every batch with the results so far.

        Returns
        -------
        pandas.DataFrame
            As :func:`aehpo_assets.hpo.search.live.live_search` returns it.
        """
        problem = self._problem(searcher, live, sampled)
        settings = training_settings(self.study)
        stops = find_searcher(searcher).stops_early
        settings = replace(settings, fidelities=settings.fidelities if stops else ())
        # What a run costs is read from the study's own prices, whatever is proposed, so that
        # seconds of both can be compared.
        sampled_runs = configurations_of(self.study, self.architecture)
        prices = measured_cost(self.home, self.architecture, sampled_runs, settings)
        own = ARCHITECTURES[self.architecture]
        seeds = self.study.run_seeds[: live.replicates]
        started, done = time.monotonic(), 0

        def train(configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
            runs_done = dict.fromkeys(seeds, 0.0)

            def begin(seed: int) -> RungTraining:
                def tell(progress: Progress) -> None:
                    runs_done[seed] = progress.runs_done
                    seconds = time.monotonic() - started
                    so_far = done + sum(runs_done.values())
                    on_progress(Progress(so_far, live.runs, seconds, progress.device_bytes))

                data, runs = self._data_of(seed), configurations.assign(seed=seed)
                size, planned = (
                    (data.n_features, data.n_train),
                    with_decoder(own, runs, data.ontology),
                )
                fleets = plan_fleets(self.architecture, planned, *size, settings)
                rows = [fleet.rows for fleet in fleets]
                return RungTraining(data, self.architecture, runs, rows, settings, prices, tell)

            rungs = train_together([begin(seed) for seed in seeds], decide)
            # A search has nothing to do with the test, and its record neither.
            return without_test(rungs)

        def after_batch(results: pd.DataFrame) -> None:
            nonlocal done
            done = len(results)
            on_batch(results)

        budget = LiveBudget(live.runs, live.seconds, live.batch, live.replicates)
        record = self._record(searcher, live, problem)
        return live_search(searcher, problem, train, budget, record, self.data.task, after_batch)

    def _data_of(self, seed: int) -> TrainingTask:
        """What the runs of a seed are trained on."""
        return self.replicates.data(seed) if self.replicates and seed else self.data

    def _problem(self, searcher: str, live: Live, sampled: pd.DataFrame | None) -> Problem:
        space = search_space(self.architecture, self.study.space)
        rungs = training_settings(self.study).rungs
        problem = Problem(
            space,
            seed=named_seed(self.seed, "live", self.architecture, self.data.task, searcher),
            # A search can be extended: what a searcher sizes by its budget (the population of
            # evolution, a fifth) is sized by the batch: a larger budget is not another search.
            trials=5 * live.batch,
            objectives=(NAMED[live.objective],),
            fidelities=tuple(rungs)
            if find_searcher(searcher).stops_early
            else (self.study.length,),
            settings=self.study.hpo.searcher_settings.get(searcher, {}),
        )
        if live.warm_start is None or sampled is None:
            return problem
        task = self.data.task
        known = best_known(evaluation_table({task: sampled}, space), task)
        if live.warm_start == "observations":
            return replace(problem, observations=known)
        points = known.head(live.batch)[list(space.names)].to_dict("records")
        return replace(problem, points_to_evaluate=points)

    def _record(self, searcher: str, live: Live, problem: Problem) -> Path:
        """Folder of the finished batches of a search: another one for whatever they depend on."""
        known = problem.observations
        depends_on = {
            "space": problem.space.to_json(),
            "seed": problem.seed,
            "run seed": self.study.seeds[0],
            "batch": live.batch,
            "fidelities": problem.fidelities,
            "observations": None if known is None else content_hash(known),
            "points": list(problem.points_to_evaluate),
            "searcher settings": dict(problem.settings),
            "training": training_settings(self.study).identity(),
            "inputs": self.inputs,
            "code": search_version(self.architecture, searcher),
        }
        if live.replicates > 1:
            seeds = self.study.run_seeds[: live.replicates]
            own = self.replicates
            depends_on["replicates"] = {s: own.inputs(s) if own else {} for s in seeds}
        if live.objective != "score":
            depends_on["objective"] = live.objective
        name = f"{searcher}_{settings_hash(depends_on)}"
        return self.home.live / self.architecture / self.data.task / name
