"""Curves: ROC, OSCR, score histograms, training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite

Curve = tuple[ArrayLike, ArrayLike]


def roc(curves: Mapping[str, Curve], values: Mapping[str, float] | None = None) -> Figure:
    """Draw how many unknown examples are refused for each share of known examples refused with them.

    Parameters
    ----------
    curves : mapping of str to (x, y)
        For each score: share of known examples refused and share of unknown examples refused, both in [0, 1].
    values : mapping of str to float, optional
        AUROC of each score, for the legend.

    Raises
    ------
    DataError
        If there is no curve, or one is not two finite arrays of the same length.

    Examples
    --------
    >>> figure = roc({"distance": ([0, 0, 1], [0, 1, 1])}, {"distance": 1.0})
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['distance (AUROC 1.000)', 'guessing']
    """
    figure, axes = _unit_square(curves, values, "AUROC")
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1.2, linestyle=":", label="guessing", zorder=1)
    style.dress(
        axes, "Unknown against known", "known examples refused", "unknown examples refused", grid=True
    )
    style.legend(axes, loc="lower right")
    return figure


def oscr(curves: Mapping[str, Curve], values: Mapping[str, float] | None = None) -> Figure:
    """Draw how many known examples are accepted and named right, as more unknown examples are accepted.

    Parameters
    ----------
    curves : mapping of str to (x, y)
        For each score: share of unknown examples accepted, and share of known examples that are accepted and
        predicted right, both in [0, 1] and rising. The last y is the accuracy.
    values : mapping of str to float, optional
        OSCR (area) of each score, for the legend.

    Returns
    -------
    matplotlib.figure.Figure
        With the line that refusing at random would give: an area of half the accuracy.

    Raises
    ------
    DataError
        If there is no curve, or one is not two finite arrays of the same length.

    Examples
    --------
    >>> figure = oscr({"distance": ([0, 1], [0.9, 0.9])})
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['distance', 'refusing at random']
    """
    figure, axes = _unit_square(curves, values, "OSCR")
    accuracy = max(float(np.asarray(y)[-1]) for _, y in curves.values())
    axes.plot(
        [0, 1],
        [0, accuracy],
        color=style.FAINT,
        linewidth=1.2,
        linestyle=":",
        label="refusing at random",
        zorder=1,
    )
    style.dress(
        axes,
        "Right answers against unknowns let in",
        "unknown examples accepted",
        "known examples accepted and right",
        grid=True,
    )
    style.legend(axes, loc="lower right")
    return figure


def score_histograms(
    scores: ArrayLike, unknown: ArrayLike, name: str, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """Draw the unknown scores of known and of unknown examples over each other.

    Parameters
    ----------
    scores : array, shape (n,)
        Unknown scores, finite; larger is more unknown.
    unknown : array of bool, shape (n,)
        Which examples are unknown.
    name : str
        The score's name.
    thresholds : mapping of str to float, optional
        Vertical lines by name; an example above is refused.

    Raises
    ------
    DataError
        If the arrays are empty, differ in length, or a score is not finite.

    Examples
    --------
    >>> figure = score_histograms([0.1, 0.2, 0.9], [False, False, True], "distance", {"5 % rule": 0.5})
    >>> figure.axes[0].get_xlabel()
    'unknown score: distance'
    """
    values, mask = np.asarray(scores, dtype=np.float64), np.asarray(unknown, dtype=bool)
    _check_pair(values, mask, "scores and unknown")
    figure = style.new_figure(7.2, 3.9)
    axes = figure.subplots()
    span = (float(values.min()), float(values.max()))
    edges = np.linspace(*span, 41) if span[0] < span[1] else np.array([span[0] - 0.5, span[0] + 0.5])
    sides = (("known", ~mask, style.ACCEPTED, ""), ("unknown", mask, style.REFUSED, "////"))
    for side, rows, colour, hatch in sides:
        if not rows.any():
            continue
        share = np.histogram(values[rows], edges)[0] / rows.sum()
        text = f"{side} (n = {int(rows.sum()):,})"
        axes.stairs(
            share, edges, fill=True, facecolor=colour, alpha=0.28, hatch=hatch, edgecolor=colour, label=text
        )
        axes.stairs(share, edges, color=colour, linewidth=1.6)
    for number, (text, at) in enumerate((thresholds or {}).items()):
        dashes = style.DASHES[1 + number % (len(style.DASHES) - 1)]
        axes.axvline(
            at, color=style.INK, linewidth=1.3, dashes=dashes, label=f"{style.label(text, 40)}: {at:.3g}"
        )
    score = style.label(name, 40)
    style.dress(axes, "", f"unknown score: {score}", "share of examples", grid=True)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=0)
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def training_curves(rows: Mapping[str, ArrayLike]) -> Figure:
    """Draw what was logged while training, one panel a measure.

    Parameters
    ----------
    rows : mapping of str to array, each of shape (t,)
        Columns of ``metrics.csv``; what was not logged at a row is NaN. The column ``epoch`` (or else
        ``step``) is the horizontal axis. Columns that differ only before their last ``/`` share a panel.

    Raises
    ------
    DataError
        If there is nothing to draw or the columns differ in length.

    Examples
    --------
    >>> figure = training_curves({"epoch": [0, 1], "train/loss": [2.0, 1.0], "validation/loss": [2.2, 1.4]})
    >>> len(figure.axes), figure.axes[0].get_title(loc="left")
    (1, 'loss')
    """
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in rows.items()}
    clock = next((name for name in ("epoch", "step") if name in columns), None)
    panels: dict[str, list[str]] = {}
    for name, column in columns.items():
        if name not in ("epoch", "step") and np.isfinite(column).any():
            panels.setdefault(name.rpartition("/")[2], []).append(name)
    if not panels or len({len(c) for c in columns.values()}) != 1:
        raise DataError(
            "no training curves can be drawn",
            where="rows",
            expected="columns of one length with at least one measure",
            got={name: len(c) for name, c in columns.items()},
        )
    width = min(len(panels), 3)
    figure = style.new_figure(max(4.5, 3.2 * width), 2.4 * math.ceil(len(panels) / width))
    grid = figure.subplots(math.ceil(len(panels) / width), width, squeeze=False).ravel()
    for axes, (title, names) in zip(grid, panels.items(), strict=False):
        time = columns[clock] if clock else np.arange(len(columns[names[0]]), dtype=np.float64)
        _panel(axes, time, {name: columns[name] for name in names})
        style.dress(axes, style.label(title.replace("_", " "), 30), clock or "row", grid=True)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _panel(axes: Axes, time: Floats, lines: Mapping[str, Floats]) -> None:
    for number, (name, column) in enumerate(lines.items()):
        logged = np.isfinite(column) & np.isfinite(time)
        few: dict[str, Any] = {"marker": style.marker(number), "markersize": 4} if logged.sum() <= 20 else {}
        dashes = style.DASHES[number % len(style.DASHES)]
        text = style.label(name.rpartition("/")[0] or name, 24)
        axes.plot(time[logged], column[logged], color=style.colour(number), dashes=dashes, label=text, **few)
    if len(lines) > 1:
        style.legend(axes, loc="best")


def _unit_square(
    curves: Mapping[str, Curve], values: Mapping[str, float] | None, measure: str
) -> tuple[Figure, Axes]:
    """Draw named curves in [0, 1] x [0, 1], told apart by colour and dashes, areas in the legend."""
    if not curves:
        raise DataError("there is no curve to draw", where=measure, expected="at least one", got="none")
    figure = style.new_figure(6.0, 5.4)
    axes = figure.subplots()
    for number, (name, short) in enumerate(zip(curves, style.labels(curves, 30), strict=True)):
        x, y = (np.asarray(side, dtype=np.float64) for side in curves[name])
        _check_pair(x, y, f"curve {name!r}")
        text = short if values is None or name not in values else f"{short} ({measure} {values[name]:.3f})"
        dashes = style.DASHES[number % len(style.DASHES)]
        axes.plot(x, y, color=style.colour(number), dashes=dashes, linewidth=2, label=text)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    return figure, axes


def _check_pair(first: NDArray[np.float64], second: NDArray[np.generic], where: str) -> None:
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise DataError(
            "these arrays do not belong together",
            where=where,
            expected="two of one length >= 1",
            got=f"shapes {first.shape} and {second.shape}",
        )
    finite(first, where)
    finite(second, where)
