"""The filters of the last convolution: what they look like, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style

_MOST_CLASSES = 24
_SIGNED = "RdBu_r"  # red above zero, blue below, white at it

Floats = NDArray[np.float64]


def class_filters(weights: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw the filters of each class, one row a class, averaged over input channels.

    Parameters
    ----------
    weights : array, shape (K, k, channels, height, width)
        Filters by class.
    names : sequence of str
        Names of the K classes; beyond 24 only the first are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        All on one colour scale around 0: red above, blue below.

    Raises
    ------
    DataError
        If there is not one block of finite filters a name.

    Examples
    --------
    >>> figure = class_filters(np.ones((2, 3, 4, 3, 3)), ["cat", "dog"])
    >>> len(figure.axes) - 1, figure.axes[3].get_ylabel()
    (6, 'dog')
    """
    table = _checked(weights, names)[:_MOST_CLASSES].mean(axis=2)
    classes, count = table.shape[:2]
    short = style.labels(names, 14)
    reach = float(np.abs(table).max()) or 1.0
    figure = style.new_figure(2.2 + 0.62 * count, 0.7 + 0.62 * classes)
    grid = figure.subplots(classes, count, squeeze=False)
    for c in range(classes):
        for feature in range(count):
            axes = grid[c, feature]
            image = axes.imshow(table[c, feature], cmap=_SIGNED, vmin=-reach, vmax=reach, aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color(style.GRID)
        grid[c, 0].set_ylabel(
            short[c], rotation=0, ha="right", va="center", fontsize=9, color=style.INK, family=style.FONT
        )
    style.colour_bar(figure, image, grid.ravel().tolist(), "mean weight")
    return figure


def filter_correlation(weights: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw the correlation of every filter with every other, the block of each class outlined.

    Parameters
    ----------
    weights, names
        As in :func:`class_filters`, which raises the same.

    Returns
    -------
    matplotlib.figure.Figure
        K*k rows and columns; Pearson correlation over all weights of a filter. A constant filter has none:
        its cells stay empty.

    Examples
    --------
    >>> weights = np.array([[1.0, 2.0], [2.0, 1.0]]).reshape(2, 1, 2, 1, 1)
    >>> image = filter_correlation(weights, ["cat", "dog"]).axes[0].images[0]
    >>> image.get_array().round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    table = _checked(weights, names)
    classes, count = table.shape[:2]
    rows = table.reshape(classes * count, -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1)
    scale = np.outer(norms, norms)
    correlation = np.divide(rows @ rows.T, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    side = float(np.clip(2.6 + 0.12 * classes * count, 4.4, 9.0))
    figure = style.new_figure(side + 0.9, side)
    axes = figure.subplots()
    image = axes.imshow(correlation, cmap=_SIGNED, vmin=-1, vmax=1, aspect="auto")
    for c in range(classes):
        corner = (c * count - 0.5, c * count - 0.5)
        axes.add_patch(
            Rectangle(corner, count, count, fill=False, edgecolor=style.INK, linewidth=1.1)
        ).set_clip_on(False)
    style.dress(axes)
    axes.spines[:].set_visible(False)
    short = style.labels(names, 12)
    step = max(1, -(-classes // 40))
    middles = [c * count + (count - 1) / 2 for c in range(classes)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(middles[::step], short[::step])
        axis.set_tick_params(length=0, labelsize=9 if classes <= 25 else 7, labelfontfamily=style.FONT)
    style.slant(axes, short)
    style.colour_bar(figure, image, axes, "correlation of filters")
    return figure


def _checked(weights: ArrayLike, names: Sequence[str]) -> Floats:
    table = np.asarray(weights, dtype=np.float64)
    if table.ndim != 5 or len(table) != len(names) or not table.size:
        raise DataError(
            "these are not filters by class",
            where="weights",
            expected=f"shape ({len(names)}, k, channels, height, width), not empty",
            got=f"shape {table.shape}",
        )
    if not np.isfinite(table).all():
        raise DataError("a figure needs finite numbers", where="weights", got="NaN or infinity")
    return table
