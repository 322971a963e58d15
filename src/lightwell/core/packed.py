"""Images kept in a smaller form (bits, a file on disk) and unpacked when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

Step: TypeAlias = Callable[[NDArray[Any], NDArray[np.int64]], NDArray[Any]]
"""From stored rows, or from images, and the numbers of these rows to images."""

_CHUNK = 4096  # rows hashed at a time


@dataclass(frozen=True, eq=False)
class PackedImages:
    """A read-only array of images, uint8 (n, height, width, channels), that is made row by row.

    It indexes as an array does along its first axis, gives plain arrays, and ``np.asarray`` unpacks it
    whole. An image never depends on what else is asked for.

    Attributes
    ----------
    store : array, shape (m, ...)
        What is kept; may be memory-mapped.
    image_shape : tuple of int
        Height, width and channels after the last step.
    steps : tuple of (str, Step)
        How stored rows become images; the names tell one form from another in a fingerprint. A step is a
        function that can be pickled.
    rows : array of int64, shape (n,), or None
        Rows of the store that are meant; None becomes all of them.
    numbers : array of int64, shape (m,), or None
        What a step is told to be the number of each stored row; by default its place in the store.

    Examples
    --------
    >>> stored = PackedImages(np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1), (2, 2, 1))
    >>> stored.shape, stored.take(np.array([2, 0]))[:, 0, 0, 0].tolist()
    ((3, 2, 2, 1), [8, 0])
    """

    store: NDArray[Any]
    image_shape: tuple[int, int, int]
    steps: tuple[tuple[str, Step], ...] = ()
    rows: NDArray[np.int64] | None = None
    numbers: NDArray[np.int64] | None = None

    ndim: ClassVar[int] = 4
    dtype: ClassVar[np.dtype[np.uint8]] = np.dtype(np.uint8)

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.store), dtype=np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def _rows(self) -> NDArray[np.int64]:
        return self.rows  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width, channels)."""
        return (len(self), *self.image_shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the store and the row numbers, in memory or mapped."""
        return self.store.nbytes + self._rows.nbytes

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        rows = self._rows[first]
        several = np.atleast_1d(rows)
        images = np.asarray(self.store[several])
        numbers = several if self.numbers is None else self.numbers[several]
        for _, step in self.steps:
            images = step(images, numbers)
        return images[(slice(None), *rest)] if rows.ndim else images[0][rest]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=bool(copy))

    def take(self, rows: NDArray[np.intp]) -> PackedImages:
        """Return the images at these rows; the store is shared."""
        return replace(self, rows=self._rows[rows])

    def through(self, name: str, step: Step, image_shape: tuple[int, int, int]) -> PackedImages:
        """Return the images after one more step."""
        return replace(self, steps=(*self.steps, (name, step)), image_shape=image_shape)

    def digest(self) -> str:
        """Return the SHA-256 of what is stored of these rows, and of the names of the steps."""
        found = hashlib.sha256(repr([name for name, _ in self.steps]).encode())
        for start in range(0, len(self), _CHUNK):
            rows = self._rows[start : start + _CHUNK]
            found.update(np.ascontiguousarray(self.store[rows]).data)
        return found.hexdigest()


def bits_to_images(masks: NDArray[Any], _rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return images (n, height, 64, 1), 0 or 255, of rows as bit masks.

    Parameters
    ----------
    masks : array of little-endian uint64, shape (n, height)
        Bit c is column c.

    Examples
    --------
    >>> bits_to_images(np.array([[5]], dtype="<u8"), np.zeros(1, np.int64))[0, 0, :4, 0].tolist()
    [255, 0, 255, 0]
    """
    n, height = masks.shape
    bits = np.unpackbits(masks.view(np.uint8).reshape(n, height, 8), axis=2, bitorder="little")
    return np.negative(bits, out=bits)[..., np.newaxis]
