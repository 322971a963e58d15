"""What mattered, drawn: on images, along series, as pixels are removed, and where methods agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, finite, images_of

# Blue against, orange for, and nothing where there is nothing, so that the grey image shows through.
SIGNED = LinearSegmentedColormap.from_list(
    "signed",
    [(0.0, 0.30, 0.60, 1.0), (0.25, 0.56, 0.82, 0.85), (0.6, 0.8, 0.95, 0.0), (1.0, 0.8, 0.6, 0.0),
     (0.92, 0.50, 0.15, 0.85), (0.70, 0.20, 0.0, 1.0)],
)  # fmt: skip
# The same on a line, whose middle must be seen on white.
_LINE = LinearSegmentedColormap.from_list("line", ["#004c99", "#57a0d9", "#c3cad2", "#ee8733", "#b33300"])


def overlays(images: ArrayLike, maps: Mapping[str, ArrayLike], titles: Sequence[str] = ()) -> Figure:
    """Draw images, and on a grey copy of each what every method found in it.

    Colours are symmetric about 0. Those of a map end at the size that 98 % of its scores other than 0 stay
    below, so that single pixels do not hide all others.

    Parameters
    ----------
    images : array of uint8, shape (m, H, W, C)
        1 or 3 channels.
    maps : mapping of str to array, shape (m, H, W)
        Signed scores by method, channels summed.
    titles : sequence of str
        One an image, or none.

    Raises
    ------
    DataError
        If maps or titles do not fit the images, or a score is not finite.

    Examples
    --------
    >>> figure = overlays(np.zeros((2, 4, 4, 1), np.uint8), {"saliency": np.ones((2, 4, 4))}, ["cat", "dog"])
    >>> [axes.get_title() for axes in figure.axes[:2]], figure.axes[2].get_ylabel()
    (['image', 'saliency'], 'dog')
    """
    pictures = images_of(images, "not images to draw on", "m, H, W", some=True)
    scores = {name: np.asarray(m, np.float64) for name, m in maps.items()}
    for name, found in scores.items():
        _check(found, pictures.shape[:3], name)
    if not scores or len(titles) not in (0, len(pictures)):
        raise DataError(
            "titles or maps are missing", expected=f"{len(pictures)} titles, a map", got=len(titles)
        )
    m, height, width, _ = pictures.shape
    aspect = min(max(height / width, 0.4), 2.5)
    columns = 1 + len(scores)
    figure = style.new_figure(1.3 + 1.35 * columns, 0.6 + 1.35 * aspect * m)
    grid = figure.subplots(m, columns, squeeze=False)
    for row, axes in enumerate(grid):
        show_image(axes[0], pictures[row])
        if titles:
            axes[0].set_ylabel(style.label(titles[row], 16), fontsize=9, color=style.INK, family=style.FONT)
        for cell, found in zip(axes[1:], scores.values(), strict=True):
            show_image(cell, np.rint(pictures[row].mean(axis=2, keepdims=True)).astype(np.uint8), faint=True)
            cell.imshow(of_range(found[row]), cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
    for cell, name in zip(grid[0], ("image", *style.labels(scores, 20)), strict=True):
        cell.set_title(name.replace("_", " "), fontsize=9, color=style.INK, family=style.FONT)
    shown = ScalarMappable(Normalize(-1, 1), SIGNED)
    style.colour_bar(figure, shown, list(grid.ravel()), "importance, of the map's range")
    return figure


def series(values: ArrayLike, maps: ArrayLike, titles: Sequence[str]) -> Figure:
    """Draw series as lines, coloured by what mattered.

    Parameters
    ----------
    values, maps : array, shape (m, T)
        Series, and the signed score of each of their steps.
    titles : sequence of str
        One a series.

    Raises
    ------
    DataError
        If they do not fit each other, or a number is not finite.

    Examples
    --------
    >>> figure = series([[0.0, 1.0, 0.0]], [[0.0, 2.0, -1.0]], ["normal"])
    >>> figure.axes[0].collections[0].get_array().tolist()
    [0.5, 0.25]
    """
    lines, scores = np.asarray(values, np.float64), np.asarray(maps, np.float64)
    if lines.ndim != 2 or lines.shape[1] < 2 or len(titles) != len(lines) or not len(lines):
        raise DataError("no series", where="values", expected=f"({len(titles)}, T >= 2)", got=lines.shape)
    _check(lines, lines.shape, "values")
    _check(scores, lines.shape, "maps")
    columns = min(len(lines), 2)
    rows = -(-len(lines) // columns)
    figure = style.new_figure(1.0 + 4.4 * columns, 0.4 + 1.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, line, score, title in zip(grid, lines, scores, style.labels(titles, 40), strict=False):
        draw_series(axes, line, score)
        style.dress(axes)
        axes.set_title(title, fontsize=9, loc="left", color=style.INK, family=style.FONT)
    for axes in grid[len(lines) :]:
        axes.set_axis_off()
    shown = ScalarMappable(Normalize(-1, 1), _LINE)
    style.colour_bar(figure, shown, list(grid), "importance, of the\nseries' range")
    return figure


def draw_series(axes: Axes, line: Floats, score: Floats) -> None:
    """Draw one series; the colour between two steps is that of their mean."""
    share = of_range(score)
    steps = np.stack([np.arange(len(line)), line], axis=1)
    pieces = LineCollection(
        list(np.stack([steps[:-1], steps[1:]], axis=1)), array=(share[1:] + share[:-1]) / 2, cmap=_LINE,
        norm=Normalize(-1, 1), linewidths=2.2, capstyle="round",
    )  # fmt: skip
    axes.add_collection(pieces)
    axes.set_xlim(0, len(line) - 1)
    axes.autoscale_view(scalex=False)


def shift_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    measure: str = "shift of the code",
    change: str = "removed",
) -> Figure:
    """Draw how far codes move as pixels are removed.

    Parameters
    ----------
    curves : mapping of str to (shares, means, errors)
        For each method the shares of pixels in [0, 1], the mean, and half the width of its interval (NaN
        where there is none). The one called ``random`` is drawn as the null.
    measure, change : str
        What the mean is of; what happens to the pixels.

    Raises
    ------
    DataError
        If there is no curve, or one does not fit its shares or is not finite.

    Examples
    --------
    >>> figure = shift_curves({"saliency": ([0, 0.5, 1], [0, 2, 3], [0, 0.1, 0])})
    >>> figure.axes[0].get_xlabel(), figure.axes[0].lines[0].get_ydata().tolist()
    ('share of pixels removed, %', [0.0, 2.0, 3.0])
    """
    if not curves:
        raise DataError("there is no curve to draw", where="curves", expected="at least one", got="none")
    figure = style.new_figure(6.4, 4.2)
    axes = figure.subplots()
    number = 0
    for name, short in zip(curves, style.labels(curves, 30), strict=True):
        x, mean, error = (np.asarray(side, np.float64) for side in curves[name])
        _check(x, (x.size,), name)
        _check(mean, x.shape, name)
        _check(np.nan_to_num(error), x.shape, name)
        is_null = name == "random"
        tone = style.UNKNOWN if is_null else style.colour(number)
        dashes = (1.5, 1.5) if is_null else style.DASHES[number % len(style.DASHES)]
        mark = "" if is_null else style.marker(number)
        number += not is_null
        axes.plot(100 * x, mean, color=tone, dashes=dashes, marker=mark, markersize=5, linewidth=1.8,
                  label=short.replace("_", " "))  # fmt: skip
        band = np.nan_to_num(error)
        axes.fill_between(100 * x, mean - band, mean + band, color=tone, alpha=0.18, linewidth=0)
    style.dress(
        axes, "", f"share of pixels {style.label(change, 20)}, %", style.label(measure, 50), grid=True
    )
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def agreement_matrix(values: ArrayLike, names: Sequence[str], errors: ArrayLike | None = None) -> Figure:
    r"""Draw how far each pair agrees, as cells from -1 to 1.

    Parameters
    ----------
    values : array, shape (k, k)
        Symmetric, in [-1, 1]; NaN where there is none.
    names : sequence of str
        What is compared.
    errors : array, shape (k, k), optional
        Half widths of the intervals, or standard deviations, written below; NaN where there is none.

    Raises
    ------
    DataError
        If the values do not fit the names, or lie outside [-1, 1].

    Examples
    --------
    >>> figure = agreement_matrix([[1, 0.4], [0.4, 1]], ["denoising", "classifier"], [[0, 0.1], [0.1, 0]])
    >>> [text.get_text() for text in figure.axes[0].texts][:2]
    ['1.00', '0.40\n± 0.10']
    """
    table = np.asarray(values, np.float64)
    spread = np.zeros_like(table) if errors is None else np.asarray(errors, np.float64)
    fits = table.shape == spread.shape == (len(names), len(names)) and table.size
    if not fits or np.nanmax(np.abs(table), initial=0) > 1 + 1e-9:
        raise DataError(
            "no agreements", where="values", expected=f"{(len(names),) * 2} in [-1, 1]", got=table.shape
        )
    side = 2.2 + 0.75 * len(names)
    figure = style.new_figure(min(side + 1.2, 11), min(side, 10))
    axes = figure.subplots()
    shown = axes.imshow(table, cmap=SIGNED, vmin=-1, vmax=1)
    style.dress(axes)
    short = [name.replace("_", " ") for name in style.labels(names, 20)]
    style.ticks_for(axes.yaxis, short)
    style.ticks_for(axes.xaxis, short)
    style.slant(axes, short)
    axes.spines[:].set_visible(False)
    if len(names) <= 12:
        for (row, column), value in np.ndenumerate(table):
            error = spread[row, column]
            text = f"{value:.2f}" + (f"\n± {error:.2f}" if error > 0 else "")
            ink = "white" if abs(value) > 0.8 else style.INK
            axes.text(column, row, "" if np.isnan(value) else text, ha="center", va="center", fontsize=9,
                      color=ink, family=style.FONT)  # fmt: skip
    style.colour_bar(figure, shown, axes, "agreement")
    return figure


def show_image(axes: Axes, image: NDArray[np.uint8], *, faint: bool = False) -> None:
    """Show an image without a frame; a faint one leaves room for colours upon it."""
    grey = image.shape[2] == 1
    axes.imshow(image[..., 0] if grey else image, cmap="gray" if grey else None, vmin=0, vmax=255,
                alpha=0.35 if faint else 1.0, interpolation="nearest")  # fmt: skip
    style.bare(axes)


def of_range(scores: Floats) -> Floats:
    """Return scores as shares in [-1, 1] of the size that 98 % of those other than 0 stay below."""
    sizes = np.abs(scores[scores != 0])
    end = float(np.quantile(sizes, 0.98, method="higher")) if sizes.size else 1.0
    return np.asarray((scores / end).clip(-1, 1))


def _check(array: Floats, shape: tuple[int, ...], where: str) -> None:
    if array.shape != shape or not array.size:
        raise DataError("these arrays do not belong together", where=where, expected=shape, got=array.shape)
    finite(array, where)
