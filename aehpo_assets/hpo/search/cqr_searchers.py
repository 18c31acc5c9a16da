"""Conformal quantile regression, alone and with successive halving."""

from __future__ import annotations

from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity, successive_halving


def _cqr() -> type:
    from aehpo_assets.hpo.search.batched_cqr import BatchedConformalQuantileRegression

    return BatchedConformalQuantileRegression


CQR = Searcher("cqr", single_fidelity(_cqr), "Salinas et al., ICML 2023")
ASHA_CQR = Searcher(
    "asha_cqr", successive_halving(_cqr), "Salinas et al., ICML 2023", stops_early=True
)
