"""Cells that travel: packed, brought back, and finished elsewhere when their worker is lost."""

from __future__ import annotations

import os
import sys
import tarfile
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from lightwell.cli import main
from lightwell.core.errors import ConfigError, DataError
from lightwell.fleet import on_ray
from lightwell.fleet.cells import Outcome
from lightwell.fleet.on_ray import pack, run_on_ray, unpack, work
from lightwell.fleet.table import read_rows


def steps(folder: Path) -> list[int]:
    path = folder / "steps.txt"
    return [int(line) for line in path.read_text().split()] if path.is_file() else []


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / "model" / "weights").write_bytes(bytes(range(256)))
    (run / ".lock").write_text("process 1")
    (run / ".log.txt.x1.tmp").write_text("half")
    pack(run, tmp_path / "store" / "run.tar")
    unpack(tmp_path / "store" / "run.tar", tmp_path / "copy")
    found = sorted(p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*"))
    assert found == ["model", "model/weights"]
    assert (tmp_path / "copy" / "model" / "weights").read_bytes() == bytes(range(256))
    unpack(tmp_path / "store" / "none.tar", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_hostile_or_damaged_packs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.tar").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"cut\.tar"):
        unpack(tmp_path / "cut.tar", tmp_path / "a")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../outside.txt"))
    with pytest.raises(DataError, match=r"evil\.tar"):
        unpack(tmp_path / "evil.tar", tmp_path / "b")
    assert not (tmp_path / "outside.txt").exists()


def test_a_worker_goes_on_with_the_stored_copy_and_shares_no_folder(
    tmp_path: Path, fake_cell, program
) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / "steps.txt").write_text("0\n1\n2\n")
    pack(half, tmp_path / "store" / "c.tar")
    outcome = work(fake_cell("c", steps=5), tmp_path / "store", 1, 0.1, program)
    assert outcome.state == "finished"
    unpack(tmp_path / "store" / "c.tar", tmp_path / "copy")
    assert steps(tmp_path / "copy") == [0, 1, 2, 3, 4]
    assert sorted(p.name for p in (tmp_path / "store").iterdir()) == ["c.tar"]


def test_a_worker_tells_why_a_cell_failed(tmp_path: Path, fake_cell, program) -> None:
    outcome = work(fake_cell("c", fail="DataError: gone"), tmp_path / "store", 1, 0.1, program)
    assert (outcome.state, outcome.reason) == ("failed", "DataError: gone")


class PlayedRay(ModuleType):
    """Ray in this process: a task runs when it is waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("ray")
        self.at_once: list[int] = []
        monkeypatch.setitem(sys.modules, "ray", self)

    def is_initialized(self) -> bool:
        return True

    def remote(self, **wanted: object) -> Callable:
        def make(function: Callable) -> object:
            return SimpleNamespace(remote=lambda *given: lambda: function(*given))

        return make

    def wait(self, pending: list, num_returns: int) -> tuple[list, list]:
        self.at_once.append(len(pending))
        return pending[:1], pending[1:]

    def get(self, task: Callable) -> object:
        return task()


def test_a_cell_that_never_came_back_has_failed(tmp_path: Path, fake_cell, program, monkeypatch) -> None:
    PlayedRay(monkeypatch)
    lost = "no_such_share"
    monkeypatch.setattr(on_ray, "work", lambda cell, *_: Outcome(cell.label, "finished"))
    (outcome,) = run_on_ray([fake_cell("c")], tmp_path / "cells", tmp_path / lost, program=program)
    assert outcome.state == "failed"
    assert "c.tar is not in" in outcome.reason
    assert lost in outcome.reason


def test_no_more_cells_at_a_time_than_asked_for(tmp_path: Path, fake_cell, program, monkeypatch) -> None:
    played, cells = PlayedRay(monkeypatch), [fake_cell(f"c{i}") for i in range(3)]
    outcomes = run_on_ray(cells, tmp_path / "cells", tmp_path / "store", jobs=2, program=program)
    assert [o.state for o in outcomes] == ["finished"] * 3
    assert played.at_once == [2, 2, 1]
    assert all(steps(tmp_path / "cells" / f"c{i}") == [0] for i in range(3))
    again = run_on_ray(cells, tmp_path / "new", tmp_path / "store", program=program)
    assert {o.state for o in again} == {"skipped"}  # the storage has them
    with pytest.raises(ConfigError, match=r"c0\.tar.*steps: 1, not 4"):
        run_on_ray([fake_cell("c0", steps=4)], tmp_path / "other", tmp_path / "store", program=program)
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_real_fleet_loses_a_worker_and_has_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setattr(on_ray, "run_on_ray", partial(run_on_ray, sync_seconds=0.5))
    small = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(2)]
    storage, killed = tmp_path / "storage", threading.Event()

    def kill_a_worker() -> None:
        """Once both cells have stored a checkpoint, one worker is gone without a word."""
        names = ("difair", "difair+k")
        while not all(_has_checkpoint(storage / f"{name}.tar") for name in names):
            time.sleep(0.2)
        cluster.remove_node(nodes[0], allow_graceful=False)
        killed.set()

    words = ["open-set", "--preset", "smoke", "--methods", "difair,difair+k:model.features=3"]
    words += ["--train-images", "3000", "--epochs", "20", "--train-baseline", "false"]
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        threading.Thread(target=kill_a_worker, daemon=True).start()
        code = main(
            ["fleet", *words, "--executor", "ray", "--storage", str(storage), "--out", str(tmp_path / "out")]
        )
    finally:
        with warnings.catch_warnings():
            ray.shutdown()
            cluster.shutdown()
    assert code == 0
    assert killed.is_set()
    assert {row.method for row in read_rows(tmp_path / "out")} == {"difair", "difair+k"}
    logs = [tmp_path / "out" / "cells" / name / "log.txt" for name in ("difair", "difair+k")]
    begun = [
        sum("open-set resumed" in line or "open-set started" in line for line in log.open()) for log in logs
    ]
    assert sorted(begun) == [1, 2]  # the lost cell went on elsewhere


def _has_checkpoint(packed: Path) -> bool:
    if not packed.is_file():
        return False
    with tarfile.open(packed) as archive:
        return any(name.startswith("checkpoints/") for name in archive.getnames())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_cells_of_a_killed_worker_are_finished_by_the_other(tmp_path: Path, fake_cell, program) -> None:
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    small = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(2)]
    cells = [fake_cell(f"c{i}", steps=40, seconds=0.5) for i in range(3)]
    storage, folder = tmp_path / "storage", tmp_path / "cells"
    killed: list[dict[str, int]] = []

    def kill_a_worker() -> None:
        """Once both workers have stored some steps, one is gone without a word."""
        while not killed:
            stored = {}
            for label in ("c0", "c1"):
                unpack(storage / f"{label}.tar", tmp_path / "seen" / label)
                stored[label] = len(steps(tmp_path / "seen" / label))
            if min(stored.values()) >= 6:
                killed.append(stored)
                cluster.remove_node(nodes[0], allow_graceful=False)
            time.sleep(0.2)

    try:
        ray.init(address=cluster.address, log_to_driver=False)
        watcher = threading.Thread(target=kill_a_worker, daemon=True)
        watcher.start()
        outcomes = run_on_ray(cells, folder, storage, sync_seconds=0.5, program=program)
        alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    finally:
        with warnings.catch_warnings():
            ray.shutdown()
            cluster.shutdown()
    assert killed
    assert min(killed[0].values()) < 40
    assert len(alive) == 1
    assert {o.label: o.state for o in outcomes} == dict.fromkeys(("c0", "c1", "c2"), "finished")
    # Each step once and in order: the lost cell went on from its stored copy, not from the start.
    assert all(steps(folder / f"c{i}") == list(range(40)) for i in range(3))
    starts = [(folder / f"c{i}" / "starts.txt").read_text().split() for i in range(3)]
    assert sorted(map(len, starts)) == [1, 1, 2]
    lost = next(int(pids[0]) for pids in starts if len(pids) == 2)
    with pytest.raises(ProcessLookupError):  # the first attempt did not go on unseen
        os.kill(lost, 0)
