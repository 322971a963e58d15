"""The trace of the Fréchet distance beside SciPy's matrix root, at 768 features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import sqrtm

from benchmarks.timing import ratio
from lightwell.metrics.generation import trace_of_root

WIDTH, ROWS, ROUNDS = 768, 3_000, 5


def lines() -> Iterator[str]:
    """Give one line."""
    draw = np.random.default_rng(0)
    mixing = draw.normal(size=(2, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    first, second = (np.cov(draw.normal(size=(ROWS, WIDTH)) @ m, rowvar=False) for m in mixing)
    ours, bare, share = ratio(
        lambda: trace_of_root(first, second), lambda: np.trace(sqrtm(first @ second)), ROUNDS
    )
    root = np.trace(sqrtm(first @ second)).real
    apart = abs(trace_of_root(first, second) / root - 1)
    yield (
        f"Fréchet trace, {WIDTH} features: {ours:.3f} CPU-s, SciPy's root {bare:.3f}, SciPy / ours "
        f"{share:.1f} (at least 5), apart by {apart:.0e} (at most 1e-6)"
    )


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
