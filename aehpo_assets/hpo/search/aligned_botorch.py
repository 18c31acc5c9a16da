"""Syne Tune's searchers on BoTorch, without the defects of 0.16.0 that make them something else.

Importable with ``botorch`` only (the extra ``searchers``). Defects of searchers that need no
BoTorch belong to ``syne_tune_fixes``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from botorch.utils.sampling import manual_seed
from syne_tune.optimizer.schedulers.multiobjective.expected_hyper_volume_improvement import (
    ExpectedHyperVolumeImprovement,
)
from syne_tune.optimizer.schedulers.searchers.botorch.botorch_searcher import BoTorchSearcher

from aehpo_assets.store.provenance import named_seed

_REFERENCE = 2.0
"""The point that the stock EHVI measures volumes from, in every objective."""

_MARGIN = 0.1
"""How far beyond the worst that was seen the reference lies, as a share of the range."""


class _Aligned:
    """What both searchers need: results beside their configurations, and seeds of their own.

    Three defects are worked around:

    - Configurations in the order of their proposals are paired with results in the order of their
      arrival, which differ as soon as two trials run at once. May go when ``objectives`` follows
      ``_configs_with_results``.
    - Results of trials that the searcher did not propose (negative numbers, a warm start) have no
      configuration there. May go with the pairing.
    - They draw from, and seed, PyTorch's global generator. May go when they have one of their own.
    """

    def __init__(self, config_space: dict[str, Any], *, random_seed: int, **settings: Any):
        self._earlier: list[tuple[dict[str, Any], Any]] = []
        self._seed = random_seed
        with manual_seed(random_seed):
            super().__init__(config_space, random_seed=random_seed, **settings)  # type: ignore[call-arg]

    def suggest(self) -> dict[str, Any] | None:
        """Suggest a configuration."""
        number = len(self.trial_configs)  # type: ignore[attr-defined]
        with manual_seed(named_seed(self._seed, "proposal", number)):
            suggestion: dict[str, Any] | None = super().suggest()  # type: ignore[misc]
        return suggestion

    def on_trial_complete(self, trial_id: int, config: dict[str, Any], metric: Any) -> None:
        """Take in the losses of a configuration."""
        if trial_id < 0:
            self._earlier.append((config, metric))
        else:
            super().on_trial_complete(trial_id, config, metric)  # type: ignore[misc]

    def objectives(self) -> np.ndarray:
        """Losses observed, (trials,) or (trials, objectives), as their configurations come."""
        observed: dict[int, Any] = self.trial_observations  # type: ignore[attr-defined]
        pending: set[int] = self.pending_trials  # type: ignore[attr-defined]
        proposed: dict[int, Any] = self.trial_configs  # type: ignore[attr-defined]
        own = [observed[trial] for trial in proposed if trial not in pending]
        return np.array([metric for _, metric in self._earlier] + own)

    def _configs_with_results(self) -> list[dict[str, Any]]:
        own: list[dict[str, Any]] = super()._configs_with_results()  # type: ignore[misc]
        return [config for config, _ in self._earlier] + own


class AlignedBoTorch(_Aligned, BoTorchSearcher):
    """Expected improvement on a Gaussian process that knows which result is whose."""


class AlignedHypervolumeImprovement(_Aligned, ExpectedHyperVolumeImprovement):
    """Expected hypervolume improvement (Daulton et al., NeurIPS 2020) that can improve something.

    The stock searcher measures volumes from 2 in every (maximised) objective, whatever the
    objectives are: no AUC lies above it, so that nothing ever improves the volume. Here each
    objective is scaled to what was seen of it, just above that point. May go when the reference
    is a setting. ``double_precision`` must be off: the stock bounds are float32, which BoTorch does
    not mix.
    """

    def objectives(self) -> np.ndarray:
        """Losses observed so far, (trials, objectives), each scaled to lie just below ``-2``."""
        observed = super().objectives()
        if not len(observed):
            return observed
        lowest, highest = observed.min(axis=0), observed.max(axis=0)
        span = np.where(highest > lowest, highest - lowest, 1.0)
        return (observed - highest) / span - _REFERENCE - _MARGIN
