"""Every picture is a small PNG: of usual tables, of tiny ones, and of ones with nothing in them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.importance import hyperparameter_importance
from aehpo_assets.analysis.plots.style import (
    drawing,
    drawn_as,
    finite,
    palette,
    rendered,
    shortened,
)
from aehpo_assets.noise.words import KNOWN, NOT_KNOWN

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"
OBJECTIVES = ("training_runtime", "valid_r2", VALID, TEST)
HYPERPARAMETERS = ["k_filter", "n_layers", "latent_dim_fixed", "lr_fixed", "batch_size", "drop_p"]
LARGEST_PNG = 120_000


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, after checking that it is a complete and small one."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert png[-8:-4] == b"IEND"
    assert len(png) < LARGEST_PNG
    width, height = struct.unpack(">II", png[16:24])
    assert 200 < width < 1200
    assert 120 < height < 1600
    return width, height


def matrix(n: int) -> pd.DataFrame:
    values = np.random.default_rng(0).gamma(2, 2, (n, 60)).astype("float32")
    values[0, :3] = np.nan
    return pd.DataFrame(values)


def labels(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "CANCER_TYPE": generator.choice([f"kind {number}" for number in range(12)], n),
            "SEX": generator.choice(["Female", "Male"], n),
            "STAGE_$_AT_A_LONG_NAME_OF_DIAGNOSIS": generator.choice(["I", "II", "$x"], n),
            "AGE": generator.normal(60, 9, n),
        }
    )
    frame.loc[::5, "SEX"] = None
    frame.attrs = {
        "objective": {
            "tumour": ["CANCER_TYPE", "STAGE_$_AT_A_LONG_NAME_OF_DIAGNOSIS"],
            "patient": ["SEX"],
        },
        "regression": ["AGE"],
    }
    return frame


def split(n: int) -> pd.Series:
    return pd.Series(
        np.random.default_rng(2).choice(["train", "valid", "test"], n, p=[0.7, 0.1, 0.2])
    )


def variance(n: int) -> pd.Series:
    return pd.Series(np.random.default_rng(3).lognormal(0, 2, n)).rename("variance")


def configurations(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "config_id": [str(number) for number in range(n)],
            "k_filter": generator.choice([128, 256, 512, 1024, 2048, 4096], n),
            "n_layers": generator.choice([2, 3, 4], n),
            "enc_factor": generator.uniform(1, 4, n),
            "latent_dim_fixed": generator.choice([2, 4, 8, 16, 32, 64], n),
            "lr_fixed": 10 ** generator.uniform(-5, -1, n),
            "batch_size": generator.choice([32, 64, 128, 256], n),
            "drop_p": generator.uniform(0, 0.9, n),
        }
    )


def results(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    table = configurations(n)
    score = 0.85 - (np.log10(table["lr_fixed"]) + 3) ** 2 / 14 + generator.normal(0, 0.02, n)
    table = table.assign(task="liver_rna", seed=1, status="ok", valid_r2=score - 0.5)
    table[VALID], table[TEST] = score, score - 0.02
    table.loc[::7, "status"] = "diverged"
    table.loc[::7, [VALID, TEST, "valid_r2"]] = np.nan
    table.loc[table.index[-1], "valid_r2"] = -np.inf
    return table


def curves(
    n: int, tasks: int = 1, epochs: tuple[int, ...] = (1, 3, 10, 30, 100, 300)
) -> pd.DataFrame:
    generator = np.random.default_rng(6)
    rows = []
    for task in range(tasks):
        for run in range(n):
            scale, speed = generator.lognormal(6, 1), generator.uniform(0.2, 0.6)
            for epoch in epochs:
                loss = scale * epoch**-speed
                rows.append(
                    {
                        "config_id": str(run),
                        "task": f"task_{task}",
                        "architecture": "varix",
                        "seed": 1,
                        "epoch": epoch,
                        "train_total_loss": loss,
                        "valid_total_loss": np.nan if run == 1 else 1.2 * loss,
                        "valid_r2": -1e9 if run == 2 else 0.6 - epoch**-speed,
                    }
                )
    return pd.DataFrame(rows)


def evaluations(n: int, tasks: int = 4) -> pd.DataFrame:
    generator = np.random.default_rng(7)
    parts = [
        pd.DataFrame(
            {
                "task": f"dataset{task}_modality",
                "config_id": [str(number) for number in range(n)],
                "seed": 1,
                "training_runtime": generator.lognormal(2, 1, n),
                "valid_r2": generator.uniform(-0.5, 0.8, n),
                VALID: generator.beta(20, 6, n),
                TEST: generator.beta(20, 7, n),
            }
        )
        for task in range(tasks)
    ]
    return pd.concat(parts, ignore_index=True)


def out_of_fold(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(8)
    rows = evaluations(n, 3).melt(["task", "config_id", "seed"], OBJECTIVES, "objective", "actual")
    rows["predicted"] = rows["actual"] * generator.normal(1, 0.05, len(rows))
    rows["lower"], rows["upper"] = rows["predicted"] * 0.9, rows["predicted"] * 1.1
    rows.loc[0, "predicted"] = np.nan
    return rows.assign(noise=KNOWN)


def trials(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(9)
    kinds = [("RS", False), ("RS", True), ("BORE", False), ("BORE", True), ("ASHA", False)]
    parts = [
        pd.DataFrame(
            {
                "searcher": searcher,
                "transfer": transfer,
                "repetition": repetition,
                "trial": range(n),
                VALID: generator.beta(20, 5 + number, n),
            }
        )
        for number, (searcher, transfer) in enumerate(kinds)
        for repetition in range(3)
    ]
    return pd.concat(parts, ignore_index=True)


def baselines(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(10)
    methods = ["pca", "umap", "random_features"][: max(1, n // 2)]
    return pd.DataFrame(
        [
            {
                "method": method,
                "latent_dim": dim,
                VALID: generator.uniform(0.6, 0.9),
                TEST: generator.uniform(0.6, 0.9),
            }
            for method in methods
            for dim in (2, 4, 8, 16, 32, 64)[:n]
        ]
    )


def validated(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(11)
    rows = []
    for origin in ("recommended", "best_sampled"):
        for config in range(n):
            level = generator.uniform(0.8, 0.88)
            rows += [
                {
                    "origin": origin,
                    "config_id": f"{origin[0]}{config}",
                    "seed": seed,
                    "status": "diverged" if config == 1 and seed == 2 else "ok",
                    f"predicted_{VALID}": level + 0.02 if origin == "recommended" else np.nan,
                    "predicted_noise": KNOWN if origin == "recommended" else None,
                    VALID: level + generator.normal(0, 0.01),
                    TEST: level - 0.02 + generator.normal(0, 0.01),
                }
                for seed in (2, 3, 4)
            ]
    return pd.DataFrame(rows)


PICTURES: dict[str, tuple[Callable[[int], object], Callable[..., bytes], int]] = {
    "value_distribution": (matrix, plots.value_distribution, 400),
    "label_counts": (labels, plots.label_counts, 300),
    "split_counts": (split, plots.split_counts, 300),
    "variance_spectrum": (variance, plots.variance_spectrum, 5000),
    "configuration_distribution": (configurations, plots.configuration_distribution, 200),
    "score_against_hyperparameters": (
        results,
        lambda table: plots.score_against_hyperparameters(table, HYPERPARAMETERS),
        1000,
    ),
    "learning_curves": (curves, plots.learning_curves, 100),
    "learning_curves_tasks": (lambda n: curves(n, 9), plots.learning_curves, 20),
    "learning_curves_one_epoch": (lambda n: curves(n, 3, (300,)), plots.learning_curves, 20),
    "score_distribution": (evaluations, plots.score_distribution, 300),
    "score_distribution_tasks": (lambda n: evaluations(n, 12), plots.score_distribution, 300),
    "out_of_fold": (out_of_fold, plots.out_of_fold, 300),
    "search_progress": (trials, plots.search_progress, 100),
    "baselines": (baselines, plots.baselines, 6),
    "predicted_against_actual": (validated, plots.predicted_against_actual, 5),
    "hyperparameter_importance": (
        lambda n: hyperparameter_importance(results(n), HYPERPARAMETERS),
        plots.hyperparameter_importance,
        40,
    ),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("error")
def test_a_usual_table_gives_a_small_png(name: str) -> None:
    table, plot, n = PICTURES[name]
    png_size(plot(table(n)))


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("error")
def test_two_rows_give_a_png(name: str) -> None:
    table, plot, _ = PICTURES[name]
    png_size(plot(table(2)))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("error")
def test_a_table_of_missing_numbers_gives_a_png(name: str) -> None:
    table, plot, _ = PICTURES[name]
    frame = table(4)
    if isinstance(frame, pd.DataFrame):
        attrs = frame.attrs
        kept = ("latent_dim", "epoch", "trial", "seed", "repetition", "transfer")
        numbers = [name for name in frame.select_dtypes("number") if name not in kept]
        frame = frame.astype(dict.fromkeys(numbers, "float64"))
        frame[numbers] = np.nan
        frame.attrs = attrs
    elif pd.api.types.is_numeric_dtype(frame):
        frame = frame * np.nan
    png_size(plot(frame))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("error")
def test_an_empty_table_gives_a_png(name: str) -> None:
    table, plot, _ = PICTURES[name]
    png_size(plot(table(4).iloc[:0]))


def test_a_constant_matrix_has_a_histogram() -> None:
    png_size(plots.value_distribution(pd.DataFrame(np.full((5, 3), 1e6, dtype="float32"))))


def test_the_same_table_gives_the_same_bytes() -> None:
    assert plots.baselines(baselines(6)) == plots.baselines(baselines(6))


def test_search_progress_is_the_best_so_far(drawn: list[matplotlib.figure.Figure]) -> None:
    table = pd.DataFrame(
        {
            "searcher": "RS",
            "transfer": False,
            "repetition": [0, 0, 0, 1, 1, 1],
            "trial": [0, 1, 2, 0, 1, 2],
            VALID: [0.5, 0.4, 0.7, 0.6, np.nan, 0.65],
        }
    )
    plots.search_progress(table)
    (line,) = drawn[0].axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [0.55, 0.55, 0.675])


def test_a_race_shows_every_candidate_until_it_is_dropped(
    drawn: list[matplotlib.figure.Figure],
) -> None:
    rows = [
        (0, "1", "best_sampled", "racing"),
        (0, "r2", "recommended", "racing"),
        (0, "r3", "untuned_default", "racing"),
        (1, "1", "best_sampled", "racing"),
        (1, "r2", "recommended", "racing"),
        (1, "r3", "untuned_default", "dropped"),
        (2, "1", "best_sampled", "racing"),
        (2, "r2", "recommended", "winner"),
        (2, "r3", "untuned_default", "dropped"),
    ]
    table = pd.DataFrame(rows, columns=["round", "config_id", "origin", "state"]).assign(
        mean=0.7, lower=0.6, upper=0.8, probability_best=0.5, replicates=2
    )
    png_size(plots.race(table))
    (panel,) = drawn[0].axes
    points = [
        one for one in panel.lines if one.get_marker() in ("o", "x") and np.size(one.get_xdata())
    ]
    assert [line.get_marker() for line in points].count("x") == 1
    assert len(points) == 3 + 3 + 2
    assert "r2: 0.700, best with probability 0.50" in {text.get_text() for text in panel.texts}
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        "before",
        "1\n2 left",
        "2\n2 left",
    ]


def test_predicted_against_actual_shows_means_over_seeds(
    drawn: list[matplotlib.figure.Figure],
) -> None:
    table = validated(3).assign(status="ok")
    plots.predicted_against_actual(table)
    plots.valid_against_test(table, table)
    points = drawn[1].axes[0].containers[0].lines[0]
    recommended = table[table["origin"] == "recommended"].groupby("config_id")
    np.testing.assert_allclose(
        np.asarray(points.get_xdata(), dtype="float64"), recommended[VALID].mean()
    )
    np.testing.assert_allclose(
        np.asarray(points.get_ydata(), dtype="float64"), recommended[TEST].mean()
    )


def test_diverged_runs_are_no_points_of_the_score(drawn: list[matplotlib.figure.Figure]) -> None:
    table = results(50)
    table.loc[::7, VALID] = 0.99
    plots.score_against_hyperparameters(table, ["lr_fixed"])
    heights = drawn[0].axes[0].collections[0].get_offsets()[:, 1]
    assert len(heights) == (table["status"] == "ok").sum()
    assert heights.max() < 0.99


def test_the_interval_coverage_is_in_the_title(drawn: list[matplotlib.figure.Figure]) -> None:
    table = pd.DataFrame(
        {
            "task": "a",
            "objective": VALID,
            "noise": NOT_KNOWN,
            "actual": [0.5, 0.6, 0.7, 0.8],
            "predicted": [0.5, 0.6, 0.7, 0.9],
            "lower": [0.4, 0.5, 0.6, 0.85],
            "upper": [0.6, 0.7, 0.8, 0.95],
        }
    )
    plots.out_of_fold(table)
    assert "75% inside the interval\nnoise not known" in drawn[0].axes[0].get_title()


@pytest.mark.slow
def test_promises_and_intervals_are_labelled_where_the_noise_is_not_known(
    drawn: list[matplotlib.figure.Figure],
) -> None:
    for noise in (KNOWN, NOT_KNOWN):
        plots.out_of_fold(out_of_fold(30).assign(noise=noise))
        level = {"task": "a", "objective": VALID, "level": [0.5, 0.9], "coverage": [0.5, 0.9]}
        plots.calibration(pd.DataFrame(level | {"noise": noise}))
        plots.search_progress(trials(5), noise)
        table = validated(3)
        predicted = table["predicted_noise"].notna()
        table.loc[predicted, "predicted_noise"] = noise
        plots.predicted_against_actual(table)
    words = [
        " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
        for figure in drawn
    ]
    assert ["noise not known" in said for said in words] == [False] * 4 + [True] * 4
    some = out_of_fold(30)
    some.loc[some["task"] == some["task"].iloc[0], "noise"] = NOT_KNOWN
    plots.out_of_fold(some)
    assert "noise not known of some" in drawn[-1].axes[0].get_title()


def test_a_picture_leaves_matplotlib_settings_as_they_were() -> None:
    before = matplotlib.rcParams["font.size"]
    with drawing() as (figure, _):
        rendered(figure)
    assert matplotlib.rcParams["font.size"] == before


def test_importing_the_plots_does_not_import_matplotlib() -> None:
    import subprocess
    import sys

    code = "import sys; import aehpo_assets.analysis.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_helpers() -> None:
    assert palette(["b", "a", None, "b"]) == {"a": "#0072B2", "b": "#D55E00"}
    assert finite(pd.Series(["1", "x", None, np.inf])).tolist() == [1.0]
    assert shortened("a" * 10, 24) == "a" * 10
    assert len(shortened("a" * 100, 24)) == 24


@pytest.mark.parametrize("dimensions", [1, 2, 16])
def test_latents_are_coloured_by_the_first_label_and_its_commonest_classes(
    drawn: list[matplotlib.figure.Figure], dimensions: int
) -> None:
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(80, dimensions)))
    png_size(plots.latents(frame, labels(80)))
    legend = drawn[-1].axes[0].get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "CANCER_TYPE"
    assert len(legend.get_texts()) == 8  # seven classes, and the rest


def test_latents_without_a_label_of_classes_are_drawn_in_one_colour(
    drawn: list[matplotlib.figure.Figure],
) -> None:
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(30, 4)))
    png_size(plots.latents(frame, labels(30)[["AGE"]]))
    assert drawn[-1].axes[0].get_legend() is None


def test_nothing_is_drawn_where_nobody_looks() -> None:
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(30, 4)))
    with drawn_as("nothing"):
        assert plots.latents(frame, labels(30)) == b""
    png_size(plots.latents(frame, labels(30)))
