"""The local executor: skips what is finished, outlives failures, resumes after kill -9, stops with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lightwell.core.errors import ConfigError
from lightwell.fleet.cells import check_settings, is_finished
from lightwell.fleet.local import run_local
from lightwell.training.run import is_held

DRIVER = """
import sys, yaml
from pathlib import Path
from lightwell.fleet.grid import Cell
from lightwell.fleet.local import run_local
cells = [Cell("fake", f"c{i}", {}, yaml.safe_dump({"steps": 12, "seconds": 0.1})) for i in range(3)]
run_local(cells, Path(sys.argv[1]), 1, program=sys.argv[2:])
"""


def steps(folder: Path) -> list[int]:
    path = folder / "steps.txt"
    return [int(line) for line in path.read_text().split()] if path.is_file() else []


def status(folder: Path) -> str:
    path = folder / "run.json"
    return json.loads(path.read_text())["status"] if path.is_file() else ""


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_cells_run_once_and_finished_ones_are_skipped(tmp_path: Path, fake_cell, program) -> None:
    cells = [fake_cell(f"c{i}", steps=2) for i in range(3)]
    told = []
    first = run_local(cells, tmp_path, 2, threads=3, report=told.append, program=program)
    assert sorted(o.label for o in first) == ["c0", "c1", "c2"]
    assert {o.state for o in first} == {"finished"}
    assert told == first
    assert json.loads((tmp_path / "c0" / "run.json").read_text())["threads"] == "3"
    again = run_local(cells, tmp_path, 2, program=program)
    assert {o.state for o in again} == {"skipped"}
    assert steps(tmp_path / "c0") == [0, 1]


def test_failed_cells_are_reported_and_the_others_finish(tmp_path: Path, fake_cell, program) -> None:
    cells = [
        fake_cell("bad", fail="DataError: no such file"),
        fake_cell("dead", crash=True),
        fake_cell("good"),
    ]
    outcomes = {o.label: o for o in run_local(cells, tmp_path, 1, program=program)}
    assert outcomes["good"].state == "finished"
    assert outcomes["bad"].state == outcomes["dead"].state == "failed"
    assert outcomes["bad"].reason == "DataError: no such file"
    assert outcomes["dead"].reason == "killed by SIGKILL: Traceback: no memory left"


def test_a_cell_that_cannot_even_start_says_why(tmp_path: Path, fake_cell) -> None:
    (outcome,) = run_local([fake_cell("c")], tmp_path, 1, program=(sys.executable, "-m", "no_such_module"))
    assert outcome.state == "failed"
    assert "No module named no_such_module" in outcome.reason


def test_a_killed_fleet_goes_on_where_it_stopped(tmp_path: Path, fake_cell, program) -> None:
    fleet = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path), *program])
    wait_for(lambda: len(steps(tmp_path / "c1")) >= 3)
    os.kill(fleet.pid, signal.SIGKILL)
    fleet.wait()
    if sys.platform == "linux":  # the kernel ends the orphan
        wait_for(lambda: status(tmp_path / "c1") == "interrupted", 10)
    assert status(tmp_path / "c0") == "finished"
    before = len(steps(tmp_path / "c1"))
    assert 3 <= before < 12
    cells = [fake_cell(f"c{i}", steps=12, seconds=0.1) for i in range(3)]
    outcomes = run_local(cells, tmp_path, 3, program=program)
    assert {o.label: o.state for o in outcomes} == {"c0": "skipped", "c1": "finished", "c2": "finished"}
    for i in range(3):  # no step twice: nothing was begun anew
        assert steps(tmp_path / f"c{i}") == list(range(12))


def test_ctrl_c_stops_the_running_cells(tmp_path: Path, program) -> None:
    fleet = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), *program], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(steps(tmp_path / "c0")) >= 2)
    os.kill(fleet.pid, signal.SIGINT)
    _, said = fleet.communicate(timeout=20)
    assert fleet.returncode != 0
    assert "KeyboardInterrupt" in said
    assert status(tmp_path / "c0") == "interrupted"
    assert not (tmp_path / "c1").exists()
    assert not is_held(tmp_path / "c0")


def test_a_cell_another_process_works_on_is_waited_for(tmp_path: Path, fake_cell, program) -> None:
    cell = fake_cell("c", steps=8, seconds=0.1)
    place = tmp_path / "c"
    place.mkdir()
    (place / "cell.yaml").write_text(cell.config)
    words = [*program, "fake", "--preset", str(place / "cell.yaml"), "--out", str(place), "--resume"]
    other = subprocess.Popen(words, env=os.environ | {"OMP_NUM_THREADS": "1"})
    wait_for(lambda: is_held(place))
    (outcome,) = run_local([cell], tmp_path, 1, program=program)
    assert other.wait() == 0
    assert outcome.state == "skipped"
    assert steps(place) == list(range(8))


def test_cells_of_other_settings_are_refused(tmp_path: Path, fake_cell, program) -> None:
    run_local([fake_cell("c", steps=1)], tmp_path, 1, program=program)
    check_settings(fake_cell("c", steps=1), tmp_path / "c")
    with pytest.raises(ConfigError, match=r"other settings.*steps: 1, not 2"):
        check_settings(fake_cell("c", steps=2), tmp_path / "c")


def test_a_damaged_status_is_not_taken_for_finished(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"status": "fini')
    assert not is_finished(tmp_path)
