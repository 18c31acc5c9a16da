"""The configuration that nobody tuned: what a person gets who leaves every setting as it is."""

from __future__ import annotations

from typing import Any

from aehpo_assets.space.search_space import ARCHITECTURE_SPACES, SearchSpace


def default_configuration(space: SearchSpace) -> dict[str, Any]:
    """Return the untuned configuration of an architecture, as near as a search space allows.

    Parameters
    ----------
    space
        The architecture's search space, as the study narrows it.

    Returns
    -------
    dict
        Hyperparameter to value, in the order of the space. Of a list, the value whose ratio to the
        default is nearest to 1 (the nearest difference if 0 is in the list); within bounds, the
        default itself or the bound that it lies beyond; of words, the default or else the first.
        ``k_filter`` is the largest value, so that it never lies below the latent dimension.
    """
    known = ARCHITECTURE_SPACES[space.architecture].known
    return {
        name: domain.nearest(known[name].default) for name, domain in space.hyperparameters.items()
    }
