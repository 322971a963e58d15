"""What figures ask of their arrays before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]


def finite(values: ArrayLike, where: str) -> Floats:
    """Return numbers as float64; refuse NaN and infinity."""
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise DataError("a figure needs finite numbers", where=where, got="NaN or infinity")
    return array


def table_of(values: ArrayLike, shape: Sequence[int | str], message: str, where: str) -> Floats:
    """Return float64 of this shape, where a word stands for any length but 0; else refuse it."""
    table = np.asarray(values, np.float64)
    fits = table.ndim == len(shape) and all(
        isinstance(n, str) or n == m for n, m in zip(shape, table.shape, strict=True)
    )
    if not fits or not table.size:
        raise DataError(
            message, where=where, expected=f"shape ({', '.join(map(str, shape))}), not empty",
            got=f"shape {table.shape}",
        )  # fmt: skip
    return table


def images_of(
    images: ArrayLike,
    message: str = "not images to draw",
    axes: str = "n, H, W",
    where: str = "images",
    *,
    some: bool = False,
) -> Images:
    """Return uint8 images, these axes before 1 or 3 channels; with ``some`` at least one. Refuse others."""
    array = np.asarray(images)
    fits = array.dtype == np.uint8 and array.ndim == axes.count(",") + 2 and array.shape[-1] in (1, 3)
    if not fits or 0 in array.shape[0 if some else 1 :]:
        raise DataError(
            message, where=where, expected=f"uint8 of shape ({axes}, 1 or 3)",
            got=f"{array.dtype} of shape {array.shape}",
        )  # fmt: skip
    return array
