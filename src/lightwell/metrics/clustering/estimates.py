"""The findings of a clustering, each beside random clusters and the rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.core.findings import Estimate, Null, slug
from lightwell.core.seeds import generator
from lightwell.metrics.bootstrap import estimate, share_estimate
from lightwell.metrics.checks import Ints, as_labels, same_length
from lightwell.metrics.clustering.baselines import clusters_of, collapsed, matched_random
from lightwell.metrics.clustering.gate import active_clusters
from lightwell.metrics.clustering.matching import (
    Matching,
    cluster_accuracy,
    cluster_scores,
    fine_predictions,
    matching,
)


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
    ks = {c: clusters_of(k_per_class, c) for c in matchings}
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
