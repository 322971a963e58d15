"""What a method says about training examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.errors import DataError
from lightwell.explain.inputs import check_rows

POSITIONS = np.zeros(0, np.int64)
"""Stands for 0 .. n - 1 until the scores are known."""


@dataclass(frozen=True, eq=False)
class ExampleImportance:
    """How much each training example counts for each explained one; larger is more.

    Attributes
    ----------
    scores : array of float32, shape (test, train)
        Finite. Comparable along a row; between methods only by rank or correlation.
    method : str
        Name in ``EXAMPLES``.
    error : dict of str to array, shape (test,)
        What the method knows of its own error, such as the residual of a solve.
    train_ids, test_ids : array of int
        Which examples the columns and rows are; their positions by default.

    Raises
    ------
    DataError
        If ids or errors do not fit the scores, or a score is not finite.

    Examples
    --------
    >>> found = ExampleImportance(np.array([[0.1, 0.9]], np.float32), "deep_knn")
    >>> found.train_ids[found.scores.argmax(axis=1)]
    array([1])
    """

    scores: NDArray[np.float32]
    method: str
    error: dict[str, NDArray[Any]] = field(default_factory=dict)
    train_ids: NDArray[np.int64] = field(default_factory=lambda: POSITIONS)
    test_ids: NDArray[np.int64] = field(default_factory=lambda: POSITIONS)

    def __post_init__(self) -> None:
        for name, n in zip(("test_ids", "train_ids"), self.scores.shape, strict=True):
            ids = getattr(self, name)
            ids = np.arange(n) if ids is POSITIONS else np.asarray(ids)
            object.__setattr__(self, name, ids)
            if ids.shape != (n,):
                raise DataError("not one id an example", where=name, expected=f"{n} ids", got=ids.shape)
        for name, values in self.error.items():
            if values.shape != self.test_ids.shape:
                raise DataError("not one error an explained example", where=name, got=values.shape)
        if not np.isfinite(self.scores).all():
            raise DataError(
                "scores are not finite numbers",
                where=self.method,
                got=f"{int((~np.isfinite(self.scores)).sum())} of {self.scores.size} that are not",
                fix="Look for NaN in the weights, or for a loss too large for float32.",
            )


def check_inputs(train: Tensor, test: Tensor, max_rows: int) -> None:
    """Refuse inputs that no method can compare.

    Raises
    ------
    DataError
        If one is no batch of finite floats, or their examples differ in shape.
    ConfigError
        If there is no row at once.
    """
    for where, inputs in (("train", train), ("test", test)):
        check_rows(inputs, where, max_rows)
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            "training and explained examples differ in shape",
            expected=tuple(train.shape[1:]),
            got=tuple(test.shape[1:]),
        )
