"""A search space as JSON, for the artefacts that must know the space they were fitted on."""

from __future__ import annotations

from typing import Any

from aehpo_assets.space import Choice, Distribution, LogUniform, SearchSpace, Uniform


def space_to_json(space: SearchSpace) -> dict[str, Any]:
    """Return what :func:`space_from_json` reads back."""
    return {
        "architecture": space.architecture,
        "hyperparameters": {name: _to_json(d) for name, d in space.hyperparameters.items()},
    }


def space_from_json(content: dict[str, Any]) -> SearchSpace:
    """Rebuild the space that :func:`space_to_json` wrote."""
    hyperparameters = {name: _from_json(d) for name, d in content["hyperparameters"].items()}
    return SearchSpace(content["architecture"], hyperparameters)


def _to_json(distribution: Distribution) -> dict[str, list[Any]]:
    if isinstance(distribution, Choice):
        return {"choice": list(distribution.values)}
    kind = "loguniform" if isinstance(distribution, LogUniform) else "uniform"
    return {kind: [distribution.lower, distribution.upper]}


def _from_json(content: dict[str, list[Any]]) -> Distribution:
    kind, values = next(iter(content.items()))
    if kind == "choice":
        return Choice(tuple(values))
    return LogUniform(*values) if kind == "loguniform" else Uniform(*values)
