"""The filters of the last convolution: what they look like, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite, table_of

_MOST_CLASSES = 24
_SIGNED = "RdBu_r"  # red above zero, blue below, white at it


def class_filters(weights: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw the filters of each class, one row a class: mean and norm over input channels.

    Parameters
    ----------
    weights : array, shape (K, k, channels, height, width)
        Filters by class.
    names : sequence of str
        Names of the K classes; beyond 24 only the first are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Left the means, on one colour scale around 0: red above, blue below. They cancel where signs differ.
        Right the norms of the same filters, which do not: the root of the sum of squares.

    Raises
    ------
    DataError
        If there is not one block of finite filters a name.

    Examples
    --------
    >>> figure = class_filters(np.ones((2, 3, 4, 3, 3)), ["cat", "dog"])
    >>> len(figure.axes) - 2, figure.axes[3].get_ylabel()
    (12, 'dog')
    """
    table = _checked(weights, names)[:_MOST_CLASSES]
    classes, count = table.shape[:2]
    means, norms = table.mean(axis=2), np.linalg.norm(table, axis=2)
    short = style.labels(names, 14)
    reach, top = float(np.abs(means).max()) or 1.0, float(norms.max()) or 1.0
    figure = style.new_figure(3.4 + 1.24 * count, 0.7 + 0.62 * classes)
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1.15, 1)), dtype=object)
    grid = _draw_filters(left, means, _SIGNED, (-reach, reach), "mean weight")
    _draw_filters(right, norms, style.HEAT, (0.0, top), "norm of the weights")
    for c in range(classes):
        grid[c, 0].set_ylabel(
            short[c], rotation=0, ha="right", va="center", fontsize=9, color=style.INK, family=style.FONT
        )
    return figure


def _draw_filters(
    part: SubFigure, table: Floats, colours: str, limits: tuple[float, float], said: str
) -> NDArray[np.object_]:
    """Draw a grid of filters on one colour scale and return its axes, one row a class."""
    grid = part.subplots(*table.shape[:2], squeeze=False)
    for axes, values in zip(grid.ravel(), table.reshape(-1, *table.shape[2:]), strict=True):
        image = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(style.GRID)
    style.colour_bar(part, image, grid.ravel().tolist(), said)
    return np.asarray(grid)


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
    shape = (len(names), "k", "channels", "height", "width")
    return finite(table_of(weights, shape, "these are not filters by class", "weights"), "weights")
