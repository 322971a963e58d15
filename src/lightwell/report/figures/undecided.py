"""Where a classifier cannot decide: images by its output, all its outputs, and what refusing would save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import offset_copy
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.report.figures import style
from lightwell.report.figures.checks import Floats, Images, images_of
from lightwell.report.figures.images import tiled

BAND = "#f6e3c5"  # behind the outputs that count as undecided
_INCH = 0.36  # a side of an image of the sheet on paper
_ABREAST = 3  # images beside each other in a bin
_TEXT: dict[str, Any] = {"fontsize": 8.5, "color": style.INK, "family": style.FONT}


def sheet_by_output(
    images: ArrayLike,
    p: ArrayLike,
    per_bin: int = 18,
    bins: int = 10,
    *,
    positive: str = "the positive class",
    width: float = 0.1,
) -> Figure:
    r"""Draw images grouped by the classifier's output, the bins side by side.

    Parameters
    ----------
    images : array of uint8, shape (n, H, W, C)
        1 or 3 channels; n may be 0.
    p : array, shape (n,)
        Probability of the positive class, in [0, 1].
    per_bin : int
        Most images of a bin, three abreast: taken evenly over the images of the bin, sorted by their output.
    bins : int
        Bins of equal width. An empty one stays empty.
    positive : str
        Name of the positive class.
    width : float
        Half the width of the band around 0.5, marked above the images.

    Raises
    ------
    DataError
        If these are not images, their outputs do not fit, or there is no bin.

    Examples
    --------
    >>> figure = sheet_by_output(np.zeros((3, 8, 8, 1), np.uint8), [0.45, 0.5, 1.0], positive="7")
    >>> [text.get_text() for text in figure.axes[0].texts][4:7]
    ['1\n33.3 %', '1\n33.3 %', 'none']
    """
    pictures, outputs = images_of(images), outputs_of(p, "p")
    if len(outputs) != len(pictures):
        raise DataError("each image needs an output", where="p", expected=len(pictures), got=len(outputs))
    if min(per_bin, bins) < 1:
        raise DataError(
            "no sheet without images and bins", where="per_bin, bins", expected=">= 1", got=(per_bin, bins)
        )
    number = np.minimum((outputs * bins).astype(np.int64), bins - 1)
    groups = [
        rows[np.argsort(outputs[rows], kind="stable")]
        for rows in (np.flatnonzero(number == i) for i in range(bins))
    ]
    shown = [rows[evenly(len(rows), per_bin)] for rows in groups]
    high = max(1, -(-max(map(len, shown)) // _ABREAST))
    picture = np.concatenate([_bin_of(pictures[rows], high) for rows in shown], axis=1)
    side = _INCH / max(pictures.shape[1:3])
    figure = style.new_figure(0.4 + picture.shape[1] * side, 1.3 + picture.shape[0] * side)
    axes = figure.subplots()
    aspect = bins * picture.shape[0] / picture.shape[1]
    axes.imshow(picture, extent=(0, bins, 1, 0), aspect=aspect, interpolation="nearest")
    axes.vlines(range(bins + 1), 0, 1, color=style.FAINT, linewidth=0.8)
    for i, rows in enumerate(groups):
        share = f"{len(rows):,}\n{100 * len(rows) / len(outputs):.3g} %" if len(rows) else "none"
        tone = style.INK if len(rows) else style.UNKNOWN
        place: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
        axes.annotate(share, (i + 0.5, 0), (0, 9), **place, **{**_TEXT, "color": tone})
    band = np.clip([0.5 - width, 0.5 + width], 0, 1) * bins
    above = offset_copy(axes.transData, figure, y=5, units="points")
    axes.plot(band, (0, 0), color=style.colour(1), linewidth=4, transform=above, clip_on=False)
    style.dress(axes, "", f"probability of {style.label(positive, 40)}")
    title = f"{_summary(outputs, width)} {_ends(width)}"
    axes.set_title(title, loc="left", pad=38, **_TEXT | {"fontsize": 10})
    axes.set_xticks(range(bins + 1), [f"{edge:.3g}" for edge in np.linspace(0, 1, bins + 1)])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return figure


def output_histograms(
    outputs: Mapping[str, ArrayLike], width: float = 0.1, *, positive: str = "the positive class"
) -> Figure:
    r"""Draw how the classifier's outputs are distributed, a panel a set, over 20 bins, the band shaded.

    Parameters
    ----------
    outputs : mapping of str to array, shape (n,)
        By the name of a set, probabilities of the positive class in [0, 1]; n may be 0.
    width : float
        Half the width of the band around 0.5.
    positive : str
        Name of the positive class.

    Returns
    -------
    matplotlib.figure.Figure
        Shares on a logarithmic axis that all panels share, since most outputs lie at the ends.

    Raises
    ------
    DataError
        If there is no set, or an output is not a probability.

    Examples
    --------
    >>> figure = output_histograms({"rejection": [0.0, 0.5, 0.6, 1.0]})
    >>> figure.axes[0].get_title(loc="left")
    'rejection\n4 images, 50 % in the band'
    """
    sets = {name: outputs_of(p, name) for name, p in outputs.items()}
    if not sets:
        raise DataError("there are no outputs to draw", where="outputs", expected="at least one", got="none")
    columns = 2 if len(sets) in (2, 4) else min(len(sets), 3)
    rows = -(-len(sets) // columns)
    figure = style.new_figure(max(4.6, 3.4 * columns), 0.4 + 2.3 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    edges = np.linspace(0, 1, 21)
    lowest = min(0.01, 0.5 / max(1, *map(len, sets.values())))  # a single image is seen
    for axes, name, p in zip(grid.ravel(), style.labels(sets, 34), sets.values(), strict=False):
        axes.axvspan(0.5 - width, 0.5 + width, color=BAND, linewidth=0)
        share = np.histogram(p, edges)[0] / max(len(p), 1)
        axes.stairs(np.maximum(share, lowest), edges, baseline=lowest, fill=True, color=style.colour(0))
        style.dress(axes, f"{name}\n{_summary(p, width)}", grid=True)
        axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=9.5)
        axes.set(yscale="log", xlim=(0, 1), ylim=(lowest, 1), xticks=np.linspace(0, 1, 6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.minorticks_off()
    for axes in grid.ravel()[len(sets) :]:
        axes.set_axis_off()
    for axes in grid.ravel()[: len(sets)][-columns:]:  # also above an empty place
        axes.tick_params(axis="x", labelbottom=True)
    below = f"probability of {style.label(positive, 40)}; shaded: the band {_ends(width)}"
    figure.supxlabel(below, fontsize=10, color=style.INK, family=style.FONT)
    figure.supylabel("share of images", fontsize=10, color=style.INK, family=style.FONT)
    return figure


def reject_option(coverage: ArrayLike, curves: Mapping[str, ArrayLike]) -> Figure:
    """Draw how often a classifier errs on what it answers, as it refuses what it is least sure of.

    Parameters
    ----------
    coverage : array, shape (m,)
        Shares of the images that are answered, in [0, 1].
    curves : mapping of str to array, shape (m,)
        Error rates on those, in [0, 1]; NaN where nothing is answered. The one called ``random`` is drawn
        as the null.

    Raises
    ------
    DataError
        If there is no curve, or one does not fit or holds no share.

    Examples
    --------
    >>> figure = reject_option([0.5, 1.0], {"cnn": [0.0, 0.04], "random": [0.04, 0.04]})
    >>> figure.axes[0].lines[0].get_ydata().tolist()
    [0.0, 4.0]
    """
    x = np.asarray(coverage, np.float64)
    if not curves or x.ndim != 1 or not x.size or not ((x >= 0) & (x <= 1)).all():
        raise DataError(
            "there is no reject-option curve to draw", where="coverage, curves",
            expected="shares in [0, 1], and at least one curve", got=f"shape {x.shape}, {len(curves)} curves",
        )  # fmt: skip
    figure = style.new_figure(6.8, 4.2)
    axes = figure.subplots()
    number = 0
    for name, short in zip(curves, style.labels(curves, 30), strict=True):
        rate = np.asarray(curves[name], np.float64)
        if rate.shape != x.shape or not ((rate >= 0) & (rate <= 1) | np.isnan(rate)).all():
            raise DataError("not error rates", where=name, expected=f"{x.shape}, in [0, 1]", got=rate.shape)
        is_null = name == "random"
        tone = style.UNKNOWN if is_null else style.colour(number)
        dashes = (1.5, 1.5) if is_null else style.DASHES[number % len(style.DASHES)]
        number += not is_null
        text = "refusing at random" if is_null else short
        axes.plot(100 * x, 100 * rate, color=tone, dashes=dashes, linewidth=1.8, label=text)
    style.dress(axes, "", "answered, % of the images", "errors among the answered, %", grid=True)
    axes.set_xlim(-1, 101)
    axes.set_ylim(bottom=0)
    style.legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def in_band(p: Floats, width: float) -> NDArray[np.bool_]:
    """Return which outputs lie in the band, its edges included."""
    return np.asarray(np.abs(p - 0.5) <= width + 1e-9)


def _summary(p: Floats, width: float) -> str:
    if not p.size:
        return "no images"
    share = 100 * in_band(p, width).mean()
    return f"{p.size:,} image{'s' * (p.size != 1)}, {share:.3g} % in the band"


def _ends(width: float) -> str:
    return f"{max(0.5 - width, 0):g} to {min(0.5 + width, 1):g}"


def outputs_of(p: ArrayLike, where: str) -> Floats:
    """Return probabilities (n,), of which there may be none; refuse anything else."""
    array = np.asarray(p, np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise DataError(
            "not outputs of a classifier", where=where, expected="probabilities of shape (n,), in [0, 1]",
            got=f"shape {array.shape}, {np.min(array, initial=1):.3g} to {np.max(array, initial=0):.3g}",
        )  # fmt: skip
    return array


def evenly(count: int, most: int) -> NDArray[np.integer[Any]]:
    """Return at most so many positions, evenly over 0 .. count-1."""
    return np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(np.int64)


def _bin_of(images: Images, high: int) -> Images:
    """Return the picture of one bin, with white on both sides."""
    n, *size = images.shape
    sheet = np.full((high * _ABREAST, *size), 255, np.uint8)
    sheet[:n] = images
    picture = tiled(sheet.reshape(high, _ABREAST, *size))
    room = max(1, size[1] // 6)
    return np.pad(picture, ((0, 0), (room, room), (0, 0)), constant_values=255)
