"""What the machine gives: threads, the memory allocator, and what a piece of work cost."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_STOPS = (signal.SIGTERM, signal.SIGHUP)  # politely asked to end, and: the terminal was closed


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory instead of giving every large tensor back to the kernel.

    Page faults of large tensors otherwise cost up to a third of a training step on Linux. The memory
    stays with the process. Does nothing elsewhere, or where glibc is not the C library.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch use ``count`` CPU threads inside the block; None changes nothing.

    Processes started inside the block get as many. The number from before comes back after it.
    """
    before, told = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    try:
        if count is not None:
            torch.set_num_threads(count)
            os.environ["OMP_NUM_THREADS"] = str(count)  # else Lightning shares the cores out once more
        yield
    finally:
        torch.set_num_threads(before)
        os.environ.pop("OMP_NUM_THREADS", None)
        if told is not None:
            os.environ["OMP_NUM_THREADS"] = told


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as ``SystemExit``; put signal handlers back after it.

    A signal with a handler of the user's own keeps it, and one that is ignored stays so (``nohup``).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_STOPS)}
    for number in _STOPS:
        if before[number] is signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: set by a library in C, beyond our reach
                signal.signal(number, handler)


def _stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def stop_no_more() -> None:
    """Ignore further signals until :func:`stoppable` ends: a terminal that closes may send several."""
    for number in _STOPS:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_IGN)


def is_follower() -> bool:
    """Say whether this process is a second or later one of a distributed training."""
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    return rank != "0"


class Cost:
    """CPU seconds (children included) and wall seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = self._cpu_now(), time.monotonic()

    @staticmethod
    def _cpu_now() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds so far."""
        return self._cpu_now() - self._cpu

    @property
    def wall_seconds(self) -> float:
        """Wall seconds so far."""
        return time.monotonic() - self._wall


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
