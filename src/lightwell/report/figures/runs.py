"""How trainings of experts went: accuracies, movement of the weights, sparsity, variance of feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style

_LISTED = 12  # runs; the bars of more have no number beside them
_HATCHES = ("", "///", "...", "xxx")

Floats = NDArray[np.float64]


def run_accuracies(
    accuracies: Mapping[str, ArrayLike],
    epochs: ArrayLike,
    runs: Sequence[str],
    chance: Mapping[str, float] | None = None,
) -> Figure:
    """Draw accuracies over epochs, a thin line a run and their mean in bold, and each run's total variation.

    Parameters
    ----------
    accuracies : mapping of str to array, shape (runs, t)
        For each measure its values in [0, 1], a row of the figure each; NaN where a run has none.
    epochs : array, shape (t,)
        When they were measured.
    runs : sequence of str
        Names of the runs.
    chance : mapping of str to float, optional
        By measure, what a gate that knows nothing reaches.

    Returns
    -------
    matplotlib.figure.Figure
        The total variation of a run is the sum of abs(a[t] - a[t-1]): how far it went up and down.

    Raises
    ------
    DataError
        If there is nothing to draw, or the arrays do not belong together or leave their range.

    Examples
    --------
    >>> figure = run_accuracies({"coarse": [[0.5, 0.9, 0.8]]}, [1, 2, 3], ["seed 0"])
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['0.50']
    """
    time = _clock(epochs)
    tables = {
        name: _table(values, (len(runs), len(time)), f"accuracies of {name!r}")
        for name, values in _some(accuracies, "accuracies").items()
    }
    figure = style.new_figure(9.4, 0.7 + 2.3 * len(tables))
    grid = figure.subplots(len(tables), 2, squeeze=False, sharex="col", width_ratios=[2.6, 1])
    names = style.labels(runs, 16)
    for (left, right), (name, table) in zip(grid, tables.items(), strict=True):
        for number, line in enumerate(table):
            left.plot(time, line, **_thin(number), marker="." if len(time) == 1 else "")
        left.plot(time, table.mean(axis=0), **_BOLD, marker="_" if len(time) == 1 else "", markersize=16)
        if chance and name in chance:
            left.axhline(chance[name], **_CHANCE)
        style.dress(left, style.label(name, 50), y="accuracy", grid=True)
        style.dress(right)
        _variation_bars(right, np.abs(table[:, 1:] - table[:, :-1]).sum(axis=1).filled(0.0), names)
    grid[0, 1].set_title("Total variation", fontsize=11, color=style.INK, loc="left", family=style.FONT)
    _epoch_axis(grid[-1, 0], time)
    grid[-1, 1].set_xlabel("sum of steps up and down", fontsize=10, color=style.INK, family=style.FONT)
    handles = [Line2D([], [], label="a run", **_thin(0)), Line2D([], [], label="mean of the runs", **_BOLD)]
    style.legend_below(figure, handles + ([Line2D([], [], label="by chance", **_CHANCE)] if chance else []))
    return figure


def weight_distances(distances: Mapping[str, ArrayLike], epochs: ArrayLike) -> Figure:
    """Draw how far the weights of each part moved in each epoch, on a logarithmic axis.

    Parameters
    ----------
    distances : mapping of str to array, shape (t,)
        For each part, the distance from its weights an epoch before, >= 0.
    epochs : array, shape (t,)
        The epochs at whose end they were measured.

    Returns
    -------
    matplotlib.figure.Figure
        An epoch without any movement has no point; the legend names a part that never moved.

    Raises
    ------
    DataError
        As :func:`run_accuracies`.

    Examples
    --------
    >>> figure = weight_distances({"gate": [1.0, 0.1], "encoder": [0.0, 0.0]}, [1, 2])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['gate', 'encoder (never moved)']
    """
    time = _clock(epochs)
    figure = style.new_figure(7.6, 3.9)
    axes = figure.subplots()
    for number, (name, values) in enumerate(_some(distances, "distances").items()):
        line = np.ma.masked_equal(_sample(values, f"distances of {name!r}", len(time)), 0.0)
        dashes: Any = style.DASHES[number % len(style.DASHES)] or (None, None)
        text = style.label(name, 30) + ("" if line.count() else " (never moved)")
        points: dict[str, Any] = (
            {"marker": style.marker(number), "markersize": 4.5} if len(time) <= 30 else {}
        )
        axes.plot(time, line, color=style.colour(number), dashes=dashes, linewidth=1.8, label=text, **points)
    axes.set_yscale("log")
    style.dress(axes, "", y="distance from the weights\nan epoch before", grid=True)
    _epoch_axis(axes, time)
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def activation_sparsity(shares: Mapping[str, ArrayLike], layers: Sequence[str]) -> Figure:
    """Draw the share of activations that are zero, a group of bars a layer and a bar a setting.

    Parameters
    ----------
    shares : mapping of str to array, shape (runs, layers)
        For each setting the shares of its runs, in [0, 1]; NaN where it has no such layer.
    layers : sequence of str
        Names of the layers.

    Returns
    -------
    matplotlib.figure.Figure
        A bar is the mean of the runs, a dot one run.

    Raises
    ------
    DataError
        As :func:`run_accuracies`.

    Examples
    --------
    >>> figure = activation_sparsity({"2 layers": [[0.2], [0.4]]}, ["gate"])
    >>> f"{figure.axes[0].patches[0].get_height():.2f}"
    '0.30'
    """
    settings = _some(shares, "shares")
    width = 0.8 / len(settings)
    figure = style.new_figure(float(np.clip(2.6 + 0.3 * len(settings) * len(layers), 5.5, 14)), 3.8)
    axes = figure.subplots()
    for number, (name, values) in enumerate(settings.items()):
        table = _table(values, (None, len(layers)), f"shares of {name!r}")
        x = np.arange(len(layers)) + width * (number - (len(settings) - 1) / 2)
        face: dict[str, Any] = {"facecolor": style.colour(number), "edgecolor": "white", "zorder": 2}
        hatch = _HATCHES[number // len(style.PALETTE) % len(_HATCHES)]
        mean = table.mean(axis=0).filled(0.0)
        axes.bar(x, mean, 0.92 * width, hatch=hatch, label=style.label(name, 30), **face)
        if len(table) > 1:
            dots: dict[str, Any] = {"color": "white", "edgecolors": style.INK, "linewidths": 0.8, "zorder": 3}
            axes.scatter(np.tile(x, len(table)), table.ravel(), s=14, **dots)
    style.dress(axes, "", y="share of zero activations")
    axes.set(xlim=(-0.7, len(layers) - 0.3), ylim=(0, 1))
    axes.grid(visible=True, axis="y", color=style.GRID, linewidth=0.7)
    names = style.labels(layers, 20)
    style.ticks_for(axes.xaxis, names)
    if max(map(len, names)) > 10 * len(settings):
        style.slant(axes, names)
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def feature_map_variance(variances: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]]) -> Figure:
    """Draw how much the feature maps vary: a panel a layer, a group an expert, a box a coarse class.

    Parameters
    ----------
    variances : mapping of str to mapping of str to mapping of str to array, each of shape (n,)
        By layer, by coarse class and by expert: the values, >= 0; n may be 0.

    Returns
    -------
    matplotlib.figure.Figure
        A box is the middle half with its median, a whisker reaches from 5 % to 95 %.

    Raises
    ------
    DataError
        As :func:`run_accuracies`.

    Examples
    --------
    >>> figure = feature_map_variance({"conv1": {"low": {"0": [1.0, 2.0]}, "high": {"0": []}}})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['none']
    """
    sides = list(dict.fromkeys(side for layer in _some(variances, "variances").values() for side in layer))
    experts = list(
        dict.fromkeys(k for layer in variances.values() for cells in layer.values() for k in cells)
    )
    below = style.labels(experts, 14)
    width = max(5.2, 1.6 + 0.3 * len(experts) * (len(sides) + 0.6))
    figure = style.new_figure(min(width, 13.0), 0.8 + 2.2 * len(variances))
    panels = figure.subplots(len(variances), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, layer) in zip(panels, variances.items(), strict=True):
        for side, cells in layer.items():
            shift = 0.8 * ((sides.index(side) + 0.5) / len(sides) - 0.5)
            for expert, values in cells.items():
                sample = _sample(values, f"{name!r}, {side!r}, expert {expert!r}")
                _box(axes, sample, experts.index(expert) + shift, 0.68 / len(sides), sides.index(side))
        style.dress(axes, style.label(name, 40), y="variance")
        axes.grid(visible=True, axis="y", color=style.GRID, linewidth=0.7)
        axes.set_xlim(-0.5, len(experts) - 0.5)
        axes.set_ylim(bottom=0)
        style.ticks_for(axes.xaxis, below)
    if max(map(len, below)) > 4 * len(sides):
        style.slant(panels[-1], below)
    panels[-1].set_xlabel("expert", fontsize=10, color=style.INK, family=style.FONT)
    names = style.labels(sides, 24)
    style.legend_below(figure, [Patch(color=style.colour(i), label=text) for i, text in enumerate(names)])
    return figure


_BOLD: dict[str, Any] = {"color": style.INK, "linewidth": 2.6, "zorder": 4}
_CHANCE: dict[str, Any] = {"color": style.QUIET, "linewidth": 1.5, "linestyle": ":", "zorder": 3}


def _thin(number: int) -> dict[str, Any]:
    return {"color": style.colour(number), "linewidth": 0.9, "alpha": 0.8, "zorder": 2}


def _variation_bars(axes: Axes, values: Floats, names: Sequence[str]) -> None:
    axes.barh(range(len(values)), values, 0.68, color=[style.colour(i) for i in range(len(values))], zorder=2)
    if len(values) <= _LISTED:
        for y, value in enumerate(values):
            text: dict[str, Any] = {"fontsize": 8, "color": style.INK, "family": style.FONT, "va": "center"}
            axes.annotate(f"{value:.2f}", (value, y), xytext=(3, 0), textcoords="offset points", **text)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(0, max(axes.get_xlim()[1], 1.18 * float(values.max()), 1e-3))
    style.ticks_for(axes.yaxis, names, most=_LISTED, size=8)


def _box(axes: Axes, sample: Floats, x: float, width: float, number: int) -> None:
    if not sample.size:
        text: dict[str, Any] = {"fontsize": 8, "color": style.UNKNOWN, "family": style.FONT, "rotation": 90}
        axes.annotate("none", (x, 0), xytext=(0, 3), textcoords="offset points", ha="center", **text)
        return
    line = {"color": style.INK, "linewidth": 0.9}
    face: dict[str, Any] = {"facecolor": style.colour(number), "edgecolor": style.INK, "linewidth": 0.6}
    axes.boxplot(
        [sample], positions=[x], widths=width, whis=(5, 95), showfliers=False, showcaps=False,
        patch_artist=True, manage_ticks=False, boxprops=face, whiskerprops=line,
        medianprops={"color": "white", "linewidth": 1.8},
    )  # fmt: skip


def _epoch_axis(axes: Axes, time: Floats) -> None:
    axes.set_xlabel("epoch", fontsize=10, color=style.INK, family=style.FONT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(time) == 1:
        axes.set_xticks(time)


def _some(given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if not given:
        raise DataError("there is nothing to draw", where=where, expected="at least one", got="none")
    return given


def _clock(epochs: ArrayLike) -> Floats:
    time = np.asarray(epochs, dtype=np.float64)
    if time.ndim != 1 or not time.size or not (np.diff(time) > 0).all():
        raise DataError("not epochs in order", where="epochs", expected="one or more, rising", got=epochs)
    return time


def _table(values: ArrayLike, shape: tuple[int | None, int], where: str) -> np.ma.MaskedArray[Any, Any]:
    """Return shares of this shape, NaN masked; ``None`` is any number of rows, but not none."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != shape[1] or shape[0] not in (None, len(table)) or not table.size:
        raise DataError("this array does not fit", where=where, expected=f"shape {shape}", got=table.shape)
    if not (np.isnan(table) | ((table >= 0) & (table <= 1))).all():
        raise DataError("these are not shares", where=where, expected="numbers in [0, 1]", got="others")
    return np.ma.masked_invalid(table)


def _sample(values: ArrayLike, where: str, n: int | None = None) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or n not in (None, len(sample)):
        raise DataError("this array does not fit", where=where, expected=f"shape ({n},)", got=sample.shape)
    if not (np.isfinite(sample) & (sample >= 0)).all():
        raise DataError("numbers out of range", where=where, expected="finite, >= 0", got="others")
    return sample
