"""Stands in for ``lightwell STUDY``: counts steps, goes on where it stopped, fails if told to."""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

import yaml


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("study")
    parser.add_argument("--preset", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    settings = yaml.safe_load(options.preset.read_text())
    signal.signal(signal.SIGTERM, _stop)
    with (options.out / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (options.out / "config.yaml").write_text(options.preset.read_text())
        try:
            _write(options.out, "running")
            _run(options.out, settings)
            _write(options.out, "finished")
        except SystemExit as error:
            if error.code == 128 + signal.SIGTERM:
                _write(options.out, "interrupted")
            raise


def _run(folder: Path, settings: dict) -> None:
    if settings.get("fail"):
        _write(folder, "failed", error=settings["fail"])
        sys.exit(1)
    if settings.get("crash"):
        sys.stdout.write("Traceback: no memory left\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    with (folder / "starts.txt").open("a") as handle:
        handle.write(f"{os.getpid()}\n")
    steps = folder / "steps.txt"
    for step in range(len(steps.read_text().split()) if steps.exists() else 0, settings["steps"]):
        time.sleep(settings.get("seconds", 0.0))
        with steps.open("a") as handle:
            handle.write(f"{step}\n")


def _write(folder: Path, status: str, **more: str) -> None:
    temporary = folder / ".run.json.tmp"
    temporary.write_text(json.dumps({"status": status, "threads": os.environ["OMP_NUM_THREADS"], **more}))
    temporary.replace(folder / "run.json")


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
