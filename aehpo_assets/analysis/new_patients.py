"""What a difference on the test samples says of patients that nobody has seen.

Replicates say how far a difference would move if everything were trained again, on these test
samples. Others would score otherwise: what each sample adds to the difference tells by how much.
"""

from __future__ import annotations

import math

import pandas as pd

from aehpo_assets.hpo.columns import PATIENT
from aehpo_assets.noise.verdict import Difference


def for_new_patients(
    on_these: Difference, influence: pd.DataFrame | None, one: str, other: str
) -> Difference | None:
    """Widen a difference by the chance that drew the test samples.

    Parameters
    ----------
    on_these
        Difference of two candidates on the test samples, with the error of its replicates.
    influence
        One row a test sample: ``patient`` and, of each candidate, what the sample adds to its test
        score; None where it was not kept.
    one, other
        The candidates, as columns of it.

    Returns
    -------
    Difference or None
        The same difference with both errors. Its degrees of freedom are those of Welch (Biometrika
        34, 1947), one less than there are patients for theirs. None where either error is not
        known.

    Notes
    -----
    The error of the samples is that of DeLong, DeLong & Clarke-Pearson (Biometrics 44, 1988);
    samples of one patient count together, as they were drawn together.
    """
    if one == other:
        return on_these
    if influence is None or not {one, other} <= {*influence} or not on_these.is_tested:
        return None
    apart = (influence[one] - influence[other]).groupby(influence[PATIENT]).sum()
    if len(apart) < 2:
        return None
    of_samples = float((apart**2).sum())
    of_replicates = on_these.error**2
    both = of_samples + of_replicates
    if both == 0:
        return on_these
    squares = of_samples**2 / (len(apart) - 1) + of_replicates**2 / on_these.degrees
    degrees = both**2 / squares if squares > 0 else math.inf
    return Difference(on_these.mean, math.sqrt(both), degrees, on_these.replicates)
