"""Patterns as points: maps of real and ambiguous images with prototypes on top, and the choice of k."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style

_PARTS = ("test set", "ambiguous", "prototypes")
_RING: dict[str, Any] = {
    "linestyle": "", "marker": "o", "markersize": 11, "markerfacecolor": "white",
    "markeredgecolor": style.INK,
}  # fmt: skip

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


def pattern_maps(
    points: Mapping[str, tuple[ArrayLike, ArrayLike]], names: Sequence[str], method: str = ""
) -> Figure:
    """Draw maps of the test set by class, and of the ambiguous images by cluster, prototypes on top.

    Parameters
    ----------
    points : mapping of str to (xy, labels)
        Of shapes (n, 2) and (n,), by what they are: ``test set`` with classes, ``ambiguous`` and
        ``prototypes`` with clusters from 0 (-1: noise). All in one space; any may be missing or empty.
    names : sequence of str
        Names of the classes.
    method : str
        How the coordinates were made, for the corner.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each of the first two that is given; the second has the test set in grey behind it.

    Raises
    ------
    DataError
        If neither of the two is given, a name is another, or arrays do not fit.

    Examples
    --------
    >>> points = {"test set": ([[0, 0], [1, 1]], [0, 1]), "ambiguous": ([[0.5, 0.5]], [0])}
    >>> [axes.get_title(loc="left") for axes in pattern_maps(points, ["1", "7"]).axes]
    ['Test set (n = 2)', 'Ambiguous images (n = 1)']
    """
    if not {*points} <= {*_PARTS} or not {*points} & {*_PARTS[:2]}:
        raise DataError(
            "no map of these", where="points", expected=" and / or ".join(_PARTS[:2]) + "; prototypes",
            got=", ".join(points) or "nothing",
        )  # fmt: skip
    sets = {name: _placed(*pair, name) for name, pair in points.items()}
    real = sets.get("test set", _placed([], [], ""))
    if real[1].size and not 0 <= real[1].min() <= real[1].max() < len(names):
        raise DataError(
            "a class has no name", where="test set", expected=f"0 to {len(names) - 1}", got=real[1].max()
        )
    panels = [name for name in _PARTS[:2] if name in sets]
    figure = style.new_figure(0.2 + 6.0 * len(panels), 5.0)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True).ravel()
    chosen = sets.get("prototypes", _placed([], [], ""))
    most = 0
    for axes, panel in zip(grid, panels, strict=True):
        if panel == "test set":
            handles = _draw_real(axes, *real, names, len(chosen[1]))
        else:
            handles = _draw_ambiguous(axes, *sets[panel], real[0])
        _draw_prototypes(axes, *chosen)
        style.bare(axes)
        style.legend(axes, handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3)
        most = max(most, len(handles))
    figure.set_figheight(5.0 + 0.2 * math.ceil(most / 3))
    if method:
        look: dict[str, Any] = {"fontsize": 9, "color": style.QUIET, "family": style.FONT}
        figure.supxlabel(style.label(method, 90), x=0.01, ha="left", **look)
    return figure


def stability_by_k(
    k: Sequence[int],
    seed: ArrayLike,
    bootstrap: ArrayLike,
    null: ArrayLike | None = None,
    picked: int | None = None,
) -> Figure:
    """Draw how far clusterings agree when repeated, for each number of clusters.

    Parameters
    ----------
    k : sequence of int
        Numbers of clusters that were tried.
    seed, bootstrap : array, one a number
        Mean adjusted Rand index between seeds, and between bootstraps; NaN where there is none.
    null : array, one a number, optional
        The same between seeds on structureless data.
    picked : int, optional
        The number that was chosen.

    Raises
    ------
    DataError
        If no number was tried, or these do not fit each other.

    Examples
    --------
    >>> axes = stability_by_k([2, 3], [0.9, 0.5], [0.8, 0.4], [0.6, 0.6], picked=2).axes[0]
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['between seeds', 'between bootstraps', 'structureless null', 'picked: 2']
    """
    tried = np.asarray(k, np.float64)
    lines = {"between seeds": seed, "between bootstraps": bootstrap, "structureless null": null}
    values = {name: np.asarray(line, np.float64) for name, line in lines.items() if line is not None}
    if not tried.size or {line.shape for line in values.values()} != {(tried.size,)} or tried.ndim != 1:
        raise DataError(
            "these stabilities do not fit the numbers of clusters", where="k, seed, bootstrap, null",
            expected=f"each of shape ({tried.size},), not empty", got=[v.shape for v in values.values()],
        )  # fmt: skip
    order = np.argsort(tried, kind="stable")
    figure = style.new_figure(7.2, 3.8)
    axes = figure.subplots()
    for number, (name, line) in enumerate(values.items()):
        look: dict[str, Any] = {"color": style.colour(number), "marker": style.marker(number)}
        if name == "structureless null":
            look = {"color": style.UNKNOWN, "dashes": (1.5, 1.5), "marker": "x"}
        axes.plot(tried[order], line[order], label=name, linewidth=1.8, markersize=5.5, **look)
    if picked is not None:
        axes.axvline(
            picked, color=style.INK, linewidth=1.2, dashes=(5, 2), zorder=1, label=f"picked: {picked}"
        )
    style.dress(axes, "", "number of clusters", "adjusted Rand index", grid=True)
    axes.set_xticks(tried[order], [f"{n:g}" for n in tried[order]])
    axes.set_ylim(min(0.0, *(float(np.nanmin(v, initial=0)) - 0.03 for v in values.values())), 1.03)
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def cluster_name(cluster: int) -> str:
    """Return what a cluster is called in all figures: counted from 1, as the prototypes are."""
    return "noise" if cluster < 0 else f"cluster {cluster + 1}"


def labels_of(labels: ArrayLike, n: int, where: str) -> Integers:
    """Return labels (n,), -1 or more; refuse anything else."""
    array = np.asarray(labels)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.shape != (n,) or array.dtype.kind not in "iu" or array.min(initial=0) < -1:
        raise DataError(
            "each point needs a label", where=where, expected=f"{n} integers, -1 for noise",
            got=f"{array.dtype} of shape {array.shape}",
        )  # fmt: skip
    return array


def _placed(points: ArrayLike, labels: ArrayLike, where: str) -> tuple[Floats, Integers]:
    xy = np.asarray(points, np.float64)
    if xy.size == 0:
        xy = np.zeros((0, 2))
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise DataError("no points of a map", where=where, expected="finite, shape (n, 2)", got=xy.shape)
    return xy, labels_of(labels, len(xy), where)


def _size(n: int) -> float:
    return float(np.clip(18_000 / max(n, 1), 6, 26))


def _draw_real(
    axes: Axes, xy: Floats, owner: Integers, names: Sequence[str], prototypes: int
) -> list[Line2D]:
    short = style.labels(names, 20)
    handles = [_draw_group(axes, xy[owner == c], c, text, len(xy)) for c, text in enumerate(short)]
    style.dress(axes, f"Test set (n = {len(xy):,})")
    return handles + [Line2D([], [], **_RING, label="prototype, by its cluster")] * (prototypes > 0)


def _draw_ambiguous(axes: Axes, xy: Floats, owner: Integers, behind: Floats) -> list[Line2D]:
    look: dict[str, Any] = {"marker": ".", "linestyle": "", "color": style.FAINT}
    axes.plot(*behind.T, **look, markersize=3.5, rasterized=True, zorder=1)
    handles = []
    for c in sorted({*owner.tolist()}, key=lambda c: (c < 0, c)):
        shown = xy[owner == c]
        text = f"{cluster_name(c)} (n = {len(shown):,})"
        handles.append(_draw_group(axes, shown, c, text, len(xy)))
    style.dress(axes, f"Ambiguous images (n = {len(xy):,})")
    return handles + [Line2D([], [], **look, label="test set")] * (len(behind) > 0)


def _draw_group(axes: Axes, xy: Floats, number: int, text: str, n: int) -> Line2D:
    """Draw the points of a class or cluster and return their handle."""
    noise = number < 0
    tone, mark = (style.UNKNOWN, "x") if noise else (style.colour(number), style.marker(number))
    axes.scatter(
        xy[:, 0], xy[:, 1], s=_size(n), marker=mark, c=tone, edgecolors=None if noise else "white",
        linewidths=0.8 if noise else 0.25, alpha=0.8, rasterized=True, zorder=3,
    )  # fmt: skip
    return Line2D([], [], linestyle="", marker=mark, color=tone, markersize=7, label=text)


def _draw_prototypes(axes: Axes, xy: Floats, owner: Integers) -> None:
    for (x, y), c in zip(xy, owner.tolist(), strict=True):
        axes.plot([x], [y], **_RING | {"markersize": 14}, zorder=7)
        axes.text(
            x,
            y,
            str(c + 1),
            ha="center",
            va="center",
            fontsize=8.5,
            zorder=8,
            fontweight="bold",
            color=style.INK,
            family=style.FONT,
        )
