"""Unknown scores of 100,000 examples, 100 classes, 512 features, beside the formula in plain NumPy and SciPy.

The plain formulas are what one would write for whole arrays: no loop, matrix products wherever one helps, and
the same refusal of NaN. Their memory grows with the number of examples, ours does not.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from scipy.stats import weibull_min

from benchmarks.timing import cpu, ratio
from lightwell.core import Representation
from lightwell.models.anchors import Anchors
from lightwell.models.scorers import Scorer, make_scorer

N, CLASSES, FEATURES, TRAIN = 100_000, 100, 512, 2_000
FEW = 20_000  # as many as the plain formula of kNN can hold
ROUNDS = 3
ANCHORS = Anchors(CLASSES, FEATURES // CLASSES, 6.0)  # scores of class blocks read 500 features


def lines() -> Iterator[str]:
    """Give one line a score."""
    train, test = _examples(TRAIN, 0), _examples(N, 1)
    for name, plain in PLAIN.items():
        if name == "mos":  # the first of those of class blocks
            train, test = _in_blocks(train), _in_blocks(test)
        scorer = make_scorer(name, ANCHORS).fit(train)
        some = test.take(np.arange(FEW)) if name == "knn" else test
        formula = plain(scorer, train)
        np.testing.assert_allclose(scorer.score(some), formula(some), rtol=1e-4, atol=1e-6)
        ours, bare, share = ratio(lambda s=scorer, x=some: s.score(x), lambda f=formula, x=some: f(x), ROUNDS)
        whole = f", of {N:,} {cpu(lambda s=scorer, x=test: s.score(x)):.3f} CPU-s" if some.n < N else ""
        yield (
            f"score {name:<18} of {some.n:>7,} {ours:7.3f} CPU-s, plain {bare:7.3f}, "
            f"plain / ours {share:5.2f} (at least 1){whole}; memory of {N:,} over the inputs "
            f"{_peak(scorer, test):6.1f} MB (at most 1,000)"
        )


def _examples(n: int, seed: int) -> Representation:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, CLASSES, n)
    codes, logits = draw.normal(size=(n, FEATURES)), draw.normal(size=(n, CLASSES))
    codes[np.arange(n), labels * ANCHORS.n_features] += 6
    logits[np.arange(n), labels] += 8
    names = tuple(map(str, range(CLASSES)))
    return Representation(codes, labels, logits.argmax(axis=1), logits, class_names=names)


def _in_blocks(examples: Representation) -> Representation:
    codes = np.ascontiguousarray(examples.codes[:, : ANCHORS.width])
    return replace(examples, codes=codes)


def _peak(scorer: Scorer, examples: Representation) -> float:
    tracemalloc.start()
    try:
        scorer.score(examples)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


Formula = Callable[[Representation], np.ndarray]


def _finite(values: np.ndarray) -> np.ndarray:
    assert np.isfinite(values).all()
    return values


def _squared(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    own, theirs = np.square(values).sum(axis=1)[:, None], np.square(points).sum(axis=1)
    return np.maximum(own - 2 * values @ points.T + theirs, 0)


def _class_means(scorer: Scorer, _train: Representation) -> Formula:
    means = scorer.state["means"]
    return lambda r: np.sqrt(_squared(_finite(r.codes), means).min(axis=1))


def _mahalanobis(scorer: Scorer, _train: Representation) -> Formula:
    state = scorer.state
    whitening = (state["whitening"] * state["units"][:, None] * state["stretch"]).T

    def formula(r: Representation) -> np.ndarray:
        white = (_finite(r.codes) - state["centre"]) @ whitening
        return np.sqrt(_squared(white, state["means"]).min(axis=1))

    return formula


def _knn(scorer: Scorer, train: Representation) -> Formula:
    bank = train.codes / np.linalg.norm(train.codes, axis=1, keepdims=True)
    k = int(scorer.state["k"])

    def formula(r: Representation) -> np.ndarray:
        unit = _finite(r.codes) / np.linalg.norm(r.codes, axis=1, keepdims=True)
        return np.sqrt(np.partition(_squared(unit, bank), k - 1, axis=1)[:, k - 1])

    return formula


def _openmax(scorer: Scorer, _train: Representation) -> Formula:
    state, alpha = scorer.state, int(scorer.settings["alpha"])

    def formula(r: Representation) -> np.ndarray:
        logits = _finite(r.logits)
        distances = np.sqrt(_squared(logits, state["means"]))
        top = np.argsort(-logits, axis=1)[:, :alpha]
        near = np.take_along_axis(distances, top, axis=1)
        share = weibull_min.cdf(near, state["shapes"][top], scale=state["scales"][top])
        moved = np.take_along_axis(logits, top, axis=1) * share * (alpha - np.arange(alpha)) / alpha
        revised = logits.copy()
        np.put_along_axis(revised, top, np.take_along_axis(logits, top, axis=1) - moved, axis=1)
        return softmax(np.c_[revised, moved.sum(axis=1)], axis=1)[:, -1]

    return formula


def _blocks(r: Representation) -> np.ndarray:
    return _finite(r.codes).reshape(r.n, CLASSES, -1)


def _distance(_scorer: Scorer, _train: Representation) -> Formula:
    return lambda r: np.sqrt(_squared(_finite(r.codes), ANCHORS.matrix()).min(axis=1))


def _one_sided(_scorer: Scorer, _train: Representation) -> Formula:
    def formula(r: Representation) -> np.ndarray:
        blocks = _blocks(r)
        best = blocks.sum(axis=2).argmax(axis=1)
        gaps = blocks - ANCHORS.value * (np.arange(CLASSES) == best[:, None])[:, :, None]
        own = np.take_along_axis(gaps, best[:, None, None], axis=1)
        excess = np.square(np.maximum(own, 0)).sum(axis=(1, 2))
        return np.sqrt(np.square(gaps).sum(axis=(1, 2)) - excess)

    return formula


def _relative_block_sum(scorer: Scorer, _train: Representation) -> Formula:
    def formula(r: Representation) -> np.ndarray:
        sums = _blocks(r).sum(axis=2)
        best = sums.argmax(axis=1)
        return 1 - sums.max(axis=1) / scorer.state["usual"][best]

    return formula


def _cac(scorer: Scorer, _train: Representation) -> Formula:
    def formula(r: Representation) -> np.ndarray:
        distances = cdist(_finite(r.logits), scorer.state["centres"])
        return (distances * (1 - softmax(-distances, axis=1))).min(axis=1)

    return formula


def _cac_corrected(scorer: Scorer, _train: Representation) -> Formula:
    def formula(r: Representation) -> np.ndarray:
        distances = cdist(_finite(r.logits), scorer.state["centres"])
        published = (distances * (1 - softmax(-distances, axis=1))).min(axis=1)
        return published + np.maximum(
            distances.min(axis=1) - scorer.state["reach"][distances.argmin(axis=1)], 0
        )

    return formula


PLAIN: dict[str, Callable[[Scorer, Representation], Formula]] = {
    "msp": lambda *_: lambda r: 1 - softmax(_finite(r.logits), axis=1).max(axis=1),
    "mls": lambda *_: lambda r: -_finite(r.logits).max(axis=1),
    "energy": lambda *_: lambda r: -logsumexp(_finite(r.logits), axis=1),
    "openmax": _openmax,
    "cac": _cac,
    "cac_corrected": _cac_corrected,
    "class_means": _class_means,
    "mahalanobis": _mahalanobis,
    "knn": _knn,
    "mos": lambda *_: lambda r: -_finite(r.codes).max(axis=1),
    "block_sum": lambda *_: lambda r: -_blocks(r).sum(axis=2).max(axis=1),
    "relative_block_sum": _relative_block_sum,
    "distance": _distance,
    "one_sided": _one_sided,
}
