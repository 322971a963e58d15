"""The subcommand ``fleet``: its axes, its files, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lightwell.core.errors import ConfigError
from lightwell.core.files import write_json
from lightwell.core.findings import Estimate, Findings
from lightwell.fleet import local
from lightwell.fleet.cells import Outcome, is_finished
from lightwell.fleet.command import fleet


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> dict:
    """Cells that answer at once; those of seed 1 fail."""
    seen: dict = {}

    def run(cells, folder, jobs, *, threads, report):
        seen.update(cells=[cell.label for cell in cells], jobs=jobs, threads=threads)
        for cell in cells:
            place = folder / cell.label
            good = not cell.label.endswith("seed1")
            write_json(place / "run.json", {"status": "finished" if good else "failed"})
            (place / "config.yaml").write_text(cell.config)
            if good:
                Findings([Estimate("auroc.mos", 0.8)]).write(place / "findings.json")
            report(Outcome(cell.label, "finished" if good else "failed", "" if good else "DataError: lost"))
        return []

    monkeypatch.setattr(local, "run_local", run)
    return seen


def test_failed_cells_are_told_and_the_table_holds_the_rest(
    tmp_path: Path, played: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "open-set",
        "--preset",
        "smoke",
        "--splits",
        "arpl/0,arpl/1",
        "--methods",
        "difair",
        "--seeds",
        "2",
    ]
    words += ["--jobs", "2", "--cpus-per-cell", "3", "--epochs", "4", "--out", str(tmp_path)]
    assert fleet(words) == 1
    labels = [f"arpl-{split}_difair_seed{seed}" for split in (0, 1) for seed in (0, 1)]
    assert played == {"cells": labels, "jobs": 2, "threads": 3}
    said = capsys.readouterr()
    assert "[2/4] arpl-0_difair_seed1  failed: DataError: lost" in said.out
    assert said.err.count("failed: ") == 2
    record = json.loads((tmp_path / "fleet.json").read_text())
    assert record["axes"] == {"split": ["arpl/0", "arpl/1"], "method": ["difair"], "seed": ["0", "1"]}
    assert record["words"] == ["--epochs", "4"]
    assert "0.800 ± 0.000 | 2 × 1" in (tmp_path / "tables" / "results.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "arpl-0_difair_seed1 failed: DataError: lost" in page
    assert "2 of 4 cells are not finished." in page


def test_a_finished_fleet_of_other_settings_is_not_mixed(tmp_path: Path, played: dict) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path)]
    assert fleet(words) == 0
    with pytest.raises(ConfigError, match=r"training\.epochs: 1, not 2"):
        fleet([*words, "--epochs", "2"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "difair,softmaxx"], "softmax"),
        (["--set", "lr"], "KEY=V1,V2"),
        (["--set", "seed=1", "--seeds", "2", "--set", "seed=1"], "not an axis"),
        (["--seeds", "0,x"], "whole number"),
        (["--seeds", "0"], "no value"),
        (["--gpus-per-cell", "1"], "--executor ray"),
    ],
)
def test_mistakes_are_refused_before_any_cell(
    tmp_path: Path, played: dict, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fleet(["open-set", "--preset", "smoke", "--out", str(tmp_path), *words])
    assert played == {}


@pytest.mark.slow
def test_a_real_fleet_finishes_and_reports_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "open-set",
        "--preset",
        "smoke",
        "--set",
        "train_images=600,100",
        "--out",
        str(tmp_path),
        "--jobs",
        "2",
    ]
    assert fleet(words) == 1
    assert "too few held-out known images" in capsys.readouterr().err
    assert is_finished(tmp_path / "cells" / "train_images600")
    assert (tmp_path / "tables" / "results.tex").is_file()
    assert fleet(words) == 1
    assert "train_images600  skipped" in capsys.readouterr().out
