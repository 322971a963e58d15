"""The executor of one machine: so many cells at a time, each in a process of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lightwell.fleet import cells as processes
from lightwell.fleet.cells import Outcome
from lightwell.fleet.grid import Cell
from lightwell.training.run import is_held

_PAUSE = 0.1  # seconds between two looks at the running cells


def run_local(
    cells: Sequence[Cell],
    folder: Path,
    jobs: int,
    *,
    threads: int = 1,
    report: Callable[[Outcome], None] = lambda _: None,
    program: Sequence[str] = processes.PROGRAM,
) -> list[Outcome]:
    """Run cells that are not finished, ``jobs`` at a time.

    After Ctrl-C, or any other exception, the running cells are told to stop and note where they are;
    the next call goes on from there. So it does after the fleet itself was killed.

    Parameters
    ----------
    cells : sequence of Cell
        What to run.
    folder : Path
        The folder of the cells' folders.
    jobs : int
        Processes at a time, >= 1.
    threads : int
        CPU threads of each.
    report : callable
        Told of each outcome as it comes.
    program : sequence of str
        What runs a study.

    Returns
    -------
    list of Outcome
        One a cell, in the order they ended.
    """
    waiting = list(cells)
    running: dict[str, subprocess.Popen[bytes]] = {}
    outcomes: list[Outcome] = []

    def done(result: Outcome) -> None:
        outcomes.append(result)
        report(result)

    try:
        while waiting or running:
            for cell in list(waiting):
                place = folder / cell.label
                if len(running) >= jobs:
                    break
                if is_held(place):  # such as by a cell of a fleet that was killed
                    continue
                waiting.remove(cell)
                if processes.is_finished(place):
                    done(Outcome(cell.label, "skipped"))
                else:
                    running[cell.label] = processes.start(cell, place, threads, program)
            time.sleep(_PAUSE)
            for label in [name for name, process in running.items() if process.poll() is not None]:
                code = running.pop(label).returncode
                done(processes.outcome(label, folder / label, code))
    finally:
        processes.stop(list(running.values()))
    return outcomes
