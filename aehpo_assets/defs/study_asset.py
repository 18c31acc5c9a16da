"""The decorator of every asset that is one function: what all of them share.

What is up to date is not made again because somebody selects it in the UI; a run tagged
``aehpo/make_again`` does it all the same. An asset whose blocking checks failed ends with what they
found.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from aehpo_assets.defs.checks import refuse_failed
from aehpo_assets.defs.partitions import partition_in, partition_key
from aehpo_assets.defs.recipe import Recipe
from aehpo_assets.defs.resource import StudyResource, is_headless
from aehpo_assets.defs.shown import shown_again
from aehpo_assets.defs.study_artefacts import StudyArtefacts

MAKE_AGAIN_TAG = "aehpo/make_again"
"""Tag of a run in which what is up to date is made again."""

Made = Callable[[dg.AssetExecutionContext, StudyResource], dg.MaterializeResult]


def study_asset(recipe: Recipe, **options: Any) -> Callable[[Made], dg.AssetsDefinition]:
    """Turn the function that makes an artefact into its asset.

    Parameters
    ----------
    recipe
        What it depends on.
    **options
        For :func:`dagster.asset`.
    """

    def decorate(make: Made) -> dg.AssetsDefinition:
        @functools.wraps(make)
        def made(
            context: dg.AssetExecutionContext, study: StudyResource
        ) -> Iterator[dg.MaterializeResult]:
            present = _up_to_date(recipe, context, study)
            if present is not None:
                context.log.info(
                    f"It is up to date, and left as it is. With the tag {MAKE_AGAIN_TAG}: true, a "
                    "run makes it again all the same."
                )
                yield present
                return
            result = make(context, study)
            yield result
            refuse_failed(result)

        # Dagster looks at the signature: an asset that yields is annotated as what it yields.
        yields = Iterator[dg.MaterializeResult]
        signature = inspect.signature(make).replace(return_annotation=yields)
        made.__signature__ = signature  # type: ignore[attr-defined]
        made.__annotations__ = made.__annotations__ | {"return": yields}
        return dg.asset(**options, **recipe.definition)(made)

    return decorate


def _up_to_date(
    recipe: Recipe, context: dg.AssetExecutionContext, study: StudyResource
) -> dg.MaterializeResult | None:
    """What Dagster is told of an artefact that is up to date; None if it has to be made."""
    if is_headless(context.run) or MAKE_AGAIN_TAG in context.run.tags:
        # Whoever runs headless has asked already.
        return None
    home, partition = study.home, partition_in(context)
    provenance = home.store.provenance(recipe.asset, partition)
    if provenance is None:
        return None
    assets = context.job_def.asset_layer.asset_graph.assets_defs
    artefacts = StudyArtefacts.known_to(context.instance, home, assets)
    stale = artefacts.why_stale(recipe.asset, partition)
    if stale is not None or home.store.damage(recipe.asset, partition) is not None:
        return None
    return shown_again(provenance, recipe.asset, partition_key(partition), context.instance)
