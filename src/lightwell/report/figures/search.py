"""What a search over settings found: parallel coordinates, importance, and a map over two settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite

_BINS = 6  # of a continuous setting in a heat map
_MOST_CHOICES = 12  # different numbers that are still drawn as choices, not as a range
_ROOM = 0.06  # of the height of an axis, between two marks


def parallel_coordinates(settings: Mapping[str, Sequence[object]], values: ArrayLike, measure: str) -> Figure:
    """Draw every trial as a line over its settings, darker and in front the better it was.

    Parameters
    ----------
    settings : mapping of str to sequence, each of length n
        Numbers or words; numbers over more than a factor of ten get a logarithmic axis.
    values : array, shape (n,)
        What each trial reached, finite; the larger, the better.
    measure : str
        What the values are.

    Raises
    ------
    DataError
        If there is no trial, or lengths differ.

    Examples
    --------
    >>> figure = parallel_coordinates({"lr": [0.1, 0.2], "loss": ["hard", "smooth"]}, [0.7, 0.9], "AUROC")
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['lr', 'loss', 'AUROC']
    """
    reached = _checked(settings, values)
    columns = {name: _positions(column) for name, column in settings.items()}
    columns[measure] = (_scaled(reached), [(s, f"{v:.3g}") for s, v in _five(reached)])
    figure = style.new_figure(max(5.0, 1.6 * len(columns) + 1.5), 4.2)
    axes = figure.subplots()
    norm = Normalize(float(reached.min()), float(reached.max()) or 1.0)
    heights = np.stack([column for column, _ in columns.values()])
    for i in np.argsort(reached, kind="stable"):
        shade = (
            colormaps[style.HEAT](0.2 + 0.8 * float(norm(reached[i]))) if np.ptp(reached) else style.ACCEPTED
        )
        axes.plot(range(len(columns)), heights[:, i], color=shade, linewidth=1.4, alpha=0.85)
    for x, (_, marks) in enumerate(columns.values()):
        axes.axvline(x, color=style.FAINT, linewidth=1)
        for y, text in marks:
            axes.annotate(
                style.label(text, 14), (x, y), xytext=(3, 0), textcoords="offset points",
                fontsize=8, color=style.INK, family=style.FONT, va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
            )  # fmt: skip
    style.dress(axes)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.15, len(columns) - 0.5)
    style.ticks_for(axes.xaxis, style.labels(columns, 26))
    if len(columns) > 4:
        style.slant(axes, list(columns))
    return figure


def importance(shares: Mapping[str, float], method: str) -> Figure:
    """Draw how much of the differences between trials each setting explains.

    Parameters
    ----------
    shares : mapping of str to float
        Share of each setting, >= 0.
    method : str
        How the shares were computed.

    Raises
    ------
    DataError
        If there is no setting.

    Examples
    --------
    >>> importance({"lr": 0.7, "features": 0.3}, "fANOVA").axes[0].get_xlabel()
    'share of the variance between trials (fANOVA)'
    """
    if not shares:
        raise DataError("there is no importance to draw", expected="at least one setting", got="none")
    names = sorted(shares, key=lambda name: shares[name], reverse=True)
    figure = style.new_figure(6.4, 1.3 + 0.36 * len(names))
    axes = figure.subplots()
    axes.barh(range(len(names)), [shares[name] for name in names], color=style.ACCEPTED, height=0.6)
    for y, name in enumerate(names):
        axes.annotate(
            f"{shares[name]:.2f}", (shares[name], y), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9, color=style.INK, family=style.FONT,
        )  # fmt: skip
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, max(1.15 * max(shares.values()), 1e-6))
    style.dress(axes, "", f"share of the variance between trials ({style.label(method, 30)})")
    style.ticks_for(axes.yaxis, style.labels(names, 30))
    return figure


def heat_map(
    x: Sequence[object], y: Sequence[object], values: ArrayLike, names: tuple[str, str, str]
) -> Figure:
    """Draw the mean of the trials over two settings, with their number where there is more than one.

    Parameters
    ----------
    x, y : sequence, length n
        The two settings of each trial; numbers of a range are put into six bins.
    values : array, shape (n,)
        What each trial reached, finite.
    names : tuple of three str
        Of x, y and the values.

    Raises
    ------
    DataError
        If there is no trial, or lengths differ.

    Examples
    --------
    >>> figure = heat_map([1, 2, 2], ["a", "a", "b"], [0.1, 0.2, 0.4], ("k", "loss", "AUROC"))
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['0.100', '0.200', '0.400']
    """
    reached = _checked({names[0]: x, names[1]: y}, values)
    (columns, x_names), (rows, y_names) = _binned(x), _binned(y)
    counts, sums = (np.zeros((len(y_names), len(x_names))) for _ in range(2))
    np.add.at(counts, (rows, columns), 1)
    np.add.at(sums, (rows, columns), reached)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    figure = style.new_figure(2.2 + 0.95 * len(x_names), 1.8 + 0.55 * len(y_names))
    axes = figure.subplots()
    drawn = axes.imshow(means, cmap=style.HEAT, aspect="auto", origin="lower")
    middle = float(np.nanmean([np.nanmin(means), np.nanmax(means)]))
    for row, column in np.argwhere(counts > 0):
        several = f"\n({int(counts[row, column])})" if counts[row, column] > 1 else ""
        axes.text(
            column, row, f"{means[row, column]:.3f}{several}", ha="center", va="center", fontsize=8,
            color="white" if means[row, column] > middle else style.INK, family=style.FONT,
        )  # fmt: skip
    style.dress(axes, "", style.label(names[0], 40), style.label(names[1], 40))
    style.ticks_for(axes.xaxis, style.labels(x_names))
    style.ticks_for(axes.yaxis, style.labels(y_names))
    _colour_bar(figure, axes, drawn, names[2])
    return figure


def _colour_bar(figure: Figure, axes: Axes, drawn: ScalarMappable, name: str) -> None:
    bar = figure.colorbar(drawn, ax=axes)
    bar.set_label(style.label(name, 40), fontsize=9, color=style.INK, family=style.FONT)
    bar.ax.tick_params(labelsize=8, labelcolor=style.INK, labelfontfamily=style.FONT)
    bar.outline.set_visible(False)


def _checked(settings: Mapping[str, Sequence[object]], values: ArrayLike) -> Floats:
    reached = np.asarray(values, dtype=np.float64)
    lengths = {name: len(column) for name, column in settings.items()}
    if not reached.size or not settings or set(lengths.values()) != {reached.size}:
        raise DataError(
            "these trials cannot be drawn",
            expected="at least one trial, and one setting or more of each",
            got=f"{reached.size} values, settings {lengths}",
        )
    return finite(reached, "values")


def _numbers(column: Sequence[object]) -> Floats | None:
    """Return a column of numbers as an array, and nothing of any other."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in column):
        return np.array(column, dtype=np.float64)
    return None


def _positions(column: Sequence[object]) -> tuple[Floats, list[tuple[float, str]]]:
    """Return the height of each trial on one axis, in [0, 1], and the marks of that axis."""
    numbers = _numbers(column)
    if numbers is None:
        words = sorted(set(map(str, column)))
        height = {word: (i + 0.5) / len(words) for i, word in enumerate(words)}
        return np.array([height[str(v)] for v in column]), [(h, w) for w, h in height.items()]
    logarithmic = _is_logarithmic(numbers)
    scale = np.log10(numbers) if logarithmic else numbers
    heights = _scaled(scale)
    places = np.unique(heights)
    if len(places) <= 6 and np.diff(places).min(initial=1.0) > _ROOM:
        marks = {float(h): float(v) for v, h in zip(numbers, heights, strict=True)}
        return heights, [(h, f"{v:.3g}") for h, v in sorted(marks.items())]
    return heights, [(s, f"{10**v if logarithmic else v:.3g}") for s, v in _five(scale)]


def _is_logarithmic(numbers: Floats) -> bool:
    return bool(numbers.min() > 0 and numbers.max() > 10 * numbers.min())


def _scaled(numbers: Floats) -> Floats:
    span = np.ptp(numbers)
    return (numbers - numbers.min()) / span if span else np.full(len(numbers), 0.5)


def _five(numbers: Floats) -> list[tuple[float, float]]:
    """Return five marks from the smallest to the largest, as heights and numbers."""
    if not np.ptp(numbers):
        return [(0.5, float(numbers[0]))]
    ends = np.linspace(numbers.min(), numbers.max(), 5)
    return list(zip(np.linspace(0, 1, 5).tolist(), ends.tolist(), strict=True))


def _binned(column: Sequence[object]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the bin of each trial, and the names of the bins."""
    numbers = _numbers(column)
    if numbers is None:
        names, codes = np.unique([str(v) for v in column], return_inverse=True)
        return codes, names.tolist()
    distinct, codes = np.unique(numbers, return_inverse=True)
    if len(distinct) <= min(_MOST_CHOICES, max(4, len(numbers) // 2)):
        return codes, [f"{v:.3g}" for v in distinct]
    space = np.geomspace if _is_logarithmic(numbers) else np.linspace
    edges = space(numbers.min(), numbers.max(), _BINS + 1)
    codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _BINS - 1)
    return codes, [f"{a:.2g} – {b:.2g}" for a, b in itertools.pairwise(edges)]
