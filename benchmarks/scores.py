"""AUROC, OSCR and their 1,000-fold bootstrap on 100,000 scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.timing import cpu
from lightwell.metrics import open_set_estimates

N = 100_000


def lines() -> Iterator[str]:
    """Give one line."""
    draw = np.random.default_rng(0)
    unknown = draw.random(N) < 0.4
    scores = draw.normal(size=N) + unknown
    correct = ~unknown & (draw.random(N) < 0.95)
    seconds = cpu(lambda: open_set_estimates(scores, unknown, correct, score_name="x"))
    yield f"bootstrap of open-set measures, {N:,} scores, 1,000 resamples: {seconds:.2f} CPU-s (at most 5)"
