"""CPU seconds of two pieces of work in turn, so that a drifting machine harms both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return the median CPU seconds of both and the median of the ratios bare / ours, round by round."""
    pairs = [(cpu(ours), cpu(bare)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
    )
