"""Measures along a numeric axis of a grid, such as the share of supervision."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from lightwell.fleet.table import Row
from lightwell.report import Figure, figures

MEASURES = (
    "label_accuracy",
    "concept_accuracy",
    "alignment.lasso",
    "alignment.ols",
    "explicitness.lasso",
    "mig",
)
"""What is drawn, where there is any of it; else the first six measures."""


def curves(rows: Sequence[Row], axes: Mapping[str, Sequence[str]]) -> Iterator[Figure]:
    """Yield a figure for each data set and each axis of a grid that takes two numbers or more.

    Parameters
    ----------
    rows : sequence of Row
        The table of the fleet.
    axes : mapping of str to sequence of str
        The axes of the grid, with their values.
    """
    measures = [m for m in MEASURES if any(row.measure == m for row in rows)]
    measures = measures or list(dict.fromkeys(row.measure for row in rows))[:6]
    numeric = [
        n for n, values in axes.items() if n != "seed" and len(values) > 1 and all(map(_is_number, values))
    ]
    for setting in numeric:
        for data in dict.fromkeys(row.data for row in rows):
            panels: dict[str, dict[str, list[tuple[float, float, float | None]]]] = {}
            for row in rows:
                placed = _placed(row, setting)
                if placed and row.data == data and row.measure in measures and math.isfinite(row.mean):
                    name, at = placed
                    line = panels.setdefault(row.measure, {}).setdefault(name, [])
                    line.append((at, row.mean, row.std if row.std is not None else row.std_of_seeds))
            if panels:
                yield Figure(
                    f"along-{setting}-{data}",
                    figures.along({m: panels[m] for m in measures if m in panels}, setting),
                    f"Measures on {data} along {setting}: means, with one standard deviation as bars.",
                    f"{len(panels)} panels of lines by method, from the smallest to the largest {setting}.",
                )


def _placed(row: Row, setting: str) -> tuple[str, float] | None:
    """Return the name of a row without the setting, and the setting's value; None where it has no number."""
    found = re.search(rf"(?:^|, ){re.escape(setting)} ([^ ,]+)(?=, |$)", row.variant)
    if found is None or not _is_number(found[1]):
        return None
    others = (row.variant[: found.start()] + row.variant[found.end() :]).removeprefix(", ")
    return f"{row.method} {others}".strip(), float(found[1])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
