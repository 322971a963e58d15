"""DCI: disentanglement, completeness and informativeness of codes.

Eastwood and Williams, "A framework for the quantitative evaluation of disentangled representations", 2018;
with the boosted trees of Locatello et al., "Challenging common assumptions in the unsupervised learning of
disentangled representations", 2019. Depends strongly on the number of rows: compare only equally many.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, nearest
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import derive
from lightwell.metrics.checks import Floats, Ints
from lightwell.metrics.disentanglement.alignment import linear_fit
from lightwell.metrics.disentanglement.arrays import Points, checked_split, varying
from lightwell.metrics.disentanglement.boosting import boosted_trees
from lightwell.metrics.disentanglement.importance import completeness, disentanglement

Backend = Literal["exact", "fast", "linear"]
# From training codes, labels, test codes and a seed: importances, and answers to training and test codes.
_Fit = Callable[[Floats, Ints, Floats, int], tuple[Floats, Ints, Ints]]


@dataclass(frozen=True)
class Dci:
    """What :func:`dci` found.

    Attributes
    ----------
    disentanglement, completeness : float
        In [0, 1]; NaN where fewer than two factors vary, or there is one code.
    informativeness_train, informativeness_test : float
        Mean accuracy over factors (1 - 6 MSE where the back end is linear).
    importance : array, shape (d, f)
        Code by factor; columns sum to 1 (not where linear). The column of a constant factor is NaN.
    backend : str
        ``exact``, ``fast`` or ``linear``: numbers of different back ends do not compare.
    n_test : int
        Rows of the test.
    """

    disentanglement: float
    completeness: float
    informativeness_train: float
    informativeness_test: float
    importance: Floats
    backend: Backend
    n_test: int


def dci(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    backend: Backend = "exact",
    seed: int = 0,
) -> Dci:
    """Predict each factor from all codes, and read which codes that took.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : array, shapes (n, d), (n, f), (m, d), (m, f)
        Finite codes (a dead one has no importance) and class numbers. A factor that is constant in training
        is left out of all numbers. The reference takes 10,000 and 5,000 rows.
    backend : {"exact", "fast", "linear"}
        ``exact``: boosted trees as in the reference, by numba or (10 times slower, with a warning)
        scikit-learn; the seed moves it by about 0.005. ``fast``: 20 bagged trees of 5 rows a leaf, whose
        numbers **do not compare with published ones**. ``linear``: Lasso of penalty 0.01, as in
        :func:`lightwell.metrics.disentanglement.alignment.alignment`.
    seed : int
        Of ties between equally good splits, or of the bags.

    Returns
    -------
    Dci
        With the importances.

    Raises
    ------
    DataError
        As in :func:`lightwell.metrics.disentanglement.arrays.checked_split`.
    ConfigError
        If the back end is unknown.

    Examples
    --------
    >>> factors = np.indices((4, 5, 9)).reshape(3, -1).T[:, :2]
    >>> found = dci(factors / 5, factors, factors / 5, factors, backend="fast")
    >>> found.disentanglement, found.importance.round(2).tolist()
    (1.0, [[1.0, 0.0], [0.0, 1.0]])
    """
    if backend not in _FITS and backend != "linear":
        raise ConfigError(
            "no such back end", where="backend", got=repr(backend), fix=nearest(backend, [*_FITS, "linear"])
        )
    train, test = checked_split(codes_train, factors_train, codes_test, factors_test)
    if backend == "exact" and not _compiles():
        warnings.warn(
            "numba is not installed, so DCI takes scikit-learn's boosted trees, some 10 times slower. "
            "Install it with: pip install 'lightwell[dci]'",
            stacklevel=2,
        )
    if backend == "linear":
        weights, explained = linear_fit(train.codes, train.factors.astype(np.float64), "lasso")
        informed = (
            explained(train.codes, train.factors.astype(np.float64)),
            explained(test.codes, test.factors.astype(np.float64)),
        )
    else:
        weights, informed = _by_trees(_FITS[backend], train, test, seed)
    used = weights[:, varying(train.factors)]
    return Dci(
        disentanglement(used).value, completeness(used).value, *informed, weights, backend, len(test.codes)
    )


def dci_estimates(found: Dci, null: Dci | None = None) -> list[Estimate]:
    """Name the four numbers as findings, without interval: their spread is that of training seeds.

    Parameters
    ----------
    found : Dci
        The result.
    null : Dci, optional
        The same measure where the rows of the codes were shuffled.

    Returns
    -------
    list of Estimate
        ``dci.<backend>.disentanglement``, ``.completeness``, ``.informativeness_train`` and ``_test``.

    Examples
    --------
    >>> result = Dci(1.0, 0.5, 1.0, 0.9, np.eye(2), "exact", 500)
    >>> [one.name for one in dci_estimates(result)][1]
    'dci.exact.completeness'
    """
    names = ("disentanglement", "completeness", "informativeness_train", "informativeness_test")
    return [
        Estimate(
            f"dci.{found.backend}.{name}",
            getattr(found, name),
            n=found.n_test,
            null=None if null is None else Null("shuffled codes", getattr(null, name)),
        )
        for name in names
    ]


def _by_trees(fit: _Fit, train: Points, test: Points, seed: int) -> tuple[Floats, tuple[float, float]]:
    weights = np.full((train.codes.shape[1], train.factors.shape[1]), np.nan)
    right = []
    for factor in np.flatnonzero(varying(train.factors)).tolist():
        asked, wanted = train.factors[:, factor], test.factors[:, factor]
        found = fit(train.codes, asked, test.codes, derive(seed, "dci", factor))
        weights[:, factor] = found[0]
        right.append([(found[1] == asked).mean(), (found[2] == wanted).mean()])
    informed = np.mean(right, axis=0)
    return weights, (float(informed[0]), float(informed[1]))


def _compiles() -> bool:
    return find_spec("numba") is not None


def _exact(codes: Floats, labels: Ints, asked: Floats, seed: int) -> tuple[Floats, Ints, Ints]:
    if _compiles():
        trees = boosted_trees(codes, labels, seed)
        return trees.importances, trees.fitted, trees.predict(asked)
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(random_state=seed % 2**32).fit(codes, labels)
    return model.feature_importances_, model.predict(codes), model.predict(asked)


def _fast(codes: Floats, labels: Ints, asked: Floats, seed: int) -> tuple[Floats, Ints, Ints]:
    from sklearn.ensemble import RandomForestClassifier

    # All codes are offered to each split: else one would get importance because the right one was not.
    model = RandomForestClassifier(20, min_samples_leaf=5, max_features=None, random_state=seed % 2**32)
    model.fit(codes, labels)
    return model.feature_importances_, model.predict(codes), model.predict(asked)


_FITS: dict[str, _Fit] = {"exact": _exact, "fast": _fast}
