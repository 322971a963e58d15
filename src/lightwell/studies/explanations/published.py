"""What the reproductions of the label-free paper published, beside what a run found.

Teams: FACT (Papp et al.), GAR (Garcarz et al.), PAR (Pariza et al.), LAN (Langezaal et al.), all ReScience C
2023; the tables of the paper itself (Crabbé and van der Schaar, ICML 2022) agree with them by their word.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lightwell.core.findings import Reference


class Published(NamedTuple):
    """A mean over runs with its standard deviation (None where none was published), and where it stands."""

    experiment: str
    data: str
    finding: str
    team: str
    value: float
    spread: float | None


@cache
def published() -> tuple[Published, ...]:
    """Return all values of ``published.csv``.

    Examples
    --------
    >>> sorted({row.team for row in published()})
    ['FACT', 'GAR', 'LAN', 'PAR']
    """
    with (Path(__file__).parent / "published.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return tuple(
        Published(e, d, f, t, float(value), float(spread) if spread else None)
        for e, d, f, t, value, spread in rows
    )


def of_finding(experiment: str, data: str, finding: str) -> list[Published]:
    """Return what the teams published under this name."""
    return [row for row in published() if row[:3] == (experiment, data, finding)]


def reference(experiment: str, data: str, finding: str) -> Reference | None:
    """Return the mean of the teams' values, None where there is none.

    Examples
    --------
    >>> reference("pretexts", "mnist", "agreement.pearson.gradient_shap.reconstruction~denoising")
    Reference(value=0.4, source='mean of FACT, GAR, PAR, LAN (ReScience C 2023)')
    """
    rows = of_finding(experiment, data, finding)
    if not rows:
        return None
    teams = ", ".join(row.team for row in rows)
    value = round(sum(row.value for row in rows) / len(rows), 3)
    return Reference(value, f"{'mean of ' * (len(rows) > 1)}{teams} (ReScience C 2023)")
