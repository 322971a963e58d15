"""The page of a fleet: its table, the spread of every score, its protocol and what failed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightwell.core.errors import DataError
from lightwell.core.files import write_table
from lightwell.fleet import along
from lightwell.fleet.agreement import seed_agreements
from lightwell.fleet.cells import Outcome
from lightwell.fleet.finished import OWN_AXES, finished_cells
from lightwell.fleet.record import all_axes, grid_notes, read_record
from lightwell.fleet.table import Row, read_rows, readable_table, write_tables
from lightwell.report import Block, Figure, Note, Page, Section, Table, Text, figures
from lightwell.studies import study
from lightwell.training.run import read_status

_HEADS = (
    "accuracy",
    "auroc",
    "oscr",
    "label_accuracy",
    "concept_accuracy",
    "alignment",
    "explicitness",
    "mig",
)


def rewrite(folder: Path, figure_formats: Sequence[str] = ()) -> Path:
    """Write the tables and the page of a fleet once more, and return the page.

    Raises
    ------
    DataError
        If this is no folder of a fleet, or no cell is finished.
    """
    if not write_results(folder, figure_formats=figure_formats):
        raise DataError("no cell of this fleet is finished", where=folder, fix="Repeat `lightwell fleet`.")
    return folder / "report.html"


def write_results(
    folder: Path, outcomes: Sequence[Outcome] = (), figure_formats: Sequence[str] = ()
) -> list[Row]:
    """Write the tables and the page of a fleet from the folders of its cells.

    Parameters
    ----------
    folder : Path
        The fleet's folder.
    outcomes : sequence of Outcome
        Of the last call, for the reasons of what failed.
    figure_formats : sequence of str
        Besides PNG: ``"pdf"``, ``"svg"``.

    Returns
    -------
    list of Row
        The table; empty where no cell is finished, and nothing is written then.
    """
    rows = read_rows(folder)
    if rows:
        record = read_record(folder)
        write_tables(folder, rows, [*grid_notes(record), *remarks(_statuses(folder, record))])
        agreements = seed_agreements(folder)
        if isinstance(agreements, Table):
            write_table(folder / "tables" / "seed_agreement.csv", agreements.columns, agreements.rows)
        build(folder, rows, agreements, outcomes).write(folder, figure_formats)
    return rows


def build(folder: Path, rows: Sequence[Row], agreements: Block, outcomes: Sequence[Outcome] = ()) -> Page:
    """Return the page of a fleet."""
    record = read_record(folder)
    statuses = _statuses(folder, record)
    reasons = {
        n: str(s["error"]) for n, s in statuses.items() if s.get("status") == "failed" and s.get("error")
    }
    reasons |= {o.label: o.reason for o in outcomes if o.state == "failed"}
    finished = sum(status.get("status") == "finished" for status in statuses.values())
    notes: list[Block] = [Note("warning", f"{label} failed: {reason}") for label, reason in reasons.items()]
    if finished < len(statuses):
        notes.append(
            Note("warning", f"{len(statuses) - finished} of {len(statuses)} cells are not finished.")
        )
    notes += [Note("info", remark) for remark in (*grid_notes(record), *remarks(statuses))]
    main = [
        r for r in rows if r.measure.partition(".")[0] in _HEADS and "one_to_one" not in r.measure
    ] or rows
    curves = tuple(along.curves(rows, all_axes(record)))
    caution: list[Block] = [Text(_CAUTION)] if record["study"] == "open-set" else []
    drawn = [Section("Along a setting", curves)] if curves else []
    if not curves or any(row.measure.startswith("auroc.") for row in rows):
        drawn.append(Section("Spread over splits", _spreads(main)))
    beside = _side_by_side(folder, record["study"])
    if beside:
        drawn.append(Section("Side by side", tuple(beside)))
    return Page(
        title=f"Fleet of {record['study']}",
        lead="Each number is a mean over splits, each split first a mean over its seeds. Where a study has "
        "no splits, its seeds stand in their place.",
        facts={
            "study": record["study"],
            "preset": " | ".join(dict.fromkeys(grid["preset"] for grid in record["grids"])),
            "settings": " | ".join(dict.fromkeys(" ".join(grid["words"]) for grid in record["grids"]))
            or "as in the preset",
            "cells": f"{finished} of {len(statuses)} finished",
        },
        sections=(
            *drawn,
            Section("Main measures", (readable_table(main), *caution)),
            Section("All measures", (readable_table(rows),)),
            Section("Agreement of seeds", (agreements,)),
            Section("Cells", (_cells(statuses, reasons),)),
        ),
        summary=tuple(notes),
    )


_CAUTION = (
    "Which score or method to use must not be read off this table: it was measured on the unknown classes. "
    "A published value stands beside ours only where data, splits, network and epochs are the same and every "
    "other setting is that of the preset paper; ours "
    "hold out the share 'calibration' of the training images for the threshold, which papers do not."
)


def remarks(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is to be known of the splits, each remark once, with the splits it is of."""
    told: dict[str, set[str]] = {}
    for status in statuses.values():
        data = status.get("data") or {}
        for remark in data.get("remarks", ()):
            told.setdefault(remark, set()).add(f"{data.get('name')} {data.get('split')}")
    return [f"{', '.join(sorted(where))}: {remark}" for remark, where in told.items()]


def _statuses(folder: Path, record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``run.json`` of every cell of the grids, empty where there is none yet."""
    labels = [str(entry["label"]) for entry in record["cells"]]
    paths = {label: folder / "cells" / label / "run.json" for label in labels}
    return {label: read_status(path.parent) if path.is_file() else {} for label, path in paths.items()}


def _spreads(rows: Sequence[Row]) -> tuple[Block, ...]:
    """Return one figure for each data set and family: of every AUROC, or else of every main measure."""
    wanted = [r for r in rows if r.measure.startswith("auroc.")]
    measure = "AUROC" if wanted else "value"
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in wanted or rows:
        if all(map(math.isfinite, row.per_split.values())):
            name = " ".join(filter(None, (row.method, row.measure.removeprefix("auroc."), row.variant)))
            groups.setdefault((row.data, row.family), {})[name] = row
    return tuple(_spread(data, family, group, measure) for (data, family), group in groups.items())


def _spread(data: str, family: str, group: Mapping[str, Row], measure: str) -> Figure:
    best = max(group, key=lambda name: group[name].mean)
    nulls = {name: row.null for name, row in group.items() if row.null is not None}
    where = " ".join(filter(None, (data, family)))
    return Figure(
        f"spread-{where}",
        figures.spread({name: row.per_split for name, row in group.items()}, f"{measure}, {where}", nulls),
        f"{measure} on {where}: a dot a split, the stroke is the mean, the grey bar one standard deviation.",
        f"The highest mean is {group[best].mean:.3f}, of {best}; {len(group)} rows.",
    )


def _side_by_side(folder: Path, name: str) -> list[Figure]:
    """Return what the study draws of several finished runs, seeds of one point of the grid together."""
    runs: dict[str, list[Path]] = {}
    for cell in finished_cells(folder):
        own = [f"{axis} {value}" for axis, value in cell.axes.items() if axis in OWN_AXES and axis != "seed"]
        point = ", ".join(filter(None, (*own, cell.variant)))
        runs.setdefault(point or "all runs", []).append(cell.folder)
    return study(name).side_by_side(runs) if runs else []


def _cells(statuses: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, str]) -> Table:
    rows = tuple(
        (label, status.get("status", "not started"), status.get("cpu_seconds"), status.get("peak_memory_mb"),
         len(status.get("warnings") or ()), reasons.get(label, ""))
        for label, status in statuses.items()
    )  # fmt: skip
    columns = ("cell", "status", "CPU seconds", "peak memory (MB)", "warnings", "why it failed")
    return Table(columns, rows, "Every cell; its own report is cells/<cell>/report.html.")
