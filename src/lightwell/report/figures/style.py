"""The look all figures share. Nothing here or elsewhere touches Matplotlib's global settings or pyplot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend

from lightwell.report.names import clean, shorten

FONT = "DejaVu Sans"  # ships with Matplotlib, so a figure looks the same on every machine
INK, QUIET, GRID, FAINT = "#1f2933", "#56616f", "#dde2e8", "#b8c0ca"
UNKNOWN = "#8b95a1"
REFUSED, ACCEPTED = "#b3470b", "#0a5c91"
HEAT = "Blues"  # one hue from white to dark: it prints, and reads without colour
# Okabe and Ito's colours for every kind of colour vision, without the yellow that vanishes on white.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#4d4d4d")
MARKERS = ("o", "s", "^", "D", "v", "P", "<", "p", ">", "h")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 3))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sized in inches, that lays itself out."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def colour(number: int) -> str:
    """Return the colour of the class or curve of this number."""
    return PALETTE[number % len(PALETTE)]


def marker(number: int) -> str:
    """Return its marker; colour and marker together repeat only after 70."""
    return MARKERS[number % len(MARKERS)]


@cache
def _glyphs() -> frozenset[int]:
    path = font_manager.findfont(FONT)
    return frozenset(font_manager.get_font(path).get_charmap())


def label(text: object, limit: int = 18) -> str:
    r"""Return a name that Matplotlib draws as it stands: short, in glyphs the font has, never as mathematics.

    Parameters
    ----------
    text : object
        A name from data or a user.
    limit : int
        Most characters to keep.

    Examples
    --------
    >>> label("$\\frac{1}{0}$"), label("a" * 40, 9), label("\u732b")
    ('\\$\\frac{1}{0}\\$', 'aaaaaa…aa', '□')
    """
    plain = shorten(" ".join(clean(text).split()), limit) or "(no name)"
    known = _glyphs()
    drawn = "".join(c if ord(c) in known else "□" for c in plain)
    # A legend leaves out what starts with an underscore; a thin space before it keeps it in.
    return ("\u2009" + drawn if drawn.startswith("_") else drawn).replace("$", r"\$")


def labels(names: Iterable[object], limit: int = 18) -> list[str]:
    """Return :func:`label` of each name; names that look alike get their position.

    Examples
    --------
    >>> labels(["cat", "\u732b", "\u72d7"])
    ['cat', '□ #1', '□ #2']
    """
    short = [label(name, limit) for name in names]
    return [f"{text} #{i}" if short.count(text) > 1 else text for i, text in enumerate(short)]


def dress(axes: Axes, title: str = "", x: str = "", y: str = "", *, grid: bool = False) -> None:
    """Give one plot its title, axis labels, fonts and quiet frame; the texts must be fit to draw."""
    axes.set_title(title, fontsize=11, color=INK, loc="left", family=FONT, fontweight="bold")
    axes.set_xlabel(x, fontsize=10, color=INK, family=FONT)
    axes.set_ylabel(y, fontsize=10, color=INK, family=FONT)
    axes.tick_params(labelsize=9, labelcolor=INK, color=FAINT, length=3, labelfontfamily=FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(visible=True, color=GRID, linewidth=0.7)


def bare(axes: Axes) -> None:
    """Remove frame and ticks, as an image or a map wants it."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def legend(axes: Axes, handles: Sequence[object] | None = None, **place: object) -> Legend:
    """Add a legend in the shared font."""
    shared = {"prop": {"family": FONT, "size": 9}, "labelcolor": INK, "frameon": False, **place}
    if handles is not None:
        shared["handles"] = handles
    return axes.legend(**shared)


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int = 5) -> None:
    """Add one legend for all plots of a figure, below them."""
    look: dict[str, Any] = {"prop": {"family": FONT, "size": 9}, "labelcolor": INK, "frameon": False}
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), columns), **look)


def ticks_for(axis: Axis, names: Sequence[str], most: int = 40, size: float = 9) -> None:
    """Name the positions 0 .. n-1 of an axis; where there are more than ``most``, only every n-th."""
    step = max(1, math.ceil(len(names) / most))
    axis.set_ticks(range(0, len(names), step), names[::step])
    axis.set_tick_params(length=0, labelsize=size, labelfontfamily=FONT)


def slant(axes: Axes, names: Sequence[str]) -> None:
    """Turn the names below a plot where they would touch."""
    if max(map(len, names), default=0) <= 3:
        return
    crowded = len(names) > 12
    axes.tick_params(axis="x", labelrotation=90 if crowded else 40)
    for text in axes.get_xticklabels():
        text.set_horizontalalignment("center" if crowded else "right")
        text.set_rotation_mode("default" if crowded else "anchor")


def colour_bar(
    figure: Figure | SubFigure, image: ScalarMappable, axes: Axes | Sequence[Axes], text: str
) -> None:
    """Add the scale of an image's colours beside one plot or several."""
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label(text, fontsize=9, color=QUIET, family=FONT)
    bar.ax.tick_params(labelsize=8, labelcolor=QUIET, color=FAINT, labelfontfamily=FONT)
    bar.outline.set_visible(False)
