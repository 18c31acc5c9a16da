"""What an autoencoder has to beat, scored like latents: which representations, and in which cells.

Here belongs what is tried of each method and what is kept; how a representation is made belongs to
``representations``, the scores themselves to ``downstream``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch

from aehpo_assets.analysis.chosen_baselines import BASELINE_KEY, chosen_baseline
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE, VALID_SCORE
from aehpo_assets.study.results import Baselines
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.evaluation.representations import FEWEST_DIMS, METHODS, Data, Representation

SEEDS = (0, 1, 2, 3)
"""The first tries what there is; the others repeat what it chose."""

DEFAULT_METHODS = tuple(Baselines().methods)
"""Methods of a study that names none."""

PROBE_BYTES = 2**31
"""Memory of the probe's largest tensor, beyond which raw features are left out."""

_Cell = tuple[int, int]
"""Number of features and of dimensions."""


def left_out(data: Data, methods: Sequence[str]) -> dict[str, str]:
    """Return which methods cannot represent a task, each with the reason."""
    reasons = {method: METHODS[method].why_not(data) for method in methods}
    return {method: reason for method, reason in reasons.items() if reason}


def baseline_table(
    data: Data,
    latent_dims: Sequence[int],
    k_filters: Sequence[int] = (),
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[str] = DEFAULT_METHODS,
) -> pd.DataFrame:
    """Score what needs no tuned autoencoder on the features that an autoencoder may have.

    All are fitted on train, and valid and test are transformed. Raw features go to the probe as
    they are. Random features are a random order of the input features, of which the first ones are
    taken, so that a larger dimension holds the features of a smaller one.

    What is cheap, such as PCA and random features, is tried with every number of features and of
    dimensions, raw features with every number of them. What takes seconds to hours, such as UMAP,
    is tried with every dimension on all features (the linear autoencoder on the largest of
    ``k_filters``, which is what a network may have), and with the best of them by valid score on
    fewer. What a seed decides is then computed again with the other seeds, where the valid score is
    best.

    Parameters
    ----------
    data
        The task.
    latent_dims
        Dimensions to score, at least 1 each. Those above the number of features or of train
        samples are cut to it, and dimensions that become equal are scored once. UMAP leaves out
        those that the train samples are too few to lay out.
    k_filters
        Numbers of first features to try beside all of them; those above are all.
    seeds
        Of what a seed decides: the first tries, the others repeat.
    methods
        Which; those that cannot represent the task (:func:`left_out`) are left out.

    Returns
    -------
    pd.DataFrame
        One row a method, number of features, dimension and seed: ``method`` (of
        :data:`~aehpo_gpu.evaluation.representations.METHODS`), ``latent_dim`` (of raw features
        their number), ``features``, ``seed`` (missing where none decides), ``fresh`` (whether it
        repeats what the first seed chose) and the scores of ``downstream.score_latents``; of raw
        features that are as many as the train samples, those of regression labels are missing.
    """
    train = data.train
    first, *others = seeds
    everything = data.matrix.shape[1]
    fewer = sorted({int(k) for k in k_filters if k < everything})
    scored = partial(_scored, data)
    widths = (*fewer, everything)
    parts = []
    asked = _asked(methods, data)
    for method, how in asked.items():
        if how.whole:
            cells = [(k, k) for k in widths if _fits_probe(k, data)]
            parts += [scored(method, [cell], first) for cell in cells]
        elif not how.is_costly:
            parts += [scored(method, _cells(k, latent_dims, train), first) for k in widths]
        else:
            parts += _tried_with_care(scored, method, widths, latent_dims, train, first)
    tried = _in_order(parts)
    for method, how in asked.items():
        best = chosen_baseline(tried, method)
        if how.has_seed and len(best):
            cell = (int(best["features"].iloc[0]), int(best["latent_dim"].iloc[0]))
            again = [_scored_again(data, method, cell, seed) for seed in others]
            parts += [table.drop(columns=INFLUENCE) for table in again]
    return _in_order(parts)


def _asked(methods: Sequence[str], data: Data) -> Mapping[str, Representation]:
    """The methods that can represent a task, in the order of all."""
    refused = left_out(data, methods)
    return {
        method: how
        for method, how in METHODS.items()
        if method in methods and method not in refused
    }


def replicated_baselines(
    data_of: Callable[[int], Data],
    replicates: int,
    fresh: int,
    latent_dims: Sequence[int],
    k_filters: Sequence[int] = (),
    methods: Sequence[str] = DEFAULT_METHODS,
) -> pd.DataFrame:
    """Score the baselines in the replicates of a study, and what they chose in those after them.

    Parameters
    ----------
    data_of
        Replicate to its data; its number is the seed of what one decides.
    replicates
        How many the study has: the mean valid score over them chooses.
    fresh
        How many further ones the chosen are scored in: those that the first round of validation
        trains the recommendations in.
    latent_dims, k_filters, methods
        As for :func:`baseline_table`.

    Returns
    -------
    pd.DataFrame
        As :func:`baseline_table` returns it, with ``replicate``.
    """
    parts = []
    for replicate in range(replicates):
        given = (latent_dims, k_filters, (replicate,), methods)
        table = baseline_table(data_of(replicate), *given)
        parts.append(table.assign(replicate=replicate))
    tried = _in_order(parts)
    chosen = [found for method in METHODS if len(found := chosen_baseline(tried, method))]
    for replicate in range(replicates, replicates + fresh):
        data = data_of(replicate)
        for best in chosen:
            cell = (int(best["features"].iloc[0]), int(best["latent_dim"].iloc[0]))
            method = str(best["method"].iloc[0])
            table = _scored_again(data, method, cell, replicate).drop(columns=INFLUENCE)
            parts.append(table.assign(replicate=replicate))
    return _in_order(parts)


def chosen_again(table: pd.DataFrame, data_of: Callable[[int], Data]) -> pd.DataFrame:
    """Score again the baselines that speak for their methods: what opening the test shows of them.

    Parameters
    ----------
    table
        Output of :func:`baseline_table` or :func:`replicated_baselines`, with or without the test
        scores.
    data_of
        Replicate to its data, 0 where there are no others.

    Returns
    -------
    pd.DataFrame
        As :func:`baseline_table` returns it, with ``replicate`` where the table has it; the rows
        of :func:`aehpo_assets.analysis.chosen_baselines.chosen_baseline` alone, and
        ``test_influence``.
    """
    parts = []
    for method in METHODS:
        for row in chosen_baseline(table, method).to_dict("records"):
            replicate = int(row.get("replicate", 0))
            seed = replicate if pd.isna(row["seed"]) else int(row["seed"])
            cell = (int(row["features"]), int(row["latent_dim"]))
            of = data_of(replicate)
            again = _scored_again(of, method, cell, seed).assign(fresh=bool(row["fresh"]))
            parts.append(again.assign(replicate=replicate) if "replicate" in row else again)
    return _in_order(parts) if parts else table.head(0)


def raced_baselines(
    data: Data,
    method: str,
    latent_dims: Sequence[int],
    k_filters: Sequence[int],
    seed: int,
) -> pd.DataFrame:
    """Score a method as the rival of a race: on one number of features, with several dimensions.

    Parameters
    ----------
    data, latent_dims, k_filters
        As for :func:`baseline_table`.
    method
        Of :data:`~aehpo_gpu.evaluation.representations.METHODS`. Raw features are scored for each
        of ``k_filters``, which is what a network may have; what is slow, such as UMAP, with the
        fewest :data:`~aehpo_gpu.evaluation.representations.FEWEST_DIMS` dimensions.
    seed
        Of what a seed decides.

    Returns
    -------
    pandas.DataFrame
        One row a dimension, the columns of :func:`baseline_table`; none where nothing fits, or the
        method cannot represent the task.
    """
    if METHODS[method].why_not(data):
        return pd.DataFrame()
    train, everything = data.train, data.matrix.shape[1]
    if METHODS[method].whole:
        widths = sorted({min(int(k), everything) for k in k_filters or [everything]})
        fitting = [(k, k) for k in widths if _fits_probe(k, data)]
        groups = [[cell] for cell in fitting]
    else:
        cells = _widest_cells(method, everything, latent_dims, k_filters, train)
        if METHODS[method].is_slow:
            cells = cells[:FEWEST_DIMS]
        groups = [cells] if cells else []
    parts = [_scored(data, method, cells, seed) for cells in groups]
    return _in_order(parts) if parts else pd.DataFrame()


def scored_cell(data: Data, method: str, features: int, dim: int, seed: int = 0) -> pd.DataFrame:
    """Score a method with one number of features and of dimensions, as far as a task has them.

    Parameters
    ----------
    data, method, seed
        As for :func:`raced_baselines`.
    features, dim
        How many; those above the features or the train samples of the task are cut.

    Returns
    -------
    pandas.DataFrame
        One row, the columns of :func:`baseline_table`.
    """
    width = min(features, data.matrix.shape[1])
    return _scored(data, method, _cells(width, [dim], data.train), seed)


def _cells(features: int, latent_dims: Sequence[int], train: np.ndarray) -> list[_Cell]:
    """Every dimension on some features: those above these, or the train samples, are cut."""
    limit = min(features, int(train.sum()))
    return [(features, dim) for dim in sorted({min(int(dim), limit) for dim in latent_dims})]


def _widest_cells(
    method: str,
    everything: int,
    latent_dims: Sequence[int],
    k_filters: Sequence[int],
    train: np.ndarray,
) -> list[_Cell]:
    """Every dimension on the most features that a method is tried on."""
    widest = everything
    if method == "linear_autoencoder" and len(k_filters):
        widest = min(everything, max(int(k) for k in k_filters))
    cells = _cells(widest, latent_dims, train)
    if method == "umap":
        # What the train samples are too few to lay out is left out.
        cells = [cell for cell in cells if cell[1] < train.sum() - 1]
    return cells


def _fits_probe(features: int, data: Data) -> bool:
    """Whether the probe of raw features fits into :data:`PROBE_BYTES`."""
    samples = int(data.train.sum())
    most = max((len(target.classes) for target in data.targets.classification), default=1)
    return 8 * most * samples * min(features, samples) <= PROBE_BYTES


def _tried_with_care(
    scored: Callable[..., pd.DataFrame],
    method: str,
    widths: Sequence[int],
    latent_dims: Sequence[int],
    train: np.ndarray,
    seed: int,
) -> list[pd.DataFrame]:
    """Try a costly method with every dimension on the most features, the best of them on fewer."""
    cells = _widest_cells(method, widths[-1], latent_dims, widths[:-1], train)
    if not cells:
        return []
    parts = [scored(method, cells, seed)]
    best = chosen_baseline(parts[0], method)
    if len(best):
        dim = int(best["latent_dim"].iloc[0])
        smaller = [(k, min(dim, k)) for k in widths if k < cells[0][0]]
        parts += [scored(method, smaller, seed)] if smaller else []
    return parts


def _in_order(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other; of none an empty one."""
    if not parts:
        return pd.DataFrame(columns=[*BASELINE_KEY, VALID_SCORE, TEST_SCORE])
    table = pd.concat(parts, ignore_index=True)
    named = [name for name in BASELINE_KEY if name in table]
    return table[[*named, *(name for name in table if name not in named)]]


def _scored_again(data: Data, method: str, cell: _Cell, seed: int) -> pd.DataFrame:
    """Score what was chosen, with ``test_influence``; kept, where its data keep scores."""

    def compute() -> pd.DataFrame:
        table = _scored(data, method, [cell], seed, fresh=True, influence=True)
        table[INFLUENCE] = table.pop(INFLUENCE)
        return table

    if data.kept is None:
        return compute()
    own = seed if METHODS[method].has_seed else None
    return data.kept.of({"method": method, "cell": cell, "seed": own}, compute)


def _scored(
    data: Data,
    method: str,
    cells: Sequence[_Cell],
    seed: int,
    fresh: bool = False,
    influence: bool = False,
) -> pd.DataFrame:
    layouts: dict[_Cell, np.ndarray] = {}
    # What is random or costs a decomposition is the same for every dimension.
    for k in dict.fromkeys(k for k, _ in cells):
        dims = [dim for of, dim in cells if of == k]
        found = METHODS[method].of(data, k, dims, seed)
        layouts |= {(k, dim): layout for dim, layout in zip(dims, found, strict=True)}
    table = _scores([layouts[cell] for cell in cells], cells, data, influence)
    if METHODS[method].whole:
        # The ridge penalises columns of unit deviation, and those of a basis are others.
        is_basis = (table["features"] >= data.train.sum()).to_numpy()
        table.loc[is_basis, [name for name in table if name.startswith("r2_")]] = np.nan
    known = pd.array([seed if METHODS[method].has_seed else pd.NA] * len(table), dtype="Int64")
    return table.assign(method=method, seed=known, fresh=fresh)


def _scores(
    layouts: Sequence[np.ndarray],
    cells: Sequence[_Cell],
    data: Data,
    influence: bool,
) -> pd.DataFrame:
    # A representation may have fewer dimensions than were asked for: those that it lacks are 0.
    widest = max(layout.shape[1] for layout in layouts)
    latents = torch.zeros(len(layouts), len(data.split), widest, dtype=torch.float64)
    for row, values in enumerate(layouts):
        latents[row, :, : values.shape[1]] = torch.from_numpy(np.array(values, dtype=np.float64))
    named = pd.DataFrame(cells, columns=["features", "latent_dim"])
    scores = score_latents(latents, data.split, data.targets, influence=influence)
    return pd.concat([named, scores], axis=1)
