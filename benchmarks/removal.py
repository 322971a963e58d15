"""Masks of removal and similarity rates beside the published loops, written anew, on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import ratio
from lightwell.metrics.attribution import TOPS, removal_masks, similarity_rates

SHARES = (0.05, 0.1, 0.2, 0.5, 0.8, 1.0)


def lines(images: int = 500, queries: int = 350, train: int = 1000) -> Iterator[str]:
    """Give one line for a single share, one for all of them, and one for similarity rates."""
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    maps = draw.normal(size=(images, 1, 28, 28)).astype(np.float32)
    for shares, what in (((0.05,), "5 %"), (SHARES, "six shares")):
        made = removal_masks(maps, shares)
        assert all(np.array_equal(a, b) for a, b in zip(made, _masks(maps, shares), strict=True))
        ours, bare, share = ratio(
            lambda s=shares: removal_masks(maps, s),
            lambda s=shares: _masks(maps, s),
            5 if len(shares) == 1 else 1,
        )
        yield (
            f"removal masks, {images} images, {what:<10} {1e3 * ours:6.1f} CPU-ms, loop {1e3 * bare:7.1f}, "
            f"loop / ours {share:5.1f} (at least 20)"
        )
    scores = draw.normal(size=(queries, train)).astype(np.float32)
    labels, known = draw.integers(0, 10, queries), draw.integers(0, 10, train)
    rates, loop = similarity_rates(scores, labels, known), _rates(scores, labels, known)
    assert np.allclose(rates.top.mean(axis=1), loop[0])
    assert np.allclose(rates.bottom.mean(axis=1), loop[1])
    ours, bare, share = ratio(
        lambda: similarity_rates(scores, labels, known), lambda: _rates(scores, labels, known), 5
    )
    yield (
        f"similarity rates, {queries} x {train}        {1e3 * ours:6.1f} CPU-ms, loop {1e3 * bare:7.1f}, "
        f"loop / ours {share:5.1f} (at least 9)"
    )


def _masks(maps: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Blank the pixels of each image one by one, once a share, as the published code does."""
    sizes = torch.from_numpy(maps).abs().sum(dim=1).flatten(1)
    pixels, made = sizes.shape[1], []
    for share in shares:
        k = int(share * pixels)
        gone = torch.zeros(len(maps), pixels, dtype=torch.bool)
        best = torch.topk(sizes, k)[1]
        for j, i in product(range(k), range(len(maps))):
            gone[i, best[i, j]] = True
        made.append(gone.view(len(maps), *maps.shape[2:]).numpy())
    return made


def _rates(scores: np.ndarray, labels: np.ndarray, known: np.ndarray) -> tuple[list[float], list[float]]:
    """Rank for each share and end, then count example by example, as the published code does."""
    table, asked, train = map(torch.from_numpy, (scores, labels, known))
    found: tuple[list[float], list[float]] = ([], [])
    for share in TOPS:
        k = int(share * len(train))
        for rates, largest in zip(found, (True, False), strict=True):
            best: Tensor = torch.topk(table, k, largest=largest)[1]
            same = [torch.count_nonzero(train[best[n]] == asked[n]).item() / k for n in range(len(table))]
            rates.append(float(np.mean(same)))
    return found


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
