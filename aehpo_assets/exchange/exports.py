"""What a study recommends, written for other tools: Autoencodix in both generations, YAML.

The folder that stock Syne Tune reads is the blackbox itself (``blackbox.write_blackbox``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from aehpo_assets.exchange.recommended import Recommended
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.study import Study

AUTOENCODIX_CONFIGS = {"vanillix": "VanillixConfig", "varix": "VarixConfig"}
"""Architecture to the class in ``autoencodix.configs`` (0.2.5) that takes the configuration."""

_WEIGHT_DECAY = 1e-3
_PRECISIONS = {"float32": "32", "tf32": "32", "float64": "64", "bfloat16": "bf16-mixed"}
_LEGACY_SCALERS = {
    "standard": "Standard",
    "robust": "Robust",
    "minmax": "MinMax",
    "maxabs": "MaxAbs",
    "none": "NoScaler",
}
_LEGACY_FILTERS = {
    "var": "Var",
    "mad": "MAD",
    "corr": "Corr",
    "varcorr": "Var+Corr",
    "nonzerovar": "NonZeroVar",
}
"""Filters of this platform that Autoencodix has, as the older package spells them."""


def autoencodix_config(
    configuration: Mapping[str, Any], study: Study, *, epochs: int, seed: int
) -> dict[str, Any]:
    """Return the keyword arguments of an Autoencodix 0.2.5 configuration.

    Parameters
    ----------
    configuration
        Hyperparameters by the names of this platform; others are passed over.
    study
        The study, whose settings they are to be trained with.
    epochs
        Number of epochs.
    seed
        Seed of the training.

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
        "weight_decay": float(configuration.get("weight_decay", _WEIGHT_DECAY)),
        "loss_reduction": "sum",
        "default_vae_loss": study.vae_loss,
        "scaling": study.preprocessing.scaler.upper(),
        "epochs": epochs,
        "checkpoint_interval": epochs,
        "anneal_function": configuration.get("annealing", study.annealing),
        "float_precision": _PRECISIONS[study.precision],
        "train_ratio": study.split.train,
        "valid_ratio": study.split.valid,
        "test_ratio": study.split.test,
        "reproducible": True,
        "global_seed": seed,
    }
    if "beta" in configuration:
        arguments["beta"] = float(configuration["beta"])
    return arguments


def legacy_autoencodix_config(
    configuration: Mapping[str, Any],
    architecture: str,
    study: Study,
    *,
    epochs: int,
    seed: int,
    run_id: str,
) -> dict[str, Any]:
    """Return the keys of a YAML file of the older Autoencodix, as the reference study wrote them.

    ``BETA`` is set for vanillix too, which that package demands and does not use. Scaler and filter
    belong to each ``DATA_TYPE`` there.
    """
    split = study.split
    return {
        "RUN_ID": run_id,
        "FIX_RANDOMNESS": "all",
        "GLOBAL_SEED": seed,
        "SPLIT": [split.train, split.valid, split.test],
        "MODEL_TYPE": architecture,
        "TRAIN_TYPE": "train",
        "K_FILTER": int(configuration["k_filter"]),
        "N_LAYERS": int(configuration["n_layers"]),
        "ENC_FACTOR": float(configuration["enc_factor"]),
        "LATENT_DIM_FIXED": int(configuration["latent_dim_fixed"]),
        "RECONSTR_LOSS": "MSE",
        "LOSS_REDUCTION": "sum",
        "VAE_LOSS": study.vae_loss.upper(),
        "ANNEAL": configuration.get("annealing", study.annealing),
        "EPOCHS": epochs,
        "LR_FIXED": float(configuration["lr_fixed"]),
        "WEIGHT_DECAY": float(configuration.get("weight_decay", _WEIGHT_DECAY)),
        "BETA": float(configuration.get("beta", 1.0)),
        "BATCH_SIZE": int(configuration["batch_size"]),
        "DROP_P": float(configuration["drop_p"]),
        "PREDICT_SPLIT": "all",
    }


def write_recommendation(folder: Path, found: Recommended, study: Study) -> list[Path]:
    """Write what is recommended for one task, for other tools.

    Parameters
    ----------
    folder
        Where to write.
    found
        What is recommended.
    study
        The study that does.

    Returns
    -------
    list of pathlib.Path
        ``<architecture>_<task>.yaml`` with hyperparameters, scores, verdict and the settings of the
        study; and of architectures that it has, the configuration of Autoencodix 0.2.5 and of the
        older package, whose comments say the same, and what these cannot be told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / f"{found.stem}.yaml"
    whole.write_text(_yaml(_content(found, study)), encoding="utf-8")
    if found.architecture not in AUTOENCODIX_CONFIGS:
        return [whole]
    seed = found.seeds[0] if found.seeds else study.run_seeds[0]
    present = folder / f"{found.stem}_autoencodix.yaml"
    arguments = autoencodix_config(found.configuration, study, epochs=found.epochs, seed=seed)
    said = [*_scores(found), found.verdict, *_left_out(study), *_unknown(found)]
    present.write_text(_comment(said) + _yaml(arguments), encoding="utf-8")
    older = folder / f"{found.stem}_autoencodix_legacy.yaml"
    content = legacy_autoencodix_config(
        found.configuration,
        found.architecture,
        study,
        epochs=found.epochs,
        seed=seed,
        run_id=f"RUN_{found.stem}_{found.config_id}",
    )
    scaler = f"Of its DATA_TYPE: SCALING: {_LEGACY_SCALERS[study.preprocessing.scaler]}."
    older.write_text(_comment([*said, scaler]) + _yaml(content), encoding="utf-8")
    return [whole, present, older]


def _content(found: Recommended, study: Study) -> dict[str, Any]:
    settings = study.model_dump(mode="json", exclude_none=True)
    trained = ("epochs", "steps", "annealing", "vae_loss", "precision", "preprocessing", "split")
    return {
        "architecture": found.architecture,
        "task": found.task,
        "config_id": found.config_id,
        "hyperparameters": dict(found.configuration),
        "scores": dict(found.scores),
        "verdict": found.verdict,
        "validated_with_seeds": found.seeds,
        "study": {
            "name": study.name,
            **{name: settings[name] for name in trained if name in settings},
            "seeds": study.run_seeds,
        },
    }


def _scores(found: Recommended) -> Iterator[str]:
    scores = found.scores
    yield f"{found.config_id} of {found.architecture} on {found.task}."
    if "valid" in scores:
        tests = f", test {scores['test']:.4f}" if "test" in scores else ""
        yield (
            f"Weighted average AUC, mean of {scores['runs']} runs: valid {scores['valid']:.4f} "
            f"(predicted {scores['predicted_valid']:.4f}){tests}."
        )
    else:
        yield f"Predicted weighted average AUC: valid {scores['predicted_valid']:.4f}."


def _left_out(study: Study) -> Iterator[str]:
    """What of the study a configuration of Autoencodix does not say."""
    chosen, split = study.preprocessing, study.split
    if chosen.filter not in _LEGACY_FILTERS:
        yield f"The study filters features by {chosen.filter}, which Autoencodix does not have."
    else:
        legacy = _LEGACY_FILTERS[chosen.filter]
        yield (
            f"Filter of the modality: filtering={legacy.replace('+', '').upper()!r} in its "
            f"DataInfo, FILTERING: {legacy} in the older package."
        )
    if chosen.clip is not None:
        yield f"The study clips scaled values at {chosen.clip:g}; Autoencodix does not."
    for way in ("stratify", "group", "column"):
        if (column := getattr(split, way)) is not None:
            yield f"The study splits samples by {way}: {column}; the shares alone do not."
    if len(study.run_seeds) > 1:
        yield f"The study trains with the seeds {', '.join(map(str, study.run_seeds))}."


def _unknown(found: Recommended) -> Iterator[str]:
    """What of the hyperparameters a configuration of Autoencodix cannot say."""
    for name, default in ARCHITECTURE_SPACES[found.architecture].defaults.items():
        value = found.configuration.get(name, default)
        if value != default and name not in ("weight_decay", "annealing"):
            yield f"The study trains with {name} {value}, which is not said here."


def _comment(sentences: list[str]) -> str:
    lines = [line for text in sentences for line in textwrap.wrap(text, 97)]
    return "".join(f"# {line}\n" for line in lines)


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
