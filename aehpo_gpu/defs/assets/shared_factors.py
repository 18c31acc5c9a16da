"""The asset of shared and specific factors: what of a joint task is of several modalities.

MOFA's factors live in ``aehpo_gpu.evaluation.mofa_factors``, what is said of them and of latents in
``aehpo_assets.analysis.shared_factors``.
"""

from importlib.util import find_spec

import dagster as dg
import numpy as np
import pandas as pd

from aehpo_assets.analysis import plots
from aehpo_assets.analysis.factor_labels import COLUMNS as OF_LABELS
from aehpo_assets.analysis.factor_labels import factor_labels
from aehpo_assets.analysis.factor_nodes import COLUMNS as OF_NODES
from aehpo_assets.analysis.factor_nodes import factor_nodes
from aehpo_assets.analysis.shared_factors import (
    COLUMNS,
    MOFA,
    factor_rows,
    factors_text,
    latent_shares,
    ordered,
    wide,
)
from aehpo_assets.datasets.joint_names import is_joint, modality_of
from aehpo_assets.defs.conditions import when_latents_change
from aehpo_assets.defs.making import Making
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import study_asset
from aehpo_assets.foreign import markdown_table
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space, whole_values
from aehpo_assets.store.code_version import Chosen
from aehpo_gpu.evaluation.mofa_factors import Factors, factors_of

SHARED_FACTORS = Recipe(
    "shared_factors",
    compute=(
        factors_of,
        latent_shares,
        factor_rows,
        factor_labels,
        factor_nodes,
        modality_of,
        search_space,
    ),
    chosen=(Chosen(ARCHITECTURE_SPACES, by="architectures"),),
    settings=("fusion", "space", "architectures", "baselines"),
    only_with="fusion",
    optional_inputs=("recommended_latents",),
)


@study_asset(
    SHARED_FACTORS,
    deps=[
        "recommended_latents",
        "preprocessed_matrix",
        "data_split",
        "sample_labels",
        "feature_ontology",
    ],
    group_name="training",
    kinds={"numpy"},
    pool="baselines",
    automation_condition=when_latents_change,
)
def shared_factors(context: dg.AssetExecutionContext, study: StudyResource) -> dg.MaterializeResult:
    """What is of several modalities of a joint task: factors of MOFA, and recommended latents."""
    making = Making.begin(SHARED_FACTORS, context, study)
    rows: list[pd.DataFrame] = [pd.DataFrame(columns=COLUMNS)]
    masked: list[pd.DataFrame] = [pd.DataFrame(columns=["task", "factors", "r2", "chosen"])]
    of_labels: list[pd.DataFrame] = [pd.DataFrame(columns=OF_LABELS)]
    of_nodes: list[pd.DataFrame] = [pd.DataFrame(columns=OF_NODES)]
    said = {}
    for task in filter(is_joint, making.tasks):
        split = making.table("data_split", task)["split"]
        matrix = making.table("preprocessed_matrix", task)[(split == "train").to_numpy()]
        of = modality_of(task, matrix.columns)
        views = {str(one): matrix.loc[:, of == one] for one in pd.unique(of)}
        labels = making.table("sample_labels", task)
        found = _mofa(making, {name: view.to_numpy("float64") for name, view in views.items()})
        if found is not None:
            rows.append(factor_rows(task, MOFA, found.explained, found.reproduced))
            factors = found.values.set_axis(matrix.index)
            of_labels.append(factor_labels(task, MOFA, factors, labels))
            weights = {n: w.set_axis(views[n].columns) for n, w in found.weights.items()}
            of_nodes.append(factor_nodes(task, weights, making.table("feature_ontology", task)))
            masked.append(_masked(task, found))
            said[f"{task} MOFA"] = found.sentence
        for architecture, latents in _latents(making, task).items():
            # Those of another replicate have other train samples: both know these.
            own = latents[latents.index.isin(matrix.index)]
            of_own = {name: view.loc[own.index].to_numpy() for name, view in views.items()}
            values = own.to_numpy("float64")
            shares, factors = ordered(latent_shares(values, of_own), values, own.index)
            rows.append(factor_rows(task, architecture, shares))
            of_labels.append(factor_labels(task, architecture, factors, labels))
    table = pd.concat([part for part in rows if len(part)] or rows, ignore_index=True)
    shown = {
        f"{task} in short": dg.MetadataValue.md(markdown_table(factors_text(own), index=False))
        for task, own in table.groupby("task", sort=False)
    }
    return making.write_tables(
        {
            "explained": table,
            "masked": pd.concat([m for m in masked if len(m)] or masked, ignore_index=True),
            "labels": pd.concat([m for m in of_labels if len(m)] or of_labels, ignore_index=True),
            "nodes": pd.concat([m for m in of_nodes if len(m)] or of_nodes, ignore_index=True),
        },
        metadata={"joint tasks": int(table["task"].nunique()), **said, **shown},
        plots={
            f"{task}: {of}": plots.factors(wide(own), f"factor of {of}")
            for (task, of), own in table.groupby(["task", "of"], sort=False)
        },
    )


def _mofa(making: Making, views: dict[str, np.ndarray]) -> Factors | None:
    """Fit MOFA where the study has it among its baselines."""
    settings = making.settings
    if "mofa" not in settings.baselines.methods or find_spec("mofapy2") is None:
        return None
    space = search_space(settings.architectures[0], settings.space)
    dims = settings.baselines.dims(whole_values(space, "latent_dim_fixed"))
    return factors_of(views, dims, seed=0)


def _masked(task: str, found: Factors) -> pd.DataFrame:
    table = pd.DataFrame({"factors": list(found.masked), "r2": list(found.masked.values())})
    return table.assign(task=task, chosen=table["factors"] == found.chosen)


def _latents(making: Making, task: str) -> dict[str, pd.DataFrame]:
    """Train latents of the best recommendation of each architecture that has any."""
    found = {}
    for architecture in making.settings.architectures:
        if not making.store.is_usable("recommended_latents", (architecture, task)):
            continue
        folder = making.folder("recommended_latents", architecture, task)
        table = pd.read_parquet(folder / "latents.parquet")
        best = table[table["config_id"] == table["config_id"].iloc[0]] if len(table) else table
        best = best[best["split"] == "train"].set_index("sample_id")
        columns = [name for name in best if str(name).startswith("latent_")]
        if len(best):
            found[architecture] = best[columns].dropna(axis=1)
    return found
