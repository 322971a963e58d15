"""Two processes on one machine: equal weights, one run folder, the same resume."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

SCRIPT = """
import os
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from safetensors.torch import save_file
from toy_training import noisy, toy_model, train

folder, stop_at = Path(sys.argv[2]), int(sys.argv[3])
calls = iter(range(1000))


def augment(images, chance):
    if next(calls) == stop_at:
        raise KeyboardInterrupt
    return noisy(images, chance)


model, rows = train(
    folder, epochs=4, n=30, augment=augment, devices=2, strategy="ddp", threads=1, resume=stop_at < 0
)
save_file(dict(model.state_dict()), folder / f"rank{os.environ['LOCAL_RANK']}.safetensors")
"""


def environment():
    """Return the environment without what another distributed training may have left."""
    left = {"RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
    return {name: value for name, value in os.environ.items() if name not in left}


def run_script(tmp_path, folder, stop_at):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(Path(__file__).parent), str(folder), str(stop_at)]
    return subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=200)


def log_of(folder):
    with (folder / "metrics.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


def test_a_script_ends_with_equal_weights_and_resumes_bit_for_bit(tmp_path):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    done = run_script(tmp_path, whole, 999)
    assert done.returncode == 0, done.stderr
    first, second = (load_file(whole / f"rank{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len(log_of(whole)) == 4

    stopped = run_script(tmp_path, parted, 5)  # two batches an epoch and process
    assert "KeyboardInterrupt" in stopped.stderr
    assert not (parted / "rank0.safetensors").exists()
    done = run_script(tmp_path, parted, -1)
    assert done.returncode == 0, done.stderr
    again = load_file(parted / "rank0.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert log_of(whole) == log_of(parted)


def test_the_command_line_on_two_processes(tmp_path):
    words = ["open-set", "--preset", "smoke", "--devices", "2", "--strategy", "ddp", "--accelerator", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "lightwell", *words, "--out", str(tmp_path / "run")],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["status"] == "finished"
    names = [finding["name"] for finding in json.loads((tmp_path / "run" / "findings.json").read_text())]
    assert {"accuracy", "accuracy.softmax"} <= set(names)
    assert (tmp_path / "run" / "report.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert done.stdout.count("report: ") == 1, "one process speaks"
    assert (tmp_path / "run" / "log.txt").read_text().count("started in") == 1
    assert not list((tmp_path / "run").rglob("*.tmp"))


STOPPED = """
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from lightwell.training import Run
from toy_training import noisy, train

calls = iter(range(10**6))


def augment(images, chance):
    if os.environ["LOCAL_RANK"] == "0" and next(calls) == 20:
        os.kill(os.getpid(), int(sys.argv[3]))
    return noisy(images, chance)


with Run(Path(sys.argv[2]), "toy"):
    train(sys.argv[2], epochs=2000, n=30, augment=augment, devices=2, strategy="ddp", threads=1)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_to_the_first_process_ends_both_with_a_true_status(tmp_path, number, code):
    script = tmp_path / "script.py"
    script.write_text(STOPPED)
    words = [sys.executable, str(script), str(Path(__file__).parent), str(tmp_path / "run"), str(int(number))]
    # The pipes close only when the second process is gone too.
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
