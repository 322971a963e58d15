"""How measures change along a setting: a panel a measure, a line a method, bars for the spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lightwell.core.errors import DataError
from lightwell.report.figures import style

Line = Sequence[tuple[float, float, float | None]]
_LOG = 20  # from this ratio of largest to smallest on, the setting is drawn on a logarithmic axis


def along(panels: Mapping[str, Mapping[str, Line]], setting: str, height: str = "") -> Figure:
    """Draw measures along a setting.

    Parameters
    ----------
    panels : mapping of str to mapping of str to sequence of (x, mean, spread)
        For each measure, the lines by name: the setting, the mean, and one standard deviation or None.
    setting : str
        What x is.
    height : str
        What y is, where the names of the measures do not say it.

    Raises
    ------
    DataError
        If there is no line, or a number is not finite.

    Examples
    --------
    >>> figure = along({"accuracy": {"cbnm": [(0.1, 0.6, 0.05), (1.0, 0.9, None)]}}, "supervision")
    >>> figure.axes[0].get_title(loc="left"), figure.axes[0].get_xlabel()
    ('accuracy', 'supervision')
    """
    points = [point for lines in panels.values() for line in lines.values() for point in line]
    if (
        not points
        or not np.isfinite([value for point in points for value in point if value is not None]).all()
    ):
        raise DataError("nothing can be drawn along a setting", where=setting, expected="finite numbers")
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure = style.new_figure(max(4.5, 3.3 * columns), 0.5 + 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    xs = sorted({x for x, _, _ in points})
    for axes, (measure, lines) in zip(grid, panels.items(), strict=False):
        for name, line in lines.items():
            _draw(axes, sorted(line), name, names.index(name))
        if xs[0] > 0 and xs[-1] / xs[0] >= _LOG:
            axes.set_xscale("log")
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
        axes.minorticks_off()
        style.dress(
            axes, style.label(measure, 34), style.label(setting, 40), style.label(height, 40), grid=True
        )
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    handles = {
        text: handle for axes in grid for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False,
        prop={"family": style.FONT, "size": 9},
    )  # fmt: skip
    return figure


def _draw(axes: Axes, line: Line, name: str, number: int) -> None:
    x, mean, spread = zip(*line, strict=True)
    dashes = style.DASHES[number % len(style.DASHES)] or (None, None)
    axes.errorbar(
        x, mean, yerr=[s or 0.0 for s in spread], color=style.colour(number), marker=style.marker(number),
        dashes=dashes, capsize=3, markersize=5, linewidth=1.6, label=style.label(name, 40),
    )  # fmt: skip
