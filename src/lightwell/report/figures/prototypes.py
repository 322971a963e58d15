"""Patterns as images: those of each cluster, and prototypes with what speaks for and against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.attributions import SIGNED, of_range
from lightwell.report.figures.checks import images_of
from lightwell.report.figures.clusters import cluster_name, labels_of
from lightwell.report.figures.images import image_grid, tiled
from lightwell.report.figures.undecided import evenly, in_band, outputs_of

_CELL = 0.95  # a side of an image of the strip on paper
_ABREAST = 8  # prototypes beside each other
_LINE = 0.3  # height of a line of outputs, in widths of an image

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]


def prototype_strip(
    images: ArrayLike,
    outputs: Mapping[str, ArrayLike],
    neighbours: Mapping[str, ArrayLike] | None = None,
    maps: Mapping[str, ArrayLike] | None = None,
    titles: Sequence[str] = (),
    *,
    positive: str = "the positive class",
    width: float = 0.1,
) -> Figure:
    """Draw one column a prototype: the image, real ones like it, what mattered, and what classifiers say.

    Parameters
    ----------
    images : array of uint8, shape (k, H, W, C)
        Prototypes, 1 or 3 channels; k may be 0.
    outputs : mapping of str to array, shape (k,)
        By classifier, the one under test first: probability of the positive class. What lies in the band
        is framed and bold.
    neighbours : mapping of str to array of uint8, shape (k, H, W, C)
        By class, the nearest real image of each prototype.
    maps : mapping of str to array, shape (k, H, W)
        Signed scores by method, drawn as :func:`lightwell.report.figures.attributions.overlays` does.
    titles : sequence of str, length k
        Above the columns; by default the number of the cluster, from 1.
    positive : str
        Name of the positive class.
    width : float
        Half the width of the band around 0.5.

    Returns
    -------
    matplotlib.figure.Figure
        At most eight columns beside each other; more begin new rows.

    Raises
    ------
    DataError
        If something does not fit the images.

    Examples
    --------
    >>> image = np.zeros((1, 8, 8, 1), np.uint8)
    >>> figure = prototype_strip(image, {"cnn": [0.48], "mlp": [0.97]}, {"nearest 7": image})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['prototype', 'nearest 7', 'p: cnn', 'p: mlp']
    """
    pictures = images_of(images)
    k = len(pictures)
    if not k:
        return _sentence("There is no prototype: no image was in the band, or no cluster was found.")
    rows = _picture_rows(pictures, neighbours or {}, maps or {})
    said = {name: outputs_of(p, name) for name, p in outputs.items()}
    for name, p in said.items():
        if len(p) != k:
            raise DataError("each prototype needs an output", where=name, expected=k, got=len(p))
    if len(titles) not in (0, k):
        raise DataError("each prototype needs a title", where="titles", expected=k, got=len(titles))
    heads = style.labels(titles, 14) if titles else [cluster_name(i) for i in range(k)]
    sheet, table = np.stack([row for _, row in rows]), np.array(list(said.values())).reshape(-1, k)
    names = style.labels([name for name, _ in rows], 22) + style.labels([f"p: {name}" for name in said], 22)
    blocks = math.ceil(k / _ABREAST)
    columns = math.ceil(k / blocks)
    tall = len(rows) * pictures.shape[1] / pictures.shape[2] + _LINE * (len(said) + 0.5)
    figure = style.new_figure(2.2 + _CELL * max(columns, 4), 0.4 + blocks * (0.4 + _CELL * tall))
    figure.set_layout_engine("compressed")
    grid = figure.subplots(blocks, 1, squeeze=False).ravel()
    for block, axes in enumerate(grid):
        here = slice(block * columns, (block + 1) * columns)
        places = _draw_block(axes, sheet[:, here], table[:, here], columns, width)
        axes.yaxis.set_ticks(places, names)
        axes.xaxis.set_ticks(np.arange(len(heads[here])) + 0.47, heads[here])
        axes.xaxis.tick_top()
    if said:
        note = f"p: probability of {style.label(positive, 40)}; framed: within {width:g} of 0.5"
        figure.supxlabel(note, fontsize=9, color=style.QUIET, family=style.FONT)
    if maps:
        style.colour_bar(
            figure, ScalarMappable(Normalize(-1, 1), SIGNED), list(grid), "importance, of the map's range"
        )
    return figure


def cluster_sheet(images: ArrayLike, labels: ArrayLike, per_row: int = 14) -> Figure:
    """Draw a row of images for each cluster.

    Parameters
    ----------
    images : array of uint8, shape (n, H, W, C)
        1 or 3 channels; n may be 0.
    labels : array of int, shape (n,)
        Cluster of each, from 0; -1 is noise and comes last.
    per_row : int
        Most images of a cluster, taken evenly over them in their order.

    Raises
    ------
    DataError
        If these are not images, or labels do not fit.

    Examples
    --------
    >>> figure = cluster_sheet(np.zeros((3, 8, 8, 1), np.uint8), [0, 0, -1])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['cluster 1 (n = 2)', 'noise (n = 1)']
    """
    pictures = images_of(images)
    owner = labels_of(labels, len(pictures), "labels")
    if per_row < 1:
        raise DataError("a row needs room for an image", where="per_row", expected=">= 1", got=per_row)
    if not len(pictures):
        return _sentence("There are no images to show by cluster.")
    clusters = [*range(int(owner.max()) + 1), *([-1] if (owner < 0).any() else [])]
    counts = [int((owner == c).sum()) for c in clusters]
    sheet = np.full((len(clusters), min(per_row, max(counts)), *pictures.shape[1:]), 255, np.uint8)
    for row, c in enumerate(clusters):
        members = np.flatnonzero(owner == c)
        shown = members[evenly(len(members), per_row)]
        sheet[row, : len(shown)] = pictures[shown]
    names = [f"{cluster_name(c)} (n = {n:,})" for c, n in zip(clusters, counts, strict=True)]
    figure = image_grid(sheet, names)
    figure.set_layout_engine("compressed")  # many rows leave no margin else, and cut the names
    return figure


def _picture_rows(
    pictures: Images, neighbours: Mapping[str, ArrayLike], maps: Mapping[str, ArrayLike]
) -> list[tuple[str, Images]]:
    """Return the rows of images of a strip, in colour, and their names."""
    rows = [("prototype", pictures)]
    for name, images in neighbours.items():
        near = images_of(images, where=name)
        if near.shape != pictures.shape:
            raise DataError(
                "each prototype needs a neighbour", where=name, expected=pictures.shape, got=near.shape
            )
        rows.append((name, near))
    for name, scores in maps.items():
        found = np.asarray(scores, np.float64)
        if found.shape != pictures.shape[:3] or not np.isfinite(found).all():
            raise DataError(
                "these maps do not fit the images", where=name, expected=f"finite, {pictures.shape[:3]}",
                got=found.shape,
            )  # fmt: skip
        rows.append((name, np.stack([_overlaid(*pair) for pair in zip(pictures, found, strict=True)])))
    return [(name, np.broadcast_to(row, (*row.shape[:3], 3))) for name, row in rows]


def _overlaid(image: Images, scores: Floats) -> Images:
    """Lay scores over a faint grey copy of an image."""
    grey = 255 - 0.35 * (255 - image.mean(axis=2, keepdims=True))
    colours = SIGNED((of_range(scores) + 1) / 2)
    mixed = colours[..., 3:] * 255 * colours[..., :3] + (1 - colours[..., 3:]) * grey
    return np.asarray(np.rint(mixed), np.uint8)


def _draw_block(axes: Axes, sheet: Images, table: Floats, columns: int, width: float) -> Floats:
    """Draw rows of images and below them lines of outputs; return where the names of both belong."""
    rows, here, height, wide, _ = sheet.shape
    tall = height / wide
    axes.imshow(tiled(sheet), extent=(0, here, rows * tall, 0), interpolation="nearest", aspect="equal")
    tops = rows * tall + _LINE * (0.2 + np.arange(len(table)))
    inside = in_band(table, width)
    for (line, column), p in np.ndenumerate(table):
        torn = bool(inside[line, column])
        box: dict[str, Any] = {"edgecolor": style.INK if torn else "none", "linewidth": 1.5}
        at = (column + 0.04, float(tops[line]))
        axes.add_patch(Rectangle(at, 0.86, 0.86 * _LINE, facecolor=SIGNED(float(p)), **box))
        ink = "white" if abs(p - 0.5) > 0.35 else style.INK
        weight = "bold" if torn else "normal"
        axes.text(column + 0.47, tops[line] + 0.45 * _LINE, f"{p:.2f}", ha="center", va="center", color=ink,
                  fontsize=8.5, fontweight=weight, family=style.FONT)  # fmt: skip
    style.dress(axes)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8.5)
    axes.set(xlim=(0, columns), ylim=(rows * tall + _LINE * (len(table) + 0.2), 0))
    return np.concatenate([(np.arange(rows) + 0.5) * tall, tops + 0.43 * _LINE])


def _sentence(text: str) -> Figure:
    figure = style.new_figure(6.4, 0.9)
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11, color=style.INK, family=style.FONT)
    return figure
