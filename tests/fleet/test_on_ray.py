"""Cells that travel: packed, brought back, and finished elsewhere when their worker is lost."""

from __future__ import annotations

import os
import tarfile
import threading
import time
import warnings
from pathlib import Path

import pytest

from lightwell.core.errors import DataError
from lightwell.fleet.on_ray import pack, run_on_ray, unpack, work


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
