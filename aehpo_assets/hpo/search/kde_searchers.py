"""Tree-structured Parzen estimators of Syne Tune, alone and with successive halving."""

from __future__ import annotations

from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity, successive_halving


def _kde() -> type:
    from aehpo_assets.hpo.search.scaled_kde import ScaledKernelDensityEstimator

    return ScaledKernelDensityEstimator


KDE = Searcher("kde", single_fidelity(_kde), "Bergstra et al., NeurIPS 2011")
BOHB = Searcher("bohb", successive_halving(_kde), "Falkner et al., ICML 2018", stops_early=True)
