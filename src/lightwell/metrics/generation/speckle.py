"""Signs that a generator fools a classifier with dots instead of drawing something between two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, Ints

# Levels of 255. MNIST's digits have 0.05 such pixels an image; at half as many levels three times that.
_PROMINENT = 48


def isolated_pixels(images: NDArray[np.uint8]) -> Ints:
    """Count pixels that are brighter than each of their eight neighbours by at least 48 of 255 levels.

    A lone dot counts, a stroke does not. Read the mean beside that of real images, since textures have such
    pixels of their own.

    Parameters
    ----------
    images : array of uint8, shape (n, h, w, c)
        One pixel counts once, in whichever of its channels it stands out. Outside the image is black.

    Returns
    -------
    array of int, shape (n,)

    Raises
    ------
    DataError
        If these are not such images.

    Examples
    --------
    >>> image = np.zeros((1, 5, 5, 1), np.uint8)
    >>> image[0, 1, 1] = 255
    >>> isolated_pixels(image).tolist()
    [1]
    """
    checked = _checked(images)
    _, height, width, _ = checked.shape
    framed = np.pad(checked, ((0, 0), (1, 1), (1, 1), (0, 0)))
    highest = np.zeros_like(checked)
    for down, right in ((i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)):
        np.maximum(highest, framed[:, down : down + height, right : right + width], out=highest)
    stands_out = checked - np.minimum(highest, checked) >= _PROMINENT
    return np.asarray(stands_out.any(axis=3).sum(axis=(1, 2)), np.int64)


def high_frequency_share(images: NDArray[np.uint8]) -> Floats:
    """Return the share of each image's variance that waves shorter than four pixels hold, in [0, 1].

    From the power spectrum; 0 for an even image. Unlike :func:`isolated_pixels` it sees dark dots and fine
    patterns too, and sharp edges as well: compare with real images.

    Parameters
    ----------
    images
        As in :func:`isolated_pixels`, also for what is raised.

    Examples
    --------
    >>> board = np.indices((4, 4)).sum(axis=0) % 2 * 255
    >>> high_frequency_share(board.astype(np.uint8)[None, :, :, None]).tolist()
    [1.0]
    """
    checked = _checked(images)
    down, right = (np.fft.fftfreq(size)[:, None] for size in checked.shape[1:3])
    fast = down**2 + right.T**2 > 0.25**2
    return np.array([_share(image, fast) for image in checked])


def _share(image: NDArray[np.uint8], fast: NDArray[np.bool_]) -> float:
    centred = image - image.mean(axis=(0, 1))
    power = np.square(np.abs(np.fft.fft2(centred, axes=(0, 1)))).sum(axis=2)
    return float(power[fast].sum() / power.sum()) if np.ptp(image, axis=(0, 1)).any() else 0.0


def _checked(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or not array.size:
        raise DataError(
            "these are not images at rest",
            where="images",
            expected="uint8 of shape (n, h, w, c), at least one",
            got=f"{array.dtype} of shape {array.shape}",
        )
    return array
