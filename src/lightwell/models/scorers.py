"""Unknown scores: from the codes or logits of a model to one number an example.

One sign for all: a larger score is always more unknown, even where a paper says otherwise.
Scores are computed in float64 on arrays; an example's score never depends on its neighbours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError, NotFittedError, nearest
from lightwell.core.method import MethodInfo
from lightwell.core.representation import Representation
from lightwell.models.anchors import Anchors

Floats = NDArray[np.float64]

_OUR_PAGE = "https://openreview.net/forum?id=SGQ9aDvObu"
_DIFAIR = ("DIFAIR: Towards learning DIFferenciAted Image Representations", "public code", 2024, _OUR_PAGE)
_VAZE = (
    "Open-Set Recognition: a Good Closed-Set Classifier is All You Need?",
    "ICLR",
    2022,
    "https://openreview.net/forum?id=5hLP5JY9S2d",
)


def _info(
    name: str, title: str, source: tuple[str, str, int, str], consumes: str, not_for: str
) -> MethodInfo:
    code = "qchristoffel/DIFAIR" if source is _DIFAIR else "sgvaze/osr_closed_set_all_you_need"
    return MethodInfo(name, title, *source, code, "MIT", (consumes,), ("unknown_score",), (not_for,))


class Scorer(ABC):
    """Turns a representation into unknown scores.

    Parameters
    ----------
    anchors : Anchors or None
        Geometry of the codes, for scores that read class blocks.

    Examples
    --------
    >>> r = Representation(np.array([[9.0, 1.0], [2.0, 2.0]]), np.array([0, -1]), np.array([0, 0]))
    >>> make_scorer("block_sum", Anchors(2, 1, 10.0)).score(r).tolist()
    [-9.0, -2.0]
    """

    info: ClassVar[MethodInfo]
    needs_anchors: ClassVar[bool] = True
    state: Floats | None = None

    def __init__(self, anchors: Anchors | None = None) -> None:
        if self.needs_anchors and anchors is None:
            raise ConfigError("this score reads class blocks and needs their geometry", where=self.info.name)
        self.anchors = anchors

    def fit(self, known: Representation) -> Self:
        """Learn from known training examples what the score needs; most need nothing."""
        del known
        return self

    def score(self, representation: Representation) -> Floats:
        """Return unknown scores, shape (n,), float64; larger is more unknown.

        Raises
        ------
        NotFittedError
            If the score has to be fitted first.
        DataError
            If what it reads is missing or holds NaN.
        """
        return np.asarray(self._score(self._read(representation), representation), dtype=np.float64)

    def _read(self, representation: Representation) -> Floats:
        """Return the codes or logits, float64, rows in one piece so that no sum depends on the layout."""
        values = representation.logits if "logits" in self.info.consumes else representation.codes
        if values is None:
            raise DataError("this score reads logits and there are none", where=self.info.name)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise DataError(
                "the representation is not finite", where=f"{self.info.name}, example {row}", got=values[row]
            )
        return np.ascontiguousarray(values, dtype=np.float64)

    @abstractmethod
    def _score(self, values: Floats, representation: Representation) -> Any: ...

    @property
    def _geometry(self) -> Anchors:
        if self.anchors is None:
            raise ConfigError("this score reads class blocks and needs their geometry", where=self.info.name)
        return self.anchors

    @property
    def _fitted(self) -> Floats:
        if self.state is None:
            raise NotFittedError(
                "this score is not fitted", where=self.info.name, fix="Call fit with known training examples."
            )
        return self.state


class Distance(Scorer):
    """Distance to the nearest anchor (in the seed: ``osr_score=min``, "real AUROC")."""

    info = _info(
        "distance",
        "Distance to the nearest anchor",
        _DIFAIR,
        "codes",
        "clear examples: too much evidence for the right class counts as unknown",
    )

    def _score(self, values: Floats, _representation: Representation) -> Any:
        return np.sqrt(self._geometry.squared_distances(values).min(axis=1))


class MaxOutput(Scorer):
    """Negative largest entry of the code (in the seed: MOS, "max_val AUROC")."""

    info = _info(
        "mos", "Maximum output score", _DIFAIR, "codes", "axes that were decorrelated: one of k may stay low"
    )
    needs_anchors = False

    def _score(self, values: Floats, _representation: Representation) -> Any:
        return -values.max(axis=1)


class BlockSum(Scorer):
    """Negative largest block sum: how little evidence the best class has."""

    info = _info(
        "block_sum", "Largest block sum", _DIFAIR, "codes", "classes that settle at different levels"
    )

    def _score(self, values: Floats, _representation: Representation) -> Any:
        return -self._geometry.block_sums(values).max(axis=1)


class RelativeBlockSum(Scorer):
    """One minus the evidence for the predicted class as a share of what is usual for that class.

    ``1 - S_c / mean(S_c)``, c the predicted class, the mean over correctly classified training examples.
    """

    info = _info(
        "relative_block_sum",
        "Missing share of the usual evidence",
        _DIFAIR,
        "codes",
        "a class that is hardly ever predicted right in training: its usual evidence is unsure",
    )

    def fit(self, known: Representation) -> Self:
        """Learn the usual evidence of each class, shape (K,)."""
        sums = self._geometry.block_sums(self._read(known))
        usual = [_mean_of_class(sums[:, c], known, c) for c in range(sums.shape[1])]
        # A class that never reached its anchor has no usual level: without this floor, any trace of
        # evidence for it would look overwhelming.
        full = self._geometry.n_features * self._geometry.value
        self.state = np.maximum(np.array(usual), full / 4)
        return self

    def _score(self, values: Floats, _representation: Representation) -> Any:
        sums = self._geometry.block_sums(values)
        best = sums.argmax(axis=1)
        return 1 - sums[np.arange(len(sums)), best] / self._fitted[best]


class OneSidedDistance(Scorer):
    """Distance that counts missing own evidence and foreign evidence, never excess own evidence."""

    info = _info(
        "one_sided",
        "Distance without over-activation",
        _DIFAIR,
        "codes",
        "inputs where far too much evidence is itself suspicious",
    )

    def _score(self, values: Floats, _representation: Representation) -> Any:
        blocks = self._geometry.blocks(values)
        missing = np.square(np.minimum(blocks - self._geometry.value, 0)).sum(axis=2)
        energy = np.square(blocks).sum(axis=2)
        foreign = energy.sum(axis=1, keepdims=True) - energy
        best = blocks.sum(axis=2).argmax(axis=1)
        rows = np.arange(len(blocks))
        return np.sqrt(np.maximum(missing[rows, best] + foreign[rows, best], 0))


class ClassMeans(Scorer):
    """Distance to the nearest class mean of the training codes (in the seed: "actualize centers")."""

    info = _info(
        "class_means",
        "Distance to class means",
        _DIFAIR,
        "codes",
        "classes of several clusters: the mean lies between",
    )
    needs_anchors = False

    def fit(self, known: Representation) -> Self:
        """Learn the mean code of each class, shape (K, D), from correctly classified examples."""
        codes = self._read(known)
        n_classes = len(known.class_names) or int(known.labels.max(initial=0)) + 1
        self.state = np.stack([_mean_of_class(codes, known, c) for c in range(n_classes)])
        return self

    def _score(self, values: Floats, _representation: Representation) -> Any:
        if values.shape[1] != self._fitted.shape[1]:
            raise DataError(
                "codes do not fit the class means",
                where=self.info.name,
                expected=f"(n, {self._fitted.shape[1]})",
                got=values.shape,
            )
        gaps = [np.square(values - mean).sum(axis=1) for mean in self._fitted]
        return np.sqrt(np.min(gaps, axis=0))


class MaxSoftmax(Scorer):
    """One minus the largest softmax probability (in the seed: ``use_softmax``)."""

    info = _info(
        "msp",
        "Maximum softmax probability",
        _VAZE,
        "logits",
        "telling how much evidence there is: it sees ratios only",
    )
    needs_anchors = False

    def _score(self, values: Floats, _representation: Representation) -> Any:
        # The share of all other classes, summed without the largest: 1 - p rounds to 0 for any sure example.
        gaps = np.sort(values - values.max(axis=1, keepdims=True), axis=1)
        others = np.exp(gaps[:, :-1]).sum(axis=1)
        return others / (1 + others)


class MaxLogit(Scorer):
    """Negative largest logit (in the seed: ``osr_score=max`` of a cross-entropy model)."""

    info = _info(
        "mls", "Maximum logit", _VAZE, "logits", "logits that were normalised: their size has no meaning"
    )
    needs_anchors = False

    def _score(self, values: Floats, _representation: Representation) -> Any:
        return -values.max(axis=1)


SCORERS: dict[str, type[Scorer]] = {
    kind.info.name: kind
    for kind in (
        RelativeBlockSum,
        BlockSum,
        Distance,
        OneSidedDistance,
        MaxOutput,
        ClassMeans,
        MaxSoftmax,
        MaxLogit,
    )
}


def make_scorer(name: str, anchors: Anchors | None = None) -> Scorer:
    """Return an unfitted scorer by name.

    Raises
    ------
    ConfigError
        If there is no such score.
    """
    if name not in SCORERS:
        raise ConfigError("unknown score", got=repr(name), fix=nearest(name, SCORERS))
    return SCORERS[name](anchors)


def _mean_of_class(values: Floats, known: Representation, label: int) -> Any:
    """Return the mean over correct examples of a class, over all of it where none is correct."""
    own = known.labels == label
    correct = own & known.correct
    rows = correct if correct.any() else own
    if not rows.any():
        raise DataError("no training example of a known class", where=f"class {label}", expected="at least 1")
    return values[rows].mean(axis=0)
