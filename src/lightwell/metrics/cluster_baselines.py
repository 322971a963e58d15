"""What clusters are read against (random, a single one, k-means, Gaussian mixtures), and the findings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.findings import Estimate, Null, slug
from lightwell.core.seeds import derive, generator
from lightwell.metrics.bootstrap import estimate, share_estimate
from lightwell.metrics.checks import Floats, Ints, as_labels, as_table, same_length
from lightwell.metrics.clustering import (
    Matching,
    active_clusters,
    cluster_accuracy,
    cluster_scores,
    fine_predictions,
    matching,
)

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
        rows, k = wanted == c, _k(k_per_class, c)
        clusters[rows] = _KINDS[kind](fitted[groups == c], asked[rows], k, derive(seed, "coarse class", c))
    return clusters


def clustering_estimates(
    fine: ArrayLike,
    coarse: ArrayLike,
    coarse_predicted: ArrayLike,
    clusters: ArrayLike,
    *,
    coarse_names: Sequence[str],
    k_per_class: int | Mapping[int, int],
    baselines: Mapping[str, ArrayLike] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Measure a discovery on test examples, beside what random, one, and the rivals' clusters give.

    Accuracies keep the matching of the whole test set and carry the Wilson interval of a share; matching
    anew in each resample would lift every one of them. ``nmi`` and ``ari`` compare the cells (predicted
    coarse class, cluster) with the fine classes, by bootstrap; the coarse class alone lifts them, which their
    null, random clusters within the predicted coarse class, shows.

    Parameters
    ----------
    fine, coarse, clusters : array of int, shape (n,)
        As in :func:`lightwell.metrics.clustering.cluster_accuracy`; fine classes divide the coarse ones.
    coarse_predicted : array of int, shape (n,)
        Predicted coarse classes, -1 for none.
    coarse_names : sequence of str
        Name of each coarse class, by its number.
    k_per_class : int or mapping of int to int
        Number of clusters of each coarse class.
    baselines : mapping of str to array of int, shape (n,), optional
        Clusters of rivals by name (see :func:`baseline_clusters`).
    n_resamples, seed : int
        Bootstrap replicates, at least 40, and seed of all draws.

    Returns
    -------
    list of Estimate
        ``coarse_accuracy``, ``fine_accuracy``, ``nmi``, ``ari``, ``active_experts`` (of the coarse class
        with fewest), and of each coarse class ``cluster_accuracy.<class>``, with ``.matched_random`` (its
        interval holds 95 % of random clusterings), ``.collapsed`` and one a rival.

    Raises
    ------
    DataError
        As in :func:`lightwell.metrics.clustering.fine_predictions`; and if a name or a number of clusters
        is missing.
    ConfigError
        If there are too few resamples.

    Examples
    --------
    >>> found = clustering_estimates([0, 1, 2, 3], [0, 0, 1, 1], [0, 0, 1, 0], [0, 1, 1, 0],
    ...                              coarse_names=["low", "high"], k_per_class=2, n_resamples=40)
    >>> [(e.name, e.value) for e in found[:2]], found[5].name
    ([('coarse_accuracy', 0.75), ('fine_accuracy', 0.75)], 'cluster_accuracy.low')
    """
    said = as_labels(coarse_predicted, "coarse_predicted")
    matchings = cluster_accuracy(fine, coarse, clusters)
    truth, groups, chosen = (np.asarray(a, np.int64) for a in (fine, coarse, clusters))
    rivals = {name: as_labels(ids, f"baselines[{name!r}]") for name, ids in (baselines or {}).items()}
    same_length(fine=truth, coarse_predicted=said, **rivals)
    if max(matchings) >= len(coarse_names):
        raise DataError(
            "a coarse class has no name",
            where="coarse_names",
            expected=f"{max(matchings) + 1} names",
            got=len(coarse_names),
        )
    ks = {c: _k(k_per_class, c) for c in matchings}
    chance = {c: matched_random(truth[groups == c], k, seed) for c, k in ks.items()}
    right = said == groups
    floor = sum(chance[c][0] * int(right[groups == c].sum()) for c in ks) / len(truth)
    found = [
        share_estimate("coarse_accuracy", right, null=Null("majority class", collapsed(groups))),
        share_estimate(
            "fine_accuracy",
            fine_predictions(said, chosen, matchings) == truth,
            null=Null("matched random", floor),
        ),
        *_information(truth, said, chosen, np.array([ks[c] for c in groups.tolist()]), n_resamples, seed),
        Estimate(
            "active_experts",
            float(min(active_clusters(chosen[groups == c], k) for c, k in ks.items())),
            n=len(truth),
            higher_is_better=None,
            null=Null("collapsed gate", 1.0),
        ),
    ]
    for c, pairing in matchings.items():
        rows, name = groups == c, f"cluster_accuracy.{slug(coarse_names[c])}"
        cheap = {"collapsed": np.zeros(len(truth), np.int64), **rivals}
        apart = {rival: ids[rows] for rival, ids in cheap.items()}
        found += _of_class(name, truth[rows], chosen[rows], pairing, apart, chance[c])
    return found


def _of_class(
    name: str,
    truth: Ints,
    chosen: Ints,
    pairing: Matching,
    rivals: dict[str, Ints],
    chance: tuple[float, float],
) -> list[Estimate]:
    mean, spread = chance
    null = Null("matched random", mean)
    low, high = max(mean - 1.96 * spread, 0.0), min(mean + 1.96 * spread, 1.0)
    found = [
        share_estimate(name, pairing.pairs[chosen] == truth, null=null),
        Estimate(f"{name}.matched_random", mean, low, high, len(truth)),
    ]
    for rival, ids in rivals.items():
        hits = matching(truth, ids).pairs[ids] == truth
        found.append(share_estimate(f"{name}.{rival}", hits, null=null))
    return found


def _information(
    truth: Ints, said: Ints, chosen: Ints, ks: Ints, n_resamples: int, seed: int
) -> list[Estimate]:
    """Return ``nmi`` and ``ari`` of the cells; ``ks`` is the number of clusters of each example's class."""
    order = np.lexsort((ks, said, truth))  # the null must not depend on the order of the rows
    draw = generator(seed, "random cells")
    random = [
        cluster_scores(truth[order], _cells(said[order], draw.integers(0, ks[order]))) for _ in range(20)
    ]

    def score(name: str) -> Estimate:
        return estimate(
            name,
            lambda fine, cells: cluster_scores(fine, cells)[name],
            [truth, _cells(said, chosen)],
            null=Null("random clusters", float(np.mean([scores[name] for scores in random]))),
            n_resamples=n_resamples,
            seed=seed,
        )

    return [score("nmi"), score("ari")]


def _cells(said: Ints, chosen: Ints) -> Ints:
    _, cells = np.unique((said + 1) * (chosen.max() + 1) + chosen, return_inverse=True)
    return np.asarray(cells, np.int64)


def _k(k_per_class: int | Mapping[int, int], c: int) -> int:
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
