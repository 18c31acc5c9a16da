"""The Gaussian process of scikit-learn with a confidence bound, as KerasTuner searches."""

from __future__ import annotations

from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity


def _lower_confidence_bound() -> type:
    from aehpo_assets.hpo.search.gp_lcb import GaussianProcessLCB

    return GaussianProcessLCB


GP_LCB = Searcher("gp_lcb", single_fidelity(_lower_confidence_bound), "Srinivas et al., ICML 2010")
