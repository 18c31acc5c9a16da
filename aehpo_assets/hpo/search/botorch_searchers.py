"""Gaussian processes of BoTorch, which the extra ``searchers`` brings."""

from __future__ import annotations

from aehpo_assets.hpo.benchmark.pareto import PARETO_OBJECTIVES
from aehpo_assets.hpo.search.searcher_kinds import Searcher, multi_objective, single_fidelity


def _expected_improvement() -> type:
    from aehpo_assets.hpo.search.aligned_botorch import AlignedBoTorch

    return AlignedBoTorch


def _hypervolume_improvement() -> type:
    from aehpo_assets.hpo.search.aligned_botorch import AlignedHypervolumeImprovement

    return AlignedHypervolumeImprovement


BOTORCH = Searcher(
    "botorch",
    single_fidelity(_expected_improvement),
    "Balandat et al., NeurIPS 2020",
    library="botorch",
    extra="aehpo[searchers]",
)
EHVI = Searcher(
    "ehvi",
    multi_objective(_hypervolume_improvement, lambda problem: {"double_precision": False}),
    "Daulton et al., NeurIPS 2020",
    objectives=PARETO_OBJECTIVES,
    library="botorch",
    extra="aehpo[searchers]",
)
