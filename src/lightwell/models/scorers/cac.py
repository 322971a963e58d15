"""Unknown scores of class anchor clustering: distances of the logits to the class centres."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lightwell.core.representation import Representation
from lightwell.models.scorers.contract import Floats, Scorer, about, mean_by_class, rows_of_class

_MILLER = (
    "Class Anchor Clustering: A Loss for Distance-based Open Set Recognition",
    "WACV",
    2021,
    "https://arxiv.org/abs/2004.02434",
    "dimitymiller/cac-openset",
    "own copyright text",
)


class AnchorClusters(Scorer):
    """The published score: the smallest ``d (1 - softmin d)`` over the classes.

    d are the distances of the logits to the class centres, which after training are the mean logits of
    correctly classified training examples, no longer the anchors.

    It has a blind spot. Far beyond a centre along the axis of its class, say at three times the anchor, d
    is large; but the other centres are farther still, softmin is 1 within rounding, and the score falls to
    0: surely known. :class:`CorrectedAnchorClusters` has none.
    """

    info = about(
        "cac",
        "Published score of class anchor clustering",
        _MILLER,
        "logits",
        "inputs far beyond a centre along the axis of its class: they look surely known",
    )

    def fit(self, known: Representation) -> Self:
        """Learn the ``centres``, mean logits of correctly classified examples by class, shape (K, K)."""
        self.state = {"centres": mean_by_class(self._read(known), known)}
        return self

    def _score(self, values: Floats) -> Any:
        nearest, doubt, _ = self._nearest(values)
        return nearest * doubt

    def _nearest(self, values: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return the distance to the nearest centre, one minus its softmin, and its class.

        The smallest product is that of the nearest centre: a shorter distance has a larger softmin.
        """
        centres = self._learned("centres")
        self._check_width(values, centres.shape[1])
        distances = cdist(values, centres)  # pair by pair, so that no score depends on the batch
        rows, best = np.arange(len(values)), distances.argmin(axis=1)
        nearest = distances[rows, best]
        powers = nearest[:, None] - distances
        powers[rows, best] = -np.inf  # summed without it: 1 - softmin rounds to 0 for any sure example
        others = np.exp(powers, out=powers).sum(axis=1)
        return nearest, others / (1 + others), best


class CorrectedAnchorClusters(AnchorClusters):
    """The published score, plus the distance beyond which no training example of the class was seen.

    ``d (1 - softmin d) + max(0, d - r)``, d the distance to the nearest centre and r the largest distance of
    a correctly classified training example of that class from it. Where training has been, this is the
    published score, so its ranking is kept; beyond, the second term grows without bound in every direction,
    so nothing far from all centres can look known. This correction is ours: no published number was
    measured with it.
    """

    info = about(
        "cac_corrected",
        "Score of class anchor clustering without its blind spot",
        _MILLER,
        "logits",
        "a class with an outlier in training: it is blind as far as that outlier lies",
    )

    def fit(self, known: Representation) -> Self:
        """Learn the ``centres`` (K, K), and the ``reach`` r of each class (K,)."""
        super().fit(known)
        logits, centres = self._read(known), self.state["centres"]
        own = (logits[rows_of_class(known, c)] - centre for c, centre in enumerate(centres))
        self.state["reach"] = np.array([np.sqrt(np.square(gaps).sum(axis=1).max()) for gaps in own])
        return self

    def _score(self, values: Floats) -> Any:
        nearest, doubt, best = self._nearest(values)
        return nearest * doubt + np.maximum(nearest - self.state["reach"][best], 0)
