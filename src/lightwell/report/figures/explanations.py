"""Local explanations: what each concept of one input adds to the score of its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style

_MOST = 10  # bars an input; the smallest are left out
Floats = NDArray[np.float64]


def local_explanations(
    images: ArrayLike,
    titles: Sequence[str],
    contributions: ArrayLike,
    activations: ArrayLike,
    names: Sequence[str],
) -> Figure:
    """Draw inputs, each beside the contributions of its concepts as bars.

    Parameters
    ----------
    images : array of uint8, shape (m, height, width, channels)
        1 or 3 channels.
    titles : sequence of str
        One an input: its class and the predicted one.
    contributions : array, shape (m, concepts)
        What each concept adds to the score of the predicted class; below 0 speaks against it.
    activations : array, shape (m, concepts)
        In [0, 1]; written behind the name.
    names : sequence of str
        Of the concepts.

    Raises
    ------
    DataError
        If the arrays do not fit each other.

    Examples
    --------
    >>> figure = local_explanations(np.zeros((1, 8, 8, 1), np.uint8), ["cat"], [[0.5, -2.0]], [[1, 0]], "ab")
    >>> [text.get_text() for text in figure.axes[1].get_yticklabels()]
    ['b 0.00', 'a 1.00']
    """
    pictures, shares = np.asarray(images), np.asarray(contributions, np.float64)
    said = np.asarray(activations, np.float64)
    shape = (len(titles), len(names))
    if pictures.ndim != 4 or len(pictures) != len(titles) or not shares.shape == said.shape == shape:
        raise DataError(
            "these explanations do not fit their inputs",
            where="local_explanations",
            expected=f"{shape[0]} images and arrays of shape {shape}",
            got=f"shapes {pictures.shape}, {shares.shape}, {said.shape}",
        )
    bars = min(len(names), _MOST)
    columns = min(len(titles), 2)
    rows = -(-len(titles) // columns)
    figure = style.new_figure(5.4 * columns, rows * max(1.7, 0.75 + 0.22 * bars))
    grid = figure.subplots(rows, 2 * columns, squeeze=False, width_ratios=[1, 1.5] * columns)
    reach = float(np.abs(shares).max()) or 1.0
    pairs = grid.reshape(-1, 2)
    for i, (picture, axes) in enumerate(pairs):
        if i >= len(titles):
            picture.set_axis_off()
            axes.set_axis_off()
            continue
        grey = pictures.shape[-1] == 1
        picture.imshow(
            pictures[i, ..., 0] if grey else pictures[i], cmap="gray" if grey else None, vmin=0, vmax=255
        )
        style.bare(picture)
        picture.set_title(style.label(titles[i], 34), fontsize=9, color=style.INK, family=style.FONT)
        _bars(axes, shares[i], said[i], style.labels(names, 20), reach)
    return figure


def _bars(axes: Axes, shares: Floats, said: Floats, names: list[str], reach: float) -> None:
    order = np.argsort(-np.abs(shares), kind="stable")[:_MOST]
    colours = [style.ACCEPTED if shares[i] > 0 else style.REFUSED for i in order]
    axes.barh(range(len(order)), shares[order], color=colours, height=0.65)
    axes.axvline(0, color=style.FAINT, linewidth=1)
    axes.set(xlim=(-1.05 * reach, 1.05 * reach), ylim=(len(order) - 0.5, -0.5))
    style.dress(axes)
    style.ticks_for(axes.yaxis, [f"{names[i]} {said[i]:.2f}" for i in order], size=8)
    axes.spines["left"].set_visible(False)
    axes.set_title("adds to the score", fontsize=9, color=style.QUIET, family=style.FONT)
