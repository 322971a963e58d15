"""The run folder: a true status, one process at a time, refusals, costs, followers, full disks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lightwell.core import ConfigError, DataError, TrainingDiverged
from lightwell.core.files import read_json
from lightwell.training import Run
from lightwell.training import run as module
from lightwell.training.run import log, read_status


def status(folder):
    return json.loads((folder / "run.json").read_text())


def test_status_is_running_inside_and_finished_after(tmp_path):
    with Run(tmp_path / "r", "toy", seed=3, config="a: 1\n") as run:
        inside = status(run.folder)
    after = status(tmp_path / "r")
    assert (inside["status"], after["status"]) == ("running", "finished")
    assert (after["study"], after["name"], after["seed"], after["pid"]) == ("toy", "r", 3, os.getpid())
    assert after["versions"]["torch"]
    assert after["cpu_seconds"] >= 0
    assert after["wall_seconds"] >= 0
    assert after["peak_memory_mb"] > 10
    assert (tmp_path / "r" / "config.yaml").read_text() == "a: 1\n"
    assert "started in r" in (tmp_path / "r" / "log.txt").read_text()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no luck"), "failed"),
        (TrainingDiverged("the loss term 'a' is nan"), "failed"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "interrupted"),
    ],
)
def test_status_after_an_error_is_true_and_the_error_goes_on(tmp_path, error, expected):
    with pytest.raises(type(error)) as raised, Run(tmp_path, "toy"):
        raise error
    assert raised.value is error
    assert status(tmp_path)["status"] == expected
    if expected == "failed":
        assert status(tmp_path)["error"] == f"{type(error).__name__}: {error}"
    with Run(tmp_path, "toy", resume=True):
        assert status(tmp_path)["status"] == "running"
        assert "error" not in status(tmp_path)
    assert status(tmp_path)["status"] == "finished"


def test_facts_are_recorded_at_once_and_kept(tmp_path):
    with Run(tmp_path, "toy") as run:
        run.record(data={"name": "x"})
        assert status(tmp_path)["data"] == {"name": "x"}
        run.record(warnings=["w"])
    assert status(tmp_path)["data"] == {"name": "x"}
    assert status(tmp_path)["warnings"] == ["w"]


def test_a_run_is_not_written_over(tmp_path):
    with Run(tmp_path, "toy"):
        pass
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(ConfigError, match=r"holds a run already.*--resume"), Run(tmp_path, "toy"):
        pass
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_difference_of_settings_is_refused_by_name(tmp_path):
    first = "seed: 1\noptimizer:\n  lr: 0.1\n  momentum: 0.9\naugment:\n  scale: 0.2\n"
    second = "seed: 1\noptimizer:\n  lr: 0.2\n  momentum: 0.9\naugment:\n  scale: 0.1\n  flip: true\n"
    with Run(tmp_path, "toy", config=first):
        pass
    with (
        pytest.raises(ConfigError, match=r"got augment\.flip, augment\.scale, optimizer\.lr\."),
        Run(tmp_path, "toy", config=second, resume=True),
    ):
        pass
    assert status(tmp_path)["status"] == "finished"
    assert (tmp_path / "config.yaml").read_text() == first


def test_two_values_that_change_places_are_a_difference(tmp_path):
    with Run(tmp_path, "toy", config="a:\n  x: 1\nb:\n  x: 2\n"):
        pass
    with (
        pytest.raises(ConfigError, match=r"got a\.x, b\.x"),
        Run(tmp_path, "toy", config="a:\n  x: 2\nb:\n  x: 1\n", resume=True),
    ):
        pass


def test_a_comment_is_no_difference_and_broken_yaml_is(tmp_path):
    with Run(tmp_path, "toy", config="a: 1\n"):
        pass
    (tmp_path / "config.yaml").write_text("# mine\na: 1\n")
    with Run(tmp_path, "toy", config="a: 1\n", resume=True):
        pass
    (tmp_path / "config.yaml").write_text("a: [1\n")
    with (
        pytest.raises(ConfigError, match="no longer YAML"),
        Run(tmp_path, "toy", config="a: 1\n", resume=True),
    ):
        pass


def test_costs_add_up_over_resumes(tmp_path):
    with Run(tmp_path, "toy"):
        pass
    earlier = status(tmp_path) | {"cpu_seconds": 100.0, "wall_seconds": 200.0}
    (tmp_path / "run.json").write_text(json.dumps(earlier))
    with Run(tmp_path, "toy", resume=True) as run:
        sum(range(300_000))
        assert run.cpu_seconds > 100
    assert 100 <= status(tmp_path)["cpu_seconds"] < 110
    assert 200 <= status(tmp_path)["wall_seconds"] < 210


def test_a_status_that_is_no_json_is_told(tmp_path):
    (tmp_path / "run.json").write_text('{"status": "runn')
    with pytest.raises(DataError, match=r"run\.json"), Run(tmp_path, "toy", resume=True):
        pass


def test_half_written_files_of_a_killed_process_are_swept(tmp_path):
    (tmp_path / "tables").mkdir(parents=True)
    stale = [tmp_path / ".run.json.abc123.tmp", tmp_path / "tables" / ".a.csv.x_y.tmp"]
    kept = [tmp_path / "notes.tmp", tmp_path / ".hidden"]
    for path in stale + kept:
        path.write_text("x")
    with Run(tmp_path, "toy"):
        assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in kept)


def test_a_second_holder_is_refused_and_the_first_is_not_disturbed(tmp_path):
    with Run(tmp_path, "toy") as first:
        with (
            pytest.raises(ConfigError, match=rf"another process is at work.*process {os.getpid()} on"),
            Run(tmp_path, "toy", resume=True),
        ):
            pass
        first.record(still=True)
    assert status(tmp_path)["still"] is True
    with Run(tmp_path, "toy", resume=True):
        pass


CHILD = """
import sys, time
from pathlib import Path
from lightwell.training import Run
with Run(Path(sys.argv[1]), "toy") as run:
    run.path(".half.txt.x.tmp").write_text("half")
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_gives_the_folder_free(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "inside\n"
        with pytest.raises(ConfigError, match=f"process {child.pid} "), Run(tmp_path, "toy", resume=True):
            pass
        assert read_status(tmp_path)["status"] == "running", "a reader never waits"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert status(tmp_path)["status"] == "running"
    assert read_status(tmp_path) == status(tmp_path) | {"status": "interrupted"}
    with Run(tmp_path, "toy", resume=True):
        assert read_status(tmp_path)["status"] == "running"
        assert not (tmp_path / ".half.txt.x.tmp").exists()
    assert status(tmp_path)["status"] == "finished"


@pytest.fixture
def default_handlers():
    """Signals as a terminal gives them to a process, whatever the tests were started from."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_block_with_a_true_status_however_many_come(
    tmp_path, monkeypatch, default_handlers, number
):
    real = module.write_json

    def write(path, record):
        if record["status"] == "interrupted":
            os.kill(os.getpid(), number)
        real(path, record)

    monkeypatch.setattr(module, "write_json", write)
    with pytest.raises(SystemExit) as stopped, Run(tmp_path, "toy"):
        os.kill(os.getpid(), number)
    assert stopped.value.code == 128 + number
    assert status(tmp_path)["status"] == "interrupted"
    assert signal.getsignal(number) is signal.SIG_DFL


def test_under_nohup_a_closed_terminal_is_not_heard(tmp_path, default_handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Run(tmp_path, "toy"):
        os.kill(os.getpid(), signal.SIGHUP)
    assert status(tmp_path)["status"] == "finished"
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("text", ["[1]", "{", None])
def test_a_folder_without_a_status_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        read_status(tmp_path)


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK"])
def test_a_follower_writes_nothing(tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with Run(tmp_path / "r", "toy", config="a: 1\n") as run:
        assert run.follower
        run.record(data=1)
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(DataError, match=r"cannot be written.*choose another folder"),
        Run(tmp_path / "file", "toy"),
    ):
        pass


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="cannot be written"), Run(tmp_path, "toy"):
            pass
    finally:
        tmp_path.chmod(0o700)


def no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_earlier_status(tmp_path, monkeypatch):
    run = Run(tmp_path, "toy")
    with run:
        before = status(tmp_path)
        monkeypatch.setattr(os, "fsync", no_room)
        with pytest.raises(DataError, match=r"run\.json.*No space left"):
            run.record(data=1)
        assert status(tmp_path) == before
        monkeypatch.undo()


def test_the_error_of_the_block_wins_over_one_of_the_status(tmp_path, monkeypatch):
    def work():
        with Run(tmp_path, "toy"):
            monkeypatch.setattr(os, "fsync", no_room)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        work()
    monkeypatch.undo()
    assert log.handlers == []
    with Run(tmp_path, "toy", resume=True):  # and the lock was given back
        pass


def test_a_status_that_cannot_be_written_at_the_end_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="No space left"), Run(tmp_path, "toy"):
        monkeypatch.setattr(os, "fsync", no_room)


def test_the_log_of_a_run_is_its_own(tmp_path):
    before = log.level
    for name in ("one", "two"):
        with Run(tmp_path / name, "toy"):
            log.info("only %s", name)
    assert (log.handlers, log.level) == ([], before)
    assert "only one" in (tmp_path / "one" / "log.txt").read_text()
    assert "only one" not in (tmp_path / "two" / "log.txt").read_text()


def test_resume_with_other_data_is_refused_and_forgets_nothing(tmp_path: Path) -> None:
    with Run(tmp_path / "run", "toy") as run:
        run.record(data={"fingerprint": "one", "name": "toy"})
    with (
        pytest.raises(ConfigError, match="another fingerprint"),
        Run(tmp_path / "run", "toy", resume=True) as run,
    ):
        run.record(data={"fingerprint": "two", "name": "toy"})
    assert read_json(tmp_path / "run" / "run.json")["data"] == {"fingerprint": "one", "name": "toy"}
    with Run(tmp_path / "run", "toy", resume=True) as run:
        run.record(data={"fingerprint": "one", "name": "toy"})
    assert read_json(tmp_path / "run" / "run.json")["status"] == "finished"
