"""Cells that cost nothing, and folders of cells with known numbers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lightwell.core.findings import Estimate, Findings, Null
from lightwell.fleet.grid import Cell

FAKE = (sys.executable, str(Path(__file__).with_name("fake_cell.py")))


@pytest.fixture
def program() -> tuple[str, ...]:
    return FAKE


@pytest.fixture
def fake_cell() -> Callable[..., Cell]:
    def make(label: str, **settings: object) -> Cell:
        return Cell("fake", label, {}, yaml.safe_dump({"steps": 1} | settings))

    return make


class Fleet:
    """A folder of finished cells, written by hand."""

    def __init__(self, folder: Path, study: str = "open-set") -> None:
        self.folder, self.study, self.cells = folder, study, []

    def add(
        self,
        split: str,
        seed: int,
        findings: dict[str, float],
        *,
        status: str = "finished",
        axes: dict[str, str] | None = None,
        remarks: tuple[str, ...] = (),
        **settings: object,
    ) -> Path:
        label = f"cell{len(self.cells)}"
        place = self.folder / "cells" / label
        place.mkdir(parents=True)
        base = {"data": "toy", "split": split, "method": "difair", "seed": seed, "network": "small"}
        base |= {"train_images": None, "training": {"epochs": 18}}
        (place / "config.yaml").write_text(yaml.safe_dump(base | settings))
        told = {"name": (base | settings)["data"], "split": split, "remarks": list(remarks)}
        (place / "run.json").write_text(json.dumps({"status": status, "data": told, "cpu_seconds": 2.0}))
        null = Null("chance", 0.5)
        Findings(Estimate(name, value, null=null) for name, value in findings.items()).write(
            place / "findings.json"
        )
        self.cells.append({"label": label, "axes": {"split": split, "seed": str(seed)} | (axes or {})})
        record = {"study": self.study, "preset": "small", "words": [], "axes": {}, "cells": self.cells}
        (self.folder / "fleet.json").write_text(json.dumps(record))
        return place


@pytest.fixture
def fleet_folder(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "fleet")
