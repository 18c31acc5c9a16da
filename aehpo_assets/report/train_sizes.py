"""What more train samples would bring, for the page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aehpo_assets.analysis.plots.train_sizes import train_sizes
from aehpo_assets.analysis.train_sizes import against_pca, overtaking_sentence, size_curves
from aehpo_assets.report.blocks import Block, Picture, Table, Text
from aehpo_assets.store.store import Store

TRAIN_SIZE_CURVE = "train_size_curve"


def train_size_blocks(store: Store, architecture: str, task: str, stem: str) -> Iterator[Block]:
    """Yield scores against the number of train samples, where a study asks for them.

    Parameters
    ----------
    store
        Of a home.
    architecture, task
        What was recommended.
    stem
        Of the names of tables and pictures.
    """
    partition = (architecture, task)
    if not store.is_usable(TRAIN_SIZE_CURVE, partition):
        return
    scores = store.read_table(TRAIN_SIZE_CURVE, partition)
    curves, compared = size_curves(scores), against_pca(scores)
    yield Text(overtaking_sentence(compared, architecture))
    yield Picture(
        f"{stem}-train-sizes",
        "Valid score by the number of train samples: means over replicates with 95 % intervals. "
        "Each part lies in the next, valid is the same, and every run has as many steps.",
        partial(train_sizes, curves),
        curves,
    )
    yield Table(
        f"{stem}-train-sizes-against-pca",
        "The recommended autoencoder less PCA, paired by replicate; the verdicts of all sizes "
        "share one level of 5 %.",
        compared,
        compared.assign(
            train_size=compared["train_size"].map("{:,}".format),
            **{n: compared[n].map("{:+.3f}".format) for n in ("difference", "lower", "upper")},
        ),
    )
