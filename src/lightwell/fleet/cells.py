"""One cell of a fleet: its folder, its process, and what became of it. Executors differ only in where."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import read_json, write_text
from lightwell.fleet.grid import Cell
from lightwell.training.differing import differing

PROGRAM = (sys.executable, "-m", "lightwell")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LIBC = ctypes.CDLL(None)  # opened here: a forked child must not load libraries
_PATIENCE = 30.0  # seconds a cell gets to write its status after SIGTERM


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes
    ----------
    label : str
        The cell.
    state : {"finished", "skipped", "failed"}
        ``skipped`` was finished already.
    reason : str
        Why it failed.
    """

    label: str
    state: Literal["finished", "skipped", "failed"]
    reason: str = ""


def start(
    cell: Cell, folder: Path, threads: int, program: Sequence[str] = PROGRAM
) -> subprocess.Popen[bytes]:
    """Start the process of a cell; it goes on with what its folder holds.

    Parameters
    ----------
    cell : Cell
        What to run.
    folder : Path
        Its run folder; what the process says goes to ``console.txt`` there.
    threads : int
        CPU threads of each numerical library.
    program : sequence of str
        What runs a study.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "cell.yaml"
    write_text(settings, cell.config)
    words = [cell.study, "--preset", str(settings), "--out", str(folder), "--resume"]
    with (folder / "console.txt").open("ab") as console:
        return subprocess.Popen(  # noqa: S603 - our own program with checked settings
            [*program, *words],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=os.environ | dict.fromkeys(_THREADS, str(threads)),
            start_new_session=True,  # Ctrl-C reaches the fleet alone, which then stops its cells
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
        )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes: politely, so that they note where they are, and after half a minute by force."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_finished(folder: Path) -> bool:
    """Say whether a folder holds a finished run."""
    try:
        return bool(read_json(folder / "run.json").get("status") == "finished")
    except DataError:
        return False


def check_settings(cell: Cell, folder: Path, origin: Path | None = None) -> None:
    """Refuse a folder that holds a run of other settings; ``origin`` is where it was unpacked from.

    Raises
    ------
    ConfigError
        If it does, with the settings that differ.
    """
    stored = folder / "config.yaml"
    if not stored.is_file():
        return
    differing = differences(stored.read_text("utf-8"), cell.config)
    if differing:
        raise ConfigError(
            "a cell of other settings lies in this folder",
            where=origin or folder,
            got=differing,
            fix="Repeat the command as it was; or make the difference an axis (--set KEY=VALUE) or a variant "
            "(--methods), which has folders of its own; or choose another --out or --storage.",
        )


def differences(stored: str, asked: str) -> str:
    """Say in which settings two YAML texts differ, five at most; nothing where they do not.

    Examples
    --------
    >>> differences("training: {epochs: 1}", "training: {epochs: 2}")
    'training.epochs: 1, not 2'
    """
    found = list(differing(stored, asked).items())[:5]
    told = ((name, *(json.dumps(value, default=str) for value in pair)) for name, pair in found)
    return ", ".join(f"{name}: {theirs}, not {ours}" for name, theirs, ours in told)


def outcome(label: str, folder: Path, code: int) -> Outcome:
    """Return what became of a cell whose process ended with this code."""
    if code == 0 and is_finished(folder):
        return Outcome(label, "finished")
    return Outcome(label, "failed", _reason(folder, code))


def _reason(folder: Path, code: int) -> str:
    try:
        record = read_json(folder / "run.json")
    except DataError:
        record = {}
    if record.get("status") == "failed" and record.get("error"):
        return str(record["error"])
    console = folder / "console.txt"
    said = console.read_text("utf-8", errors="replace").split("\n") if console.is_file() else []
    last = next((line.strip() for line in reversed(said) if line.strip()), "")
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{how}: {last}" if last else how


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM when the fleet is killed: else its cells would go on unseen."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
    _LIBC.prctl(set_death_signal, signal.SIGTERM)
