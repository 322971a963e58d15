"""What it costs to import the package and to ask the command line for help."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

ROUNDS = 5


def lines() -> Iterator[str]:
    """Give one line an import."""
    both = [(_cost("import torch, lightwell")[0], _cost("import torch")[0]) for _ in range(ROUNDS)]
    extra = statistics.median(a - b for a, b in both)
    yield f"import lightwell over import torch: {extra:.3f} CPU-s (at most 0.5)"
    wall = statistics.median(
        _cost("from lightwell.cli import main; main(['--help'])")[1] for _ in range(ROUNDS)
    )
    yield f"lightwell --help: {wall:.3f} s wall (at most 0.7)"


def _cost(code: str) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - start
