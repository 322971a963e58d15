"""``fleet.json``: the grids that a folder holds, and their cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import read_json
from lightwell.fleet.grid import Cell, Grid
from lightwell.fleet.variants import Variant


def read_record(folder: Path) -> dict[str, Any]:
    """Return the ``study``, the ``grids`` and the ``cells`` of a fleet.

    Raises
    ------
    DataError
        If this is no folder of a fleet.
    """
    record = read_json(folder / "fleet.json")
    if not isinstance(record, dict) or not {"study", "cells"} <= record.keys():
        raise DataError("this is no record of a fleet", where=folder / "fleet.json")
    if "grids" not in record:  # written before a folder could hold several
        record["grids"] = [{name: record.get(name) or {} for name in ("preset", "words", "axes")}]
    return record


def joined(folder: Path, grid: Grid, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the record of a folder with one more grid; cells of earlier ones stay while their folders do.

    Raises
    ------
    ConfigError
        If the folder is of another study.
    """
    axes = {name: list(values) for name, values in grid.axes.items()}
    added = {"preset": grid.preset, "words": list(grid.words), "axes": axes}
    record: dict[str, Any] = {"study": grid.study, "grids": [], "cells": []}
    if (folder / "fleet.json").is_file():
        record = read_record(folder)
    if record["study"] != grid.study:
        raise ConfigError(
            "a fleet of another study lies in this folder",
            where=folder,
            expected=record["study"],
            got=grid.study,
            fix="Choose another --out.",
        )
    grids = record["grids"] + [added] * (added not in record["grids"])
    ours = {cell.label: cell.axes for cell in cells}
    held = [
        entry
        for entry in record["cells"]
        if entry["label"] not in ours and (folder / "cells" / entry["label"]).is_dir()
    ]
    new = [{"label": name, "axes": dict(at), "grid": grids.index(added)} for name, at in ours.items()]
    return {"study": grid.study, "grids": grids, "cells": [*held, *new]}


def all_axes(record: dict[str, Any]) -> dict[str, list[str]]:
    """Return the axes of all grids, each with the values of all."""
    found: dict[str, list[str]] = {}
    for grid in record["grids"]:
        for name, values in grid["axes"].items():
            known = found.setdefault(name, [])
            known += [value for value in values if value not in known]
    return found


def grid_notes(record: dict[str, Any]) -> list[str]:
    """Say what each variant is, and which cells come from grids of other shared settings."""
    variants = [Variant.parse(word) for word in all_axes(record).get("method", ())]
    notes = [
        f"{v.name} is {v.method} with {', '.join(f'{key} {value}' for key, value in v.settings)}."
        for v in variants
        if v.settings
    ]
    shared: dict[str, dict[str, None]] = {}
    for entry in record["cells"]:
        grid = record["grids"][entry.get("grid", 0)]
        where = " ".join(value for name, value in entry["axes"].items() if name in ("data", "method"))
        told = " ".join([f"preset {grid['preset']}", *grid["words"]])
        shared.setdefault(told, {})[where or "all"] = None
    if len(shared) > 1:
        lines = "; ".join(f"{told}: {', '.join(where)}" for told, where in shared.items())
        notes.append(f"The cells do not share all settings. {lines}.")
    return notes
