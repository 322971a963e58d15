"""What an expert found of a coarse class, as images: the cells, and what was misclassified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.cards import image_sheet
from lightwell.report.figures.checks import images_of
from lightwell.report.figures.images import tiled

_INCH = 0.6  # a side of an image of a cell on paper
_MOST = 40  # misclassified images

Images = NDArray[np.uint8]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cell:
    """What one expert holds of one coarse class.

    Attributes
    ----------
    name : str
        As given, or like "low / 3".
    count : int
        Its images.
    examples, prototypes, borderline : array of uint8, shape (0 or more, height, width, channels)
        Some of its images, those with the largest gate probability, those with the smallest margin.
    fine_name : str
        The fine class it matches; empty where none is known.
    share : float or None
        Share of its images that are of this class.

    Raises
    ------
    DataError
        If images are not uint8 with 1 or 3 channels.

    Examples
    --------
    >>> images = np.zeros((2, 8, 8, 1), np.uint8)
    >>> Cell("low / 3", 412, images, images, images, "three", 0.97).words
    ('low / 3', '412 images', '97 % are three')
    """

    name: str
    count: int
    examples: Images = field(repr=False)
    prototypes: Images = field(repr=False)
    borderline: Images = field(repr=False)
    fine_name: str = ""
    share: float | None = None

    def __post_init__(self) -> None:
        for images in self.blocks:
            images_of(images, "not images", "n, height, width", f"cell {self.name!r}")

    @property
    def blocks(self) -> tuple[Images, Images, Images]:
        """The three groups of images, in the order they are drawn."""
        return self.examples, self.prototypes, self.borderline

    @property
    def words(self) -> tuple[str, ...]:
        """What stands beside its images."""
        lines = (style.label(self.name, 22), f"{self.count:,} image{'s' * (self.count != 1)}")
        if not self.fine_name or self.share is None:
            return lines
        return (*lines, f"{100 * self.share:.0f} % are {style.label(self.fine_name, 14)}")


@dataclass(frozen=True)
class FineClasses:
    """Fine labels, where they are known.

    Attributes
    ----------
    labels : array of int, shape (n,)
        Fine class of each image.
    names : sequence of str
        Their names.
    matches : mapping of (int, int) to int
        For a coarse class and an expert, the fine class they are matched with; not all need one.

    Raises
    ------
    DataError
        If a matched class has no name.
    """

    labels: ArrayLike
    names: Sequence[str]
    matches: Mapping[tuple[int, int], int]

    def __post_init__(self) -> None:
        _check_numbers(list(self.matches.values()), len(self.names), "matches")


def cells_of(
    images: ArrayLike,
    gate: ArrayLike,
    coarse: ArrayLike,
    coarse_names: Sequence[str],
    *,
    n: int = 5,
    experts: Sequence[Sequence[int]] | None = None,
    names: Mapping[tuple[int, int], str] | None = None,
    fine: FineClasses | None = None,
) -> dict[str, list[Cell]]:
    """Sort images into cells: the coarse class, and the expert with the largest gate probability.

    Parameters
    ----------
    images : array of uint8, shape (N, height, width, channels)
        1 or 3 channels.
    gate : array, shape (N, K)
        Gate probabilities.
    coarse : array of int, shape (N,)
        Coarse class of each image.
    coarse_names : sequence of str
        Their names.
    n : int
        Most images of each group. Examples are taken evenly over the images of a cell, in their order.
    experts : sequence of sequence of int, optional
        For each coarse class the experts it has, where that is not all; others follow if they got images.
    names : mapping of (int, int) to str, optional
        Names given to a coarse class and an expert.
    fine : FineClasses, optional
        What is known of the fine classes.

    Returns
    -------
    dict of str to list of Cell
        By coarse class, for :func:`cells_page`.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> gate = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    >>> cells = cells_of(np.zeros((3, 8, 8, 1), np.uint8), gate, [0, 0, 0], ["low"], names={(0, 1): "twos"})
    >>> [(cell.name, cell.count) for cell in cells["low"]]
    [('low / 0', 2), ('twos', 1)]
    """
    pictures, chances, side = np.asarray(images), np.asarray(gate, dtype=np.float64), np.asarray(coarse)
    images_of(pictures, "not images", "n, height, width", "images")
    if chances.ndim != 2 or not chances.shape[1] or not np.isfinite(chances).all():
        raise DataError("not gate probabilities", where="gate", expected="finite, (N, K)", got=chances.shape)
    _check_rows(len(pictures), gate=chances[:, 0], coarse=side, **({"fine": fine.labels} if fine else {}))
    _check_numbers(side, len(coarse_names), "coarse")
    owned = [range(chances.shape[1])] * len(coarse_names) if experts is None else experts
    if len(owned) != len(coarse_names):
        raise DataError(
            "each coarse class has experts", where="experts", expected=len(coarse_names), got=len(owned)
        )
    choice = chances.argmax(axis=1)
    cells: dict[str, list[Cell]] = {name: [] for name in coarse_names}
    for c, coarse_name in enumerate(coarse_names):
        for k in sorted({*owned[c], *choice[side == c].tolist()}):
            rows = np.flatnonzero((side == c) & (choice == k))
            name = (names or {}).get((c, k), f"{coarse_name} / {k}")
            some, sure, torn = (pictures[order] for order in _chosen(rows, chances, k, n))
            fine_name, share = _match(fine, rows, (c, k))
            cells[coarse_name].append(Cell(name, len(rows), some, sure, torn, fine_name, share))
    return cells


def _chosen(rows: Integers, gate: NDArray[np.float64], expert: int, n: int) -> tuple[Integers, ...]:
    """Return rows of examples, prototypes and borderline images of one cell."""
    evenly = np.linspace(0, max(len(rows) - 1, 0), min(n, len(rows))).round().astype(np.int64)
    sure = gate[rows, expert]
    margin = sure - np.delete(gate[rows], expert, axis=1).max(axis=1, initial=0.0)
    largest, smallest = np.argsort(-sure, kind="stable"), np.argsort(margin, kind="stable")
    return rows[evenly], rows[largest[:n]], rows[smallest[:n]]


def _match(fine: FineClasses | None, rows: Integers, cell: tuple[int, int]) -> tuple[str, float | None]:
    match = fine.matches.get(cell) if fine and rows.size else None
    if fine is None or match is None:
        return "", None
    return fine.names[match], float((np.asarray(fine.labels)[rows] == match).mean())


def cells_page(cells: Mapping[str, Sequence[Cell]]) -> Figure:
    r"""Draw for each coarse class a row of images a cell: examples, prototypes and borderline images.

    Parameters
    ----------
    cells : mapping of str to sequence of Cell
        By coarse class, as :func:`cells_of` gives them.

    Raises
    ------
    DataError
        If a coarse class has no cell, or images differ in size.

    Examples
    --------
    >>> images = np.zeros((2, 8, 8, 1), np.uint8)
    >>> figure = cells_page({"low": [Cell("low / 0", 9, images, images, images)]})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['low / 0\n9 images']
    """
    every = [images for row in cells.values() for cell in row for images in cell.blocks]
    shapes = {images.shape[1:] for images in every}
    if len(shapes) != 1 or not all(cells.values()):
        raise DataError(
            "these cells cannot be drawn", where="cells", expected="cells in each class, images of one size",
            got=f"{[len(row) for row in cells.values()]} cells, images of {sorted(shapes)}",
        )  # fmt: skip
    height, width, _ = shapes.pop()
    n = max(3, *(len(images) for images in every))  # narrower, the words above would touch
    high, wide = (_INCH * size / max(height, width) for size in (height, width))
    heights = [len(row) * high for row in cells.values()]
    figure = style.new_figure(1.9 + 3 * n * wide, sum(heights) + 0.62 * len(cells))
    figure.set_layout_engine("constrained", wspace=0.03)
    grid = figure.subplots(len(cells), 3, squeeze=False, height_ratios=heights)
    titles = ("examples", "most certain: prototypes", "least certain: borderline")
    for panels, (coarse, row) in zip(grid, cells.items(), strict=True):
        for number, axes in enumerate(panels):
            _draw_block(axes, [cell.blocks[number] for cell in row], n, titles[number])
        used, total = sum(cell.count > 0 for cell in row), sum(cell.count for cell in row)
        heading = f"{style.label(coarse, 30)}: {used} of {len(row)} cells in use, {total:,} images"
        text: dict[str, Any] = {"fontsize": 11, "color": style.INK, "family": style.FONT}
        panels[0].set_title(heading, loc="left", fontweight="bold", **text)
        style.ticks_for(panels[0].yaxis, ["\n".join(cell.words) for cell in row], most=len(row), size=8.5)
    return figure


def _draw_block(axes: Axes, rows: Sequence[Images], n: int, title: str) -> None:
    height, width, channels = rows[0].shape[1:]
    sheet = np.full((len(rows), n, height, width, channels), 255, np.uint8)
    text: dict[str, Any] = {"fontsize": 8.5, "color": style.UNKNOWN, "family": style.FONT}
    for number, images in enumerate(rows):
        sheet[number, : len(images)] = images
        if not len(images):
            axes.text(-0.45, number, "no images", va="center", **text)
    extent = (-0.5, n - 0.5, len(rows) - 0.5, -0.5)
    axes.imshow(tiled(sheet), extent=extent, interpolation="nearest", aspect=height / width)
    style.bare(axes)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(title, fontsize=9, color=style.QUIET, family=style.FONT, loc="left")


def misclassified(
    images: ArrayLike,
    true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    cells: Sequence[str],
    coarse_names: Sequence[str],
) -> Figure:
    r"""Draw the images whose coarse class was predicted wrongly, the most certain errors first.

    Parameters
    ----------
    images : array of uint8, shape (n, height, width, channels)
        All images, also the right ones.
    true, predicted : array of int, shape (n,)
        Coarse classes.
    probabilities : array, shape (n,)
        Of the predicted class, in [0, 1].
    cells : sequence of str, length n
        The expert of each image, or the name of its cell.
    coarse_names : sequence of str
        Names of the coarse classes.

    Returns
    -------
    matplotlib.figure.Figure
        At most 40 images; the title counts all errors.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> images = np.zeros((2, 8, 8, 1), np.uint8)
    >>> figure = misclassified(images, [0, 1], [0, 0], [0.9, 0.7], ["low / 3", "low / 4"], ["low", "high"])
    >>> [axes.get_title() for axes in figure.axes]
    ['high → low\nlow / 4, p 0.70']
    """
    pictures, chances = np.asarray(images), np.asarray(probabilities, dtype=np.float64)
    side, called = np.asarray(true), np.asarray(predicted)
    images_of(pictures, "not images", "n, height, width", "images")
    _check_rows(len(pictures), true=side, predicted=called, probabilities=chances, cells=cells)
    _check_numbers([*side, *called], len(coarse_names), "true, predicted")
    wrong = np.flatnonzero(side != called)
    if not wrong.size:
        figure = style.new_figure(4.2, 0.9)
        text: dict[str, Any] = {"fontsize": 11, "color": style.INK, "family": style.FONT}
        figure.text(
            0.5, 0.5, f"None of {len(side):,} images is misclassified.", ha="center", va="center", **text
        )
        return figure
    shown = wrong[np.argsort(-chances[wrong], kind="stable")][:_MOST]
    short = style.labels(coarse_names, 9)
    figure = image_sheet(list(pictures[shown]), [""] * len(shown))
    for axes, i in zip(figure.axes, shown, strict=True):
        words = f"{short[side[i]]} → {short[called[i]]}\n{style.label(cells[i], 12)}, p {chances[i]:.2f}"
        axes.set_title(words, fontsize=8, color=style.INK, family=style.FONT)
    title = f"{len(wrong):,} of {len(side):,} images misclassified (true → predicted)"
    title += f": the {_MOST} most certain" if len(wrong) > _MOST else ""
    look: dict[str, Any] = {"fontsize": 11, "color": style.INK, "family": style.FONT, "fontweight": "bold"}
    figure.suptitle(title, x=0.01, ha="left", **look)
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, 5.4), 1.1 * height + 0.35)  # room for the title and second lines
    return figure


def _check_rows(n: int, **arrays: ArrayLike) -> None:
    for name, array in arrays.items():
        if np.shape(array) != (n,):
            raise DataError("one value an image is needed", where=name, expected=n, got=np.shape(array))


def _check_numbers(numbers: ArrayLike, names: int, where: str) -> None:
    array = np.asarray(numbers)
    if array.size and not 0 <= array.min() <= array.max() < names:
        raise DataError("a class has no name", where=where, expected=f"0 to {names - 1}", got=array.max())
