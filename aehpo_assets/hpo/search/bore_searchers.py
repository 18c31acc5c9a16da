"""BORE, alone and with successive halving."""

from __future__ import annotations

from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity, successive_halving


def _bore() -> type:
    from aehpo_assets.hpo.search.batched_bore import BatchedBore

    return BatchedBore


BORE = Searcher("bore", single_fidelity(_bore), "Tiao et al., ICML 2021")
ASHA_BORE = Searcher(
    "asha_bore", successive_halving(_bore), "Tiao et al., ICML 2021", stops_early=True
)
