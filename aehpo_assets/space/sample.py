"""Where the configurations of a study come from: drawn, laid out, read, or proposed by a search.

Each has an id, and what a study says decides between all but the last. How they are laid out
belongs to ``designs``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.space.architectures import DISENTANGLED, STUDY_HYPERPARAMETERS
from aehpo_assets.space.designs import grid_configurations, sobol_configurations
from aehpo_assets.space.distributions import Scalar
from aehpo_assets.space.search_space import SearchSpace, search_space
from aehpo_assets.space.sweep import refuse_sweep
from aehpo_assets.space.training import refuse_lengths
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.study import Study

MOST_DRAWS = 100
"""Draws for each configuration wanted, after which a space counts as used up.

That all of a space's configurations come among so many draws is certain for all practical purposes.
"""


def configurations_of(study: Study, architecture: str, *, file: Path | None = None) -> pd.DataFrame:
    """Return the configurations of an architecture as the study wants them.

    Parameters
    ----------
    study
        The study; ``configurations`` and ``space`` are read.
    architecture
        One of the study's architectures.
    file
        The study file, for the messages.

    Returns
    -------
    pandas.DataFrame
        ``config_id`` and the hyperparameters, one row a configuration, in order.

    Raises
    ------
    InputError
        If the space or the file of configurations is wrong, or has fewer than are asked for.
    """
    refuse_sweep(study.configurations, architecture, file)
    space = search_space(architecture, study.space, file=file)
    refuse_lengths(study.space, study.unit, study.length, file)
    settings = study.configurations
    if settings.source == "sample":
        return sample_configurations(space, settings.count, settings.seed, file=file)
    if settings.source == "grid":
        return grid_configurations(space, settings.count, file=file)
    if settings.source == "sobol":
        return sobol_configurations(space, settings.count, settings.seed, file=file)
    return read_configurations(space, Path(settings.source), settings.count)


def sample_configurations(
    space: SearchSpace, count: int, seed: int, *, file: Path | None = None
) -> pd.DataFrame:
    """Draw configurations as the reference study did.

    The eight hyperparameters of the study are drawn one configuration after another from Python's
    generator seeded with ``seed``; ``beta`` is drawn whatever the architecture, so that
    architectures share their draws. The three weights of disentanglix come from a second stream,
    and each other hyperparameter from one of its own: none changes what another draws, and those
    that do not apply (the momentum of a run without SGD) are drawn all the same. What was drawn
    before is passed over.

    Parameters
    ----------
    space
        The architecture's space.
    count
        Number of configurations.
    seed
        Seed of the generator; 42 in the study.
    file
        The study file, for the message.

    Returns
    -------
    pandas.DataFrame
        ``count`` distinct rows: ``config_id`` (text, the number of the draw, so that one id is one
        draw for every architecture) and the hyperparameters of the space.

    Raises
    ------
    InputError
        If the space has fewer distinct configurations.
    """
    if space.size < count:
        found = f"{space.size} distinct configuration{'' if space.size == 1 else 's'}"
        raise _too_small(space, found, count, file)
    study_stream = random.Random(seed)
    second_stream = random.Random(f"further hyperparameters {seed}")
    streams = {
        name: second_stream if name in DISENTANGLED else random.Random(f"{name} {seed}")
        for name in space.names
    }
    rows: dict[tuple[Scalar, ...], str] = {}
    for position in range(MOST_DRAWS * count):
        drawn = {
            one.name: space.hyperparameters.get(one.name, one.distribution).draw(study_stream)
            for one in STUDY_HYPERPARAMETERS
        }
        further = {
            name: distribution.draw(streams[name])
            for name, distribution in space.hyperparameters.items()
            if name not in drawn
        }
        values = drawn | further
        rows.setdefault(tuple(values[name] for name in space.names), str(position))
        if len(rows) == count:
            break
    else:
        found = f"{len(rows)} distinct configurations among {MOST_DRAWS * count:,} draws"
        raise _too_small(space, found, count, file)
    table = pd.DataFrame(list(rows), columns=space.names)
    table.insert(0, "config_id", pd.Series(list(rows.values()), dtype="str"))
    return table


def _too_small(space: SearchSpace, found: str, count: int, file: Path | None) -> InputError:
    return InputError(
        f"the space of {space.architecture} has {found}, {count} are asked for",
        file=file,
        key="configurations.count",
        remedy="Lower configurations.count, or widen space.",
    )


def read_configurations(space: SearchSpace, file: Path, count: int) -> pd.DataFrame:
    """Read the first ``count`` configurations of a Parquet file.

    Column names are taken in any case (``K_FILTER`` as the study writes them); columns that the
    space does not know are ignored; a ``config_id`` column is kept, and positions are used where
    there is none.

    Raises
    ------
    InputError
        If the file cannot be read, a hyperparameter is missing, a value is no number (or no word,
        where the space has words), a configuration occurs twice or lies outside the space, or there
        are fewer than ``count``.
    """
    try:
        frame = pd.read_parquet(file)
    except FileNotFoundError:
        raise InputError(
            "no such file", file=file, remedy="Check configurations.source in the study file."
        ) from None
    except Exception as error:
        raise InputError(f"is no readable Parquet file ({error})", file=file) from None
    frame.columns = frame.columns.str.lower()
    if len(frame) < count:
        raise InputError(
            f"holds {len(frame)} configurations, the study asks for {count}",
            file=file,
            key="configurations.count",
            remedy="Lower configurations.count, or give a file that holds as many.",
        )
    frame = frame.head(count).reset_index(drop=True)
    for name in space.names:
        if name not in frame:
            raise InputError("column missing", file=file, key=name, remedy="Add the column.")
        column, domain = frame[name], space.hyperparameters[name]
        if domain.of_words:
            if not column.map(lambda value: isinstance(value, str)).all():
                raise InputError("holds values that are no words", file=file, key=name)
        elif not pd.api.types.is_numeric_dtype(column) or not np.isfinite(column).all():
            raise InputError("holds values that are no finite numbers", file=file, key=name)
    ids = frame["config_id"].astype(str) if "config_id" in frame else frame.index.astype(str)
    configurations = frame[space.names].copy()
    configurations.insert(0, "config_id", pd.Series(ids, index=frame.index).astype(str))
    for key, columns in (("config_id", ["config_id"]), ("hyperparameters", space.names)):
        repeated = configurations.duplicated(columns)
        if repeated.any():
            raise InputError(
                f"row {repeated.to_numpy().argmax()} repeats an earlier one", file=file, key=key
            )
    if not space.overcomplete:
        narrow = configurations["k_filter"] < configurations["latent_dim_fixed"]
        if narrow.any():
            raise InputError(
                f"row {narrow.to_numpy().argmax()} has k_filter below latent_dim_fixed",
                file=file,
                key="k_filter",
                remedy="Remove the row or raise its k_filter.",
            )
    for row, values in enumerate(configurations[space.names].to_dict("records")):
        if problem := space.problem(values):
            raise InputError(
                f"row {row}: {problem}, the space of {space.architecture}",
                file=file,
                key="hyperparameters",
                remedy="Remove the row, or widen space in the study file.",
            )
    return configurations


def config_id_of(values: Mapping[str, Any]) -> str:
    """Return the ``config_id`` of a proposed configuration: ``r`` and eight hexadecimal digits.

    Equal hyperparameters give equal ids, whatever the order or the numeric type they come in
    (``2``, ``2.0`` and ``numpy.int64(2)`` are one value).

    Parameters
    ----------
    values
        Hyperparameter name to value, without ``config_id``.
    """
    plain = {
        name: value if isinstance(value, str) else repr(float(value))
        for name, value in values.items()
    }
    return f"r{settings_hash(plain)[:8]}"
