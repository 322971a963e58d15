"""From the arrays users bring to the two forms a data set keeps, with a refusal in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.core.packed import PackedImages

_CHANNELS = (1, 3, 4)


def as_inputs(inputs: ArrayLike | PackedImages, name: str) -> NDArray[Any] | PackedImages:
    """Return uint8 images (n, h, w, c) or float32 series (n, t, c).

    Parameters
    ----------
    inputs : array or PackedImages
        uint8 with 3 or 4 axes; float with 4 axes and values in [0, 1]; float with 2 or 3 axes (series).
    name : str
        Named in error messages.

    Returns
    -------
    array
        The same memory where nothing had to be converted.

    Raises
    ------
    DataError
        If the array is of another type or shape, holds NaN, or leaves its range.

    Examples
    --------
    >>> as_inputs(np.full((1, 2, 2, 3), 0.5), "half").max()
    np.uint8(128)
    """
    if isinstance(inputs, PackedImages):
        return inputs
    array = np.asarray(inputs)
    where = f"{name}.inputs"
    if array.dtype == np.uint8:
        return _images(array, where)
    if np.issubdtype(array.dtype, np.floating):
        if array.size and not np.isfinite(array).all():
            raise DataError(
                "inputs hold NaN or infinite values",
                where=where,
                expected="finite numbers",
                got=f"{int((~np.isfinite(array)).sum())} that are not",
                fix="Drop or repair these examples first.",
            )
        return _images(_from_unit(array, where), where) if array.ndim == 4 else _series(array, where)
    raise DataError(
        "inputs of a type that is not understood",
        where=where,
        expected="uint8 images 0 .. 255, float images 0 .. 1, or float series",
        got=array.dtype,
        fix="Convert with .astype(np.uint8) if the values are pixels in 0 .. 255.",
    )


def _images(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim == 4 and array.shape[-1] in _CHANNELS:
        return array
    channels_first = array.ndim == 4 and array.shape[1] in _CHANNELS
    raise DataError(
        "these images have their channels first" if channels_first else "inputs are not images",
        where=where,
        expected="shape (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels",
        got=array.shape,
        fix="Turn them with inputs.transpose(0, 2, 3, 1)." if channels_first else None,
    )


def _from_unit(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Round float images in [0, 1] to 0 .. 255."""
    if array.size and not 0 <= array.min() <= array.max() <= 1:
        bytes_like = array.min() >= 0 and array.max() <= 255
        raise DataError(
            "float images outside [0, 1]",
            where=where,
            expected="values in 0 .. 1",
            got=f"{array.min():.4g} .. {array.max():.4g}",
            fix="Convert with .astype(np.uint8): they look like pixels in 0 .. 255."
            if bytes_like
            else "Undo the normalisation: it belongs to the model.",
        )
    return np.asarray(np.rint(array * 255), dtype=np.uint8)


def _series(array: NDArray[Any], where: str) -> NDArray[np.float32]:
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3:
        raise DataError(
            "inputs are neither images nor series",
            where=where,
            expected="2 or 3 axes (series) or 4 axes (images)",
            got=array.shape,
        )
    return array.astype(np.float32, copy=False)


def as_labels(
    labels: ArrayLike | None, n: int, class_names: Sequence[str] | None, name: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class indices, -1 where unknown, and the class names.

    Parameters
    ----------
    labels : array of int or of str, shape (n,) or (n, 1), or None
        None means that no label is known.
    n : int
        Number of examples.
    class_names : sequence of str or None
        Their order; by default sorted names, or the numbers 0 .. max as text.
    name : str
        Named in error messages.

    Raises
    ------
    DataError
        If there are not n labels, or one is not whole or not a class.

    Examples
    --------
    >>> as_labels(["dog", "cat", "dog"], 3, None, "pets")
    (array([1, 0, 1]), ('cat', 'dog'))
    """
    where = f"{name}.labels"
    if labels is None:
        return np.full(n, -1, dtype=np.int64), tuple(class_names or ())
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise DataError("not one label an example", where=where, expected=f"shape ({n},)", got=array.shape)
    if array.dtype.kind in "UO" and all(isinstance(label, str) for label in array):
        return _from_names(array, class_names, where)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise DataError("labels are neither whole numbers nor names", where=where, got=array.dtype)
    array = array.astype(np.int64)
    top = int(array.max()) if n else -1
    names = tuple(class_names) if class_names is not None else tuple(str(c) for c in range(top + 1))
    return array, names


def sorted_names(names: Iterable[str]) -> list[str]:
    """Sort class names: as numbers where all are whole numbers, else as text.

    Examples
    --------
    >>> sorted_names(["10", "9"]), sorted_names(["b", "a"])
    (['9', '10'], ['a', 'b'])
    """
    found = list(names)
    return sorted(found, key=int) if all(n.isdecimal() for n in found) else sorted(found)


def _from_names(
    array: NDArray[Any], class_names: Sequence[str] | None, where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    found = sorted_names({str(label) for label in array})
    names = tuple(found if class_names is None else class_names)
    missing = [label for label in found if label not in names]
    if missing:
        raise DataError(
            "labels that are not among the class names",
            where=where,
            expected=", ".join(names),
            got=", ".join(missing[:5]),
        )
    index = {label: i for i, label in enumerate(names)}
    return np.array([index[str(label)] for label in array], dtype=np.int64), names


def locked(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view; the caller's own array stays as writable as it was.

    Examples
    --------
    >>> mine = np.zeros(2)
    >>> locked(mine).flags.writeable, mine.flags.writeable
    (False, True)
    """
    view = np.asarray(array).view()
    view.setflags(write=False)
    return view


def rows_of(index: NDArray[Any], n: int, where: str) -> NDArray[np.intp]:
    """Return an index array after checking that it stays inside n rows.

    Raises
    ------
    DataError
        If an index is not whole, or is outside.

    Examples
    --------
    >>> rows_of(np.array([2, -1]), 3, "here")
    array([ 2, -1])
    """
    if index.size == 0:
        return np.zeros(0, dtype=np.intp)
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
        raise DataError(
            "rows must be whole numbers", where=where, got=f"{index.dtype} of shape {index.shape}"
        )
    if index.min() < -n or index.max() >= n:
        raise DataError(
            "a row is outside the data set",
            where=where,
            expected=f"0 .. {n - 1}",
            got=f"{index.min()} .. {index.max()}",
        )
    return index.astype(np.intp)
