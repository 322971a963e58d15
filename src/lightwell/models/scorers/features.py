"""Unknown scores of codes, whatever their axes mean: any encoder has them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from lightwell.core.errors import DataError
from lightwell.core.representation import Representation
from lightwell.models.anchors import Anchors
from lightwell.models.scorers import anchored
from lightwell.models.scorers.contract import (
    Floats,
    Scorer,
    about,
    check_setting,
    count_classes,
    mean_by_class,
)
from lightwell.models.scorers.distances import SteadyMatrix, kth_nearest, squared_norms

_LEE = (
    "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
    "NeurIPS",
    2018,
    "https://arxiv.org/abs/1807.03888",
    "pokaxpoka/deep_Mahalanobis_detector",
    "none stated",
)
_SUN = (
    "Out-of-Distribution Detection with Deep Nearest Neighbors",
    "ICML",
    2022,
    "https://arxiv.org/abs/2204.06507",
    "deeplearning-wisc/knn-ood",
    "none stated",
)


class ClassMeans(Scorer):
    """Distance to the nearest class mean of the training codes (in the seed: "actualize centers")."""

    info = about(
        "class_means",
        "Distance to class means",
        anchored.SOURCE,
        "codes",
        "classes of several clusters: the mean lies between",
    )

    def fit(self, known: Representation) -> Self:
        """Learn the ``means`` of correctly classified examples by class, shape (K, D)."""
        self.state = {"means": mean_by_class(self._read(known), known)}
        return self

    def _score(self, values: Floats) -> Any:
        means = self._learned("means")
        self._check_width(values, means.shape[1])
        return kth_nearest(values, means, squared_norms(means))


class Mahalanobis(Scorer):
    """Distance to the nearest class mean, in units of the spread that all classes share.

    ``min over c of sqrt((z - m_c)' S^-1 (z - m_c))``, S the covariance of codes around the mean of their own
    class, over all labelled training examples. S is shrunk as Ledoit and Wolf say (J. Multivariate Analysis
    2004), which changes little where examples are many and keeps it invertible where they are few; a
    millionth of the mean variance is added so that a dead axis cannot make it singular. Of the paper only
    this distance on one layer is here: neither the input perturbation nor the sum over layers, which is
    fitted on unknown examples.
    """

    info = about(
        "mahalanobis",
        "Mahalanobis distance to class means",
        _LEE,
        "codes",
        "classes of very different spread: they share one covariance",
    )

    def fit(self, known: Representation) -> Self:
        """Learn centre, stretch, whitening matrix and the whitened means by class."""
        from sklearn.covariance import ledoit_wolf

        codes, labels = self._read(known), known.labels
        means = [codes[labels == c].mean(axis=0) for c in self._labels(known)]
        own = labels >= 0
        gaps = codes[own] - np.stack(means)[labels[own]]
        spread = np.square(gaps).mean()
        if not spread > 0:
            raise DataError(
                "examples of a class do not differ, so there is no covariance",
                where=self.info.name,
                expected="two different examples of some class",
                got=f"{own.sum()} examples of {len(means)} classes",
            )
        covariance, _ = ledoit_wolf(gaps, assume_centered=True)
        covariance = covariance + 1e-6 * spread * np.eye(len(covariance))
        # Axes are brought to one scale first, so that rounding treats all of them alike.
        scale = np.sqrt(np.diag(covariance))
        variances, directions = np.linalg.eigh(covariance / np.outer(scale, scale))
        whitening = SteadyMatrix.rounded((directions / np.sqrt(variances)).T)
        centre = np.mean(means, axis=0)
        self.state = {
            "centre": centre,
            "stretch": 1 / scale,
            "whitening": whitening.numbers,
            "units": whitening.units,
            "means": whitening.times((np.stack(means) - centre) * (1 / scale)),
        }
        return self

    def _labels(self, known: Representation) -> range:
        """Return all classes, none of which may be empty."""
        counts = np.bincount(known.labels[known.labels >= 0], minlength=count_classes(known))
        if not counts.all():
            where = f"class {int(np.argmin(counts > 0))}"
            raise DataError("no training example of a known class", where=where, expected="at least 1")
        return range(len(counts))

    def _score(self, values: Floats) -> Any:
        means = self._learned("means")
        self._check_width(values, means.shape[1])
        values = values - self.state["centre"]
        values *= self.state["stretch"]
        white = SteadyMatrix(self.state["whitening"], self.state["units"]).times(values)
        return kth_nearest(white, means, squared_norms(means))


class NearestNeighbours(Scorer):
    """Distance to the k-th nearest training code, all of them scaled to length 1 as in the paper.

    The paper's k is 50 for 5,000 images a class. Here k is at most the size of the smallest class: beyond
    it, even a clear example of that class has neighbours of another only. All labelled training examples
    are kept, so the state is as large as their codes and scoring takes time in proportion to them.

    Parameters
    ----------
    anchors : None
        Not read.
    k : int
        Which neighbour, at least 1.
    """

    info = about(
        "knn",
        "Distance to the k-th nearest training code",
        _SUN,
        "codes",
        "codes whose length says how much was recognised: only their direction counts",
    )

    def __init__(self, anchors: Anchors | None = None, *, k: int = 50) -> None:
        super().__init__(anchors)
        check_setting("k", k, 1, whole=True)
        self.settings = {"k": k}

    def fit(self, known: Representation) -> Self:
        """Keep the directions of labelled training codes as ``bank``, and the k in use."""
        own = known.labels >= 0
        if not own.any():
            raise DataError("no training example of a known class", where=self.info.name, got=known.n)
        bank = _directions(self._read(known)[own])
        smallest = int(np.unique(known.labels[own], return_counts=True)[1].min())
        k = min(int(self.settings["k"]), smallest)
        self.state = {"bank": bank, "squares": squared_norms(bank), "k": np.array(k)}
        return self

    def _cells(self, width: int) -> int:
        return width + 3 * len(self._learned("bank"))

    def _score(self, values: Floats) -> Any:
        bank = self._learned("bank")
        self._check_width(values, bank.shape[1])
        return kth_nearest(_directions(values), bank, self.state["squares"], int(self.state["k"]))


def _directions(codes: Floats) -> Floats:
    """Return codes of length 1; one of length 0 stays where it is."""
    largest = np.abs(codes).max(axis=1, keepdims=True, initial=0)  # first, so that no square overflows
    scaled = codes / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(np.square(scaled).sum(axis=1, keepdims=True))
    scaled /= np.where(lengths > 0, lengths, 1)
    return np.asarray(scaled)
