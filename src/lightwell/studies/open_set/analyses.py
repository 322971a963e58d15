"""Closer looks at stored codes: maps in views, evidence by class, and what refused examples borrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightwell.core.seeds import generator
from lightwell.metrics import borrowing
from lightwell.models.anchors import Anchors
from lightwell.report import Block, Figure, Note, Section, Table, Text, figures, project
from lightwell.report.projection import TSNE_LIMIT
from lightwell.studies.open_set.stored import Stored, true_classes

_MAP_LIMIT = 10_000  # examples on a map


def maps(stored: Stored) -> list[Block]:
    """Return the map of all test codes, and its views: one layout, drawn several times."""
    test, settings = stored.test, stored.settings
    anchors, chosen, seed = stored.decision.scorer.anchors, settings.get("map", "auto"), int(settings["seed"])
    groups, names = true_classes(test)
    rows = _some(groups, TSNE_LIMIT if chosen == "auto" else _MAP_LIMIT, seed)
    means = stored.known_means
    extra = means if anchors is None else np.concatenate([anchors.matrix(), means])
    points, placed, method = project(test.codes[rows], extra=extra, method=chosen, seed=seed)
    k = len(means)
    marks = {"anchors": placed[:k] if anchors is not None else None, "means": placed[-k:]}
    part = "All" if len(rows) == test.n else f"{len(rows):,} of {test.n:,}"
    stars = "Stars are anchors, crosses class means. " if anchors is not None else "Crosses are class means. "
    return [
        Figure(
            "map",
            figures.code_map(
                points, test.labels[rows], stored.names, refused=stored.refused[rows], method=method, **marks
            ),
            f"{part} test codes in two dimensions ({method}): known classes in colour, unknown in grey. "
            f"{stars}Distances between far groups mean little in such a map.",
            "Scatter plot of known classes as separate groups and unknown examples between them.",
        ),
        Figure(
            "map_views",
            figures.map_views(points, groups[rows], names, k, **marks),
            f"The same map in views. {method} was computed once, on these test codes together with anchors "
            "and means, so a point stands in the same place everywhere: known classes only; with the unknown "
            "examples under their own classes; unknown only. The model never saw the names of the unknown.",
            "Three scatter plots on one layout, with the name of each class at its middle.",
        ),
    ]


def _some(groups: NDArray[np.int64], most: int, seed: int) -> NDArray[np.intp]:
    """Return rows, at most so many: drawn at random, each class in proportion to its size."""
    n, count = len(groups), min(len(groups), most)
    by_class = np.lexsort((generator(seed, "map rows").random(n), groups))
    return np.sort(by_class[np.arange(count) * n // count])


def sections(stored: Stored) -> list[Section]:
    """Return the sections on class blocks, where the codes have them."""
    anchors = stored.decision.scorer.anchors
    if anchors is None:
        return []
    return [_evidence(stored, anchors), _borrowed(stored, anchors)]


def _evidence(stored: Stored, anchors: Anchors) -> Section:
    """Answer: how much of each class's evidence do the examples of every class carry."""
    test, k = stored.test, anchors.n_features
    groups, names = true_classes(test)
    known = len(stored.names)
    blocks: list[Block] = [
        Figure(
            "violins",
            figures.class_violins(
                anchors.block_sums(test.codes),
                groups,
                names,
                known,
                [f"axis of {name}" for name in stored.names],
                range(known),
                "block sum",
            ),
            "Evidence for each known class (sum of its block; a panel a class), over the test examples of "
            f"every class, known and unknown. The anchor asks for {k * anchors.value:g}. Where the violin of "
            "an unknown class reaches up to that of the class itself, the two share what the axis measures.",
            "Violin plots of block sums; in each panel the class itself should stand above all others.",
        )
    ]
    if k > 1:
        blocks.append(
            Figure(
                "violins_dimensions",
                figures.dimension_violins(anchors.blocks(test.codes), groups, names),
                f"Every dimension by itself: a row for each class's block, and in it the {k} dimensions side "
                "by side over every class, known and unknown. Violins of one class that look the same are "
                "dimensions that say the same of it. Where there are more than 20 classes, a row shows the "
                "class itself and those with the most evidence for it.",
                "Violin plots of single dimensions over every class, one row a block.",
            )
        )
    return Section("How evidence is spread over classes", tuple(blocks))


def _borrowed(stored: Stored, anchors: Anchors) -> Section:
    """Answer: do refused unknown examples form groups by the known classes they resemble."""
    rows = np.flatnonzero(stored.refused & ~stored.test.known)
    found = borrowing(anchors.block_sums(stored.test.codes[rows]), int(stored.settings["seed"]))
    title = "What refused examples borrow"
    blocks: list[Block] = [
        Text(
            "The shares of a refused unknown example's evidence that lie in each known class's block are its "
            "pattern. The patterns are clustered by k-means, with 2 to 8 clusters, whichever has the highest "
            "silhouette. The null does the same with patterns in which each class's shares are shuffled over "
            "the examples: the largest silhouette of five such shuffles. A cluster is a likeness in this "
            "model's eyes, not a new class."
        )
    ]
    if not np.isfinite(found.silhouette):
        words = f"Too few refused unknown examples with any evidence to look for groups: {len(rows)}."
        return Section(title, (*blocks, Note("info", words)))
    silhouettes = f"silhouette {found.silhouette:.2f}, shuffled {found.null:.2f}"
    if not found.structured:
        words = f"No structure: the patterns group no more than shuffled ones do ({silhouettes})."
        return Section(title, (*blocks, Note("verdict", words)))
    count = int(found.clusters.max()) + 1
    members = [found.clusters == c for c in range(count)]
    means = np.stack([found.patterns[own].mean(axis=0) for own in members])
    groups, names = true_classes(stored.test)
    lines = (
        (f"{c + 1}", int(own.sum()), _lenders(means[c], stored.names), _strangers(groups[rows[own]], names))
        for c, own in enumerate(members)
    )
    agreement = _agreement(stored, rows, found.clusters)
    blocks += [
        Note(
            "verdict",
            f"{count} clusters ({silhouettes}). Agreement with the predicted class is "
            f"{agreement:.2f} (adjusted Rand index: 1 where clusters only repeat it, 0 where they have "
            "nothing to do with it).",
        ),
        Table(
            ("cluster", "n", "borrows", "unknown classes in it"),
            tuple(lines),
            "Clusters of refused unknown test examples. Shares are means over the cluster, of all evidence "
            "an example has, however little that is." + _left_out(int((found.clusters < 0).sum())),
        ),
        Figure(
            "borrowing",
            figures.cluster_patterns(means, [int(own.sum()) for own in members], stored.names),
            "Mean pattern of each cluster: from which known classes its evidence comes.",
            "Matrix of clusters by known class, in per cent of the evidence.",
        ),
    ]
    return Section(title, tuple(blocks))


def _agreement(stored: Stored, rows: NDArray[np.intp], clusters: NDArray[np.int64]) -> float:
    from sklearn.metrics import adjusted_rand_score

    assert stored.test.predictions is not None  # noqa: S101 - stored views hold them
    some = clusters >= 0
    return float(adjusted_rand_score(stored.test.predictions[rows[some]], clusters[some]))


def _lenders(shares: NDArray[np.float64], names: tuple[str, ...]) -> str:
    """Name the two classes most is borrowed from."""
    best = np.argsort(-shares, kind="stable")[:2]
    return ", ".join(f"{100 * shares[c]:.0f} % from {names[c]}" for c in best)


def _strangers(groups: NDArray[np.int64], names: tuple[str, ...]) -> str:
    """Name the unknown classes of a cluster with their counts, the five most frequent."""
    classes, counts = np.unique(groups, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    words = [f"{names[classes[i]]} ({counts[i]})" for i in order[:5]]
    return ", ".join(words) + (f" and {len(order) - 5} more" if len(order) > 5 else "")


def _left_out(count: int) -> str:
    return f" {count} examples without any evidence are in no cluster." if count else ""
