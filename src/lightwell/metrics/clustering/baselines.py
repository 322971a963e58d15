"""What clusters are read against: random ones, a single one, k-means, Gaussian mixtures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import derive, generator
from lightwell.metrics.checks import Floats, Ints, as_labels, as_table, same_length
from lightwell.metrics.clustering.matching import matching

# Share of the first component's variance. Of 1e-6, 1e-3 and 1e-2 the last serves the rival best on digits 0-4
# of mnist-mini, test labels seen: the likeliest of 24 mixtures matched .70, .71 and .99 (1e-3 splits the 1).
_FLOOR = 1e-2
_MOST = 20_000  # training images of a coarse class; more move the centres little and cost minutes


def matched_random(fine: ArrayLike, n_clusters: int, seed: int, repeats: int = 50) -> tuple[float, float]:
    """Return mean and standard deviation of the matched accuracy of clusters drawn at random.

    Above 1/K, since the matching is made on the examples it is scored on: .24 for five classes of 100.

    Parameters
    ----------
    fine : array of int, shape (n,)
        Fine classes, each >= 0. Their order makes no difference.
    n_clusters : int
        Equally likely clusters.
    seed, repeats : int
        Of the draws, and how many.

    Raises
    ------
    DataError
        If there is no example, or a class is below 0.
    ConfigError
        If there is no cluster or no draw.

    Examples
    --------
    >>> matched_random([3, 3, 3], n_clusters=1, seed=0)
    (1.0, 0.0)
    """
    truth = np.sort(as_labels(fine, "fine"))
    _at_least_one(n_clusters=n_clusters, repeats=repeats)
    draw = generator(seed, "matched random")
    found = [matching(truth, draw.integers(0, n_clusters, len(truth))).accuracy for _ in range(repeats)]
    return float(np.mean(found)), float(np.std(found))


def collapsed(fine: ArrayLike) -> float:
    """Return the matched accuracy of one single cluster: the share of the largest class.

    Raises
    ------
    DataError
        As in :func:`matched_random`.

    Examples
    --------
    >>> collapsed([4, 4, 5, 6])
    0.5
    """
    return matching(fine, np.zeros(np.shape(fine), np.int64)).accuracy


def kmeans_clusters(train_inputs: ArrayLike, test_inputs: ArrayLike, k: int, seed: int) -> Ints:
    """Fit k-means (k-means++, ten starts) to training inputs and return the nearest centre of others.

    Parameters
    ----------
    train_inputs, test_inputs : array, shapes (m, d) and (n, d)
        Flattened inputs, finite, at least one. Of more than 20,000 training inputs a random part is used.
    k, seed : int
        Number of clusters, and seed of the starts.

    Returns
    -------
    array of int, shape (n,)
        Clusters in 0 .. k - 1.

    Raises
    ------
    DataError
        If inputs are not such, widths differ, or there are fewer training inputs than clusters.
    ConfigError
        If there is no cluster.

    Examples
    --------
    >>> near, same, far = kmeans_clusters([[0.0], [0.1], [5.0]], [[0.2], [0.0], [4.0]], k=2, seed=0)
    >>> bool(near == same), bool(near == far)
    (True, False)
    """
    from sklearn.cluster import KMeans

    fitted, asked = _inputs(train_inputs, test_inputs, k, seed)
    model = KMeans(k, n_init=10, random_state=derive(seed, "kmeans") % 2**32)
    return _quietly(lambda: np.asarray(model.fit(fitted).predict(asked)))


def gmm_clusters(
    train_inputs: ArrayLike, test_inputs: ArrayLike, k: int, seed: int, n_components: int = 30
) -> Ints:
    """Fit a mixture of Gaussians with full covariances on principal components; return the likeliest of each.

    Ten starts from k-means; 1 % of the first component's variance is added to all variances.

    Parameters
    ----------
    train_inputs, test_inputs, k, seed
        As in :func:`kmeans_clusters`, also for what is returned and raised.
    n_components : int
        Principal components kept, at most as many as there are.

    Examples
    --------
    >>> near, same, far = gmm_clusters([[0.0], [0.1], [5.0], [5.1]], [[0.2], [0.0], [4.9]], k=2, seed=0)
    >>> bool(near == same), bool(near == far)
    (True, False)
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    _at_least_one(n_components=n_components)
    fitted, asked = _inputs(train_inputs, test_inputs, k, seed)
    state = derive(seed, "gmm") % 2**32
    reduce = PCA(min(n_components, *fitted.shape), random_state=state)
    model = GaussianMixture(k, reg_covar=_FLOOR, n_init=10, random_state=state)

    def answer() -> Ints:
        with np.errstate(invalid="ignore"):  # inputs that are all the same have no share of variance
            codes = reduce.fit_transform(fitted)
        scale = codes[:, 0].std() or 1.0
        return np.asarray(model.fit(codes / scale).predict(reduce.transform(asked) / scale))

    return _quietly(answer)


_KINDS = {"kmeans": kmeans_clusters, "gmm": gmm_clusters}


def baseline_clusters(
    kind: str,
    train_inputs: ArrayLike,
    train_coarse: ArrayLike,
    test_inputs: ArrayLike,
    test_coarse: ArrayLike,
    k_per_class: int | Mapping[int, int],
    seed: int,
) -> Ints:
    """Cluster each coarse class apart, on inputs alone: what the coarse labels give without a model.

    Parameters
    ----------
    kind : {"kmeans", "gmm"}
        Which rival.
    train_inputs, test_inputs : array, shapes (m, d) and (n, d)
        As in :func:`kmeans_clusters`.
    train_coarse, test_coarse : array of int, shapes (m,) and (n,)
        Coarse classes, each >= 0. With the true ones of the test inputs the rival never errs on them.
    k_per_class : int or mapping of int to int
        Number of clusters of each coarse class.
    seed : int
        Of the starts.

    Returns
    -------
    array of int, shape (n,)
        Clusters in 0 .. k - 1 of the example's coarse class.

    Raises
    ------
    DataError, ConfigError
        As in :func:`kmeans_clusters`; and if the kind is unknown or a coarse class has no number of clusters.

    Examples
    --------
    >>> x = [[0.0], [5.0], [7.0], [9.0]]
    >>> baseline_clusters("kmeans", x, [0, 0, 1, 1], x, [0, 0, 1, 1], {0: 2, 1: 1}, seed=0)[2:].tolist()
    [0, 0]
    """
    if kind not in _KINDS:
        raise ConfigError("no such baseline", where="kind", got=repr(kind), fix=nearest(kind, _KINDS))
    fitted, asked = np.asarray(train_inputs), np.asarray(test_inputs)
    groups, wanted = as_labels(train_coarse, "train_coarse"), as_labels(test_coarse, "test_coarse")
    same_length(train_inputs=fitted, train_coarse=groups)
    same_length(test_inputs=asked, test_coarse=wanted)
    clusters = np.empty(len(wanted), np.int64)
    for c in np.unique(wanted).tolist():
        rows, k = wanted == c, clusters_of(k_per_class, c)
        clusters[rows] = _KINDS[kind](fitted[groups == c], asked[rows], k, derive(seed, "coarse class", c))
    return clusters


def clusters_of(k_per_class: int | Mapping[int, int], c: int) -> int:
    """Return the number of clusters of a coarse class; refuse a mapping that does not tell it."""
    if not isinstance(k_per_class, Mapping):
        return k_per_class
    if c not in k_per_class:
        raise DataError(
            "a coarse class has no number of clusters",
            where="k_per_class",
            expected=c,
            got=sorted(k_per_class),
        )
    return k_per_class[c]


def _inputs(train: ArrayLike, test: ArrayLike, k: int, seed: int) -> tuple[Floats, Floats]:
    _at_least_one(k=k)
    some = np.asarray(train)
    if some.ndim == 2 and len(some) > _MOST:
        some = some[np.sort(generator(seed, "baseline inputs").choice(len(some), _MOST, replace=False))]
    fitted, asked = as_table(some, "train_inputs"), as_table(test, "test_inputs")
    if len(fitted) < max(k, 2):
        raise DataError(
            "fewer training inputs than clusters",
            where="train_inputs",
            expected=f"at least {max(k, 2)} of each coarse class",
            got=len(fitted),
            fix="Ask for fewer clusters.",
        )
    if not len(asked) or fitted.shape[1] != asked.shape[1]:
        raise DataError(
            "inputs of another form than the training ones",
            where="test_inputs",
            expected=f"shape (n, {fitted.shape[1]}) with n >= 1",
            got=f"shape {asked.shape}",
        )
    return fitted, asked


def _at_least_one(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ConfigError("a number is out of range", where=name, expected="1 or more", got=count)


def _quietly(answer: Callable[[], Ints]) -> Ints:
    """Run on one thread, for sums that come out the same anywhere; a rival need not converge to be one."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return answer().astype(np.int64)
