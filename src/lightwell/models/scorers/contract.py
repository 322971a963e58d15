"""What every unknown score offers: fit, score, and a state that can be written down."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError, NotFittedError
from lightwell.core.method import MethodInfo
from lightwell.core.representation import Representation
from lightwell.models.anchors import Anchors

Floats = NDArray[np.float64]

# Numbers read at a time: few enough that all passes over them stay in a processor's cache.
_IN_CACHE = 2**17
# A matrix product of fewer rows would spend its time on fetching the other matrix.
_ENOUGH_ROWS = 256
# Numbers made of them at a time, 128 MB.
_IN_MEMORY = 2**24


def about(
    name: str, title: str, source: tuple[str, str, int, str, str, str], consumes: str, not_for: str
) -> MethodInfo:
    """Return the record of a score.

    Parameters
    ----------
    name, title : str
        The word that names it, and one line.
    source : tuple
        Paper, venue, year, link, reference code and its licence.
    consumes : {"codes", "logits", "scores"}
        What it reads; ``scores`` are those of the model itself.
    not_for : str
        When not to use it.
    """
    return MethodInfo(name, title, *source, (consumes,), ("unknown_score",), (not_for,))


class Scorer(ABC):
    """Turns a representation into unknown scores.

    A subclass gives ``info`` and ``_score``; where it learns, ``fit``, which puts arrays into ``state``;
    where it has settings, a constructor with keywords and defaults, which puts them into ``settings``.

    Parameters
    ----------
    anchors : Anchors or None
        Geometry of the codes, for scores that read class blocks.

    Attributes
    ----------
    settings : dict of str to float
        What it was made with.
    state : dict of str to array
        What it has learned; empty where there is nothing to learn.

    Examples
    --------
    >>> from lightwell.models.scorers import make_scorer
    >>> r = Representation(np.array([[9.0, 1.0], [2.0, 2.0]]), np.array([0, -1]), np.array([0, 0]))
    >>> make_scorer("block_sum", Anchors(2, 1, 10.0)).score(r).tolist()
    [-9.0, -2.0]
    """

    info: ClassVar[MethodInfo]
    needs_anchors: ClassVar[bool] = False
    sees_missing_evidence: ClassVar[bool] = True
    """Whether an example without evidence for any class scores higher than every clear one."""

    def __init__(self, anchors: Anchors | None = None) -> None:
        if self.needs_anchors and anchors is None:
            raise ConfigError("this score reads class blocks and needs their geometry", where=self.info.name)
        self.anchors = anchors
        self.settings: dict[str, float] = {}
        self.state: dict[str, NDArray[Any]] = {}

    def fit(self, known: Representation) -> Self:
        """Learn from known training examples what the score needs; most need nothing.

        Raises
        ------
        DataError
            If the examples do not suffice, or hold NaN.
        """
        del known
        return self

    def score(self, representation: Representation) -> Floats:
        """Return unknown scores, shape (n,), float64; larger is more unknown.

        Examples are read a part at a time, so that memory does not grow with their number.

        Raises
        ------
        NotFittedError
            If the score has to be fitted first.
        DataError
            If what it reads is missing, holds NaN, or is of another width than what it was fitted on.
        """
        values = self._source(representation)
        scores = np.empty(len(values))
        rows = self._rows_at_a_time(values.shape[1])
        for start in range(0, max(len(values), 1), rows):
            part = self._numbers(values[start : start + rows], start)
            scores[start : start + rows] = self._score(part)
        return scores

    @abstractmethod
    def _score(self, values: Floats) -> Any:
        """Return the scores of some examples; each may depend on its own row only."""

    def _cells(self, width: int) -> int:
        """Return how many numbers the score makes of an example of this width."""
        return width

    def _rows_at_a_time(self, width: int) -> int:
        wanted = max(_IN_CACHE // max(width, 1), _ENOUGH_ROWS)
        return max(min(wanted, _IN_MEMORY // max(self._cells(width), 1)), 1)

    def _source(self, representation: Representation) -> NDArray[Any]:
        """Return the codes or the logits, as they are."""
        values = representation.logits if "logits" in self.info.consumes else representation.codes
        if values is None:
            raise DataError("this score reads logits and there are none", where=self.info.name)
        if values.ndim != 2:
            raise DataError(
                "this score reads a row an example", where=self.info.name, expected="(n, d)", got=values.shape
            )
        return values

    def _read(self, representation: Representation) -> Floats:
        """Return all codes or logits as finite float64, for ``fit``."""
        return self._numbers(self._source(representation), 0)

    def _numbers(self, values: NDArray[Any], start: int) -> Floats:
        """Return finite float64, rows in one piece so that no sum depends on the layout."""
        part = np.ascontiguousarray(values, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            total = part.sum()  # one pass without a mask; not finite is only a suspicion
        if not math.isfinite(total):
            fine = np.isfinite(part).all(axis=1)
            if not fine.all():
                row = int(np.argmin(fine))
                where = f"{self.info.name}, example {start + row}"
                raise DataError("the representation is not finite", where=where, got=values[row])
        return part

    @property
    def _geometry(self) -> Anchors:
        if self.anchors is None:
            raise ConfigError("this score reads class blocks and needs their geometry", where=self.info.name)
        return self.anchors

    def _learned(self, name: str) -> NDArray[Any]:
        """Return an array of the state."""
        if name not in self.state:
            raise NotFittedError(
                "this score is not fitted", where=self.info.name, fix="Call fit with known training examples."
            )
        return self.state[name]

    def _check_width(self, values: Floats, width: int) -> None:
        """Refuse examples of another width than those the score was fitted on."""
        if values.shape[1] != width:
            raise DataError(
                "what this score reads has another width than in training",
                where=self.info.name,
                expected=f"(n, {width})",
                got=values.shape,
            )


def count_classes(known: Representation) -> int:
    """Return the number of known classes: of names, or of labels where there are no names."""
    return len(known.class_names) or int(known.labels.max(initial=0)) + 1


def rows_of_class(known: Representation, label: int) -> NDArray[np.bool_]:
    """Return which examples stand for a class: those predicted right, all of it where none is.

    Raises
    ------
    DataError
        If the class has no example.
    """
    own = known.labels == label
    correct = own & known.correct
    rows = correct if correct.any() else own
    if not rows.any():
        raise DataError("no training example of a known class", where=f"class {label}", expected="at least 1")
    return np.asarray(rows)


def mean_by_class(values: Floats, known: Representation) -> Floats:
    """Return the mean of each class over the examples that stand for it, shape (K, d)."""
    return np.stack([values[rows_of_class(known, c)].mean(axis=0) for c in range(count_classes(known))])


def check_setting(name: str, value: float, least: float, *, above: bool = False, whole: bool = False) -> None:
    """Refuse a setting of a score that is no finite number in range, or not whole where it counts something.

    Raises
    ------
    ConfigError
        If it is not.
    """
    fits = not isinstance(value, bool) and isinstance(value, int if whole else int | float)
    if not fits or not math.isfinite(value) or value < least or (above and value == least):
        kind = "a whole number" if whole else "a number"
        wanted = f"{kind} {'above' if above else 'of at least'} {least}"
        raise ConfigError("setting of a score is out of range", where=name, expected=wanted, got=repr(value))
