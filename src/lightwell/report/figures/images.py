"""Grids of small images, still and moving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Images, images_of

_INCH = 0.62  # a side of an image on paper
_DPI = 110  # of a moving picture
_MESSAGE = "not images for a grid"


def image_grid(
    images: ArrayLike,
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw images in rows and columns.

    Parameters
    ----------
    images : array of uint8, shape (rows, columns, height, width, channels)
        1 or 3 channels.
    row_names, column_names : sequence of str
        One a row and one a column, or none.
    title : str
        Above it.

    Raises
    ------
    DataError
        If the images are of another form, or do not fit the names.

    Examples
    --------
    >>> figure = image_grid(np.zeros((2, 3, 8, 8, 1), np.uint8), ["input", "rebuilt"])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['input', 'rebuilt']
    """
    still = images_of(images, _MESSAGE, "rows, columns, H, W", some=True)
    return _drawn(still, row_names, column_names, title)[0]


def moving_grid(
    images: ArrayLike, row_names: Sequence[str] = (), column_names: Sequence[str] = (), title: str = ""
) -> tuple[Images, ...]:
    """Return the frames of a grid whose images move, drawn as :func:`image_grid` does.

    Parameters
    ----------
    images : array of uint8, shape (frames, rows, columns, height, width, channels)
        1 or 3 channels.
    row_names, column_names, title
        As there.

    Returns
    -------
    tuple of array of uint8, each of shape (height, width, 3)
        For :class:`lightwell.report.Animation`.

    Raises
    ------
    DataError
        As there.

    Examples
    --------
    >>> frames = moving_grid(np.zeros((2, 1, 3, 8, 8, 1), np.uint8), ["a"], ["x", "y", "z"])
    >>> len(frames), frames[0].dtype, frames[0].shape == frames[1].shape
    (2, dtype('uint8'), True)
    """
    moving = images_of(images, _MESSAGE, "frames, rows, columns, H, W", some=True)
    figure, shown = _drawn(moving[0], row_names, column_names, title)
    figure.set_dpi(_DPI)
    canvas: Any = figure.canvas  # of Agg: style.new_figure gives it one
    canvas.draw()
    figure.set_layout_engine("none")  # the names do not move from frame to frame
    frames = []
    for images_now in moving:
        shown.set_data(tiled(images_now))
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return tuple(frames)


def _drawn(
    images: Images,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
) -> tuple[Figure, AxesImage]:
    rows, columns, height, width, _ = images.shape
    for names, n, what in ((row_names, rows, "row_names"), (column_names, columns, "column_names")):
        if names and len(names) != n:
            raise DataError("names do not fit the images", where=what, expected=n, got=len(names))
    side = _INCH / max(height, width)
    left = 1.4 if row_names else 0.2
    above = 0.35 + 0.3 * bool(title) + 0.45 * bool(column_names)
    figure = style.new_figure(max(left + columns * width * side, 2.4), above + rows * height * side)
    axes = figure.subplots()
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)  # a cell, its margin included, is 1 wide and high
    shown = axes.imshow(tiled(images), extent=extent, interpolation="nearest", aspect=height / width)
    style.dress(axes, style.label(title, 90) if title else "")
    axes.spines[:].set_visible(False)
    # Names may repeat or be empty here, as "input, rebuilt, input, rebuilt".
    style.ticks_for(axes.yaxis, [style.label(name, 22) if name else "" for name in row_names], size=8.5)
    style.ticks_for(axes.xaxis, [style.label(name, 16) if name else "" for name in column_names], size=8)
    axes.xaxis.tick_top()
    if max(map(len, column_names), default=0) > 6:
        axes.tick_params(axis="x", labelrotation=35)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("left")
            text.set_rotation_mode("anchor")
    return figure, shown


def _gap(images: Images) -> int:
    return max(1, int(images.shape[2]) // 16)


def tiled(images: Images) -> Images:
    """Return one picture of images of shape (rows, columns, height, width, channels), white between them."""
    rows, columns, height, width, _ = images.shape
    gap = _gap(images)
    sheet = np.full((rows, height + gap, columns, width + gap, 3), 255, np.uint8)
    sheet[:, :height, :, :width] = images.transpose(0, 2, 1, 3, 4)  # one grey channel becomes three
    return sheet.reshape(rows * (height + gap), columns * (width + gap), 3)
