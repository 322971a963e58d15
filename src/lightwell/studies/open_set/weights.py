"""The filters of the last convolution by class: kept at run time, shown in the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays, save_arrays
from lightwell.models.model import Model
from lightwell.report import Block, Figure, Section, Text, figures
from lightwell.studies.open_set.stored import Stored

FILE = "filters.npz"


def keep(model: Model, folder: Path) -> None:
    """Write the last convolution's filters by class, shape (K, k, C', h, w), where the model has any."""
    last = getattr(getattr(model, "head", None), "last_conv", None)
    if last is None or model.anchors is None:
        return
    weight = last.weight.detach().cpu().numpy()
    by_class = (model.anchors.n_classes, model.anchors.n_features, *weight.shape[1:])
    save_arrays(folder / FILE, {"filters": weight.astype(np.float32).reshape(by_class)})


def sections(stored: Stored) -> list[Section]:
    """Return the section on the filters, where the run kept any."""
    path = stored.folder / "representation" / FILE
    if not path.is_file():
        return []
    weights = load_arrays(path)["filters"].astype(np.float64)
    blocks: list[Block] = [
        Text(
            "Each dimension is the mean of one filter's map, so the filters of the last convolution belong "
            "to classes. The correlation penalty of the training acts on them. Filters that differ do not "
            "make activations differ: what they look at may still always come together."
        ),
        Figure(
            "filters",
            figures.class_filters(weights, stored.names),
            "Filters of the last convolution, one row a class. Left each averaged over its input channels: "
            "red is above zero, blue below, and signs that differ cancel. Right the norm of the same weights "
            "over the input channels: where a filter looks at all.",
            "Two grids of small filters, one row a class.",
        ),
        Figure(
            "filter_correlation",
            figures.filter_correlation(weights, stored.names),
            "Correlation of every filter with every other, over all their weights. The squares are the "
            f"classes: within a class the mean absolute correlation is {_correlation(weights, same=True)}, "
            f"between classes {_correlation(weights, same=False)}.",
            "Heat map of filter correlations with a square around the filters of each class.",
        ),
    ]
    return [Section("Filters of the last convolution", tuple(blocks))]


def _correlation(weights: NDArray[np.float64], *, same: bool) -> str:
    """Return the mean absolute correlation of two different filters, of one class or of two, in words."""
    classes, count = weights.shape[:2]
    rows = weights.reshape(classes * count, -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    owner = np.repeat(np.arange(classes), count)
    pairs = (owner[:, None] == owner) == same
    np.fill_diagonal(pairs, val=False)
    return f"{np.abs(rows @ rows.T)[pairs].mean():.2f}" if pairs.any() else "not defined"
