"""The executor of a Ray cluster: the same cells as tasks, whose folders travel as one file each.

A worker needs lightwell installed, the data files where the settings say, and the storage path; it shares
no other folder with the machine the fleet was started on.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import atomic_write
from lightwell.fleet import cells as processes
from lightwell.fleet.cells import Outcome
from lightwell.fleet.grid import Cell

SYNC_SECONDS = 10.0
_RETRIES = 5  # workers a cell may lose


def run_on_ray(
    cells: Sequence[Cell],
    folder: Path,
    storage: Path,
    *,
    jobs: int | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    address: str = "local",
    report: Callable[[Outcome], None] = lambda _: None,
    sync_seconds: float = SYNC_SECONDS,
    program: Sequence[str] = (),
) -> list[Outcome]:
    """Run cells that are not finished on a Ray cluster.

    Parameters
    ----------
    cells, folder, report, program
        As of :func:`lightwell.fleet.local.run_local`; the program is by default lightwell under the worker's
        Python.
    storage : Path
        A folder that this machine and every worker can reach: ``<label>.tar`` is a cell's run folder as
        it was at most ``sync_seconds`` ago. A cell whose worker was lost goes on from it elsewhere.
    jobs : int, optional
        Cells at a time; by default as many as the cluster has room for.
    cpus, gpus : float
        What each cell asks the cluster for.
    address : str
        Of the cluster; ``local`` starts one of this machine alone.
    sync_seconds : float
        Seconds between two copies of a running cell.

    Returns
    -------
    list of Outcome
        One a cell, in the order they ended.

    Raises
    ------
    ConfigError
        If Ray is not installed, or the storage holds a cell of other settings.
    """
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "Ray is not installed", where="executor", fix="pip install 'lightwell[ray]'"
        ) from None
    outcomes: list[Outcome] = []

    def done(result: Outcome) -> None:
        outcomes.append(result)
        report(result)

    waiting = []
    for cell in cells:
        if not processes.is_finished(folder / cell.label):
            _bring_back(cell, storage, folder)  # from a fleet that was stopped
        if processes.is_finished(folder / cell.label):
            done(Outcome(cell.label, "skipped"))
        else:
            waiting.append(cell)
    started_here = not ray.is_initialized()
    if started_here:
        ray.init(address=address, log_to_driver=False)
    try:
        make_task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES)
        task, threads = make_task(work), max(1, int(cpus))
        pending: dict[Any, Cell] = {}
        while waiting or pending:
            while waiting and (jobs is None or len(pending) < jobs):
                cell = waiting.pop(0)
                pending[task.remote(cell, storage.resolve(), threads, sync_seconds, tuple(program))] = cell
            (ready,), _ = ray.wait(list(pending), num_returns=1)
            done(_collect(ray.get, ready, pending.pop(ready), storage, folder))
    finally:
        if started_here:
            ray.shutdown()
    return outcomes


def _collect(get: Callable[[Any], Outcome], task: Any, cell: Cell, storage: Path, folder: Path) -> Outcome:
    try:
        result = get(task)
        _bring_back(cell, storage, folder)
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        return Outcome(cell.label, "failed", f"{type(error).__name__}: {said}")
    if result.state == "finished" and not processes.is_finished(folder / cell.label):
        lost = f"finished elsewhere, but {cell.label}.tar is not in {storage}: --storage is no shared folder"
        return Outcome(cell.label, "failed", lost)
    return result


def _bring_back(cell: Cell, storage: Path, folder: Path) -> None:
    """Unpack what the storage has of a cell, unless it is of other settings."""
    packed = storage / f"{cell.label}.tar"
    with tempfile.TemporaryDirectory(prefix="lightwell-") as scratch:
        unpack(packed, Path(scratch))
        processes.check_settings(cell, Path(scratch), packed)
    unpack(packed, folder / cell.label)


def work(
    cell: Cell, storage: Path, threads: int, sync_seconds: float, program: Sequence[str] = ()
) -> Outcome:
    """Run one cell in a folder of this worker's own, going on from its copy in the storage and keeping one.

    Parameters are those of :func:`run_on_ray`.
    """
    packed = storage / f"{cell.label}.tar"
    with tempfile.TemporaryDirectory(prefix="lightwell-") as scratch:
        folder = Path(scratch) / cell.label
        unpack(packed, folder)
        process = processes.start(cell, folder, threads, program or processes.PROGRAM)
        try:
            while _still_running(process, sync_seconds):
                pack(folder, packed)
        finally:
            processes.stop([process])
        pack(folder, packed)
        return processes.outcome(cell.label, folder, process.returncode)


def _still_running(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def pack(folder: Path, packed: Path) -> None:
    """Write a folder as one tar file, whole or not at all; files that are being written are left out.

    Examples
    --------
    >>> place = Path(tempfile.mkdtemp())
    >>> (place / "run").mkdir()
    >>> _ = (place / "run" / "log.txt").write_text("ready")
    >>> pack(place / "run", place / "run.tar")
    >>> unpack(place / "run.tar", place / "copy")
    >>> (place / "copy" / "log.txt").read_text()
    'ready'
    """
    with atomic_write(packed) as temporary, tarfile.open(temporary, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.name.startswith(".") or not path.is_file():  # .lock, and temporary names
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:  # replaced since the folder was listed
                continue
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())  # sized by what was read: logs grow
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))


def unpack(packed: Path, folder: Path) -> None:
    """Bring back a folder written by :func:`pack`; nothing happens where there is none.

    Raises
    ------
    DataError
        If the file is damaged, or names a place outside the folder.
    """
    if not packed.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise DataError("this packed run folder cannot be read", where=packed, got=error) from error
