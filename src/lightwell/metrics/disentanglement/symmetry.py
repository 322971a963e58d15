"""What no encoder of dSprites can beat: a square looks the same after a quarter turn, an ellipse after half.

Where several orientations give one picture, the best guess of a number is their mean and the best guess of a
class their majority. Orientations of one picture are taken to the nearest of the 40 in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, as_labels, as_table
from lightwell.metrics.disentanglement.arrays import varying

_SIZES = (3, 6, 40, 32, 32)  # shape, scale, orientation, x, y; the last orientation is the first again
_TURNS = (4, 2, 1)  # orientations that look alike: square, ellipse, heart


@dataclass(frozen=True)
class Ceilings:
    """The best any encoder can do; see :func:`dsprites_ceilings`.

    Attributes
    ----------
    explicitness : float
        1 - 6 MSE of the best guess, over the columns that vary.
    mse : array, shape (t,)
        Of each column, scaled to [0, 1].
    label_accuracy : float
        Of the label; NaN without labels.
    """

    explicitness: float
    mse: Floats
    label_accuracy: float


def dsprites_ceilings(targets: ArrayLike | None = None, labels: ArrayLike | None = None) -> Ceilings:
    """Compute the ceilings of explicitness and label accuracy on the whole grid of dSprites.

    Parameters
    ----------
    targets : array, shape (737280, t), optional
        What is to be predicted, a row for each image in the official order; by default the five factors.
    labels : array of int, shape (737280,), optional
        The class of each image.

    Returns
    -------
    Ceilings
        For a model that tells apart everything else.

    Raises
    ------
    DataError
        If there is not one row an image, or no column varies.

    Examples
    --------
    >>> round(dsprites_ceilings().explicitness, 3)
    0.944
    """
    grid = np.indices(_SIZES, dtype=np.int64).reshape(len(_SIZES), -1).T
    table = as_table(grid if targets is None else targets, "targets")
    alive = varying(table) if len(table) else np.zeros(1, np.bool_)
    if len(table) != len(grid) or not alive.any():
        raise DataError(
            "not a table of all of dSprites", where="targets", expected=f"{len(grid)} rows", got=len(table)
        )
    scaled = (table - table.min(axis=0)) / np.where(alive, np.ptp(table, axis=0), 1.0)
    mse = np.array([_per_picture(column).var(axis=1).mean() for column in scaled.T])
    accuracy = float("nan") if labels is None else _accuracy(as_labels(labels, "labels"), len(grid))
    return Ceilings(float(1 - 6 * mse[alive].mean()), mse, accuracy)


def _accuracy(labels: NDArray[np.int64], n: int) -> float:
    if len(labels) != n:
        raise DataError("not one label an image", where="labels", expected=n, got=len(labels))
    return float(
        np.max([(_per_picture(labels) == kind).mean(axis=1) for kind in np.unique(labels)], axis=0).mean()
    )


def _per_picture(column: NDArray[Any]) -> NDArray[Any]:
    """Return for each image the values of all images that look like it, repeated to four: shape (n, 4)."""
    images, turn = column.reshape(_SIZES), _SIZES[2] - 1
    copies = [
        np.rint(np.arange(turn + 1)[:, None] % turn + np.arange(4) % turns * turn / turns).astype(int) % turn
        for turns in _TURNS
    ]
    return np.stack([np.moveaxis(s[:, c], 2, -1) for s, c in zip(images, copies, strict=True)]).reshape(-1, 4)
