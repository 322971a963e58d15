"""The page of a run with 10,000 test examples, from what the run stored."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lightwell.data import load
from lightwell.studies import study

N = 10_000


def lines() -> Iterator[str]:
    """Give one line: the embedded digits, all of them as test images."""
    digits = load("mnist-mini")
    first = digits.take(np.arange(800))
    both = digits.from_arrays(
        np.concatenate([first.inputs, digits.inputs]),
        np.concatenate([first.labels, digits.labels]),
        class_names=digits.class_names,
        parts={"train": np.arange(800), "test": 800 + np.arange(N)},
    )
    kind = study("open-set")
    settings = kind.from_preset("smoke", known="2,4,5,9,8,3", train_images=800)
    with tempfile.TemporaryDirectory() as folder:
        settings(Path(folder) / "run", dataset=both)
        start = time.monotonic()
        path = kind.page(Path(folder) / "run").write(Path(folder) / "run")
        seconds, size = time.monotonic() - start, path.stat().st_size / 1e6
    yield f"report on {N:,} test examples: {seconds:.1f} s wall (at most 60), {size:.1f} MB"
