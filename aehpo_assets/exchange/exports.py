"""Results for other tools: Autoencodix in both generations, CSV.

The folder that stock Syne Tune reads is the blackbox itself (``blackbox.write_blackbox``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

AUTOENCODIX_CONFIGS = {"vanillix": "VanillixConfig", "varix": "VarixConfig"}
"""Architecture to the class in ``autoencodix.configs`` (0.2.5) that takes the configuration."""


def autoencodix_config(
    configuration: Mapping[str, Any], *, epochs: int, seed: int = 0, annealing: str = "logistic-mid"
) -> dict[str, Any]:
    """Return the keyword arguments of an Autoencodix 0.2.5 configuration.

    Parameters
    ----------
    configuration
        Hyperparameters by the names of this platform; others are passed over.
    epochs
        Number of epochs.
    seed
        Seed of the training.
    annealing
        Annealing of the VAE loss.

    Returns
    -------
    dict
        For ``autoencodix.configs.VarixConfig(**arguments)`` and the like. ``n_layers`` counts the
        layers without the latent one there, and is ours minus one.
    """
    arguments: dict[str, Any] = {
        "k_filter": int(configuration["k_filter"]),
        "n_layers": int(configuration["n_layers"]) - 1,
        "enc_factor": float(configuration["enc_factor"]),
        "latent_dim": int(configuration["latent_dim_fixed"]),
        "learning_rate": float(configuration["lr_fixed"]),
        "batch_size": int(configuration["batch_size"]),
        "drop_p": float(configuration["drop_p"]),
        "weight_decay": 1e-3,
        "loss_reduction": "sum",
        "scaling": "STANDARD",
        "epochs": epochs,
        "checkpoint_interval": epochs,
        "anneal_function": annealing,
        "train_ratio": 0.7,
        "valid_ratio": 0.1,
        "test_ratio": 0.2,
        "reproducible": True,
        "global_seed": seed,
    }
    if "beta" in configuration:
        arguments["beta"] = float(configuration["beta"])
    return arguments


def legacy_autoencodix_config(
    configuration: Mapping[str, Any], architecture: str, *, epochs: int, run_id: str
) -> dict[str, Any]:
    """Return the keys of a YAML file of the older Autoencodix, as the reference study wrote them.

    ``BETA`` is set for vanillix too, which that package demands and does not use.
    """
    return {
        "RUN_ID": run_id,
        "FIX_RANDOMNESS": "random",
        "MODEL_TYPE": architecture,
        "TRAIN_TYPE": "train",
        "K_FILTER": int(configuration["k_filter"]),
        "N_LAYERS": int(configuration["n_layers"]),
        "ENC_FACTOR": float(configuration["enc_factor"]),
        "LATENT_DIM_FIXED": int(configuration["latent_dim_fixed"]),
        "RECONSTR_LOSS": "MSE",
        "VAE_LOSS": "KL",
        "EPOCHS": epochs,
        "LR_FIXED": float(configuration["lr_fixed"]),
        "BETA": float(configuration.get("beta", 1.0)),
        "BATCH_SIZE": int(configuration["batch_size"]),
        "DROP_P": float(configuration["drop_p"]),
        "PREDICT_SPLIT": "all",
    }


def write_recommendation(
    folder: Path, recommendations: pd.DataFrame, architecture: str, task: str, *, epochs: int
) -> list[Path]:
    """Write the recommendations of one task for other tools.

    Parameters
    ----------
    folder
        Where to write.
    recommendations
        The table of :func:`aehpo_assets.hpo.recommend.recommend`.
    architecture, task
        What they are for; part of the file names.
    epochs
        Number of epochs that the first of them is trained.

    Returns
    -------
    list of pathlib.Path
        A CSV of the whole table, and for the first rank the configuration of Autoencodix 0.2.5 and
        of the older package, as YAML.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{architecture}_{task}"
    best = recommendations.iloc[0].to_dict()
    table = folder / f"{stem}.csv"
    recommendations.to_csv(table, index=False)
    present = folder / f"{stem}_autoencodix.yaml"
    present.write_text(
        yaml.safe_dump(autoencodix_config(best, epochs=epochs), sort_keys=False), encoding="utf-8"
    )
    older = folder / f"{stem}_autoencodix_legacy.yaml"
    run_id = f"RUN_{stem}_{best['config_id']}"
    content = legacy_autoencodix_config(best, architecture, epochs=epochs, run_id=run_id)
    older.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return [table, present, older]
