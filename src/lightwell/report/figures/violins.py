"""How one measure is distributed in every class: one panel a measure, one violin a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite

_MOST_PANELS = 12
_MOST_VIOLINS = 30
_MOST_BLOCKS, _MOST_DIMENSIONS, _MOST_CLASSES = 24, 10, 20  # of the figure of single dimensions
_NOTE = "blue: the class itself   ·   light blue: other known classes   ·   grey: unknown classes"


def class_violins(
    values: ArrayLike,
    groups: ArrayLike,
    names: Sequence[str],
    n_known: int,
    panels: Sequence[str],
    owners: Sequence[int],
    measure: str,
) -> Figure:
    """Draw the distribution of each column over the examples of every class, known and unknown.

    Parameters
    ----------
    values : array, shape (n, p)
        One column a panel, finite.
    groups : array of int, shape (n,)
        Class of each example, in 0 .. g-1.
    names : sequence of str
        Names of the g classes: the known ones first.
    n_known : int
        How many of them are known.
    panels : sequence of str
        Titles of the p panels; beyond 12 only the first are drawn.
    owners : sequence of int
        For each panel, the class whose violin should stand out.
    measure : str
        What the values are.

    Returns
    -------
    matplotlib.figure.Figure
        The bar in a violin is the median. A panel shows the 30 classes with the highest medians where there
        are more. A class without an example has no violin.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> values = np.linspace(0, 1, 12).reshape(6, 2)
    >>> names = ["cat", "dog", "fox"]
    >>> figure = class_violins(values, [0, 0, 1, 1, 2, 2], names, 2, ["a", "b"], [0, 1], "evidence")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['a', 'b']
    """
    table, group = np.asarray(values, dtype=np.float64), np.asarray(groups)
    _check(table, group, names, panels, owners)
    drawn = min(len(panels), _MOST_PANELS)
    shown = min(len(names), _MOST_VIOLINS)
    columns = min(drawn, 3 if shown <= 12 else 2 if shown <= 20 else 1)
    rows = math.ceil(drawn / columns)
    figure = style.new_figure(max(4.2, columns * (1.4 + 0.28 * shown)), 2.35 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    titles, short = style.labels(panels, 40), style.labels(names, 10)
    for number, axes in enumerate(grid):
        if number >= drawn:
            axes.set_axis_off()
            continue
        samples = [table[group == g, number] for g in range(len(names))]
        _panel(axes, samples, short, n_known, int(owners[number]))
        style.dress(axes, titles[number])
        axes.grid(visible=True, axis="y", color=style.GRID, linewidth=0.7)
        axes.tick_params(axis="y", labelleft=number % columns == 0)
    figure.supylabel(style.label(measure, 60), fontsize=10, color=style.INK, family=style.FONT)
    figure.supxlabel(_NOTE, fontsize=9, color=style.QUIET, family=style.FONT)
    return figure


def dimension_violins(blocks: ArrayLike, groups: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw every single dimension: one row a block, in it one narrow violin a dimension over each class.

    Parameters
    ----------
    blocks : array, shape (n, K, k)
        Codes by known class, finite; beyond 24 classes and 10 dimensions only the first are drawn.
    groups : array of int, shape (n,)
        Class of each example, in 0 .. g-1.
    names : sequence of str
        Names of the g classes: the K known ones first.

    Returns
    -------
    matplotlib.figure.Figure
        The dimensions of a block stand side by side, in their order. Where there are more than 20 classes, a
        row shows the class itself and those with the most evidence for it.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> blocks = np.linspace(0, 1, 24).reshape(6, 2, 2)
    >>> figure = dimension_violins(blocks, [0, 0, 1, 1, 2, 2], ["cat", "dog", "fox"])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['cat: dimensions 0-1', 'dog: dimensions 2-3']
    """
    table, group = np.asarray(blocks, dtype=np.float64), np.asarray(groups)
    n_known, k = table.shape[1:] if table.ndim == 3 else (0, 0)
    columns = n_known * k
    _check(table.reshape(len(table), -1), group, names, [""] * columns, [0] * columns)
    drawn, short = min(n_known, _MOST_BLOCKS), style.labels(names, 10)
    width = max(6.8, 1.2 + 0.115 * min(len(names), _MOST_CLASSES) * (min(k, _MOST_DIMENSIONS) + 1))
    figure = style.new_figure(width, 1.55 * drawn + 0.4)
    for c, axes in enumerate(figure.subplots(drawn, 1, squeeze=False, sharey=True).ravel()):
        samples = {g: table[group == g, c] for g in range(len(names)) if (group == g).any()}
        most = sorted(samples, key=lambda g: (g != c, -float(np.median(samples[g].sum(axis=1)))))
        shown = sorted(most[:_MOST_CLASSES])
        for place, g in enumerate(shown):
            _side_by_side(axes, samples[g].T[:_MOST_DIMENSIONS], place, _face(g, c, n_known))
        style.ticks_for(axes.xaxis, [short[g] for g in shown])
        axes.set_xlim(-0.6, max(len(shown), 1) - 0.4)
        style.dress(axes, f"{short[c]}: dimensions {c * k}-{c * k + min(k, _MOST_DIMENSIONS) - 1}")
        axes.grid(visible=True, axis="y", color=style.GRID, linewidth=0.7)
    figure.supylabel("activation", fontsize=10, color=style.INK, family=style.FONT)
    figure.supxlabel(_NOTE, fontsize=9, color=style.QUIET, family=style.FONT)
    return figure


def _side_by_side(axes: Axes, samples: Floats, place: int, face: str) -> None:
    step = 0.86 / len(samples)
    for i, sample in enumerate(samples):
        _violin(axes, sample, place + (i - (len(samples) - 1) / 2) * step, face, step * 0.95)


def _face(group: int, own: int, n_known: int) -> str:
    """Return the colour of a class's violin: the class itself, another known one, an unknown one."""
    return style.ACCEPTED if group == own else "#a9cfe8" if group < n_known else style.UNKNOWN


def _panel(axes: Axes, samples: Sequence[Floats], names: Sequence[str], n_known: int, own: int) -> None:
    present = [g for g, sample in enumerate(samples) if sample.size]
    if len(present) > _MOST_VIOLINS:
        present = sorted(present, key=lambda g: -float(np.median(samples[g])))[:_MOST_VIOLINS]
    for position, g in enumerate(present):
        _violin(axes, samples[g], position, _face(g, own, n_known))
    style.ticks_for(axes.xaxis, [names[g] for g in present])
    style.slant(axes, [names[g] for g in present])
    axes.set_xlim(-0.7, max(len(present), 1) - 0.3)


def _violin(axes: Axes, sample: Floats, position: float, face: str, width: float = 0.85) -> None:
    """Draw one violin; values that do not vary have no density and get their median only."""
    if np.ptp(sample) > 1e-9 * max(1.0, float(np.abs(sample).max())):
        for body in axes.violinplot([sample], [position], widths=width, points=60, showextrema=False)[
            "bodies"
        ]:  # type: ignore[attr-defined]
            body.set(facecolor=face, edgecolor=style.INK, linewidth=0.5, alpha=0.95)
    median = float(np.median(sample))
    ends = [position - 0.35 * width, position + 0.35 * width]
    axes.plot(ends, [median, median], color=style.INK, linewidth=1.4, zorder=4)


def _check(
    table: Floats,
    group: NDArray[Any],
    names: Sequence[str],
    panels: Sequence[str],
    owners: Sequence[int],
) -> None:
    if (
        table.ndim != 2
        or group.shape != (len(table),)
        or not table.shape[1] == len(panels) == len(owners) > 0
    ):
        raise DataError(
            "the arrays of these violins do not belong together",
            where="values, groups, panels, owners",
            expected=f"shapes (n, {len(panels)}) and (n,), and one owner a panel",
            got=f"{table.shape} and {group.shape}, {len(owners)} owners",
        )
    finite(table, "values")
    if group.size and not 0 <= group.min() <= group.max() < len(names):
        raise DataError(
            "a class has no name", where="groups", expected=f"0 to {len(names) - 1}",
            got=f"{group.min()} to {group.max()}",
        )  # fmt: skip
