"""How much a measure varies: one dot a split, their mean and spread, and the null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import finite


def spread(
    values: Mapping[str, Mapping[str, float]], measure: str, nulls: Mapping[str, float] | None = None
) -> Figure:
    """Draw one row for each method and score: a dot a split, a bar at the mean, a line over ± one std.

    Parameters
    ----------
    values : mapping of str to mapping of str to float
        For each row, the value of each split, finite.
    measure : str
        What the values are.
    nulls : mapping of str to float, optional
        Of rows by name: what nothing to find would give.

    Raises
    ------
    DataError
        If there is no row, or a value is not finite.

    Examples
    --------
    >>> figure = spread({"difair": {"arpl/0": 0.9, "arpl/1": 0.8}}, "AUROC", {"difair": 0.5})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['difair']
    """
    if not values or not all(values.values()):
        raise DataError(
            "there is no spread to draw", where=measure, expected="a value for each row", got="none"
        )
    for row in values.values():
        finite(list(row.values()), measure)
    splits = list(dict.fromkeys(split for row in values.values() for split in row))
    figure = style.new_figure(7.2, 1.4 + 0.34 * len(values))
    axes = figure.subplots()
    for y, (name, row) in enumerate(values.items()):
        numbers = np.array(list(row.values()))
        mean = float(numbers.mean())
        if len(numbers) > 1:
            std = float(numbers.std(ddof=1))
            axes.plot([mean - std, mean + std], [y, y], color=style.FAINT, linewidth=6, zorder=1)
        axes.plot([mean], [y], marker="|", markersize=14, markeredgewidth=2, color=style.INK, zorder=2)
        for split, value in row.items():
            axes.plot([value], [y], zorder=3, **_dot(splits.index(split)))
        if nulls and name in nulls:
            axes.plot([nulls[name]], [y], marker="x", markersize=6, color=style.UNKNOWN, zorder=2)
    axes.set_ylim(len(values) - 0.5, -0.5)
    style.dress(axes, "", style.label(measure, 60))
    axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.7)
    style.ticks_for(axes.yaxis, style.labels(values, 40), most=max(len(values), 1))
    _legend(axes, splits, with_null=bool(nulls))
    return figure


def _dot(number: int) -> dict[str, Any]:
    face: dict[str, Any] = {
        "markerfacecolor": style.colour(number),
        "markeredgecolor": "white",
        "markersize": 7,
    }
    return {"marker": style.marker(number), "linestyle": "", **face}


def _legend(axes: Axes, splits: Sequence[str], *, with_null: bool) -> None:
    names = style.labels(splits, 24)
    handles = [Line2D([], [], label=name, **_dot(i)) for i, name in enumerate(names)]
    mean: dict[str, Any] = {"marker": "|", "markersize": 12, "markeredgewidth": 2}
    handles.append(Line2D([], [], color=style.INK, linestyle="", label="mean, ± std", **mean))
    if with_null:
        handles.append(Line2D([], [], marker="x", color=style.UNKNOWN, linestyle="", label="null"))
    style.legend(axes, handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
