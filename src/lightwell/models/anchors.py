"""The geometry of class anchors: each class owns a block of dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Anchors:
    """Anchors with value ``a`` on the class's own ``k`` dimensions and 0 elsewhere.

    Attributes
    ----------
    n_classes, n_features : int
        Classes K and dimensions k of each; a code has K*k dimensions, ordered by class.
    value : float
        Anchor value a > 0.

    Raises
    ------
    ConfigError
        If a count is below 1 or the value is not above 0.

    Examples
    --------
    >>> Anchors(3, 2, 4.0).matrix().tolist()[1]
    [0.0, 0.0, 4.0, 4.0, 0.0, 0.0]
    >>> Anchors(3, 2, 4.0).spacing
    8.0
    """

    n_classes: int
    n_features: int
    value: float

    def __post_init__(self) -> None:
        for name in ("n_classes", "n_features", "value"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    "anchors need a positive number", where=name, expected="above 0", got=getattr(self, name)
                )

    @property
    def width(self) -> int:
        """Dimensions of a code, K*k."""
        return self.n_classes * self.n_features

    @property
    def spacing(self) -> float:
        """Distance between two anchors, a*sqrt(2k)."""
        return self.value * math.sqrt(2 * self.n_features)

    def matrix(self) -> Floats:
        """Return the anchors, shape (K, K*k)."""
        return np.asarray(self.value * np.repeat(np.eye(self.n_classes), self.n_features, axis=1))

    def blocks(self, codes: NDArray[Any]) -> Floats:
        """Return codes by owner, shape (n, K, k), in float64.

        Raises
        ------
        DataError
            If the codes do not have K*k columns.
        """
        if codes.ndim != 2 or codes.shape[1] != self.width:
            raise DataError("codes do not fit the anchors", expected=f"(n, {self.width})", got=codes.shape)
        table = np.asarray(codes, dtype=np.float64)
        return table.reshape(len(codes), self.n_classes, self.n_features)

    def block_sums(self, codes: NDArray[Any]) -> Floats:
        """Return the evidence S_c for each class, shape (n, K)."""
        return np.asarray(self.blocks(codes).sum(axis=2))

    def squared_distances(self, codes: NDArray[Any]) -> Floats:
        """Return squared distances to every anchor, shape (n, K), never negative.

        By the identity d_c^2 = |z|^2 - 2 a S_c + k a^2, so the nearest anchor is always the class with
        the largest block sum.
        """
        sums = self.block_sums(codes)
        norms = np.square(np.asarray(codes, dtype=np.float64)).sum(axis=1, keepdims=True)
        distances = norms - 2 * self.value * sums + self.n_features * self.value**2
        return np.asarray(np.maximum(distances, 0.0))
