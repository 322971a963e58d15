"""OpenMax: logits whose credit shrinks with the distance from the class, and a class for the unknown."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.representation import Representation
from lightwell.models.anchors import Anchors
from lightwell.models.scorers.contract import (
    Floats,
    Scorer,
    about,
    check_setting,
    count_classes,
    rows_of_class,
)

_BENDALE = (
    "Towards Open Set Deep Networks",
    "CVPR",
    2016,
    "https://arxiv.org/abs/1511.06233",
    "abhijitbendale/OSDN",
    "BSD-3-Clause (its libMR: own licence)",
)


class OpenMax(Scorer):
    """Probability of the unknown class after OpenMax has revised the logits.

    For each class a Weibull distribution is fitted to the largest distances between the logits of its
    correctly classified training examples and their mean. The i-th largest logit v of an example, i = 1 ..
    alpha, gives ``v (alpha + 1 - i) / alpha F(distance to the mean of that class)`` to the unknown class,
    whose probability in the softmax of all K + 1 is the score.

    Where readings differ, this is meant: weights start at 1 as in the authors' code (the paper prints
    (alpha - i) / alpha), F is the distribution function as in their code (the paper prints 1 - F), distances
    are Euclidean, and the Weibull has two parameters, its origin at distance 0 (libmr moves the origin to
    1 below the smallest distance of the tail, which depends on the scale of the logits). A class with fewer
    than two different distances takes the distribution of all classes together.

    Parameters
    ----------
    anchors : None
        Not read.
    tail : int
        Distances a class that the Weibull is fitted to, the largest ones, at least 2.
    alpha : int
        How many of the largest logits are revised, at least 1; at most K.
    """

    info = about(
        "openmax",
        "Probability of the unknown class of OpenMax",
        _BENDALE,
        "logits",
        "examples with hardly any evidence: logits near 0 have nothing to give to the unknown class",
    )
    sees_missing_evidence = False

    def __init__(self, anchors: Anchors | None = None, *, tail: int = 20, alpha: int = 3) -> None:
        super().__init__(anchors)
        check_setting("tail", tail, 2, whole=True)
        check_setting("alpha", alpha, 1, whole=True)
        self.settings = {"tail": tail, "alpha": alpha}

    def fit(self, known: Representation) -> Self:
        """Learn the ``means`` of logits (K, K), and ``shapes`` and ``scales`` of the Weibulls (K,)."""
        logits, means, tails = self._read(known), [], []
        for c in range(count_classes(known)):
            own = logits[rows_of_class(known, c)]
            means.append(own.mean(axis=0))
            distances = np.sqrt(np.square(own - means[-1]).sum(axis=1))
            tails.append(np.sort(distances)[-int(self.settings["tail"]) :])
        pooled = np.concatenate(tails)
        if not _differ(pooled):
            raise DataError(
                "logits of a class do not differ, so no distribution can be fitted",
                where=self.info.name,
                expected="two different distances from the class mean",
                got=f"{known.n} examples of {len(means)} classes",
            )
        fits = np.array([fit_weibull(tail if _differ(tail) else pooled) for tail in tails])
        self.state = {"means": np.stack(means), "shapes": fits[:, 0], "scales": fits[:, 1]}
        return self

    def _score(self, values: Floats) -> Any:
        means = self._learned("means")
        self._check_width(values, means.shape[1])
        alpha = min(int(self.settings["alpha"]), values.shape[1])
        rows, ranked = np.arange(len(values)), _largest(values, alpha)
        revised, unknown = values.copy(), np.zeros(len(values))
        for rank in range(alpha):
            classes = ranked[:, rank]
            gaps = values - means[classes]
            distances = np.sqrt(np.square(gaps, out=gaps).sum(axis=1))
            share = weibull(distances, self.state["shapes"][classes], self.state["scales"][classes])
            moved = values[rows, classes] * share * ((alpha - rank) / alpha)
            revised[rows, classes] -= moved
            unknown += moved
        top = np.maximum(revised.max(axis=1), unknown)
        revised -= top[:, None]
        mass = np.exp(unknown - top)
        return mass / (np.exp(revised, out=revised).sum(axis=1) + mass)


def _largest(values: Floats, count: int) -> NDArray[np.int64]:
    """Return the columns of the largest values of each row, the largest first, shape (n, count)."""
    columns = np.argpartition(-values, count - 1, axis=1)[:, :count]
    columns.sort(axis=1)  # so that the stable sort below puts the first of equals first
    order = np.argsort(-np.take_along_axis(values, columns, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(columns, order, axis=1))


def _differ(distances: Floats) -> bool:
    """Tell whether a Weibull can be fitted: two positive distances apart by more than rounding."""
    positive = distances[distances > 0]
    return bool(len(positive) > 1 and np.ptp(np.log(positive)) > 1e-6)


def weibull(distances: Floats, shape: Any, scale: Any) -> Floats:
    """Return the share of a Weibull distribution up to these distances, in [0, 1].

    Examples
    --------
    >>> weibull(np.array([0.0, 2.0]), 3.0, 2.0).round(4).tolist()  # 1 - 1/e at the scale
    [0.0, 0.6321]
    """
    logs = shape * np.log(np.maximum(distances / scale, 1e-300))
    return np.asarray(-np.expm1(-np.exp(np.minimum(logs, 700))))


def fit_weibull(distances: Floats) -> tuple[float, float]:
    """Return shape and scale of the Weibull distribution that makes these distances most likely.

    Newton steps on the derivative of the likelihood with respect to the shape, which rises throughout, so
    that it has one root. Distances of 0 are left out.

    Parameters
    ----------
    distances : array, shape (n,)
        At least two different ones above 0.

    Examples
    --------
    >>> shape, scale = fit_weibull(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(shape, 4), round(scale, 4)
    (2.4532, 2.8287)
    """
    positive = distances[distances > 0]
    largest = float(positive.max())
    logs = np.log(positive / largest)
    mean = float(logs.mean())
    shape = float(np.pi / np.sqrt(6) / logs.std())  # what the spread of the logarithms suggests
    for _ in range(100):
        powers = np.exp(shape * logs)
        first, second = (float((powers * logs**i).sum() / powers.sum()) for i in (1, 2))
        step = (first - 1 / shape - mean) / (second - first**2 + 1 / shape**2)
        shape = max(shape - step, shape / 2)
        if abs(step) <= 1e-13 * shape:
            break
    return shape, largest * float(np.exp(shape * logs).mean()) ** (1 / shape)
