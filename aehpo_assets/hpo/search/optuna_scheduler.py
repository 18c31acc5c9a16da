"""Optuna's TPE as a scheduler: the outside reference, and what Autoencodix shipped.

Importable with ``optuna`` only (the extra ``searchers``). It stands where a Syne Tune scheduler
stands, so that ``ask_tell`` need not know the difference.
"""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState, create_trial
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import Categorical, is_log_space
from syne_tune.optimizer.scheduler import TrialSuggestion

from aehpo_assets.hpo.search.problem import EPOCH, LOSS, Problem

MEDIAN_SETTINGS = ("n_startup_trials", "n_warmup_steps", "interval_steps", "n_min_trials")
"""Settings of ``optuna.pruners.MedianPruner``; ``n_warmup_steps`` are epochs or steps, as the
study counts, before which no trial is stopped."""


class OptunaScheduler:
    """Tree-structured Parzen estimator of Optuna (Akiba et al., KDD 2019), its settings its own.

    Parameters
    ----------
    problem
        Where to search, from which seed. ``settings`` go to ``optuna.samplers.TPESampler``, and
        with a pruner :data:`MEDIAN_SETTINGS` to it.
    pruning
        Whether the median pruner stops trials whose learning curve lies below the median of the
        earlier ones at the same epoch, with Optuna's own five trials to begin with. With a
        ``patience``, only those whose own curve has not improved for so many fidelities.
    """

    def __init__(self, problem: Problem, *, pruning: bool):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        settings = dict(problem.settings)
        pruner: Any = optuna.pruners.NopPruner()
        if pruning:
            own = {name: settings.pop(name) for name in MEDIAN_SETTINGS if name in settings}
            patience = settings.pop("patience", None)
            pruner = optuna.pruners.MedianPruner(**own)
            if patience is not None:
                pruner = optuna.pruners.PatientPruner(pruner, patience=patience)
        sampler = optuna.samplers.TPESampler(seed=problem.seed, **settings)
        self._study = optuna.create_study(sampler=sampler, pruner=pruner)
        self._distributions = {
            name: _distribution(domain) for name, domain in problem.config_space.items()
        }
        self._asked: list[OptunaTrial] = []
        self._running: dict[int, OptunaTrial] = {}
        for point in problem.points_to_evaluate:
            self._study.enqueue_trial({name: point[name] for name in self._distributions})

    def suggest(self) -> TrialSuggestion:
        """Propose a configuration."""
        trial = self._study.ask(self._distributions)
        self._asked.append(trial)
        return TrialSuggestion.start_suggestion(dict(trial.params))

    def on_trial_add(self, trial: Trial) -> None:
        """Take note of the trial's number; negative ones were not proposed here."""
        if trial.trial_id >= 0:
            self._running[trial.trial_id] = self._asked.pop(0)

    def on_trial_result(self, trial: Trial, result: dict[str, Any]) -> str:
        """Report a loss at an epoch; returns CONTINUE or STOP."""
        running = self._running.get(trial.trial_id)
        if running is None:
            return "CONTINUE"
        running.report(result[LOSS], step=int(result[EPOCH]))
        return "STOP" if running.should_prune() else "CONTINUE"

    def on_trial_complete(self, trial: Trial, result: dict[str, Any]) -> None:
        """Take in the final loss of a trial, or of a configuration known before."""
        running = self._running.pop(trial.trial_id, None)
        if running is not None:
            self._study.tell(running, result[LOSS])
            return
        known = {name: trial.config[name] for name in self._distributions}
        self._study.add_trial(
            create_trial(params=known, distributions=self._distributions, value=result[LOSS])
        )

    def on_trial_remove(self, trial: Trial) -> None:
        """Take in that a trial was stopped."""
        self._study.tell(self._running.pop(trial.trial_id), state=TrialState.PRUNED)


def _distribution(domain: Any) -> BaseDistribution:
    """Return Optuna's distribution for a domain of Syne Tune."""
    if isinstance(domain, Categorical):
        return CategoricalDistribution(domain.categories)
    return FloatDistribution(domain.lower, domain.upper, log=is_log_space(domain))
