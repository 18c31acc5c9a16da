"""An exported model in Python: samples in, latents out, with the preprocessing of its task.

What is written belongs to ``export``. The files need nothing of this project; this saves writing
the ten lines that read them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.errors import InputError
from aehpo_gpu.export.export import load_model

if TYPE_CHECKING:
    from anndata import AnnData

SAMPLES_AT_ONCE = 4_096


class LoadedModel:
    """A trained autoencoder, as ``aehpo_assets.load_model`` returns it.

    Attributes
    ----------
    module
        The network, a plain :class:`torch.nn.Module` in evaluation mode.
    config
        Task, architecture, widths, hyperparameters (``config.json``).
    features
        Features that it reads, in their order.

    Parameters
    ----------
    folder
        What ``aehpo export-model`` wrote.

    Raises
    ------
    InputError
        If it holds no exported model.
    """

    def __init__(self, folder: str | Path):
        folder = Path(folder)
        self.module = load_model(folder)
        try:
            self.config, fitted = (
                json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
                for name in ("config", "preprocessing")
            )
            self.features: list[str] = list(map(str, fitted["features"]))
            self._fitted = {n: np.asarray(fitted[n]) for n in ("median", "center", "scale")}
            self._clip: float | None = fitted["clip"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"holds no exported model ({error})", file=folder) from None
        self.transform = str(fitted.get("transform", "none"))

    def __repr__(self) -> str:
        of = f"{self.config['architecture']} of {self.config['task']}"
        return f"LoadedModel({of}, {len(self.features)} features)"

    @property
    def latents(self) -> int:
        """Number of latent dimensions."""
        return int(self.module.widths[-1])

    def encode(
        self,
        data: AnnData | pd.DataFrame,
        *,
        layer: str | None = None,
        transformed: bool = False,
    ) -> pd.DataFrame:
        """Return the latent means of samples.

        Parameters
        ----------
        data
            Samples x features, with the features that the model reads by their names, and any
            others: AnnData or a data frame, with values as in the file of the data set. Missing
            ones become the train median.
        layer
            The layer of AnnData to read; ``X`` by default.
        transformed
            Whether the transform of the data set (``log1p``, ``normalize_log1p``) was done to the
            values already.

        Returns
        -------
        pandas.DataFrame
            (samples, latents), ``latent_1`` and on, or ``latent_`` and the node of an ontology, by
            the names of the samples; it fits into ``adata.obsm``.

        Raises
        ------
        InputError
            If features are missing, repeated, or hold what is no number; or if the task's values
            were normalised together, which new samples cannot be.
        """
        values, samples = self._values(data, layer)
        if self.transform != "none" and not transformed:
            values = self._transformed(values)
        if not np.isfinite(values[~np.isnan(values)]).all():
            raise InputError("holds infinite values", key="data", remedy="Correct them.")
        prepared = self._prepared(values)
        dtype = next(self.module.parameters()).dtype
        parts = []
        with torch.no_grad():
            for start in range(0, len(prepared), SAMPLES_AT_ONCE):
                part = torch.as_tensor(prepared[start : start + SAMPLES_AT_ONCE], dtype=dtype)
                parts.append(next(iter(self.module.encode(part).values())).numpy())
        found = np.concatenate(parts) if parts else np.empty((0, self.latents))
        numbered = [f"latent_{number}" for number in range(1, self.latents + 1)]
        columns = self.config.get("latents", numbered)
        return pd.DataFrame(found, index=samples, columns=columns)

    def _values(
        self, data: AnnData | pd.DataFrame, layer: str | None
    ) -> tuple[np.ndarray, pd.Index]:
        """Values of the features in their order, (samples, features) float64, and the samples."""
        is_frame = isinstance(data, pd.DataFrame)
        names = (data.columns if is_frame else data.var_names).astype(str)
        if layer is not None and (is_frame or layer not in data.layers):
            raise InputError(f"there is no layer {layer!r}", key="layer")
        wanted = pd.Index(self.features)
        if len(missing := wanted.difference(names, sort=False)):
            raise InputError(
                f"{len(missing)} of the {len(wanted)} features that the model reads are missing, "
                f"the first is {missing[0]}",
                key="data",
                remedy="Give them under the names of the task; a feature that was not measured may "
                "be a column of NaN, which becomes the train median.",
            )
        repeated = names[names.duplicated() & names.isin(wanted)]
        if len(repeated):
            raise InputError(f"holds the feature {repeated[0]} twice", key="data")
        places = names.get_indexer(wanted)
        if is_frame:
            chosen: Any = data.iloc[:, places]
            samples = data.index
        else:
            chosen = (data.X if layer is None else data.layers[layer])[:, places]
            chosen = chosen.toarray() if hasattr(chosen, "toarray") else chosen
            samples = data.obs_names
        try:
            return np.array(chosen, dtype="float64"), samples
        except (TypeError, ValueError) as error:
            raise InputError(f"holds what is no number ({error})", key="data") from None

    def _transformed(self, values: np.ndarray) -> np.ndarray:
        if self.transform == "log1p":
            return np.log1p(values)
        raise InputError(
            f"the values of {self.config['task']} were transformed by {self.transform}, which "
            "depends on all samples, or on the modality of a feature",
            key="transformed",
            remedy="Do the same to yours, and say transformed=True.",
        )

    def _prepared(self, values: np.ndarray) -> np.ndarray:
        """Impute, scale and clip, as the train samples of the task said."""
        values = np.where(np.isnan(values), self._fitted["median"], values)
        scaled = (values - self._fitted["center"]) / self._fitted["scale"]
        return scaled if self._clip is None else scaled.clip(-self._clip, self._clip)
