"""What the searches of a study are after: the score, or what others take for it.

Searches may be told the valid R2, or the valid loss, in the place of the valid score; they then
recommend by it, and are judged by the score all the same. Which objectives there are belongs to
``objectives``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.hpo.objectives import (
    NAMED,
    OBJECTIVE,
    OBJECTIVES,
    VALID_LOSS_OBJECTIVE,
    Objective,
)

SCORE = "score"
"""What a study calls the objective that its searches are after unless it says otherwise."""


def objectives_for(named: str) -> tuple[Objective, ...]:
    """Return the objectives that runs are tabulated by, where searches are after a named one."""
    wanted = OBJECTIVE[NAMED[named]]
    return OBJECTIVES if wanted in OBJECTIVES else (*OBJECTIVES, VALID_LOSS_OBJECTIVE)


def gain(values: pd.Series, named: str) -> pd.Series:
    """Return values of a named objective, the larger the better, on the scale it is modelled on."""
    wanted = OBJECTIVE[NAMED[named]]
    modelled = -wanted.sign * wanted.to_model_scale(values.to_numpy("float64"))
    return pd.Series(modelled, index=values.index)


def in_place_of_score(evaluations: pd.DataFrame, named: str) -> pd.DataFrame:
    """Return evaluations with a named objective where the valid score was, the larger the better.

    What other tasks teach a search is then what it is after itself.
    """
    if named == SCORE:
        return evaluations
    return evaluations.assign(**{VALID_SCORE: gain(evaluations[NAMED[named]], named)})


def told_in_words(named: str) -> str:
    """Return what searches are told, as it stands in sentences."""
    return OBJECTIVE[NAMED[named]].title
