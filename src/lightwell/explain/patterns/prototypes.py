"""The examples that stand for each pattern, beside what random and real ones would show of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator
from lightwell.explain.patterns.cluster import Floats, Ints
from lightwell.explain.patterns.find import Patterns, in_order
from lightwell.metrics import prototypes as measures
from lightwell.metrics.checks import as_labels, as_table, same_length
from lightwell.metrics.distances import same_width

Space = Literal["embedding", "reduced"]
_DRAWS = 20  # random sets the baseline is the mean of
_MOST = 1_000  # examples the radius is taken from
_REACH = 0.1  # quantile of the distances of pairs that is the radius
_NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Picked:
    """How much of the set a few examples show, by their embeddings.

    Attributes
    ----------
    coverage : float
        Share of the set within :attr:`Prototypes.radius` of one of them, in [0, 1].
    diversity, cosine_diversity : float
        Mean Euclidean and cosine distance between them; NaN for one.
    """

    coverage: float = float("nan")
    diversity: float = float("nan")
    cosine_diversity: float = float("nan")


@dataclass(frozen=True)
class Prototypes:
    """Rows that stand for the patterns, and how well.

    Attributes
    ----------
    rows : array of int, shape (k,)
        Medoid of each cluster, in the order of their numbers.
    criticisms : array of int, shape (k, c)
        Members of each cluster that its medoid represents worst, the worst first; -1 where there is none.
    neighbours : dict of int to array of int, shape (k, m)
        By class, the rows of the nearest real examples of each prototype, nearest first.
    radius : float
        A tenth of all pairs in the set are no further apart.
    own, random, real : Picked
        Of the prototypes; of as many random examples (mean of 20 draws); of the real example nearest to each
        prototype. NaN where there are none.
    """

    rows: Ints
    criticisms: Ints
    neighbours: dict[int, Ints]
    radius: float
    own: Picked
    random: Picked
    real: Picked


def prototypes_of(
    patterns: Patterns,
    embeddings: ArrayLike,
    real_embeddings: ArrayLike,
    real_labels: ArrayLike,
    space: Space = "embedding",
    criticisms: int = 1,
    seed: int = 0,
    *,
    neighbours: int = 1,
) -> Prototypes:
    """Pick a prototype a pattern; where no structure was found, one of the whole set.

    Parameters
    ----------
    patterns : Patterns
        Of the embeddings. Noise has no prototype.
    embeddings : array, shape (n, d)
        Those the patterns were found in.
    real_embeddings, real_labels : array, shapes (m, d) and (m,)
        Real examples and their classes; m may be 0.
    space : {"embedding", "reduced"}
        Where medoids and criticisms are sought (the paper: reduced). What is measured, and neighbours, are
        always in the embedding.
    criticisms : int
        How many a prototype.
    seed : int
        Of the random baseline.
    neighbours : int
        How many of each class a prototype, at most as many as the class has.

    Raises
    ------
    DataError
        If arrays are not such, or do not fit the patterns.
    ConfigError
        If the space is unknown, or a number out of range.

    Examples
    --------
    >>> from lightwell.explain.patterns import PatternSettings, find_patterns
    >>> few = [[0.0, 1.0], [1.0, 1.0], [5.0, 1.0]]
    >>> found = prototypes_of(find_patterns(few), few, [[0.0, 0.0], [9.0, 9.0]], [7, 1])
    >>> found.rows.tolist(), found.criticisms.tolist(), found.neighbours[7].tolist()
    ([1], [[2]], [[0]])
    """
    if space not in ("embedding", "reduced"):
        raise ConfigError("no such space", where="space", expected="embedding or reduced", got=repr(space))
    if criticisms < 0 or neighbours < 1:
        raise ConfigError(
            "a number is out of range",
            where="criticisms" if criticisms < 0 else "neighbours",
            expected="criticisms >= 0, neighbours >= 1",
            got=(criticisms, neighbours),
        )
    table, real = as_table(embeddings, "embeddings"), as_table(real_embeddings, "real_embeddings")
    same_length(embeddings=table, patterns=patterns.labels)
    same_width(embeddings=table, real_embeddings=real)
    classes = as_labels(real_labels, "real_labels") if len(real) else np.zeros(0, np.int64)
    same_length(real_embeddings=real, real_labels=classes)
    sought = table if space == "embedding" else patterns.points
    rows = measures.medoids(sought, patterns.labels) if len(table) else _NO_ROWS
    if not len(rows):
        return Prototypes(rows, np.zeros((0, criticisms), np.int64), {}, np.nan, *[Picked()] * 3)
    ordered = table[in_order(table)[0]]
    draw = generator(seed, "prototypes")
    radius = _radius(draw.permutation(ordered)[:_MOST])
    drawn = [_picked(ordered, draw.choice(ordered, len(rows), replace=False), radius) for _ in range(_DRAWS)]
    beside = measures.nearest(table[rows], real).rows[:, 0] if len(real) else _NO_ROWS
    return Prototypes(
        rows,
        _criticisms(sought, patterns.labels, rows, criticisms),
        _neighbours(table[rows], real, classes, neighbours),
        radius,
        own=_picked(table, table[rows], radius),
        random=Picked(*np.mean([astuple(one) for one in drawn], axis=0).tolist()),
        real=_picked(table, real[beside], radius),
    )


def _radius(points: Floats) -> float:
    return float(np.quantile(pdist(points), _REACH)) if len(points) > 1 else 0.0


def _picked(points: Floats, chosen: Floats, radius: float) -> Picked:
    if not len(chosen):
        return Picked()
    return Picked(measures.coverage(points, chosen, radius), *measures.diversity(chosen))


def _criticisms(points: Floats, labels: Ints, rows: Ints, n: int) -> Ints:
    found = np.full((len(rows), n), -1, np.int64)
    for i, row in enumerate(rows):
        members = np.flatnonzero(labels == labels[row])
        worst = members[measures.criticisms(points[members], points[[row]], n)]
        found[i, : len(worst)] = worst
    return found


def _neighbours(prototypes: Floats, real: Floats, classes: Ints, n: int) -> dict[int, Ints]:
    found = {}
    for name in np.unique(classes).tolist():
        members = np.flatnonzero(classes == name)
        found[name] = members[measures.nearest(prototypes, real[members], min(n, len(members))).rows]
    return found
