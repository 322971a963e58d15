"""Unknown scores of 100,000 examples, 100 classes, 512 features, beside the formula in plain NumPy and SciPy.

The plain formulas are what one would write for whole arrays: no loop, matrix products wherever one helps, and
the same refusal of NaN. Their memory grows with the number of examples, ours does not.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from scipy.stats import weibull_min

from benchmarks.timing import ratio
from lightwell.core import Representation
from lightwell.models.scorers import Scorer, make_scorer

N, CLASSES, FEATURES, TRAIN = 100_000, 100, 512, 2_000
FEW = 20_000  # as many as the plain formula of kNN can hold
ROUNDS = 3


def lines() -> Iterator[str]:
    """Give one line a score."""
    train, test = _examples(TRAIN, 0), _examples(N, 1)
    for name, plain in PLAIN.items():
        scorer = make_scorer(name).fit(train)
        some = test.take(np.arange(FEW)) if name == "knn" else test
        formula = plain(scorer, train)
        np.testing.assert_allclose(scorer.score(some), formula(some), rtol=1e-4, atol=1e-6)
        ours, bare, share = ratio(lambda s=scorer, x=some: s.score(x), lambda f=formula, x=some: f(x), ROUNDS)
        yield (
            f"score {name:<13} of {some.n:>7,} {ours:7.3f} CPU-s, plain {bare:7.3f}, "
            f"plain / ours {share:5.2f} (at least 1); memory of {N:,} over the inputs "
            f"{_peak(scorer, test):6.1f} MB (at most 1,000)"
        )


def _examples(n: int, seed: int) -> Representation:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, CLASSES, n)
    codes, logits = draw.normal(size=(n, FEATURES)), draw.normal(size=(n, CLASSES))
    codes[np.arange(n), labels] += 6
    logits[np.arange(n), labels] += 8
    names = tuple(map(str, range(CLASSES)))
    return Representation(codes, labels, logits.argmax(axis=1), logits, class_names=names)


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


def _cac(scorer: Scorer, _train: Representation) -> Formula:
    def formula(r: Representation) -> np.ndarray:
        distances = cdist(_finite(r.logits), scorer.state["centres"])
        return (distances * (1 - softmax(-distances, axis=1))).min(axis=1)

    return formula


PLAIN: dict[str, Callable[[Scorer, Representation], Formula]] = {
    "msp": lambda *_: lambda r: 1 - softmax(_finite(r.logits), axis=1).max(axis=1),
    "mls": lambda *_: lambda r: -_finite(r.logits).max(axis=1),
    "energy": lambda *_: lambda r: -logsumexp(_finite(r.logits), axis=1),
    "openmax": _openmax,
    "cac": _cac,
    "class_means": _class_means,
    "mahalanobis": _mahalanobis,
    "knn": _knn,
}
