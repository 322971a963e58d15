"""Images of another size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError


def resized(dataset: Dataset, size: int) -> Dataset:
    """Return a data set with square images of another size (bilinear, smoothed where it shrinks).

    Parameters
    ----------
    dataset : Dataset
        Images of any size.
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
    from PIL import Image

    if size < 1:
        raise ConfigError("images cannot have this size", where="image_size", expected="1 or more", got=size)
    if dataset.inputs.ndim != 4:
        raise DataError("only images can be resized", where=dataset.name, got="series")
    if dataset.inputs.shape[1:3] == (size, size):
        return dataset
    n, _, _, channels = dataset.inputs.shape
    out = np.empty((n, size, size, channels), np.uint8)
    for i, image in enumerate(dataset.inputs):
        for c in range(channels):
            plane = Image.fromarray(image[..., c])
            out[i, ..., c] = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
    return replace(dataset, inputs=out)
