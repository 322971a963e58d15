"""Sheets of examples: what a code is built from, and what a unit responds to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.attributions import show_image
from lightwell.report.figures.checks import images_of


@dataclass(frozen=True, eq=False)
class Sample:
    """One example on a sheet.

    Attributes
    ----------
    values : array
        An image (H, W, 1 or 3) of uint8, or a series (T,).
    caption : str
        Its label, weight or value.

    Examples
    --------
    >>> Sample(np.zeros((4, 4, 1), np.uint8), "seven, 0.31").caption
    'seven, 0.31'
    """

    values: NDArray[np.generic] = field(repr=False)
    caption: str = ""


def example_sheet(
    queries: Sequence[Sample],
    top: Sequence[Sequence[Sample]],
    bottom: Sequence[Sequence[Sample]],
    words: tuple[str, str, str] = ("explained", "most important", "least important"),
) -> Figure:
    """Draw explained examples, each with the most important training examples beside the least important.

    Parameters
    ----------
    queries : sequence of Sample
        A row each.
    top, bottom : sequence of sequence of Sample
        For each query, the most important first; the least important first. As many for each query.
    words : tuple of str
        Above the three groups.

    Raises
    ------
    DataError
        If there is no query, or rows differ in length.

    Examples
    --------
    >>> one = Sample(np.zeros((4, 4, 1), np.uint8), "cat")
    >>> [axes.get_title() for axes in example_sheet([one], [[one, one]], [[one]]).axes if axes.axison]
    ['cat', 'cat', 'cat', 'cat']
    """
    lengths = {(len(first), len(last)) for first, last in zip(top, bottom, strict=False)}
    if not queries or not len(queries) == len(top) == len(bottom) or len(lengths) != 1:
        raise DataError(
            "these examples do not make rows",
            where="top, bottom",
            expected=f"{len(queries)} rows, at least one, of one length",
            got=f"{[len(row) for row in top]} and {[len(row) for row in bottom]}",
        )
    n_top, n_bottom = lengths.pop()
    widths = [1.0, 0.1, *[1.0] * n_top, *([0.1] if n_bottom else []), *[1.0] * n_bottom]
    side = 1.8 if queries[0].values.ndim == 1 else 1.05
    figure = style.new_figure(side * sum(widths) + 0.3, 0.35 + 1.2 * len(queries))
    grid = figure.subplots(
        1 + len(queries), len(widths), squeeze=False, width_ratios=widths,
        height_ratios=[0.18] + [1.0] * len(queries),
    )  # fmt: skip
    for axes, query, first, last in zip(grid[1:], queries, top, bottom, strict=True):
        cells = [axes[0], *axes[2 : 2 + n_top], *axes[3 + n_top :]]
        for cell, sample in zip(cells, [query, *first, *last], strict=True):
            _show(cell, sample)
    gaps = [i for i, width in enumerate(widths) if width < 1]
    for cell in (*grid[0], *grid[1:, gaps].ravel()):
        cell.set_axis_off()
    for column, word in zip((0, 2, 3 + n_top), words, strict=True):
        if column < len(widths) and word:
            text = grid[0, column].text(0, 0, style.label(word, 50), fontsize=9, fontweight="bold",
                                        color=style.QUIET, family=style.FONT)  # fmt: skip
            text.set_in_layout(False)  # it may reach over the next columns
    return figure


def unit_sheet(
    names: Sequence[str], found: Sequence[Sequence[Sample]], real: Sequence[Sample], value: str = "response"
) -> Figure:
    """Draw what units respond to: images that were found for each beside the best of the real ones.

    Parameters
    ----------
    names : sequence of str
        Of the units, a row each.
    found : sequence of sequence of Sample
        For each unit, the best first; captions give their values.
    real : sequence of Sample
        For each unit the real image with the largest value.
    value : str
        What the captions are.

    Raises
    ------
    DataError
        As :func:`example_sheet`.

    Examples
    --------
    >>> one = Sample(np.zeros((4, 4, 1), np.uint8), "2.50")
    >>> unit_sheet(["unit 0"], [[one]], [one]).axes[3].get_ylabel()
    'unit 0'
    """
    words = ("best real one", f"found images, by {value}", "")
    figure = example_sheet(real, found, [[] for _ in real], words)
    if len(names) != len(real):
        raise DataError("each unit needs a name", where="names", expected=len(real), got=len(names))
    columns = len(figure.axes) // (1 + len(real))
    for row, name in enumerate(style.labels(names, 16), start=1):
        figure.axes[row * columns].set_ylabel(name, fontsize=9, color=style.INK, family=style.FONT)
    return figure


def pixels(inputs: ArrayLike) -> NDArray[np.uint8]:
    """Return a batch (m, C, H, W) in [0, 1] as images (m, H, W, C) to draw, values outside cut off.

    Examples
    --------
    >>> pixels(np.array([[[[0.5, 1.2]]]])).tolist()
    [[[[128], [255]]]]
    """
    array = np.asarray(inputs, np.float64)
    if array.ndim != 4:
        raise DataError("no batch of images", where="inputs", expected="(m, C, H, W)", got=array.shape)
    images = np.rint(255 * array.clip(0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    return images_of(images, "not images to draw on", "m, H, W", some=True)


def _show(axes: Axes, sample: Sample) -> None:
    values = np.asarray(sample.values)
    if values.ndim == 1:
        axes.plot(values, color=style.INK, linewidth=1.1)
        style.bare(axes)
    else:
        show_image(axes, images_of(values, "not images to draw on", "H, W"))
    text = style.label(sample.caption, 22) if sample.caption else ""
    axes.set_title(text, fontsize=8, color=style.INK, family=style.FONT, pad=3)
