"""What confusion costs: candidate generators by their realism, and the front none of them beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style

_LOG = 20  # from this ratio of largest to smallest on, distances are drawn on a logarithmic axis
_MOST = 12  # candidates that are named
_CORNER: dict[str, Any] = {"ha": "right", "va": "top", "zorder": 6}
_TEXT: dict[str, Any] = {"fontsize": 8.5, "color": style.INK, "family": style.FONT}

Floats = NDArray[np.float64]


def trade_off(
    frechet: ArrayLike,
    acd: ArrayLike,
    groups: Sequence[str],
    efficient: ArrayLike,
    picked: int | None = None,
    names: Sequence[str] = (),
    *,
    holds: ArrayLike | None = None,
) -> Figure:
    """Draw candidate generators by realism and by confusion, with the front that none of them beats.

    Parameters
    ----------
    frechet, acd : array, shape (n,)
        Fréchet distance and average confusion distance; less is better. A candidate without a finite pair,
        as one that diverged, is counted but not drawn.
    groups : sequence of str, length n
        What is told apart by colour and marker, such as the rule.
    efficient : array of bool, shape (n,)
        Candidates that no other beats in everything; those no other drawn one beats in these two are joined.
    picked : int, optional
        The candidate that was chosen.
    names : sequence of str, length n
        In the legend by a number, for the chosen one and at most 12 of the front; or none.
    holds : array of bool, shape (n,), optional
        A candidate whose realism guard does not hold is hollow.

    Raises
    ------
    DataError
        If there is no candidate or these do not fit each other.

    Examples
    --------
    >>> figure = trade_off([20, 120, 260], [0.4, 0.3, 0.1], ["control", "l1:5", "l1:25"], [True] * 3, 1)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['control', 'l1:5', 'l1:25', 'Pareto front', 'picked']
    """
    n = len(groups)
    xy = np.stack([_of_length(frechet, n, "frechet", float), _of_length(acd, n, "acd", float)], axis=1)
    best = _of_length(efficient, n, "efficient", bool)
    firm = np.ones(n, bool) if holds is None else _of_length(holds, n, "holds", bool)
    if not n or len(names) not in (0, n) or not (picked is None or 0 <= picked < n):
        raise DataError(
            "these are not candidates", where="groups, names, picked",
            expected="at least one, a name for each or none, one of them picked",
            got=f"{n} candidates, {len(names)} names, picked {picked}",
        )  # fmt: skip
    drawn = np.isfinite(xy).all(axis=1)
    figure = style.new_figure(8.2, 4.8)
    axes = figure.subplots()
    handles = _draw_groups(axes, xy, groups, drawn, firm)
    front = _front(xy, np.flatnonzero(best & drawn))
    axes.plot(*xy[front].T, color=style.INK, linewidth=1.2, drawstyle="steps-post", zorder=2)
    handles.append(Line2D([], [], color=style.INK, linewidth=1.2, label="Pareto front"))
    chosen = [picked] if picked is not None and drawn[picked] else []
    ring: dict[str, Any] = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": style.INK}
    if chosen:
        axes.plot(*xy[chosen].T, linestyle="", markersize=16, markeredgewidth=1.6, zorder=5, **ring)
        handles.append(Line2D([], [], linestyle="", markersize=11, label="picked", **ring))
    if not firm.all():
        handles.append(Line2D([], [], linestyle="", label="hollow: guard does not hold", **ring))
    for number, i in enumerate(dict.fromkeys([*chosen, *front[:_MOST]]) if names else (), start=1):
        # No candidate lies left of and below one of the front, so that its number has room there.
        axes.annotate(str(number), xy[i], (-8, -8), textcoords="offset points", **_TEXT, **_CORNER)
        handles.append(Line2D([], [], linestyle="", label=f"{number}: {style.label(names[i], 30)}"))
    figure.set_figheight(max(4.8, 0.5 + 0.19 * len(handles)))
    _dress_trade_off(axes, xy[drawn, 0], int((~drawn).sum()))
    style.legend(axes, handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _of_length(values: ArrayLike, n: int, where: str, dtype: type) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values, dtype)
    if array.shape != (n,):
        raise DataError("these arrays do not belong together", where=where, expected=(n,), got=array.shape)
    return array


def _draw_groups(
    axes: Axes, xy: Floats, groups: Sequence[str], drawn: NDArray[np.bool_], firm: NDArray[np.bool_]
) -> list[Line2D]:
    names = list(dict.fromkeys(groups))
    owner = np.array([names.index(group) for group in groups])
    handles = []
    for number, text in enumerate(style.labels(names, 30)):
        look: dict[str, Any] = {"marker": style.marker(number), "color": style.colour(number)}
        for rows, face in (drawn & firm, look["color"]), (drawn & ~firm, "none"):
            shown = xy[rows & (owner == number)]
            axes.plot(*shown.T, **look, linestyle="", markersize=7, markerfacecolor=face, zorder=3)
        handles.append(Line2D([], [], **look, linestyle="", markersize=7, label=text))
    return handles


def _front(xy: Floats, rows: NDArray[np.integer[Any]]) -> list[int]:
    """Return those of the rows that no other row beats in both coordinates, from the left."""
    front: list[int] = []
    for i in rows[np.lexsort((xy[rows, 1], xy[rows, 0]))].tolist():
        if not front or xy[i, 1] < xy[front[-1], 1]:
            front.append(i)
    return front


def _dress_trade_off(axes: Axes, distances: Floats, left_out: int) -> None:
    words = ("Fréchet distance (less is more real)", "average confusion distance\n(less is more undecided)")
    style.dress(axes, "", *words, grid=True)
    if distances.size and distances.min() > 0 and distances.max() / distances.min() >= _LOG:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.minorticks_off()
    axes.set_ylim(0, 0.5)
    axes.margins(x=0.08)
    if left_out:
        text = f"{left_out} candidate{'s' * (left_out > 1)} without a number"
        axes.text(
            0.01, 0.01, f"not drawn: {text}", transform=axes.transAxes, **{**_TEXT, "color": style.QUIET}
        )
