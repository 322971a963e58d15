"""What leaks: bars beside their null and the published value, what a gate lets through, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.findings import Estimate
from lightwell.report.figures import style

_MOST = 1500  # points a map shows of each group
_HATCHES = ("", "", "///", "xxx", "...")


def leakage_bars(rows: Mapping[str, Estimate]) -> Figure:
    """Draw one bar for each row, with its interval, its null and the published value.

    Parameters
    ----------
    rows : mapping of str to Estimate
        Leakage in [0, 1] by what it is of, at least one.

    Raises
    ------
    DataError
        If there is no row.

    Examples
    --------
    >>> figure = leakage_bars({"cbnm, no gate": Estimate("leakage.cbnm.none", 0.3)})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['cbnm, no gate']
    """
    if not rows:
        raise DataError("there is no leakage to draw", where="rows", expected="at least one", got=0)
    figure = style.new_figure(7.8, 1.3 + 0.36 * len(rows))
    axes = figure.subplots()
    for y, one in enumerate(rows.values()):
        gated = not one.name.endswith(".none")
        axes.barh(y, one.value, 0.62, color=style.colour(0) if gated else style.colour(1), zorder=2)
        end = one.value
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [y, y], color=style.INK, linewidth=1.2, zorder=3)
            end = one.high
        if one.null is not None:
            axes.plot([one.null.value] * 2, [y - 0.36, y + 0.36], color=style.INK, linewidth=2.6, zorder=4)
        if one.reference is not None:
            axes.plot([one.reference.value], [y], **_DIAMOND, zorder=5)
            end = max(end, one.reference.value)
        axes.text(
            end + 0.012, y, f"{one.value:.1%}", va="center", fontsize=9, color=style.INK, family=style.FONT
        )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, min(1.12, max(axes.get_xlim()[1] * 1.1, 0.1)))
    style.dress(axes, "", "leakage: share of the way from guessing to certainty")
    axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.7)
    style.ticks_for(axes.yaxis, style.labels(rows, 44), most=len(rows))
    handles: list[object] = [
        Patch(color=style.colour(1), label="no gate"),
        Patch(color=style.colour(0), label="gated"),
        Line2D([], [], color=style.INK, linewidth=2.6, label="null: labels shuffled"),
    ]
    if any(one.reference is not None for one in rows.values()):
        handles.append(Line2D([], [], **_DIAMOND, label="published"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, prop={"size": 9})
    return figure


_DIAMOND: dict[str, Any] = {
    "marker": "D",
    "linestyle": "",
    "markersize": 6.5,
    "markerfacecolor": "white",
    "markeredgecolor": style.INK,
}


@dataclass(frozen=True)
class GateView:
    """Codes of one model as a map shows them.

    Attributes
    ----------
    title : str
        What stands above it.
    known : array, shape (n, 2)
        Codes of known examples.
    codes : array, shape (m, 2)
        Codes of examples of other kinds.
    groups : array of int, shape (m,)
        What is probed for in them: a number of ``names``.
    accepted : array of bool, shape (m,)
        Which of them the gate lets through.
    centres : array, shape (k, 2)
        Of the gate's balls; none where the gate measures distances over more than these two.
    radii : array, shape (k,)
        Their radii.
    """

    title: str
    known: NDArray[Any]
    codes: NDArray[Any]
    groups: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    centres: NDArray[Any]
    radii: NDArray[Any]


def gate_maps(views: Sequence[GateView], names: Sequence[str], axes_names: tuple[str, str]) -> Figure:
    """Draw the codes of each model on two concepts, and the balls of its gate.

    Parameters
    ----------
    views : sequence of GateView
        One a model, at least one.
    names : sequence of str
        Of what is probed for.
    axes_names : tuple of str
        Of the two concepts.

    Examples
    --------
    >>> view = GateView("toy", np.zeros((2, 2)), np.ones((2, 2)), np.array([0, 1]), np.array([True, False]),
    ...                 np.zeros((1, 2)), np.ones(1))
    >>> len(gate_maps([view], ["even", "odd"], ("is 4", "is 5")).axes)
    1
    """
    figure = style.new_figure(3.9 * len(views) + 0.4, 4.6)
    panels = figure.subplots(1, len(views), squeeze=False)[0]
    for axes, view in zip(panels, views, strict=True):
        _draw_gate(axes, view, len(names))
        style.dress(axes, style.label(view.title, 34), *style.labels(axes_names, 24))
    handles: list[object] = [
        Line2D([], [], linestyle="", marker=".", color=style.FAINT, label="refused"),
        Line2D([], [], linestyle="", marker=".", color=style.INK, label="known"),
        *(
            Line2D(
                [], [], linestyle="", color=style.colour(i), marker=style.marker(i), label=f"accepted, {name}"
            )
            for i, name in enumerate(style.labels(names))
        ),
    ]
    if any(len(view.radii) for view in views):
        handles.append(Line2D([], [], color=style.INK, linewidth=1.2, label="ball of the gate"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, prop={"size": 9}
    )
    return figure


def _draw_gate(axes: Axes, view: GateView, n_groups: int) -> None:
    away = view.codes[~view.accepted][:_MOST]
    axes.scatter(away[:, 0], away[:, 1], s=5, color=style.FAINT, linewidths=0, zorder=1)
    axes.scatter(view.known[:_MOST, 0], view.known[:_MOST, 1], s=4, color=style.INK, linewidths=0, zorder=2)
    for group in range(n_groups):
        own = view.codes[view.accepted & (view.groups == group)][: _MOST // 2]
        look: dict[str, Any] = {"color": style.colour(group), "marker": style.marker(group)}
        axes.scatter(own[:, 0], own[:, 1], s=9, linewidths=0, alpha=0.7, zorder=3, **look)
    for centre, radius in zip(view.centres, view.radii, strict=True):
        axes.add_patch(
            Circle(tuple(centre), radius, fill=False, edgecolor=style.INK, linewidth=1.2, zorder=4)
        )
        axes.plot(*centre, marker="+", color=style.INK, zorder=5)
    axes.set_aspect("equal", adjustable="datalim")


def decision_bars(
    shares: Mapping[str, Sequence[float]], decisions: Sequence[str], null: float | None = None
) -> Figure:
    """Draw for each kind of example how much of it met which decision, as parts of one bar.

    Parameters
    ----------
    shares : mapping of str to sequence of float
        By kind, the share of each decision; they sum to 1.
    decisions : sequence of str
        Their names.
    null : float, optional
        Share of the known that met the first decision, drawn as a line.

    Examples
    --------
    >>> figure = decision_bars({"7 (odd)": [0.2, 0.8]}, ["accepted", "refused"], 0.9)
    >>> len(figure.axes[0].patches)
    2
    """
    figure = style.new_figure(7.8, 1.5 + 0.34 * len(shares))
    axes = figure.subplots()
    table = np.array([list(row) for row in shares.values()], dtype=np.float64)
    start = np.zeros(len(table))
    colours = (style.colour(3), style.GRID, style.FAINT, style.UNKNOWN)
    for i, decision in enumerate(decisions):
        look: dict[str, Any] = {"color": colours[i % 4], "edgecolor": "white", "hatch": _HATCHES[i % 5]}
        axes.barh(np.arange(len(table)), table[:, i], 0.7, left=start, label=decision, **look)
        start = start + table[:, i]
    for y, share in enumerate(table[:, 0]):
        axes.text(1.01, y, f"{share:.0%}", va="center", fontsize=9, color=style.INK, family=style.FONT)
    if null is not None:
        axes.axvline(null, color=style.INK, linewidth=1.4, linestyle="--", label="known examples accepted")
    axes.set(xlim=(0, 1), ylim=(len(table) - 0.5, -0.5))
    style.dress(axes, "", "share of the examples (accepted share at the right)")
    style.ticks_for(axes.yaxis, style.labels(shares, 30), most=len(table))
    figure.legend(loc="outside lower center", ncols=3, frameon=False, prop={"size": 9})
    return figure


def decision_sheet(rows: Mapping[str, tuple[NDArray[np.uint8], Sequence[str]]]) -> Figure:
    """Draw small images, one row a decision, each image with its kind.

    Parameters
    ----------
    rows : mapping of str to (array of uint8, shape (n, height, width, channels), sequence of str)
        By decision: images of 1 or 3 channels, and a kind an image; at least one row and image.

    Examples
    --------
    >>> figure = decision_sheet({"accepted": (np.zeros((2, 4, 4, 1), np.uint8), ["7", "9"])})
    >>> [axes.get_title() for axes in figure.axes]
    ['7', '9']
    """
    columns = max(len(images) for images, _ in rows.values())
    figure = style.new_figure(max(4.0, 0.92 * columns), 1.35 * len(rows))
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(rows), 1), dtype=object))
    for part, (decision, (images, kinds)) in zip(parts, rows.items(), strict=True):
        part.suptitle(
            style.label(decision, 40), fontsize=10, x=0.01, ha="left", color=style.INK, family=style.FONT
        )
        panels = part.subplots(1, columns, squeeze=False)[0]
        for axes, image, kind in zip(panels, images, kinds, strict=False):
            grey = image.shape[2] == 1
            axes.imshow(image[:, :, 0] if grey else image, cmap="gray" if grey else None, vmin=0, vmax=255)
            axes.set_title(style.label(kind, 12), fontsize=8.5, color=style.QUIET, family=style.FONT)
            style.bare(axes)
        for axes in panels[len(images) :]:
            part.delaxes(axes)
    return figure
