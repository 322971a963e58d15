"""The map: codes in two dimensions, known and unknown, whole and in views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite

_LEGEND = 24  # classes; more are coloured but not listed


def code_map(
    points: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    anchors: ArrayLike | None = None,
    means: ArrayLike | None = None,
    refused: ArrayLike | None = None,
    method: str = "",
) -> Figure:
    """Draw codes in two dimensions: one colour and marker a known class, grey crosses for the unknown.

    Parameters
    ----------
    points : array, shape (n, 2)
        Coordinates, as :func:`lightwell.report.project` gives them.
    labels : array of int, shape (n,)
        Known class in 0 .. k-1, or -1 for an unknown.
    names : sequence of str
        Names of the k known classes.
    anchors, means : array, shape (k, 2), optional
        Anchors are drawn as stars, class means as crosses.
    refused : array of bool, shape (n,), optional
        A refused known example is hollow; an unknown is a cross, pale where refused and dark where accepted.
    method : str
        How the coordinates were made, for the corner.

    Returns
    -------
    matplotlib.figure.Figure
        Points are drawn as pixels also in PDF and SVG, so that ten thousand stay light.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> figure = code_map([[0, 0], [1, 1], [2, 0]], [0, 1, -1], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['cat', 'dog', 'unknown']
    """
    xy, owner = np.asarray(points, dtype=np.float64), np.asarray(labels)
    hollow = np.zeros(len(owner), dtype=bool) if refused is None else np.asarray(refused, dtype=bool)
    _check(xy, owner, hollow, len(names))
    size = float(np.clip(26_000 / max(len(owner), 1), 7, 34))
    figure = style.new_figure(8.6, 6.2)
    axes = figure.subplots()
    _draw_unknown(axes, xy[owner < 0], hollow[owner < 0], size, split=refused is not None)
    for number in range(len(names)):
        for rows, face in ((owner == number) & ~hollow, True), ((owner == number) & hollow, False):
            _scatter(axes, xy[rows], number, size, filled=face)
    handles = _class_handles(names) + _unknown_handles(owner, split=refused is not None)
    handles += _draw_anchors(axes, anchors) + _draw_means(axes, means)
    if refused is not None:
        handles.append(
            _handle("refused known", marker="o", markerfacecolor="none", markeredgecolor=style.INK)
        )
    style.dress(axes, "")
    style.bare(axes)
    if method:
        corner: dict[str, Any] = {
            "transform": axes.transAxes,
            "fontsize": 8.5,
            "color": style.QUIET,
            "family": style.FONT,
        }
        axes.text(0, -0.01, style.label(f"{method}, {len(owner):,} examples", 60), va="top", **corner)
    columns = 1 if len(handles) <= 18 else 2
    style.legend(axes, handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=columns)
    return figure


def map_views(
    points: ArrayLike,
    groups: ArrayLike,
    names: Sequence[str],
    n_known: int,
    *,
    anchors: ArrayLike | None = None,
    means: ArrayLike | None = None,
) -> Figure:
    """Draw one map three times: known only, known with unknown by their own classes, unknown only.

    Parameters
    ----------
    points : array, shape (n, 2)
        Coordinates of all examples, made once; every view shows the same ones on the same scale.
    groups : array of int, shape (n,)
        True class of each example, in 0 .. g-1.
    names : sequence of str
        Names of the g classes: the known ones first.
    n_known : int
        How many of them are known.
    anchors, means : array, shape (n_known, 2), optional
        Drawn as stars and crosses in every view.

    Returns
    -------
    matplotlib.figure.Figure
        Known classes are filled, unknown ones hollow; a name stands at the middle of its class.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> figure = map_views([[0, 0], [1, 1], [2, 0]], [0, 1, 2], ["cat", "dog", "fox"], 2)
    >>> [text.get_text() for text in figure.axes[2].texts]
    ['fox']
    """
    xy, owner = np.asarray(points, dtype=np.float64), np.asarray(groups)
    _check(xy, owner, np.zeros(len(owner), dtype=bool), len(names))
    size = float(np.clip(18_000 / max(len(owner), 1), 6, 26))
    short = style.labels(names)
    handles = _class_handles(names[:n_known]) + _stranger_handles(short, n_known)
    figure = style.new_figure(13.2, 5.2)
    titles = ("Known", "Known and unknown", "Unknown")
    views = (owner < n_known, owner >= 0, owner >= n_known)
    for number, axes in enumerate(figure.subplots(1, 3, sharex=True, sharey=True)):
        rows = views[number]
        for c in range(len(names)):
            _scatter(axes, xy[rows & (owner == c)], c, size, filled=c < n_known)
        marks = _draw_anchors(axes, anchors) + _draw_means(axes, means)
        handles += marks if number == 0 else []
        _name_middles(axes, xy[rows], owner[rows], short)
        style.dress(axes, titles[number])
        style.bare(axes)
    columns = math.ceil(len(handles) / math.ceil(len(handles) / 10))
    look: dict[str, Any] = {"prop": {"family": style.FONT, "size": 9}, "labelcolor": style.INK}
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, **look)
    return figure


def _name_middles(axes: Axes, xy: Floats, number: NDArray[np.integer[Any]], names: Sequence[str]) -> None:
    """Write each class's name at the median of its points, where there are few enough to read."""
    present = np.unique(number).tolist()
    if len(present) > _LEGEND:
        return
    halo = [Stroke(linewidth=3, foreground="white")]
    for c in present:
        x, y = np.median(xy[number == c], axis=0)
        text = axes.text(x, y, names[c], ha="center", va="center", fontsize=11, fontweight="bold", zorder=8,
                         color=style.INK, family=style.FONT)  # fmt: skip
        text.set_path_effects([*halo, Normal()])


def _stranger_handles(names: Sequence[str], n_known: int) -> list[Line2D]:
    if len(names) - n_known > _LEGEND:
        return [_handle(f"{len(names) - n_known} unknown classes", marker="o", color=style.UNKNOWN)]
    looks = [{"marker": style.marker(i), "markeredgecolor": style.colour(i)} for i in range(len(names))]
    return [
        _handle(f"{names[i]} (unknown)", markerfacecolor="none", **looks[i])
        for i in range(n_known, len(names))
    ]


def _check(xy: Floats, owner: NDArray[np.integer[Any]], hollow: NDArray[np.bool_], classes: int) -> None:
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy) == len(owner) == len(hollow):
        raise DataError(
            "the arrays of this map do not belong together",
            where="points, labels, refused",
            expected="shapes (n, 2), (n,) and (n,)",
            got=f"{xy.shape}, {owner.shape} and {hollow.shape}",
        )
    finite(xy, "points")
    if len(owner) and int(owner.max()) >= classes:
        raise DataError(
            "a label has no name", where="labels", expected=f"-1 to {classes - 1}", got=int(owner.max())
        )


def _scatter(axes: Axes, xy: Floats, number: int, size: float, *, filled: bool) -> None:
    colour = style.colour(number)
    axes.scatter(
        xy[:, 0],
        xy[:, 1],
        s=size,
        marker=style.marker(number),
        facecolors=colour if filled else "none",
        edgecolors="white" if filled else colour,
        linewidths=0.25 if filled else 0.9,
        alpha=0.8,
        rasterized=True,
        zorder=3,
    )


def _draw_unknown(axes: Axes, xy: Floats, hollow: NDArray[np.bool_], size: float, *, split: bool) -> None:
    for rows, colour in (hollow if split else ~hollow, style.UNKNOWN), (~hollow & split, style.INK):
        axes.scatter(
            xy[rows, 0],
            xy[rows, 1],
            s=size,
            marker="x",
            color=colour,
            linewidths=0.8,
            alpha=0.6,
            rasterized=True,
            zorder=2,
        )


def _draw_anchors(axes: Axes, anchors: ArrayLike | None) -> list[Line2D]:
    if anchors is None:
        return []
    xy = np.asarray(anchors, dtype=np.float64).reshape(-1, 2)
    faces = [style.colour(number) for number in range(len(xy))]
    axes.scatter(xy[:, 0], xy[:, 1], s=230, marker="*", c=faces, edgecolors="black", linewidths=1.1, zorder=5)
    return [_handle("anchor", marker="*", color="white", markeredgecolor="black", markersize=13)]


def _draw_means(axes: Axes, means: ArrayLike | None) -> list[Line2D]:
    if means is None:
        return []
    xy = np.asarray(means, dtype=np.float64).reshape(-1, 2)
    # White and on top: a class mean often lies on its anchor.
    axes.scatter(
        xy[:, 0], xy[:, 1], s=55, marker="X", c="white", edgecolors="black", linewidths=1.0, zorder=6
    )
    return [_handle("class mean", marker="X", color="white", markeredgecolor="black")]


def _class_handles(names: Sequence[str]) -> list[Line2D]:
    if len(names) > _LEGEND:
        return [_handle(f"{len(names)} known classes", marker="o", color=style.colour(0))]
    return [
        _handle(text, marker=style.marker(i), color=style.colour(i))
        for i, text in enumerate(style.labels(names))
    ]


def _unknown_handles(owner: NDArray[np.integer[Any]], *, split: bool) -> list[Line2D]:
    if not (owner < 0).any():
        return []
    if not split:
        return [_handle("unknown", marker="x", color=style.UNKNOWN)]
    return [
        _handle("unknown, refused", marker="x", color=style.UNKNOWN),
        _handle("unknown, accepted", marker="x", color=style.INK),
    ]


def _handle(text: str, **look: object) -> Line2D:
    return Line2D([], [], linestyle="none", label=text, **{"markersize": 7, **look})  # type: ignore[arg-type]
