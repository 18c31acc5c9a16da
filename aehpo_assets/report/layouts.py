"""The latents of what is recommended, beside principal components and the data themselves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from aehpo_assets.analysis.embedding import (
    Method,
    layout,
    neighbour_agreement,
    principal_components,
    shown_samples,
)
from aehpo_assets.analysis.plots.embeddings import embeddings
from aehpo_assets.report.blocks import Block, Picture, Table
from aehpo_assets.store.home import Home

DATA, LATENTS = "data", "latents"


def latent_blocks(home: Home, architecture: str, task: str, stem: str) -> Iterator[Block]:
    """Yield how far neighbours share their labels in each space, and the samples laid out.

    Parameters
    ----------
    home
        A home; without latents of the task there is nothing to show.
    architecture, task
        What was recommended.
    stem
        Of the names of tables and pictures.
    """
    partition = (architecture, task)
    if not home.store.is_usable("recommended_latents", partition):
        return
    folder = home.store.existing_folder("recommended_latents", partition)
    table = pd.read_parquet(folder / "latents.parquet")
    if table.empty:
        return
    study = home.study()
    best = table[table["config_id"] == table["config_id"].iloc[0]].set_index("sample_id")
    spaces = _spaces(home, architecture, task, best)
    labels = home.store.read_table("sample_labels", (task,)).reindex(best.index)
    classes = [str(n) for n in labels.select_dtypes(exclude="number") if labels[n].nunique() > 1]
    if not classes:
        return
    yield _agreement(spaces, labels[classes], stem)
    shown = shown_samples(len(best), study.hpo.seed)
    methods = study.report.embeddings if study.report else []
    if methods:
        drawn = _drawn(spaces, labels[classes[0]], shown, methods, study.hpo.seed)
        yield Picture(
            f"{stem}-layouts",
            f"The {len(shown):,} samples laid out in two dimensions from the data as an "
            f"autoencoder gets them, from {spaces[LATENTS].shape[1]} principal components, and "
            f"from the latents of what is recommended, by {classes[0]}. Distances between groups "
            "mean little.",
            partial(embeddings, drawn, classes[0]),
            # In no order of the samples, and without their ids.
            drawn.sort_values(["space", "method", "x", "y"], ignore_index=True),
            wide=True,
        )


def _spaces(home: Home, architecture: str, task: str, best: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return data, principal components and latents, (samples, dimensions) each."""
    columns = [name for name in best if str(name).startswith("latent_")]
    latents = best[columns].dropna(axis=1).to_numpy("float64")
    matrix = home.store.read_table("preprocessed_matrix", (task,)).reindex(best.index)
    validated = home.store.read_table("validated_recommendations", (architecture, task))
    own = validated[validated["config_id"].astype(str) == str(best["config_id"].iloc[0])]
    values = matrix.iloc[:, : int(own["k_filter_effective"].iloc[0])].to_numpy("float64")
    train = (best["split"] == "train").to_numpy()
    components = principal_components(values, train, latents.shape[1])
    return {DATA: values, "principal components": components, LATENTS: latents}


def _agreement(spaces: dict[str, np.ndarray], labels: pd.DataFrame, stem: str) -> Table:
    rows = []
    for label in labels:
        found = {name: neighbour_agreement(v, labels[label]) for name, v in spaces.items()}
        shares = {name: share for name, (share, _, _) in found.items()}
        _, chance, samples = found[DATA]
        rows.append({"label": label, **shares, "by_chance": chance, "samples": samples})
    frame = pd.DataFrame(rows)
    numbers = [*spaces, "by_chance"]
    shown = frame.assign(
        **{n: frame[n].map(lambda v: "" if pd.isna(v) else f"{v:.2f}") for n in numbers}
    )
    return Table(
        f"{stem}-neighbours",
        "How many of a sample's 15 nearest neighbours have its label, averaged over the classes: "
        "in the data, their principal components, and the latents.",
        frame,
        shown.rename(columns={"by_chance": "by chance"}),
    )


def _drawn(
    spaces: dict[str, np.ndarray],
    classes: pd.Series,
    shown: np.ndarray,
    methods: list[Method],
    seed: int,
) -> pd.DataFrame:
    parts = []
    for method in methods:
        for name, values in spaces.items():
            place = layout(values[shown], method, seed)
            part = {"space": name, "method": method, "x": place[:, 0], "y": place[:, 1]}
            parts.append(
                pd.DataFrame(part).assign(**{str(classes.name): classes.to_numpy()[shown]})
            )
    return pd.concat(parts, ignore_index=True)
