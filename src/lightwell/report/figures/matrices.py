"""Figures made of cells: confusions, likeness of classes, mean codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite, table_of

_WITH_TEXT = 20  # rows or columns; above this a cell is too small for its number
_MOST_PANELS = 24


def confusion_matrix(
    counts: ArrayLike,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str = "Confusion matrix",
    *,
    row_label: str = "true class",
    column_label: str = "predicted class",
) -> Figure:
    """Draw counts as cells; the colour is the share of the row.

    Parameters
    ----------
    counts : array, shape (rows, columns)
        How often each row was called each column, >= 0. Need not be square: unknown by known works.
    row_names, column_names : sequence of str
        Names, one a row and one a column.
    title, row_label, column_label : str
        Words on the figure.

    Returns
    -------
    matplotlib.figure.Figure
        With the counts as text where the matrix is at most 20 wide.

    Raises
    ------
    DataError
        If the counts do not fit the names, or are negative or not finite.

    Examples
    --------
    >>> figure = confusion_matrix([[9, 1], [0, 5]], ["cat", "dog"], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['9', '1', '0', '5']
    """
    table = _table(counts, (len(row_names), len(column_names)), "counts")
    if table.size and table.min() < 0:
        raise DataError("counts are never negative", where="counts", got=table.min())
    totals = table.sum(axis=1, keepdims=True)
    share = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    rows, columns = table.shape
    figure = style.new_figure(*_size(rows, columns))
    axes = figure.subplots()
    image = axes.imshow(share, cmap=style.HEAT, vmin=0, vmax=1, aspect="auto")
    style.dress(axes, style.label(title, 70), style.label(column_label, 40), style.label(row_label, 40))
    _name_cells(axes, style.labels(row_names), style.labels(column_names))
    if max(rows, columns) <= _WITH_TEXT:
        _write_cells(axes, [[f"{int(n):,}" for n in row] for row in table], share)
    style.colour_bar(figure, image, axes, "share of the row")
    return figure


def importance_matrix(values: ArrayLike, row_names: Sequence[str], column_names: Sequence[str]) -> Figure:
    """Draw how much each code matters for each factor; aligned codes fill one cell a row.

    Parameters
    ----------
    values : array, shape (codes, factors)
        Importances, >= 0.
    row_names, column_names : sequence of str
        Names, one a code and one a factor.

    Raises
    ------
    DataError
        If the values do not fit the names, or are not finite.

    Examples
    --------
    >>> figure = importance_matrix([[0.9, 0.0], [0.1, 0.8]], ["z0", "z1"], ["shape", "scale"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.90', '0.00', '0.10', '0.80']
    """
    table = _table(values, (len(row_names), len(column_names)), "values")
    figure = style.new_figure(*_size(*table.shape))
    axes = figure.subplots()
    top = float(table.max()) or 1.0
    image = axes.imshow(table, cmap=style.HEAT, vmin=0, vmax=top, aspect="auto")
    style.dress(axes, "", "true factor", "code")
    _name_cells(axes, style.labels(row_names), style.labels(column_names))
    if max(table.shape) <= _WITH_TEXT:
        _write_cells(axes, [[f"{v:.2f}" for v in row] for row in table], table / top)
    style.colour_bar(figure, image, axes, "importance")
    return figure


def class_similarity(mean_codes: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw cosine similarity and Euclidean distance between the mean codes of classes, side by side.

    Parameters
    ----------
    mean_codes : array, shape (classes, d)
        Mean representation of each class.
    names : sequence of str
        Class names.

    Returns
    -------
    matplotlib.figure.Figure
        A class whose mean is all zero has no cosine: its cells stay empty.

    Raises
    ------
    DataError
        If there is not one finite row a name.

    Examples
    --------
    >>> figure = class_similarity([[3.0, 0.0], [0.0, 4.0]], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['0.0', '5.0', '5.0', '0.0']
    """
    means = _table(mean_codes, (len(names), "d"), "mean_codes")
    norms = np.linalg.norm(means, axis=1)
    scale = np.outer(norms, norms)
    cosine = np.divide(means @ means.T, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    distance = np.linalg.norm(means[:, None] - means[None], axis=2)
    short = style.labels(names, 12)
    width, height = _size(len(names), len(names))
    figure = style.new_figure(2 * width, height)
    left, right = figure.subplots(1, 2)
    for axes, values, title, form, limits in (
        (left, cosine, "Cosine similarity", "{:.2f}", (min(0.0, _lowest(cosine)), 1.0)),
        (right, distance, "Euclidean distance", "{:.1f}", (0.0, float(distance.max(initial=0)) or 1.0)),
    ):
        image = axes.imshow(values, cmap=style.HEAT, vmin=limits[0], vmax=limits[1], aspect="auto")
        style.dress(axes, title)
        _name_cells(axes, short, short)
        if len(names) <= 12:
            depth = (values - limits[0]) / (limits[1] - limits[0])
            texts = [["" if math.isnan(v) else form.format(v) for v in row] for row in values]
            _write_cells(axes, texts, depth)
        style.colour_bar(figure, image, axes, "")
    return figure


def mean_codes(means: ArrayLike, n_features: int, names: Sequence[str]) -> Figure:
    """Draw the mean code of each class as a grid of blocks by features, the class's own block outlined.

    Parameters
    ----------
    means : array, shape (classes, classes * n_features)
        Mean representation of each class; block c holds the features of class c.
    n_features : int
        Features a class owns, >= 1.
    names : sequence of str
        Class names.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a class; with more than 24 classes one matrix of block means instead.

    Raises
    ------
    DataError
        If the means do not fit the names and the number of features.

    Examples
    --------
    >>> figure = mean_codes(np.eye(2).repeat(3, axis=1), 3, ["cat", "dog"])
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['cat', 'dog']
    """
    table = _table(means, (len(names), len(names) * n_features), "means")
    blocks = table.reshape(len(names), len(names), n_features)
    if len(names) > _MOST_PANELS:
        return _block_means(blocks.mean(axis=2), style.labels(names))
    return _code_panels(blocks, style.labels(names, 14))


def _code_panels(blocks: Floats, short: list[str]) -> Figure:
    classes, _, features = blocks.shape
    columns = min(classes, 6)
    rows = math.ceil(classes / columns)
    side = 0.85 + 0.19 * classes
    figure = style.new_figure(1.2 + columns * max(1.3, 0.7 + 0.16 * features), 0.3 + rows * max(1.5, side))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    low, high = min(0.0, float(blocks.min())), float(blocks.max())
    for number, axes in enumerate(grid):
        if number >= classes:
            axes.set_axis_off()
            continue
        image = axes.imshow(blocks[number], cmap=style.HEAT, vmin=low, vmax=high or 1.0, aspect="auto")
        style.dress(axes)
        axes.set_title(
            short[number], fontsize=9, loc="left", color=style.INK, family=style.FONT, fontweight="bold"
        )
        style.ticks_for(axes.yaxis, short if number % columns == 0 else [""] * classes, size=8)
        axes.set_xticks([])
        axes.spines[:].set_visible(False)
        outline = Rectangle(
            (-0.5, number - 0.5), features, 1, fill=False, edgecolor=style.REFUSED, linewidth=1.6
        )
        axes.add_patch(outline).set_clip_on(False)
    caption = f"one panel a class, one row a block of {features} features; the class's own block is outlined"
    figure.supxlabel(caption, fontsize=9, color=style.QUIET, family=style.FONT)
    style.colour_bar(figure, image, list(grid), "mean activation")
    return figure


def _block_means(values: Floats, short: list[str]) -> Figure:
    figure = style.new_figure(*_size(*values.shape))
    axes = figure.subplots()
    image = axes.imshow(values, cmap=style.HEAT, vmin=min(0.0, _lowest(values)), aspect="auto")
    style.dress(axes, "Mean activation by block", "block of", "examples of")
    _name_cells(axes, short, short)
    style.colour_bar(figure, image, axes, "mean activation")
    return figure


def _table(values: ArrayLike, shape: tuple[int, int | str], where: str) -> Floats:
    return finite(table_of(values, shape, "this table does not fit its names", where), where)


def _size(rows: int, columns: int) -> tuple[float, float]:
    return min(max(4.2, 2.4 + 0.55 * columns), 11.0), min(max(3.2, 1.6 + 0.42 * rows), 10.0)


def _lowest(values: NDArray[Any]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.min()) if finite.size else 0.0


def _name_cells(axes: Axes, rows: list[str], columns: list[str]) -> None:
    style.ticks_for(axes.yaxis, rows, size=9 if len(rows) <= 25 else 7)
    style.ticks_for(axes.xaxis, columns, size=9 if len(columns) <= 25 else 7)
    style.slant(axes, columns)
    axes.spines[:].set_visible(False)


def _write_cells(axes: Axes, texts: list[list[str]], depth: Floats) -> None:
    size = 9 if max(len(texts), len(texts[0])) <= 12 else 7
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            ink = "white" if depth[row, column] > 0.6 else style.INK
            axes.text(
                column, row, text, ha="center", va="center", fontsize=size, color=ink, family=style.FONT
            )
