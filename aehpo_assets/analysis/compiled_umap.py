"""UMAP with what it compiles kept on disk."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any


@cache
def umap_class() -> Any:
    """Import UMAP, and keep on disk what it compiles, if there is a folder to keep that in.

    Most of its functions are compiled by every process that calls them, which takes far longer
    than the layout of a small task. Numba keeps them under their source, version and processor.
    """
    import umap.distances
    import umap.layouts
    import umap.umap_
    import umap.utils
    from numba.core.dispatcher import Dispatcher

    for module in (umap.distances, umap.layouts, umap.umap_, umap.utils):
        for function in vars(module).values():
            if isinstance(function, Dispatcher):
                with contextlib.suppress(RuntimeError):
                    function.enable_caching()
    return umap.UMAP
