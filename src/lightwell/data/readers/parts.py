"""From the parts a reader found to one data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError

Parts = Mapping[str, tuple[NDArray[Any], ArrayLike]]
"""Inputs and labels by the name of the part."""


def assemble(name: str, parts: Parts, class_names: Sequence[str] | None) -> Dataset:
    """Return one data set that holds the parts one after the other.

    Parameters
    ----------
    name : str
        Name of the data set.
    parts : mapping of str to (inputs, labels)
        See :meth:`Dataset.from_arrays`; a part named ``""`` is no official part.
    class_names : sequence of str or None
        Names in the order of the label codes.

    Raises
    ------
    DataError
        If the parts differ in the shape of their inputs, or the data set refuses them.

    Examples
    --------
    >>> images = np.zeros((2, 4, 4), dtype=np.uint8)
    >>> both = assemble("toy", {"train": (images, [0, 1]), "test": (images, [1, 0])}, None)
    >>> both.n, both.parts["test"].tolist()
    (4, [2, 3])
    """
    arrays = [np.asarray(inputs) for inputs, _ in parts.values()]
    for part, array in zip(parts, arrays, strict=True):
        if array.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                "the parts hold inputs of different shapes",
                where=f"{name}: {part}",
                expected=arrays[0].shape[1:],
                got=array.shape[1:],
            )
    labels = [np.asarray(labels) for _, labels in parts.values()]
    ends = np.cumsum([0, *(len(array) for array in arrays)])
    rows = {
        part: np.arange(start, end)
        for part, start, end in zip(parts, ends[:-1], ends[1:], strict=True)
        if part
    }
    single = len(arrays) == 1
    return Dataset.from_arrays(
        arrays[0] if single else np.concatenate(arrays),
        labels[0] if single else np.concatenate(labels),
        class_names,
        name,
        parts=rows,
    )
