"""What a live search was worth, in words.

The numbers belong to ``equal_time``, the verdict on recommendations to ``verdict``.
"""

from __future__ import annotations

import math

import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.noise.pooled import Noise, pooled, replicate_noise
from aehpo_assets.noise.power import LEVEL, quantile


def training_noise(sampled: pd.DataFrame, validated: pd.DataFrame | None) -> Noise | None:
    """Return the noise of the valid score of one training, pooled over configurations.

    Parameters
    ----------
    sampled, validated
        As for :func:`aehpo_assets.analysis.equal_time.equal_time`.

    Returns
    -------
    Noise or None
        None where nothing was trained twice. A validated run is none of those sampled: its seed is
        fresh.
    """
    parts = [sampled] if validated is None else [sampled, validated]
    finished = [runs[(runs["status"] == "ok") & runs[VALID_SCORE].notna()] for runs in parts]
    return pooled(*(replicate_noise(runs, VALID_SCORE) for runs in finished if len(runs)))


def verdict(standing: pd.Series, noise: Noise | None = None) -> str:
    """Say in words what one live search was worth at equal training time.

    Parameters
    ----------
    standing
        A row of :attr:`aehpo_assets.analysis.equal_time.EqualTime.standings`.
    noise
        Noise of the valid score of one training (:func:`training_noise`), None where it is not
        known.

    Returns
    -------
    str
        One paragraph.
    """
    seconds = standing["seconds"]
    sentences = [
        f"After {seconds:.3g} s of training, {standing['searcher']} on real trainings would hand "
        f"over a configuration with a valid score of {_score(standing, 'live')}.",
        f"The study's route would hand over one with {_score(standing, 'study')}: the live "
        f"search is {_compared(standing, noise)}",
        _against_random(standing),
    ]
    reached, looks = standing["seconds_to_study_best"], standing["study_best_looks"]
    ends = (
        f"The whole route of the study, its validation included, takes "
        f"{standing['study_seconds']:.3g} s and ends at {standing['study_best_valid']:.3f}, "
        f"{_of_looks(looks)}"
        f"{' of the best that it validated' if looks else ''}, "
    )
    if not math.isnan(reached):
        ends += f"which the live search had reached after {reached:.3g} s."
    elif looks and not standing["live_looked_at"]:
        ends += "which the live search cannot be held against: none of it was trained again."
    else:
        ends += f"which the live search has not reached in {standing['live_seconds']:.3g} s."
    sentences.append(ends)
    if not math.isnan(standing["default_valid"]):
        sentences.append(
            f"The untuned default, for {standing['default_seconds']:.3g} s of training of its own, "
            f"scores {_score(standing, 'default')}, {_of_looks(standing['default_looks'])}."
        )
    if noise is None:
        sentences.append("How much a score is noise is not known: nothing was trained twice.")
    else:
        error = f"{noise.deviation:.3f}"
        sentences.append(f"The standard error of the valid score of one training is {error}.")
    sentences.append("This is one search with one seed.")
    return " ".join(sentences)


def _score(standing: pd.Series, route: str) -> str:
    text = f"{standing[f'{route}_valid']:.3f}"
    looks = standing.get(f"{route}_looks", 0)
    if not looks or route == "default":
        return text
    if route == "study" and standing["study_validated"]:
        return f"{text} {_of_looks(looks)}"
    again = standing[f"{route}_again_valid"]
    return f"{text} when it was chosen and {again:.3f} {_of_looks(looks)}"


def _of_looks(looks: int) -> str:
    if not looks:
        return "in the training that chose it"
    return f"in the mean of {looks} later training{'' if looks == 1 else 's'}"


def _compared(standing: pd.Series, noise: Noise | None) -> str:
    """Compare by later trainings if both have them; luck is only compared with luck."""
    if standing["live_looks"] and standing["study_looks"]:
        ours, theirs = standing["live_again_valid"], standing["study_again_valid"]
        looks = (int(standing["live_looks"]), int(standing["study_looks"]))
        return f"{_against(ours, theirs, noise, looks)}, both trained again."
    if standing["study_validated"]:
        return (
            "not to be held against that: its own score is the best of what it has seen, which is "
            "partly luck, and was not trained again."
        )
    chose = (max(1, standing["live_runs"]), max(1, standing["study_runs"]))
    by = _against(standing["live_valid"], standing["study_valid"], noise, chose)
    return f"{by}, each by the best that it has seen, which is partly luck."


def _against(ours: float, theirs: float, noise: Noise | None, looks: tuple[int, int]) -> str:
    difference = ours - theirs
    if difference == 0:
        return "level with it"
    text = f"{'ahead' if difference > 0 else 'behind'} by {abs(difference):.3f}"
    if noise is None:
        return text
    error = math.hypot(*(noise.error(count) for count in looks))
    text = f"{text} (standard error {error:.3f})"
    if abs(difference) < quantile(1 - LEVEL / 2, noise.degrees) * error:
        return f"{text}, which noise alone may make"
    return text


def _against_random(standing: pd.Series) -> str:
    ours, lower, upper = (standing[n] for n in ("live_valid", "random_lower", "random_upper"))
    if lower <= ours <= upper:
        place = "within that, so chance does as well"
    else:
        place = "above that" if ours > upper else "below that"
    return (
        f"Random sampling would have chosen one that scored {_score(standing, 'random')}, between "
        f"{lower:.3f} and {upper:.3f} in nine of ten draws from what was sampled: by the score "
        f"that chose, the live search is {place}."
    )
