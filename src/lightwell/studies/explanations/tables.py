"""The tables of a run of the study ``explanations``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightwell.core.files import write_table
from lightwell.core.findings import Findings
from lightwell.studies.explanations.published import of_finding
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured


def write(folder: Path, found: Findings, done: Sequence[Measured], study: ExplanationsSettings) -> None:
    """Write every run's numbers, and beside the means what others published."""
    names = [e.name for e in done[0].estimates]
    rows = [[name, *(float(one.estimates[i].value) for one in done)] for i, name in enumerate(names)]
    write_table(folder / "runs.csv", ["finding", *(f"run {i}" for i in range(len(done)))], rows)
    others = [
        [
            e.name,
            e.value,
            "" if e.null is None else e.null.value,
            row.team,
            row.value,
            row.spread if row.spread is not None else "",
        ]
        for e in found
        for row in of_finding(study.experiment, study.data.removesuffix("-mini"), e.name)
    ]
    columns = ["finding", "here", "null", "team", "published", "standard deviation"]
    write_table(folder / "published.csv", columns, others)
