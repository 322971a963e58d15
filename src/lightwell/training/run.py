"""The run folder: what a study wrote, readable at any moment and never half-written."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import logging
import os
import platform
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from lightwell.core.errors import ConfigError, DataError, LightwellError
from lightwell.core.files import explained, read_json, write_json, write_text
from lightwell.training.differing import differing
from lightwell.training.machine import Cost, is_follower, peak_memory_mb, stop_no_more, stoppable

_PACKAGES = ("lightwell", "torch", "lightning", "numpy", "scikit-learn")

log = logging.getLogger("lightwell")


class Run:
    """A folder for one run of a study, used as a context manager.

    Inside the block ``run.json`` says ``running``; after it ``finished``, ``interrupted`` or ``failed``
    with the reason, and what it cost. Only one process can hold a run; readers never wait. In the
    second and later processes of a distributed training everything is computed and nothing written.
    SIGTERM and SIGHUP end the block as Ctrl-C does, by an exception; then the status is ``interrupted``.

    Parameters
    ----------
    folder : Path or str
        The folder; made if missing.
    study : str
        Name of the study.
    seed : int
        Seed of the run.
    config : str
        Settings as YAML, kept as ``config.yaml``.
    resume : bool
        Go on in a folder that holds a run of the same settings.
    until : str
        The stage after which the study is to stop; "" for its end.

    Raises
    ------
    ConfigError
        If the folder holds a run already and ``resume`` is off, if its settings differ, or if another
        process is at work in it.
    DataError
        If the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with Run(Path(tempfile.mkdtemp()) / "first", study="open-set") as run:
    ...     run.record(data={"name": "toy"})
    >>> read_json(run.folder / "run.json")["status"]
    'finished'
    """

    def __init__(
        self,
        folder: Path | str,
        study: str,
        *,
        seed: int = 0,
        config: str = "",
        resume: bool = False,
        until: str = "",
    ) -> None:
        self.folder = Path(folder)
        self.study, self.seed, self.config, self.resume, self.until = study, seed, config, resume, until
        self.follower = is_follower()
        self.facts: dict[str, Any] = {}
        self._earlier = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
        self._data_before: dict[str, Any] | None = None
        self._cost = Cost()
        self._lock: IO[str] | None = None
        self._signals = contextlib.ExitStack()
        self._log: logging.Handler | None = None
        self._level = log.level

    def path(self, *parts: str) -> Path:
        """Return a path inside the folder."""
        return self.folder.joinpath(*parts)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds so far, those before a resume included."""
        return self._earlier["cpu_seconds"] + self._cost.cpu_seconds

    @property
    def wall_seconds(self) -> float:
        """Wall seconds so far, those before a resume included."""
        return self._earlier["wall_seconds"] + self._cost.wall_seconds

    def record(self, **facts: Any) -> None:
        """Add facts to ``run.json`` at once.

        Raises
        ------
        ConfigError
            If the run is resumed, and its ``data`` are not those it began with.
        """
        before, now = self._data_before, facts.get("data")
        if before is not None and now is not None and before != now:
            changed = sorted(key for key in before | now if before.get(key) != now.get(key))
            raise ConfigError(
                "the data differ from those of the run to resume",
                where=self.folder,
                got=f"another {' and '.join(changed)}",
                fix="Bring back the data as they were, or choose another folder with --out.",
            )
        self.facts |= facts
        self._write("running")

    def __enter__(self) -> Self:
        self._cost = Cost()
        if self.follower:
            return self
        self._signals.enter_context(stoppable())
        try:
            with explained(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._take_lock()
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def _open(self) -> None:
        for stale in self.folder.rglob(".*.tmp"):  # left by a process that was killed while writing
            stale.unlink(missing_ok=True)
        self._continue_or_refuse()
        if self.config:
            write_text(self.path("config.yaml"), self.config)
        self._log = logging.FileHandler(self.path("log.txt"), encoding="utf-8")
        self._log.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(self._log)
        self._level = log.level
        if self._level == logging.NOTSET:  # nobody asked for anything yet, and the log tells the steps
            log.setLevel(logging.INFO)
        log.info("%s %s in %s", self.study, "resumed" if self.resume else "started", self.folder.name)
        self.facts = {"started": _now(), "versions": _versions(), "pid": os.getpid()} | self.facts
        if self._data_before is not None:
            self.facts.setdefault("data", self._data_before)
        self._write("running")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del trace
        if self.follower:
            return
        stop_no_more()
        try:
            if kind is None:
                self._write("finished")
            elif issubclass(kind, KeyboardInterrupt | SystemExit):
                log.warning("interrupted; run the same command with --resume to go on")
                self._write("interrupted")
            else:
                log.error("failed: %s", error)
                self._write("failed", error=f"{kind.__name__}: {error}")
        except LightwellError:
            if kind is None:
                raise
            log.exception("the status could not be written")  # the error that ended the block goes on
        finally:
            self._close()

    def _take_lock(self) -> None:
        # The file stays: removing it would let a third process lock a new one beside the second's.
        lock = self.path(".lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read()
            lock.close()
            raise ConfigError(
                "another process is at work in this run folder",
                where=self.folder,
                got=owner or None,
                fix="Wait for it, or choose another folder with --out.",
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()} since {_now()}")
        lock.flush()
        self._lock = lock

    def _continue_or_refuse(self) -> None:
        status = self.path("run.json")
        if not status.is_file():
            return
        earlier = read_json(status)
        if earlier.get("status") == "failed" and not self.path("metrics.csv").is_file():
            return  # a mistake in its settings: nothing was trained, the next attempt takes its place
        if not self.resume:
            raise ConfigError(
                "this folder holds a run already",
                where=self.folder,
                fix="Pass --resume to go on with it, or choose another folder with --out.",
            )
        stored = self.path("config.yaml")
        known = stored.read_text(encoding="utf-8") if self.config and stored.is_file() else self.config
        try:
            changed = list(differing(known, self.config))
        except yaml.YAMLError:
            changed = ["what is no longer YAML"]
        if changed:
            raise ConfigError(
                "the settings differ from those of the run to resume",
                where=stored,
                got=", ".join(changed),
                fix="Repeat the command as it was, or choose another folder with --out.",
            )
        self._earlier = {key: float(earlier.get(key) or 0.0) for key in self._earlier}
        self._data_before = earlier.get("data")

    def _write(self, status: str, **more: Any) -> None:
        if self.follower:
            return
        record = {
            "study": self.study,
            "name": self.folder.name,
            "status": status,
            "seed": self.seed,
            "updated": _now(),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "wall_seconds": round(self.wall_seconds, 2),
            "peak_memory_mb": round(peak_memory_mb(), 1),
        }
        write_json(self.path("run.json"), record | self.facts | more)

    def _close(self) -> None:
        if self._log is not None:
            log.removeHandler(self._log)
            log.setLevel(self._level)
            self._log.close()
            self._log = None
        if self._lock is not None:
            with contextlib.suppress(OSError):  # a full disk must not keep the lock
                self._lock.truncate(0)
            self._lock.close()
            self._lock = None
        self._signals.close()


def is_held(folder: Path) -> bool:
    """Say whether a process is at work in a run folder."""
    try:
        with (folder / ".lock").open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no run yet
        return False
    return False


def read_status(folder: Path) -> dict[str, Any]:
    """Return ``run.json``; what says ``running``, though no process holds it, is ``interrupted``.

    Raises
    ------
    DataError
        If there is none, or it is no status.
    """
    held = is_held(folder)  # first: a run that ends in between has then written how
    record = read_json(folder / "run.json")
    if not isinstance(record, dict):
        raise DataError("this is not the status of a run", where=folder / "run.json", expected="an object")
    return record if held or record.get("status") != "running" else record | {"status": "interrupted"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version()} | packages
