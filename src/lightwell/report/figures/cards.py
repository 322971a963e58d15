"""Image cards: one example, what the model saw in it, and why it was refused or accepted."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import images_of

_BEST = 6  # classes whose blocks a card shows
_BARS = 5
# Transparent where there is nothing, so that the image shows through.
_GLOW = LinearSegmentedColormap.from_list("glow", [(0.84, 0.37, 0.0, 0.0), (0.84, 0.37, 0.0, 0.9)])


@dataclass(frozen=True)
class Card:
    """What a card needs, as plain arrays and words.

    Attributes
    ----------
    image : array of uint8, shape (height, width, channels)
        The example; 1 or 3 channels.
    class_names : tuple of str
        Names of the K known classes.
    code : array, shape (K, k)
        Its code, one row a class.
    mean_code : array, shape (K, k)
        Mean code of the predicted class, on the same scale.
    evidence : mapping of str to float
        Additive parts of the squared distance to the anchor, each >= 0: missing and excess own evidence,
        foreign evidence by class.
    maps : mapping of str to array, shape (h, w)
        Where in the image a class's block was active. The predicted class and, of the others, the one with
        the largest sum are drawn.
    true_name, predicted_name : str
        Class names; the true one may be unknown to the model.
    score : float
        Unknown score.
    score_name : str
        Its name.
    p_value : float or None
        Share of held-out known examples at least as unknown.
    reason : str
        Reason code in words, such as "conflict"; empty for an accepted example.
    sentence : str
        The explanation in one sentence.
    refused : bool
        The decision.
    true_mean_code : array, shape (K, k), or None
        Mean code of the true class, known or not; None leaves its place empty.

    Raises
    ------
    DataError
        If the arrays do not fit each other.

    Examples
    --------
    >>> zeros = np.zeros((2, 3))
    >>> card = Card(np.zeros((4, 4, 1), np.uint8), ("cat", "dog"), zeros, zeros, {"missing own": 4.0}, {},
    ...             "fox", "dog", 2.0, "distance", 0.01, "nothing recognised", "No block is active.", True)
    >>> card.heading
    'Refused: nothing recognised'
    """

    image: NDArray[np.uint8]
    class_names: tuple[str, ...]
    code: NDArray[np.floating[Any]]
    mean_code: NDArray[np.floating[Any]]
    evidence: Mapping[str, float]
    maps: Mapping[str, NDArray[np.floating[Any]]] = field(repr=False)
    true_name: str
    predicted_name: str
    score: float
    score_name: str
    p_value: float | None
    reason: str
    sentence: str
    refused: bool
    true_mean_code: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        images_of(self.image, "not an image for a card", "height, width", "Card.image")
        shapes = {code.shape for code in self.codes}
        if self.code.ndim != 2 or len(shapes) > 1 or len(self.code) != len(self.class_names):
            raise DataError(
                "codes of a card do not fit its classes",
                where="Card.code, Card.mean_code, Card.true_mean_code",
                expected=f"each of shape ({len(self.class_names)}, k)",
                got=" and ".join(map(str, sorted(shapes))),
            )

    @property
    def codes(self) -> tuple[NDArray[np.floating[Any]], ...]:
        """The codes that are drawn, on one scale."""
        fixed = (self.code, self.mean_code)
        return fixed if self.true_mean_code is None else (*fixed, self.true_mean_code)

    @property
    def heading(self) -> str:
        """The decision and its reason."""
        decision = "Refused" if self.refused else "Accepted"
        return f"{decision}: {self.reason}" if self.reason else decision


def card_sheet(cards: Sequence[Card]) -> Figure:
    """Draw several cards below each other.

    Parameters
    ----------
    cards : sequence of Card
        The examples, at least one.

    Returns
    -------
    matplotlib.figure.Figure
        One row a card: the image, its evidence, its code beside the mean codes of the predicted and of the
        true class, and where the predicted and the strongest other block were active.

    Raises
    ------
    DataError
        If there is no card.

    Examples
    --------
    >>> code = np.eye(2)
    >>> card = Card(np.zeros((4, 4, 1), np.uint8), ("cat", "dog"), code, code, {"missing own": 4.0}, {},
    ...             "fox", "dog", 2.0, "distance", None, "", "Both blocks are active.", False)
    >>> len(card_sheet([card, card]).subfigs)
    2
    """
    if not cards:
        raise DataError("there is no card to draw", where="cards", expected="at least one", got="none")
    figure = style.new_figure(13.4, 3.35 * len(cards))
    rows = np.atleast_1d(np.asarray(figure.subfigures(len(cards), 1, hspace=0.04), dtype=object))
    for card, row in zip(cards, rows, strict=True):
        _draw_card(row, card)
    return figure


def image_sheet(images: Sequence[NDArray[np.uint8]], titles: Sequence[str]) -> Figure:
    """Draw small images in rows of up to ten, each with its title.

    Parameters
    ----------
    images : sequence of array, each of shape (height, width, channels)
        uint8, 1 or 3 channels.
    titles : sequence of str
        One an image.

    Raises
    ------
    DataError
        If there is no image, or not one title an image.

    Examples
    --------
    >>> figure = image_sheet([np.zeros((4, 4, 1), np.uint8)] * 3, ["a", "b", "c"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a', 'b', 'c']
    """
    if len(images) != len(titles) or not len(images):
        raise DataError(
            "each image needs a title", where="images, titles", expected="as many, at least one",
            got=f"{len(images)} and {len(titles)}",
        )  # fmt: skip
    columns = min(len(images), 10)
    rows = math.ceil(len(images) / columns)
    figure = style.new_figure(max(2.0, 1.15 * columns), 1.4 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, title in zip(grid, images, titles, strict=False):
        _show(axes, image)
        axes.set_title(style.label(title, 14), fontsize=8.5, color=style.INK, family=style.FONT)
    for axes in grid[len(images) :]:
        figure.delaxes(axes)
    return figure


def _draw_card(row: SubFigure, card: Card) -> None:
    tone = style.REFUSED if card.refused else style.ACCEPTED
    row.suptitle(_header(card), fontsize=11, color=style.INK, family=style.FONT, x=0.01, ha="left")
    picture, bars, code, mean, true, first, second = row.subplots(
        1, 7, gridspec_kw={"width_ratios": [1.0, 1.25, 1.0, 1.0, 1.0, 1.0, 1.0]}
    )
    _show(picture, card.image)
    for side in picture.spines.values():
        side.set(visible=True, color=tone, linewidth=2.2, linestyle="--" if card.refused else "-")
    _small_title(picture, "image")
    _draw_evidence(bars, card.evidence, tone)
    best = np.argsort(-card.code.sum(axis=1), kind="stable")[:_BEST]
    names = style.labels([card.class_names[i] for i in best], 10)
    scale = (min(0.0, *(float(c.min()) for c in card.codes)), _top(*card.codes))
    _draw_grid(code, card.code[best], names, scale, "its code")
    empty = [""] * len(best)
    title = f"mean of predicted\n{style.label(card.predicted_name, 16)}"
    _draw_grid(mean, card.mean_code[best], empty, scale, title)
    if card.true_mean_code is None:
        true.set_axis_off()
    else:
        _draw_grid(true, card.true_mean_code[best], empty, scale, "mean of\nthe true class")
    _draw_maps((first, second), card)


def _header(card: Card) -> str:
    parts = [
        f"true class {style.label(card.true_name, 24)}",
        f"predicted {style.label(card.predicted_name, 24)}",
        f"{style.label(card.score_name.replace('_', ' '), 24)} {card.score:.3g}",
    ]
    if card.p_value is not None:
        parts.append("p < 0.001" if card.p_value < 0.001 else f"p = {card.p_value:.3f}")
    sentence = textwrap.fill(style.label(card.sentence, 250), 130)
    return f"{style.label(card.heading, 50)}   ·   {'   ·   '.join(parts)}\n{sentence}"


def _top(*arrays: NDArray[Any]) -> float:
    return max(float(a.max(initial=0)) for a in arrays) or 1.0


def _small_title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, color=style.QUIET, family=style.FONT)


def _show(axes: Axes, image: NDArray[np.uint8]) -> None:
    grey = image.shape[2] == 1
    axes.imshow(image[:, :, 0] if grey else image, cmap="gray" if grey else None, vmin=0, vmax=255)
    style.bare(axes)
    axes.set_anchor("N")


def _draw_evidence(axes: Axes, evidence: Mapping[str, float], tone: str) -> None:
    """Draw the largest parts of the squared distance as bars, the rest as one."""
    total = math.fsum(evidence.values()) or 1.0
    ranked = sorted(evidence.items(), key=lambda item: -item[1])
    parts = ranked[:_BARS]
    rest = math.fsum(value for _, value in ranked[_BARS:])
    if rest > 0:
        parts.append(("all others", rest))
    shares = [value / total for _, value in parts]
    axes.barh(range(len(parts)), shares, color=tone, alpha=0.85, height=0.62)
    for position, share in enumerate(shares):
        axes.text(
            share + 0.02,
            position,
            f"{share:.0%}",
            va="center",
            fontsize=8,
            color=style.INK,
            family=style.FONT,
        )
    style.dress(axes)
    style.ticks_for(axes.yaxis, style.labels([name for name, _ in parts], 20), size=8)
    axes.set(xlim=(0, 1.22), ylim=(max(len(parts), 3) - 0.5, -0.5), xticks=[])
    axes.spines["bottom"].set_visible(False)
    _small_title(axes, "share of the squared\ndistance to the anchor")


def _draw_grid(
    axes: Axes, grid: NDArray[Any], names: list[str], scale: tuple[float, float], title: str
) -> None:
    axes.imshow(grid, cmap=style.HEAT, vmin=scale[0], vmax=scale[1], aspect="auto")
    style.dress(axes)
    style.ticks_for(axes.yaxis, names, size=8)
    axes.set_xticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(style.GRID)
    _small_title(axes, title)


def _draw_maps(pair: tuple[Axes, Axes], card: Card) -> None:
    """Lay the predicted block's map and the strongest other one over the image, on one scale."""
    others = [name for name in card.maps if name != card.predicted_name]
    others.sort(key=lambda name: -float(card.maps[name].sum()))
    chosen = [name for name in (card.predicted_name, *others[:1]) if name in card.maps]
    top = _top(*(card.maps[name] for name in chosen)) if chosen else 1.0
    height, width = card.image.shape[:2]
    for axes, name in zip(pair, chosen, strict=False):
        _show(axes, card.image)
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        axes.imshow(card.maps[name], cmap=_GLOW, vmin=0, vmax=top, extent=extent, interpolation="bilinear")
        _small_title(axes, f"evidence for\n{style.label(name, 16)}")
    for axes in pair[len(chosen) :]:
        axes.set_axis_off()
