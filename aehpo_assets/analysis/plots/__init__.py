"""Pictures as PNG bytes, one function a picture.

Each function takes the table that an asset holds and returns what its page shows. Matplotlib is
imported only when something is drawn.
"""

from aehpo_assets.analysis.plots.effects import main_effects
from aehpo_assets.analysis.plots.factors import factors
from aehpo_assets.analysis.plots.hpo import (
    calibration,
    out_of_fold,
    predicted_against_actual,
    score_distribution,
    search_progress,
    valid_against_test,
)
from aehpo_assets.analysis.plots.importance import hyperparameter_importance
from aehpo_assets.analysis.plots.interactions import interactions
from aehpo_assets.analysis.plots.latents import latents
from aehpo_assets.analysis.plots.noise import noise
from aehpo_assets.analysis.plots.omics import (
    label_counts,
    split_counts,
    value_distribution,
    variance_spectrum,
)
from aehpo_assets.analysis.plots.race import race
from aehpo_assets.analysis.plots.runs import (
    baselines,
    configuration_distribution,
    learning_curves,
    score_against_hyperparameters,
)
from aehpo_assets.analysis.plots.transfer import task_similarity, transfer_gain
from aehpo_assets.analysis.plots.validation import predictions_and_improvements

__all__ = [
    "baselines",
    "calibration",
    "configuration_distribution",
    "factors",
    "hyperparameter_importance",
    "interactions",
    "label_counts",
    "latents",
    "learning_curves",
    "main_effects",
    "noise",
    "out_of_fold",
    "predicted_against_actual",
    "predictions_and_improvements",
    "race",
    "score_against_hyperparameters",
    "score_distribution",
    "search_progress",
    "split_counts",
    "task_similarity",
    "transfer_gain",
    "valid_against_test",
    "value_distribution",
    "variance_spectrum",
]
