"""What a gate does: how sure it is, which expert it gives each class, and how that fits the fine classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.matrices import confusion_matrix
from lightwell.report.names import shorten

_WITH_TEXT = 20  # experts or classes; above this a cell is too small for its number
_SHADES = (0.92, 0.6, 0.36, 0.16)  # of the largest, second, third and the other probabilities
_EVEN: dict[str, Any] = {"color": style.colour(1), "linewidth": 1.8, "linestyle": "--"}

Floats = NDArray[np.float64]


def sorted_profile(probabilities: ArrayLike) -> Floats:
    """Return the mean of the largest gate probability of each image, of the second largest, and so on.

    Parameters
    ----------
    probabilities : array, shape (n, K)
        Of each image, summing to 1; at least one image.

    Raises
    ------
    DataError
        If they are not probabilities.

    Examples
    --------
    >>> sorted_profile([[0.75, 0.25], [0.0, 1.0]]).tolist()
    [0.875, 0.125]
    """
    table = _distributions(probabilities, "probabilities")
    return np.asarray(np.sort(table, axis=1)[:, ::-1].mean(axis=0))


def gate_profiles(profiles: Mapping[str, ArrayLike], epochs: Sequence[float]) -> Figure:
    """Draw how sure the gate is over epochs: a bar an epoch, made of the sorted mean probabilities.

    Parameters
    ----------
    profiles : mapping of str to array, shape (t, K)
        For each coarse class, the :func:`sorted_profile` of each epoch; K may differ between them.
    epochs : sequence of float, length t
        When they were measured.

    Returns
    -------
    matplotlib.figure.Figure
        The dashed line is at 1 / K, where the largest part of a gate ends that prefers no expert.

    Raises
    ------
    DataError
        If there is none, one is no sorted profile, or there is not one an epoch.

    Examples
    --------
    >>> figure = gate_profiles({"low": [[0.5, 0.5], [0.9, 0.1]]}, [1, 2])
    >>> [round(float(bar.get_height()), 1) for bar in figure.axes[0].patches]
    [0.5, 0.9, 0.5, 0.1]
    """
    if not profiles:
        raise DataError("there is no profile to draw", where="profiles", expected="at least one", got="none")
    figure = style.new_figure(max(6.4, 0.8 + 3.9 * len(profiles)), 3.7)
    panels = figure.subplots(1, len(profiles), squeeze=False, sharey=True)[0]
    most = 0
    for axes, (name, values) in zip(panels, profiles.items(), strict=True):
        table = _distributions(values, f"profile of {name!r}")
        if len(table) != len(epochs) or (np.diff(table, axis=1) > 1e-6).any():
            raise DataError(
                "not a sorted profile of each epoch", where=f"profile of {name!r}",
                expected=f"{len(epochs)} falling rows", got=f"shape {table.shape}",
                fix="Make each row with sorted_profile.",
            )  # fmt: skip
        _stack(axes, table)
        style.dress(axes, style.label(name, 40), "epoch")
        style.ticks_for(axes.xaxis, [f"{t:g}" for t in epochs], most=12)
        axes.set(xlim=(-0.5, len(epochs) - 0.5), ylim=(0, 1))
        most = max(most, table.shape[1])
    panels[0].set_ylabel("mean gate probability, sorted", fontsize=10, color=style.INK, family=style.FONT)
    names = ("largest", "second", "third", "the others")[:most]
    parts = [Patch(color=_shade(rank), label=text) for rank, text in enumerate(names)]
    style.legend_below(figure, [*parts, Line2D([], [], label="1 / K: no preference", **_EVEN)])
    return figure


def _stack(axes: Axes, table: Floats) -> None:
    epochs, ranks = table.shape
    start = np.cumsum(table, axis=1) - table
    edge: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.5 if epochs <= 40 else 0.0}
    for rank in range(ranks):
        axes.bar(range(epochs), table[:, rank], 1.0, start[:, rank], color=_shade(rank), **edge)
    axes.axhline(1 / ranks, **_EVEN)


def _shade(rank: int) -> tuple[float, float, float, float]:
    return colormaps[style.HEAT](_SHADES[min(rank, len(_SHADES) - 1)])


def expert_confusion(
    counts: ArrayLike,
    experts: Sequence[str],
    classes: Sequence[str],
    match: Sequence[int],
    coarse_name: str = "",
) -> Figure:
    r"""Draw how often each expert took each fine class of a coarse class, experts in order of the classes.

    Parameters
    ----------
    counts : array, shape (K, C)
        How many images of each fine class each expert took.
    experts, classes : sequence of str
        Names of the K experts and C fine classes.
    match : sequence of int, length K
        The class each expert is matched with, -1 for none. An expert without a class goes below the others.
    coarse_name : str
        Stands above it.

    Returns
    -------
    matplotlib.figure.Figure
        As of :func:`confusion_matrix`, with the share of the row below each count and matched cells outlined.

    Raises
    ------
    DataError
        If the arrays do not fit each other, or two experts are matched with one class.

    Examples
    --------
    >>> figure = expert_confusion([[1, 9], [5, 0]], ["a", "b"], ["zero", "one"], [1, 0])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['5\n100 %', '0\n0 %', '1\n10 %', '9\n90 %']
    """
    table, partner = np.asarray(counts, dtype=np.float64), np.asarray(match, dtype=np.int64)
    matched = partner[partner >= 0].tolist()
    sound = partner.shape == (len(experts),) and table.shape == (len(experts), len(classes))
    if not sound or len(set(matched)) < len(matched) or max(matched, default=0) >= len(classes):
        raise DataError(
            "experts, classes and their matching do not fit", where="counts, match",
            expected=f"shape ({len(experts)}, {len(classes)}) and a different class or -1 for each expert",
            got=f"shape {table.shape} and {partner.tolist()}",
        )  # fmt: skip
    order = np.argsort(np.where(partner < 0, len(classes), partner), kind="stable")
    table, names = table[order], [experts[k] for k in order]
    words = {"row_label": "expert", "column_label": "fine class"}
    figure = confusion_matrix(table, names, classes, shorten(coarse_name, 22) or "Experts by class", **words)
    axes = figure.axes[0]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    for text, part in zip(axes.texts, share.ravel(), strict=bool(axes.texts)):
        text.set_text(f"{text.get_text()}\n{100 * part:.0f} %")
        text.set_fontsize(8)
    look: dict[str, Any] = {"fill": False, "edgecolor": style.colour(1), "linewidth": 2}
    for row, column in enumerate(sorted(matched)):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **look)).set_clip_on(False)
    return figure


def gate_map(
    means: ArrayLike, experts: Sequence[str], classes: Sequence[str], coarse: Sequence[str] = ()
) -> Figure:
    """Draw the mean gate probability of each expert for the images of each class.

    Parameters
    ----------
    means : array, shape (K, C)
        In [0, 1]; a column of NaN is a class without images.
    experts, classes : sequence of str
        Names of the K experts and C classes, fine ones or, where none are known, coarse ones.
    coarse : sequence of str, optional
        Coarse class of each class; neighbours of one name stand together under it.

    Raises
    ------
    DataError
        If the values do not fit the names or are no probabilities.

    Examples
    --------
    >>> figure = gate_map([[0.9, 0.2], [0.1, 0.8]], ["0", "1"], ["zero", "five"], ["low", "high"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.90', '0.20', '0.10', '0.80', 'low', 'high']
    """
    table = np.asarray(means, dtype=np.float64)
    shape = (len(experts), len(classes))
    if table.shape != shape or len(coarse) not in (0, len(classes)) or not table.size:
        raise DataError(
            "this table does not fit its names", where="means", expected=f"shape {shape}",
            got=f"shape {table.shape}, {len(coarse)} coarse names",
        )  # fmt: skip
    if not (np.isnan(table) | ((table >= 0) & (table <= 1 + 1e-6))).all():
        raise DataError("not gate probabilities", where="means", expected="numbers in [0, 1]", got="others")
    width, height = np.clip([2.2 + 0.55 * shape[1], 1.6 + 0.4 * shape[0]], [4.2, 2.8], [14, 12])
    figure = style.new_figure(float(width), float(height))
    axes = figure.subplots()
    axes.set_facecolor(style.GRID)  # seen where there is no number
    image = axes.imshow(table, cmap=style.HEAT, vmin=0, vmax=1, aspect="auto")
    style.dress(axes, "", "class", "expert")
    style.ticks_for(axes.yaxis, style.labels(experts))
    style.ticks_for(axes.xaxis, style.labels(classes))
    style.slant(axes, style.labels(classes))
    axes.spines[:].set_visible(False)
    text: dict[str, Any] = {"ha": "center", "family": style.FONT}
    for (k, c), value in np.ndenumerate(table) if max(shape) <= _WITH_TEXT else ():
        ink = "white" if value > 0.6 else style.INK
        axes.text(c, k, "" if np.isnan(value) else f"{value:.2f}", color=ink, va="center", fontsize=8, **text)
    starts = [i for i, name in enumerate(coarse) if i == 0 or name != coarse[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(coarse)], strict=False):
        axes.axvline(start - 0.5, color=style.INK, linewidth=1.6 if start else 0)
        name = style.label(coarse[start], 5 + 6 * (end - start))
        place: dict[str, Any] = {
            "transform": axes.get_xaxis_transform(),
            "fontsize": 10,
            "fontweight": "bold",
        }
        axes.text((start + end - 1) / 2, 1.02, name, color=style.INK, va="bottom", **text, **place)
    style.colour_bar(figure, image, axes, "mean gate probability")
    return figure


def _distributions(values: ArrayLike, where: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    sound = table.ndim == 2 and table.size and np.isfinite(table).all() and table.min() >= 0
    if not sound or np.abs(table.sum(axis=1) - 1).max() > 1e-3:
        raise DataError(
            "not gate probabilities", where=where, expected="rows of numbers >= 0 that sum to 1",
            got=f"shape {table.shape}",
        )  # fmt: skip
    return table
