"""What pictures and reports call origins and baselines.

The names that tables use belong to the modules that write them, titles of objectives to
``aehpo_assets.hpo.objectives``.
"""

from __future__ import annotations

BEST_SAMPLED = "best_sampled"
RECOMMENDED = "recommended"
UNTUNED_DEFAULT = "untuned_default"
ORIGIN_NAMES = {
    RECOMMENDED: "recommendation",
    BEST_SAMPLED: "best sampled (retrained)",
    UNTUNED_DEFAULT: "untuned default",
}
"""Where a validated candidate comes from."""

BASELINE = "baseline"
OPPONENT_NAMES = {
    BEST_SAMPLED: ORIGIN_NAMES[BEST_SAMPLED],
    UNTUNED_DEFAULT: ORIGIN_NAMES[UNTUNED_DEFAULT],
    BASELINE: "baseline best on valid",
}
"""What a recommendation is compared with."""

JOINED_LATENTS, MEAN_PROBABILITIES = "joined latents", "mean probabilities"
"""Ways of late fusion: the latents of single modalities side by side, or the mean of what the
probes of each say."""

LATE = (JOINED_LATENTS, MEAN_PROBABILITIES)

RAW_FEATURES = "raw_features"
BASELINE_NAMES = {
    "pca": "PCA",
    "umap": "UMAP",
    "linear_autoencoder": "linear autoencoder",
    RAW_FEATURES: "raw features with the probe",
    "random_features": "random features",
    "factor_analysis": "factor analysis",
    "nmf": "NMF",
    "ica": "ICA",
    "lsa": "LSA",
    "kernel_pca": "kernel PCA",
    "block_pca": "PCA of scaled modalities",
    "pca_per_modality": "PCA of each modality",
    "pls": "PLS",
    "cca": "CCA",
    "mofa": "MOFA",
}
"""Baselines by method, in the order in which they are shown."""

WITHOUT_SEED = (
    *("pca", RAW_FEATURES, "factor_analysis", "nmf", "lsa", "kernel_pca", "block_pca"),
    *("pca_per_modality", "pls", "cca"),
)
"""Baselines that are the same whatever the seed."""


_UNITS = {
    "factor_analysis": "factor",
    "mofa": "factor",
    **dict.fromkeys(("umap", "linear_autoencoder", "random_features"), "dimension"),
}


def baseline_title(method: str, dimensions: int) -> str:
    """Name a baseline with its size, such as *PCA, 16 components*.

    Parameters
    ----------
    method
        A key of :data:`BASELINE_NAMES`.
    dimensions
        Its dimensions; of raw features their number.
    """
    if method == RAW_FEATURES:
        return f"{BASELINE_NAMES[method]}, {dimensions} of them"
    unit = _UNITS.get(method, "component")
    return f"{BASELINE_NAMES[method]}, {dimensions} {unit}{'s' if dimensions != 1 else ''}"
