"""The subcommand ``fleet``: its axes, its files, its exit code."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from lightwell.cli import main
from lightwell.core.errors import ConfigError
from lightwell.core.files import write_json
from lightwell.core.findings import Estimate, Findings
from lightwell.fleet import local
from lightwell.fleet.cells import Outcome, is_finished
from lightwell.fleet.command import fleet
from lightwell.fleet.table import read_rows


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
    axes = {"split": ["arpl/0", "arpl/1"], "method": ["difair"], "seed": ["0", "1"]}
    assert record["grids"] == [{"preset": "smoke", "words": ["--epochs", "4"], "axes": axes}]
    assert "0.800 ± 0.000 | 2 × 1" in (tmp_path / "tables" / "results.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "arpl-0_difair_seed1 failed: DataError: lost" in page
    assert "2 of 4 cells are not finished." in page


def test_a_finished_fleet_of_other_settings_is_not_mixed(tmp_path: Path, played: dict) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path)]
    assert fleet(words) == 0
    with pytest.raises(ConfigError, match=r"training\.epochs: 1, not 2"):
        fleet([*words, "--epochs", "2"])


def test_a_second_grid_joins_the_table(tmp_path: Path, played: dict) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path), "--splits"]
    assert fleet([*words, "arpl/0,arpl/2", "--methods", "difair"]) == 0
    assert fleet([*words, "arpl/0", "--methods", "cac"]) == 0
    assert fleet([*words, "arpl/1", "--methods", "difair", "--epochs", "3"]) == 0
    assert played["cells"] == ["arpl-1_difair"]
    with (tmp_path / "tables" / "results.csv").open(newline="") as handle:
        rows = [(row["method"], row["variant"], row["splits"]) for row in csv.DictReader(handle)]
    assert rows == [
        ("difair", "training.epochs 1", "2"), ("cac", "", "1"), ("difair", "training.epochs 3", "1")
    ]  # fmt: skip
    page = (tmp_path / "report.html").read_text()
    said = "The cells do not share all settings. preset smoke: difair, cac; preset smoke --epochs 3: difair."
    assert said in page
    assert said in (tmp_path / "tables" / "results.md").read_text()
    assert fleet([*words, "arpl/1", "--methods", "difair", "--epochs", "3"]) == 0
    assert len(json.loads((tmp_path / "fleet.json").read_text())["grids"]) == 3
    shutil.rmtree(tmp_path / "cells" / "arpl-1_difair")  # what is deleted leaves the table
    assert fleet([*words, "arpl/0", "--methods", "cac"]) == 0
    assert "do not share" not in (tmp_path / "report.html").read_text()
    with pytest.raises(ConfigError, match=r"another study.*expected open-set, got concepts"):
        fleet(["concepts", "--preset", "smoke", "--out", str(tmp_path), "--dry-run"])


def test_cells_not_yet_started_stay_when_another_grid_joins(
    tmp_path: Path, played: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path), "--splits"]
    with monkeypatch.context() as context:
        context.setattr(local, "run_local", lambda *_, **__: [])  # stopped before its first cell
        assert fleet([*words, "arpl/0"]) == 0
    assert fleet([*words, "arpl/1"]) == 0
    assert "1 of 2 cells are not finished." in (tmp_path / "report.html").read_text()


def test_a_new_axis_names_the_value_that_earlier_cells_have(tmp_path: Path, played: dict) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path)]
    assert fleet(words) == 0
    assert fleet([*words, "--set", "epochs=2,3"]) == 0
    assert [row.variant for row in read_rows(tmp_path)] == ["epochs 1", "epochs 2", "epochs 3"]
    assert (tmp_path / "figures" / "along-epochs-mnist-mini.png").is_file()


def test_a_shared_setting_of_several_methods_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["open-set", "--preset", "smoke", "--dry-run", "--out", str(tmp_path), "--model.anchor", "5"]
    assert fleet([*words, "--methods", "difair,cac"]) == 0
    assert "note: model.anchor goes to every method" in capsys.readouterr().out
    assert fleet([*words, "--methods", "difair,difair+k:model.features=3"]) == 0
    assert capsys.readouterr().out == "difair  to run\ndifair+k  to run\n"
    assert not (tmp_path / "fleet.json").exists()


def test_a_report_is_built_again_from_the_cells(
    tmp_path: Path, played: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = "difair,difair+k:model.features=3"
    words = ["open-set", "--preset", "smoke", "--methods", methods, "--seeds", "0,1", "--out", str(tmp_path)]
    assert fleet(words) == 1
    failed = tmp_path / "cells" / "difair_seed1" / "run.json"
    write_json(failed, {"status": "failed", "error": "DataError: no such file"})
    before = (tmp_path / "tables" / "results.md").read_text()
    assert "difair+k is difair with model.features 3." in before
    shutil.rmtree(tmp_path / "tables")
    (tmp_path / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(tmp_path), "--figure-format", "svg"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert (tmp_path / "tables" / "results.md").read_text() == before
    assert "difair_seed1 failed: DataError: no such file" in (tmp_path / "report.html").read_text()
    assert list((tmp_path / "figures").glob("*.svg"))
    for place in (tmp_path / "cells").iterdir():
        (place / "run.json").unlink()
    assert main(["report", str(tmp_path)]) == 2
    assert "no cell of this fleet is finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "difair,softmaxx"], "softmax"),
        (["--set", "lr"], "KEY=V1,V2"),
        (["--set", "seed=1", "--seeds", "2", "--set", "seed=1"], "not an axis"),
        (["--seeds", "0,x"], "whole number"),
        (["--seeds", "0"], "no value"),
        (["--gpus-per-cell", "1"], "--executor ray"),
        (["--storage", "here"], "--executor ray"),
        (["--executor", "ray", "--address", "10.0.0.1:6379"], "Add --storage FOLDER"),
        (["--executor", "ray", "--storage", "s3://bucket/x"], "Mount the bucket as a folder"),
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
