"""How much of the classes a straight cut through the codes finds: the linear probe.

Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.core.seeds import generator
from lightwell.metrics.checks import as_table, same_length

Floats = NDArray[np.float64]
_MOST = 20_000  # training codes; more make a linear rule slower, not better


@dataclass(frozen=True)
class Probe:
    """What a linear probe says about examples.

    Attributes
    ----------
    predictions : array of int, shape (n,)
        The most likely class.
    confidence : array, shape (n,)
        Its probability, in (0, 1].
    """

    predictions: NDArray[np.int64]
    confidence: Floats


def linear_probe(train_codes: ArrayLike, train_labels: ArrayLike, codes: ArrayLike, seed: int = 0) -> Probe:
    """Fit a logistic regression on the codes of known training examples and ask it about others.

    The rule is the user's cheapest rival: what the codes say about the classes without the geometry of
    the method. Wrong to read as a property of the images.

    Parameters
    ----------
    train_codes : array, shape (m, d)
        Codes of known training examples, finite. Beyond 20,000 a random part is used.
    train_labels : array of int, shape (m,)
        Their classes, each >= 0, two or more of them.
    codes : array, shape (n, d)
        Codes to ask about, known or not.
    seed : int
        Of that random part.

    Returns
    -------
    Probe
        One answer a row of ``codes``.

    Raises
    ------
    DataError
        If widths differ, a label is unknown (below 0), or there is only one class.

    Examples
    --------
    >>> probe = linear_probe([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1], [[-1.0], [0.55], [2.0]])
    >>> probe.predictions[[0, 2]].tolist(), round(float(probe.confidence[1]), 2)
    ([0, 1], 0.5)
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted, asked = as_table(train_codes, "train_codes"), as_table(codes, "codes")
    labels = np.asarray(train_labels)
    same_length(train_codes=fitted, train_labels=labels)
    if fitted.shape[1] != asked.shape[1]:
        raise DataError("codes differ in width", where="codes", expected=fitted.shape[1], got=asked.shape[1])
    if len(np.unique(labels)) < 2 or labels.min() < 0:
        raise DataError(
            "a probe is fitted on known classes",
            where="train_labels",
            expected="two classes or more, none below 0",
            got=np.unique(labels)[:5],
        )
    if len(labels) > _MOST:
        rows = np.sort(generator(seed, "linear probe").choice(len(labels), _MOST, replace=False))
        fitted, labels = fitted[rows], labels[rows]
    rule = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(fitted, labels)
    if not len(asked):
        return Probe(np.zeros(0, np.int64), np.zeros(0))
    chances = rule.predict_proba(asked)
    best = chances.argmax(axis=1)
    return Probe(rule.classes_[best].astype(np.int64), chances[np.arange(len(best)), best])
