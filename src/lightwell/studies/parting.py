"""How studies part their data alike: loading at a size, parts for training and test, a draw of examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.seeds import generator
from lightwell.data import SOURCES, load

TEST_SHARE = 0.2  # where the data have no official test part


def load_at(data: str, data_dir: Path | None, image_size: int | None, n: int | None = None) -> Dataset:
    """Load a data set; files of the user's own, which may differ in size, are resized as they are read."""
    arrays = data in SOURCES or data.endswith(".npz")
    return load(data, data_dir, image_size=None if arrays else image_size, n=n)


def train_and_test(
    whole: Dataset, seed: int, share: float = TEST_SHARE, *, stratify: bool = True
) -> tuple[Dataset, Dataset]:
    """Part a data set, officially where it has parts for training and test, else at random."""
    if {"train", "test"} <= set(whole.parts):
        return whole.part("train"), whole.part("test")
    train, test = whole.split(1 - share, share, seed=seed, stratify=stratify)
    return train, test


def order_of(part: Dataset, seed: int) -> NDArray[np.int64]:
    """Return the rows of a part in a random order, shape (n,)."""
    return np.argsort(generator(seed, "examples").bit_generator.random_raw(part.n), kind="stable")


def drawn(part: Dataset, n: int | None, seed: int) -> Dataset:
    """Return n examples at random, in their order; all of a smaller part."""
    return part if n is None or n >= part.n else part.take(np.sort(order_of(part, seed)[:n]))
