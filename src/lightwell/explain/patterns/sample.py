"""One set of embeddings on its way through the pipeline; the real set and each null take the same way."""

from __future__ import annotations

from functools import partial

from lightwell.core.seeds import derive, generator
from lightwell.explain.patterns.cluster import Floats, Ints, cluster, count
from lightwell.explain.patterns.reduce import reduce
from lightwell.explain.patterns.settings import PatternSettings
from lightwell.metrics.clustering import bootstrap_stability, matched_gaussian, seed_stability, silhouette


class Sample:
    """Embeddings that are reduced and clustered when asked, and nothing twice.

    Parameters
    ----------
    rows : array, shape (n, d)
        Embeddings.
    settings : PatternSettings
        The pipeline; its range of k, trials and nulls are not read.
    seed : int
        Of everything drawn.
    """

    def __init__(self, rows: Floats, settings: PatternSettings, seed: int) -> None:
        self.settings, self.seed, self._rows = settings, seed, rows
        self._reduction_draws = settings.reduction in ("umap", "tsne")
        self._draws = self._reduction_draws or settings.clusterer in ("gmm", "kmeans")
        self._reduced: dict[int, Floats] = {}
        self._labels: dict[tuple[int, int], Ints] = {}
        self._stability: dict[int, tuple[float, float]] = {}

    @property
    def points(self) -> Floats:
        """Reduced points, shape (n, m); of the first seed, where the reduction draws."""
        return self._points(self.seed)

    def labels(self, k: int) -> Ints:
        """Return the clusters of :attr:`points`, shape (n,)."""
        return self._repeat(self._rows, self.seed, k=k)

    def silhouette(self, k: int) -> float:
        """Return the silhouette; NaN where there are not two clusters."""
        return silhouette(self.points, self.labels(k))

    def stability(self, k: int) -> tuple[float, float]:
        """Return the adjusted Rand index over seeds, over bootstraps; 0 where there are not two clusters."""
        if k not in self._stability:
            s, several = self.settings, count(self.labels(k)) > 1
            over_seeds = partial(self._repeat, k=k)
            over_rows = partial(self._cluster, k=k)
            self._stability[k] = (
                seed_stability(self._rows, over_seeds, s.seeds, self.seed) if several else 0.0,
                bootstrap_stability(self.points, over_rows, s.bootstraps, self.seed) if several else 0.0,
            )
        return self._stability[k]

    def _repeat(self, _: Floats, seed: int, k: int) -> Ints:
        seed = seed if self._draws else self.seed
        if (k, seed) not in self._labels:
            self._labels[k, seed] = self._cluster(self._points(seed), seed, k)
        return self._labels[k, seed]

    def _points(self, seed: int) -> Floats:
        seed = seed if self._reduction_draws else self.seed
        if seed not in self._reduced:
            s = self.settings
            self._reduced[seed] = reduce(
                self._rows, s.reduction, seed, components=s.components, neighbours=s.neighbours,
                min_dist=s.min_dist, perplexity=s.perplexity,
            )  # fmt: skip
        return self._reduced[seed]

    def _cluster(self, points: Floats, seed: int, k: int) -> Ints:
        s = self.settings
        return cluster(
            points, s.clusterer, max(k, 1), seed, min_cluster_size=s.min_cluster_size, epsilon=s.epsilon
        )


def null_samples(rows: Floats, settings: PatternSettings, n: int, seed: int) -> list[Sample]:
    """Return n samples without structure, Gaussian of the rows' mean and covariance."""
    return [
        Sample(matched_gaussian(rows, len(rows), generator(seed, i)), settings, derive(seed, "pipeline", i))
        for i in range(n)
    ]
