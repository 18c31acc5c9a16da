"""The runs of a study in a storage of Optuna, for Optuna Dashboard and whatever else reads one.

Needs Optuna (the extra ``searchers``). What Optuna proposes belongs to ``hpo.search``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import RUNTIME, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.space import SearchSpace, search_space
from aehpo_assets.space.distributions import Choice, LogUniform
from aehpo_assets.store.home import Home

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TOLD = ("config_id", "seed", "replicate", RUNTIME, VALID_R2, "epochs", "latent_status")
"""Columns of run results that become attributes of a trial."""


def write_optuna(home: Home, url: str) -> list[str]:
    """Write every sampled run of a study as a trial.

    Parameters
    ----------
    home
        The home of the study.
    url
        A storage as Optuna names it, such as ``sqlite:///study.db``.

    Returns
    -------
    list of str
        Names of Optuna's studies, ``<study>/<architecture>/<task>``: one each, with the search
        space as distributions, and a trial a run, of the valid score, to be maximised. What
        diverged or failed is a trial that failed.

    Raises
    ------
    InputError
        If Optuna is not installed, the storage cannot be opened, it has a study of that name, or
        there are no run results.
    """
    optuna = _optuna()
    study = home.study()
    parts = [
        p for p in home.store.partitions("run_results") if home.store.is_usable("run_results", p)
    ]
    if not parts:
        raise InputError(
            "holds no run results to export",
            file=home.root,
            remedy="Run the study first: aehpo run STUDY.yaml.",
        )
    storage = _storage(url)
    present = {known.study_name for known in storage.get_all_studies()}
    names = {p: "/".join((study.name, *p)) for p in parts}
    if taken := sorted(present & set(names.values())):
        raise InputError(
            f"{url} has a study {taken[0]} already",
            key="--optuna",
            remedy="Name another storage, or remove it with `optuna delete-study`.",
        )
    written: list[str] = []
    try:
        for partition, name in names.items():
            written.append(name)
            space = search_space(partition[0], study.space)
            made = optuna.create_study(storage=storage, study_name=name, direction="maximize")
            made.set_user_attr("objective", OBJECTIVE[VALID_SCORE].title)
            made.add_trials(list(_trials(home.store.read_table("run_results", partition), space)))
    except BaseException:
        # A storage knows no transaction over several studies: none is left half.
        for name in written:
            if name in {known.study_name for known in storage.get_all_studies()}:
                optuna.delete_study(study_name=name, storage=storage)
        raise
    return written


def _trials(results: pd.DataFrame, space: SearchSpace) -> Iterator[FrozenTrial]:
    from optuna.trial import TrialState, create_trial

    distributions = {name: _distribution(one) for name, one in space.hyperparameters.items()}
    told = [name for name in TOLD if name in results]
    for row in results.to_dict("records"):
        score = row[VALID_SCORE]
        is_known = row["status"] == "ok" and pd.notna(score)
        attributes = {name: _plain(row[name]) for name in (*told, "status")}
        yield create_trial(
            state=TrialState.COMPLETE if is_known else TrialState.FAIL,
            value=float(score) if is_known else None,
            params={name: _plain(row[name]) for name in distributions},
            distributions=distributions,
            user_attrs=attributes,
        )


def _distribution(of: Any) -> BaseDistribution:
    """Return Optuna's distribution for one of a search space."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(of, Choice):
        return CategoricalDistribution(list(of.values))
    return FloatDistribution(of.lower, of.upper, log=isinstance(of, LogUniform))


def _plain(value: Any) -> Any:
    """A value as JSON knows it: no number of NumPy, and nothing that is missing."""
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise InputError(
            "Optuna is not installed", key="--optuna", remedy="pip install 'aehpo[searchers]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _storage(url: str) -> Any:
    import sqlalchemy.exc
    from optuna.storages import RDBStorage

    try:
        return RDBStorage(url)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{url!r} is no storage that can be opened ({first})",
            key="--optuna",
            remedy="Give an address such as sqlite:///study.db.",
        ) from None
