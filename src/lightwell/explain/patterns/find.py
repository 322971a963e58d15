"""Patterns in a set of embeddings, or the finding that there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from lightwell.core.seeds import derive
from lightwell.explain.patterns.cluster import Floats, Ints, count
from lightwell.explain.patterns.reduce import reduce
from lightwell.explain.patterns.sample import Sample, null_samples
from lightwell.explain.patterns.search import search
from lightwell.explain.patterns.settings import PatternSettings
from lightwell.metrics.checks import as_table
from lightwell.metrics.clustering import calinski_harabasz, davies_bouldin

# Several numbers of clusters are tried, and the most stable has a high silhouette by chance too: at 95 %,
# 4 of 50 clouds without structure were taken for patterns by mixtures, at 99 % none (by k-means 2 of 50).
_SURE = 0.99
_STABLE = 0.5  # adjusted Rand index below which clusters are not the same from one draw to the next
_TIE = 0.05  # stabilities that differ by no more are alike


@dataclass(frozen=True)
class AgainstNull:
    """A measure beside what it is for data without structure.

    Attributes
    ----------
    value : float
        Of the data.
    null : float
        Mean over the null's replicates.
    low, high : float
        Where 99 % of further replicates would lie (Student's t), within the bounds of the measure.
    """

    value: float
    null: float
    low: float
    high: float

    @classmethod
    def of(
        cls, value: float, replicates: Sequence[float], bounds: tuple[float, float] = (-1.0, 1.0)
    ) -> AgainstNull:
        """Compare a value with replicates; NaN are left out, and of fewer than 2 nothing is known."""
        kept = np.asarray(replicates, np.float64)
        kept = kept[np.isfinite(kept)]
        if len(kept) < 2:
            return cls(value, *[float("nan")] * 3)
        mean, n = float(kept.mean()), len(kept)
        reach = float(student.ppf((1 + _SURE) / 2, n - 1) * kept.std(ddof=1) * np.sqrt(1 + 1 / n))
        return cls(value, mean, max(mean - reach, bounds[0]), min(mean + reach, bounds[1]))

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.null:.3f}, {self.low:.3f} to {self.high:.3f}]"


@dataclass(frozen=True)
class Choice:
    """One number of clusters that was tried.

    Attributes
    ----------
    k : int
        Clusters; as many as HDBSCAN found, of HDBSCAN.
    seed_ari, bootstrap_ari : float
        How far labels agree over seeds, and over bootstraps.
    silhouette : float
        Of the reduced points; NaN where there were not two clusters.
    gap : float
        How far it lies above the mean of the null at the same k.
    """

    k: int
    seed_ari: float
    bootstrap_ari: float
    silhouette: float
    gap: float

    @property
    def stability(self) -> float:
        """The smaller of both agreements."""
        return min(self.seed_ari, self.bootstrap_ari)


@dataclass(frozen=True)
class Patterns:
    """Clusters, and whether they are more than what any cloud of points falls into.

    Attributes
    ----------
    labels : array of int, shape (n,)
        Cluster of each example, the largest 0, -1 for noise. All 0 where no structure was found.
    k : int
        Number of clusters in them.
    points : array, shape (n, m)
        Reduced embeddings.
    found : bool
        Whether there is structure.
    verdict : str
        The same in a sentence, with the numbers it rests on.
    scores : dict of str to AgainstNull
        ``silhouette``, ``davies_bouldin`` and ``calinski_harabasz`` of the proposal.
    stability : dict of str to AgainstNull
        ``seed_ari`` and ``bootstrap_ari`` of the proposal.
    by_k : tuple of Choice
        What was tried.
    settings : PatternSettings
        Those used, after a search.
    proposal : array of int, shape (n,)
        The best clusters, whether they were accepted or not.
    """

    labels: Ints
    k: int
    points: Floats
    found: bool
    verdict: str
    scores: dict[str, AgainstNull]
    stability: dict[str, AgainstNull]
    by_k: tuple[Choice, ...]
    settings: PatternSettings
    proposal: Ints


def find_patterns(embeddings: ArrayLike, settings: PatternSettings | None = None, seed: int = 0) -> Patterns:
    """Cluster embeddings, and hold the clusters against structureless data and against chance.

    The null is Gaussian with mean and covariance of the embeddings; each replicate goes through the same
    reduction and clustering. The number of clusters is the most stable one; among ties (within 0.05) the
    largest whose silhouette lies above the null's 99 %. Patterns are found if it does, and if the labels keep
    an adjusted Rand index of 0.5 or more over seeds and over bootstraps, the latter above the null's mean.

    Parameters
    ----------
    embeddings : array, shape (n, d)
        Finite; n may be 0. The order of rows makes no difference.
    settings : PatternSettings, optional
        The pipeline.
    seed : int
        Same seed, same patterns on the same machine.

    Returns
    -------
    Patterns
        Where there are too few examples, or all are alike, nothing is found and the verdict says so.

    Raises
    ------
    DataError
        If the embeddings are not a finite table.
    ConfigError
        If an optional package is missing.

    Notes
    -----
    Wrong to read as proof of clusters: a cloud that is skewed, or as flat as a cube, is not Gaussian either,
    and most uniform cubes were taken for patterns. Seeds repeat the reduction too where it draws (UMAP,
    t-SNE); bootstraps resample the reduced points. A search tunes the pipeline on the data alone, which
    leaves the data an advantage over its null.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0]], 20, axis=0) + rng.normal(size=(60, 2))
    >>> fast = PatternSettings(clusterer="kmeans", k_most=4, nulls=5)
    >>> found = find_patterns(groups, fast)
    >>> found.found, np.bincount(found.labels).tolist()
    (True, [20, 20, 20])
    >>> find_patterns(rng.normal(size=(60, 2)), fast).k
    1
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    table, used = as_table(embeddings, "embeddings"), settings or PatternSettings()
    order, distinct = in_order(table)
    most = distinct // used.min_cluster_size
    if most < (used.k or used.k_least):
        return _nothing(table, used, distinct)
    rows, used = table[order], replace(used, k_most=max(used.k_least, min(used.k_most, most)))
    with threadpool_limits(1):  # so that sums come out the same whatever the machine
        if used.trials:
            used = search(rows, used, seed)
        found = _judged(rows, used, seed)
    back = np.argsort(order)
    return replace(found, labels=found.labels[back], proposal=found.proposal[back], points=found.points[back])


def in_order(table: Floats) -> tuple[Ints, int]:
    """Return an order of the rows that does not depend on the one they came in, and how many are distinct."""
    distinct, group = np.unique(table, axis=0, return_inverse=True)
    return np.argsort(group, kind="stable"), len(distinct)


def _judged(rows: Floats, used: PatternSettings, seed: int) -> Patterns:
    real = Sample(rows, used, derive(seed, "patterns"))
    nulls = null_samples(rows, used, used.nulls, derive(seed, "nulls"))
    k, by_k = _choose(real, nulls)
    proposal = real.labels(k)
    scores = {"silhouette": _silhouette(real, nulls, k)}
    for score in (davies_bouldin, calinski_harabasz):
        replicates = [score(null.points, null.labels(k)) for null in nulls]
        scores[score.__name__] = AgainstNull.of(score(real.points, proposal), replicates, (0.0, np.inf))
    steady = zip(real.stability(k), *(null.stability(k) for null in nulls), strict=True)
    stability = {
        name: AgainstNull.of(value, replicates)
        for name, (value, *replicates) in zip(("seed_ari", "bootstrap_ari"), steady, strict=True)
    }
    against = _objection(scores["silhouette"], **stability)
    facts = (
        f"silhouette {scores['silhouette']}; labels agree {stability['seed_ari']} over seeds, "
        f"{stability['bootstrap_ari']} over bootstraps (in brackets structureless data: mean and 99 % range)"
    )
    n = count(proposal)
    verdict = f"No structure found: {against}. Best {n}: {facts}." if against else f"{n} patterns: {facts}."
    labels = np.zeros_like(proposal) if against else proposal
    return Patterns(
        labels, count(labels), real.points, not against, verdict, scores, stability, by_k, used, proposal
    )


def _choose(real: Sample, nulls: list[Sample]) -> tuple[int, tuple[Choice, ...]]:
    """Return the number of clusters to judge, and what is known of all that were tried."""
    used = real.settings
    tried = [used.k] if used.k else list(range(used.k_least, used.k_most + 1))
    if used.clusterer == "hdbscan":
        tried = [0]  # it finds its own number
    rated, above = {}, {}
    for k in tried:
        beside, n = _silhouette(real, nulls, k), k or count(real.labels(k))
        rated[k] = Choice(n, *real.stability(k), beside.value, beside.value - beside.null)
        above[k] = beside.value > beside.high
    best = max(choice.stability for choice in rated.values())
    ties = [k for k, choice in rated.items() if choice.stability >= best - _TIE]
    # Of nested clusters the coarse ones come back as surely as the fine ones, which say more.
    k = max(ties, key=lambda k: (k if above[k] else 0, np.nan_to_num(rated[k].gap)))
    return k, tuple(rated.values())


def _silhouette(real: Sample, nulls: list[Sample], k: int) -> AgainstNull:
    """Compare silhouettes; a replicate that does not fall into two clusters counts as 0."""
    return AgainstNull.of(real.silhouette(k), np.nan_to_num([null.silhouette(k) for null in nulls]).tolist())


def _objection(silhouette: AgainstNull, seed_ari: AgainstNull, bootstrap_ari: AgainstNull) -> str:
    """Say why clusters are not taken for structure; nothing where they are."""
    if not np.isfinite(silhouette.value):
        return "there are not two clusters"
    if silhouette.value <= silhouette.high:
        return "the silhouette is one that structureless data reach"
    if min(seed_ari.value, bootstrap_ari.value) < _STABLE:
        return f"the clusters change from draw to draw (stability below {_STABLE})"
    if bootstrap_ari.value <= bootstrap_ari.null:
        return "those of structureless data are as stable"
    return ""


def _nothing(table: Floats, used: PatternSettings, distinct: int) -> Patterns:
    """Return what is known of too few examples."""
    wanted = f"{used.k or used.k_least} clusters of at least {used.min_cluster_size}"
    reason = f"{distinct} distinct examples are too few for {wanted}"
    if distinct == 1 < len(table):
        reason = "all examples are alike"
    zeros, unknown = np.zeros(len(table), np.int64), AgainstNull.of(float("nan"), [])
    return Patterns(
        labels=zeros,
        k=count(zeros),
        points=reduce(table, "pca", components=used.components),
        found=False,
        verdict=f"No structure found: {reason}.",
        scores=dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"), unknown),
        stability=dict.fromkeys(("seed_ari", "bootstrap_ari"), unknown),
        by_k=(),
        settings=used,
        proposal=zeros,
    )
