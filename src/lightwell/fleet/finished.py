"""The finished cells of a fleet, each with the name of its row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lightwell.core.errors import DataError
from lightwell.core.files import read_json
from lightwell.fleet.recipe import flat, recipe, text
from lightwell.fleet.record import read_record

OWN_AXES = ("data", "split", "method", "seed")
"""Axes with a place of their own in a table; the others make a variant."""

_SHOWN = 4  # settings that part cells of one name, in words


class FinishedCell(NamedTuple):
    """A finished cell; ``method`` is what its row is called, ``variant`` what else parts it from others."""

    folder: Path
    settings: Mapping[str, Any]
    fingerprint: str
    split: str
    method: str
    axes: Mapping[str, str]
    variant: str


def finished_cells(folder: Path) -> list[FinishedCell]:
    """Return the finished cells of a fleet, in the order of its grids.

    The variant is the cell's values on further axes of all grids, and the settings in which cells differ
    that would else have one name: those of two grids need not share their settings.

    Raises
    ------
    DataError
        If this is no folder of a fleet, or the settings of a cell cannot be read.
    """
    entries = read_record(folder)["cells"]
    axes = dict.fromkeys(name for entry in entries for name in entry["axes"] if name not in OWN_AXES)
    cells = []
    for entry in entries:
        place = folder / "cells" / entry["label"]
        status = read_json(place / "run.json") if (place / "run.json").is_file() else {}
        if status.get("status") != "finished":
            continue
        settings, data, at = _settings(place / "config.yaml"), status.get("data") or {}, entry["axes"]
        # Where a study has no splits, its seeds stand in their place: what a mean is over.
        split = str(data.get("split") or settings.get("split") or f"seed/{settings.get('seed', 0)}")
        method = str(at.get("method") or settings.get("method", ""))
        values = {name: at.get(name) or _value(settings, name) for name in axes}
        variant = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
        cells.append(FinishedCell(place, settings, str(data.get("fingerprint")), split, method, at, variant))
    return _told_apart(cells)


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError("these settings cannot be read", where=path, got=error) from error
    return settings if isinstance(settings, dict) else {}


def _value(settings: Mapping[str, Any], name: str) -> str | None:
    """Return what a cell of a grid without this axis has there, None where it has no such setting."""
    values = [value for key, value in flat(settings).items() if f".{key}".endswith(f".{name}")]
    return text(values[0]) if len(values) == 1 else None


def _told_apart(cells: Sequence[FinishedCell]) -> list[FinishedCell]:
    """Add to the variant of cells of one name the settings in which they differ: they are no one row."""
    names = [(str(cell.settings.get("data")), cell.method, cell.variant) for cell in cells]
    recipes = [recipe(cell.settings) for cell in cells]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for name, own in zip(names, recipes, strict=True):
        groups.setdefault(name, []).append(own)
    differing = {name: _differing(group) for name, group in groups.items()}
    return [
        cell._replace(variant=", ".join(filter(None, (cell.variant, _told(own, differing[name])))))
        for cell, name, own in zip(cells, names, recipes, strict=True)
    ]


def _differing(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for own in recipes for key in own)
    return [key for key in keys if any(own.get(key) != recipes[0].get(key) for own in recipes)]


def _told(own: Mapping[str, Any], keys: Sequence[str]) -> str:
    parts = [f"{key} {text(own.get(key))}" for key in keys]
    if len(parts) > _SHOWN:  # the hash keeps apart what the words no longer do
        rest = sha256(json.dumps(parts).encode()).hexdigest()[:6]
        parts = [*parts[: _SHOWN - 1], f"{len(parts) - _SHOWN + 1} more {rest}"]
    return ", ".join(parts)
