"""Images of another size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.packed import PackedImages


def resized(dataset: Dataset, size: int) -> Dataset:
    """Return a data set with square images of another size.

    Where the size divides that of square images a pixel is the mean of a block; otherwise bilinear, smoothed
    where it shrinks.

    Parameters
    ----------
    dataset : Dataset
        Images of any size; packed ones stay packed.
    size : int
        Height and width in pixels, 1 or more.

    Raises
    ------
    ConfigError
        If the size is below 1.
    DataError
        If the data set holds series.

    Examples
    --------
    >>> resized(Dataset.from_arrays(np.zeros((2, 28, 28), np.uint8)), 32).image_shape
    (32, 32, 1)
    """
    if size < 1:
        raise ConfigError("images cannot have this size", where="image_size", expected="1 or more", got=size)
    if not dataset.is_images:
        raise DataError("only images can be resized", where=dataset.name, got="series")
    height, width, channels = dataset.image_shape
    if (height, width) == (size, size):
        return dataset
    blocks = height == width and height % size == 0
    change = partial(block_means, height // size) if blocks else partial(_bilinear, size)
    if isinstance(dataset.inputs, PackedImages):
        name = f"{change.func.__name__} {size}"
        return replace(dataset, inputs=dataset.inputs.through(name, change, (size, size, channels)))
    return replace(dataset, inputs=change(dataset.inputs))


def block_means(factor: int, images: NDArray[Any], _rows: object = None) -> NDArray[np.uint8]:
    """Return images of which each pixel is the rounded mean of a block of factor × factor pixels.

    Examples
    --------
    >>> block_means(2, np.array([[0, 255], [255, 255]], np.uint8)[None, :, :, None]).item()
    191
    """
    n, height, width, channels = images.shape
    total = np.zeros((n, height // factor, width // factor, channels), np.uint32)
    for y in range(factor):
        for x in range(factor):
            total += images[:, y::factor, x::factor]
    total += factor * factor // 2
    return (total // (factor * factor)).astype(np.uint8)


def _bilinear(size: int, images: NDArray[Any], _rows: object = None) -> NDArray[np.uint8]:
    from PIL import Image

    n, _, _, channels = images.shape
    out = np.empty((n, size, size, channels), np.uint8)
    for i, image in enumerate(images):
        for c in range(channels):
            plane = Image.fromarray(image[..., c])
            out[i, ..., c] = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
    return out
