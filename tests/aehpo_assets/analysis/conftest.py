"""Realistic tables of a study's results, small enough for a test."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


@pytest.fixture(autouse=True)
def _pictures(pictures: None) -> None:
    """Pictures are drawn: they are what many of these tests look at."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[matplotlib.figure.Figure]:
    """Figures in the order in which they were rendered."""
    figures: list[matplotlib.figure.Figure] = []
    draw = FigureCanvasAgg.draw

    def keep(self: FigureCanvasAgg) -> None:
        figures.append(self.figure)
        draw(self)

    monkeypatch.setattr(FigureCanvasAgg, "draw", keep)
    return figures


@pytest.fixture
def run_results() -> pd.DataFrame:
    """120 configurations whose score depends on the learning rate, a tenth of them diverged."""
    generator = np.random.default_rng(3)
    n = 120
    table = pd.DataFrame(
        {
            "config_id": [str(number) for number in range(n)],
            "task": "liver_rna",
            "architecture": "varix",
            "seed": 1,
            "k_filter": generator.choice([128, 256, 512, 1024, 2048, 4096], n),
            "n_layers": generator.choice([2, 3, 4], n),
            "latent_dim_fixed": generator.choice([2, 4, 8, 16, 32, 64], n),
            "lr_fixed": 10 ** generator.uniform(-5, -1, n),
            "batch_size": generator.choice([32, 64, 128, 256], n),
            "drop_p": generator.uniform(0, 0.9, n),
        }
    )
    peak = -((np.log10(table["lr_fixed"]) + 3) ** 2) / 12
    noise = generator.normal(0, 0.01, n)
    table[VALID] = 0.85 + peak + 0.05 * np.log2(table["latent_dim_fixed"]) / 6 + noise
    table[TEST] = table[VALID] - 0.02 + generator.normal(0, 0.02, n)
    table["valid_r2"] = 0.4 + peak
    table["training_runtime"] = table["k_filter"] / table["batch_size"] * generator.uniform(1, 2, n)
    diverged = generator.random(n) < 0.1
    table["status"] = np.where(diverged, "diverged", "ok")
    table.loc[diverged, [VALID, TEST, "valid_r2"]] = np.nan
    return table


@pytest.fixture
def validated() -> pd.DataFrame:
    """Two candidates of an origin with three seeds, the second the best on valid; one default."""
    rows = []
    scores = {
        ("recommended", "r0"): ([0.80, 0.82, 0.81], [0.90, 0.90, 0.90]),
        ("recommended", "r1"): ([0.86, 0.88, 0.87], [0.83, 0.85, 0.84]),
        ("best_sampled", "4"): ([0.79, 0.80, 0.81], [0.95, 0.95, 0.95]),
        ("best_sampled", "9"): ([0.84, 0.86, 0.85], [0.83, 0.83, 0.824]),
        ("untuned_default", "d"): ([0.70, 0.72, 0.71], [0.69, 0.70, 0.71]),
    }
    for (origin, config_id), (valid, test) in scores.items():
        recommended = origin == "recommended"
        for seed, (on_valid, on_test) in enumerate(zip(valid, test, strict=True), start=2):
            rows.append(
                {
                    "origin": origin,
                    "config_id": config_id,
                    "seed": seed,
                    "task": "liver_rna",
                    "architecture": "varix",
                    "searcher": "BORE" if recommended else None,
                    "transfer": True if recommended else None,
                    "status": "ok",
                    f"predicted_{VALID}": 0.90 if recommended else np.nan,
                    "predicted_noise": "known" if recommended else None,
                    VALID: on_valid,
                    TEST: on_test,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def baseline_table() -> pd.DataFrame:
    """Three methods with two dimensions each; PCA with 8 is the best on valid."""
    return pd.DataFrame(
        {
            "method": ["pca", "pca", "umap", "umap", "random_features", "random_features"],
            "latent_dim": [2, 8, 2, 8, 2, 8],
            VALID: [0.70, 0.82, 0.75, 0.74, 0.60, 0.65],
            TEST: [0.90, 0.81, 0.73, 0.99, 0.99, 0.64],
        }
    )
