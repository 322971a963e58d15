"""The whole of dSprites, drawn and packed."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.timing import cpu
from lightwell.data import Dataset, load


def lines() -> Iterator[str]:
    """Give one line."""
    found: list[Dataset] = []
    seconds = cpu(lambda: found.append(load("dsprites")))
    images = found[0].inputs
    yield (
        f"dSprites, {len(images):,} images drawn, with factors, concepts and labels: {seconds:.2f} CPU-s "
        f"(at most 5), packed {images.nbytes / 1e6:.0f} MB (below 500)"
    )
