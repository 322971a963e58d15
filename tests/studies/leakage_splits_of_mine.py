"""Leakage tests of a user's own, as ``module:function``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightwell.data import Dataset, LeakageData


def toy(n: int = 60, seed: int = 0) -> Dataset:
    """Return images of five classes: one bright stripe each, in noise."""
    draw = np.random.default_rng(seed)
    labels = np.arange(n * 5) % 5
    images = draw.integers(0, 40, (n * 5, 12, 12))
    images[np.arange(n * 5), 2 * labels + 1] += 180
    return Dataset.from_arrays(images.astype(np.uint8), labels, ["a", "b", "c", "d", "e"], "stripes")


def fine() -> LeakageData:
    from lightwell.studies.leakage.cases import by_classes

    return by_classes(toy(), "a,b", "c|d,e")


def overlapping() -> LeakageData:
    data = fine()
    names = ("a", "d+e")
    return replace(
        data, **{p: replace(getattr(data, p), class_names=names) for p in ("open_train", "open_test")}
    )


def one_class() -> LeakageData:
    data = fine()
    return replace(data, open_test=data.open_test.take(data.open_test.labels == 0))


def nothing() -> None:
    return
