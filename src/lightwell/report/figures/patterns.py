"""From which classes the examples of a cluster borrow their evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import table_of

_WITH_TEXT = 20


def cluster_patterns(shares: ArrayLike, counts: Sequence[int], names: Sequence[str]) -> Figure:
    """Draw the mean shares of each cluster as cells, one row a cluster.

    Parameters
    ----------
    shares : array, shape (clusters, K)
        Mean share of the evidence that lies in each class's block, in [0, 1].
    counts : sequence of int
        Examples of each cluster.
    names : sequence of str
        Names of the K classes.

    Raises
    ------
    DataError
        If the shares do not fit, or lie outside [0, 1].

    Examples
    --------
    >>> figure = cluster_patterns([[0.5, 0.5], [1.0, 0.0]], [7, 3], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['50', '50', '100', '0']
    """
    table = table_of(shares, (len(counts), len(names)), "these shares do not fit their clusters", "shares")
    if not ((table >= 0) & (table <= 1 + 1e-9)).all():
        raise DataError("a share lies in [0, 1]", where="shares", got=f"{table.min()} to {table.max()}")
    figure = style.new_figure(min(2.9 + 0.55 * len(names), 11.0), 1.6 + 0.42 * len(counts))
    axes = figure.subplots()
    image = axes.imshow(100 * table, cmap=style.HEAT, vmin=0, vmax=100, aspect="auto")
    style.dress(axes, "", "evidence for")
    columns = style.labels(names, 12)
    style.ticks_for(axes.yaxis, [f"cluster {i + 1} (n = {n:,})" for i, n in enumerate(counts)])
    style.ticks_for(axes.xaxis, columns, size=9 if len(columns) <= 25 else 7)
    style.slant(axes, columns)
    axes.spines[:].set_visible(False)
    if len(names) <= _WITH_TEXT:
        for (row, column), share in np.ndenumerate(table):
            ink = "white" if share > 0.6 else style.INK
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color=ink,
                      family=style.FONT)  # fmt: skip
    style.colour_bar(figure, image, axes, "mean share, %")
    return figure
