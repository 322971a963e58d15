"""A data set: immutable arrays with the names of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.arrays import as_inputs, as_labels, locked, rows_of
from lightwell.core.concepts import Concept, as_concepts
from lightwell.core.errors import DataError, nearest
from lightwell.core.packed import PackedImages
from lightwell.core.seeds import generator

Ints = NDArray[np.int64]

# Arrays with one row an example, in the order a fingerprint reads them.
_ROW_FIELDS = ("inputs", "labels", "factors", "concepts", "ids")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs with their labels, and what else is known of them. Nothing in it ever changes.

    Attributes
    ----------
    name : str
        What the report calls it.
    inputs : array
        Images, uint8, shape (n, height, width, channels), 0 to 255; or series, float32, shape
        (n, time, channels). Images may be :class:`PackedImages`, which a batch unpacks.
    labels : array of int64, shape (n,)
        Index into ``class_names``; -1 for an example of unknown class.
    class_names : tuple of str
        One distinct name a class.
    factors : array, shape (n, number of factors), or None
        True generative factors.
    factor_names : tuple of str
        One name a factor.
    concepts : array of float32, shape (n, columns), or None
        Annotations in [0, 1]; NaN where an example is not annotated.
    concept_names : tuple of str
        One name a column.
    ids : array of int64, shape (n,)
        Row in the data set as it was loaded; 0 .. n-1 where none are given.
    parts : mapping of str to array of int64
        The official parts (``"train"``, ``"test"``, ``"val"``, ``"extra"``) as rows.
    concept_groups : tuple of Concept
        Which concept owns which columns, in order; where none are declared, each column is one.

    Raises
    ------
    DataError
        If the arrays disagree about n, or a label or a part points outside.

    Examples
    --------
    >>> images = np.zeros((4, 8, 8), dtype=np.uint8)
    >>> toy = Dataset.from_arrays(images, ["cat", "dog", "cat", "dog"])
    >>> toy.class_names, toy.image_shape, toy.take([0, 2]).labels.tolist()
    (('cat', 'dog'), (8, 8, 1), [0, 0])
    """

    name: str
    inputs: NDArray[Any] | PackedImages
    labels: Ints
    class_names: tuple[str, ...]
    factors: NDArray[Any] | None = None
    factor_names: tuple[str, ...] = ()
    concepts: NDArray[Any] | None = None
    concept_names: tuple[str, ...] = ()
    ids: Ints | None = None
    parts: Mapping[str, Ints] = field(default_factory=dict)
    concept_groups: tuple[Concept, ...] = ()

    def __post_init__(self) -> None:
        for name in ("class_names", "factor_names", "concept_names"):
            object.__setattr__(self, name, tuple(str(n) for n in getattr(self, name)))
        if self.ids is None:
            object.__setattr__(self, "ids", np.arange(len(self.inputs), dtype=np.int64))
        for name in _ROW_FIELDS:
            array = getattr(self, name)
            if array is not None and not isinstance(array, PackedImages):
                whole = name in {"labels", "ids"} and np.issubdtype(array.dtype, np.integer)
                object.__setattr__(self, name, locked(array.astype(np.int64, copy=False) if whole else array))
        parts = {name: locked(np.asarray(rows, dtype=np.int64)) for name, rows in self.parts.items()}
        object.__setattr__(self, "parts", parts)
        self._check()
        self._declare_concepts()

    def _declare_concepts(self) -> None:
        groups: tuple[Concept, ...] = ()
        if self.concepts is not None:
            where = f"{self.name}.concepts"
            values, groups = as_concepts(self.concepts, self.concept_names, self.concept_groups, where)
            object.__setattr__(self, "concepts", locked(values))
        object.__setattr__(self, "concept_groups", groups)

    def _check(self) -> None:
        """Refuse arrays that contradict each other."""
        kind = (self.inputs.dtype.name, self.inputs.ndim)
        if kind not in {("uint8", 4), ("float32", 3)}:
            raise DataError(
                "inputs of a form that is not kept",
                where=f"{self.name}.inputs",
                expected="uint8 (n, height, width, channels) or float32 (n, time, channels)",
                got=f"{kind[0]} of shape {self.inputs.shape}",
                fix="Dataset.from_arrays converts what it can.",
            )
        for name in _ROW_FIELDS:
            array = getattr(self, name)
            if array is not None and len(array) != self.n:
                raise DataError(
                    "arrays of one data set differ in length",
                    where=f"{self.name}.{name}",
                    expected=f"{self.n} rows, as the inputs have",
                    got=len(array),
                )
        _check_columns(self.name, "factors", self.factors, self.factor_names)
        _check_columns(self.name, "concepts", self.concepts, self.concept_names)
        self._check_labels()
        for name, rows in self.parts.items():
            if len(rows) and (rows.min() < 0 or rows.max() >= self.n):
                raise DataError(
                    "a part points outside the data set",
                    where=f"{self.name}.parts[{name!r}]",
                    expected=f"rows in 0 .. {self.n - 1}",
                    got=f"{rows.min()} .. {rows.max()}",
                )

    def _check_labels(self) -> None:
        if len(set(self.class_names)) != len(self.class_names):
            twice = sorted({c for c in self.class_names if self.class_names.count(c) > 1})
            raise DataError(
                "two classes share one name", where=f"{self.name}.class_names", got=", ".join(twice)
            )
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise DataError(
                "labels of a form that is not kept",
                where=f"{self.name}.labels",
                expected="one integer an example",
                got=f"{self.labels.dtype} of shape {self.labels.shape}",
            )
        if self.n and not -1 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise DataError(
                "a label names no class",
                where=f"{self.name}.labels",
                expected=f"0 .. {len(self.class_names) - 1}, or -1 where it is not known",
                got=f"{self.labels.min()} .. {self.labels.max()}",
            )

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.inputs)

    @property
    def n_classes(self) -> int:
        """Number of classes that have a name, whether or not an example of them is here."""
        return len(self.class_names)

    @property
    def is_images(self) -> bool:
        """Whether the inputs are images (else they are series)."""
        return self.inputs.ndim == 4

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one input: (height, width, channels); a series is an image one pixel wide."""
        shape: tuple[int, ...] = self.inputs.shape[1:]
        return shape if self.is_images else (shape[0], 1, shape[1])

    def __repr__(self) -> str:
        """Name it in one line; arrays are not printed."""
        held = "×".join(map(str, self.inputs.shape))
        return f"Dataset({self.name!r}, {held} {self.inputs.dtype}, {self.n_classes} classes)"

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of examples by class name, in the order of the classes."""
        counts = np.bincount(self.labels[self.labels >= 0], minlength=self.n_classes)
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the arrays and the names; equal where and only where they are equal.

        The name of the data set, the ids and the parts do not enter: the same examples have the
        same fingerprint, wherever they came from. Packed images count in their packed form.
        """
        digest = hashlib.sha256()
        digest.update(repr((self.class_names, self.factor_names, self.concept_names)).encode())
        if self.concept_groups:
            digest.update(repr(self.concept_groups).encode())
        for name in _ROW_FIELDS[:-1]:
            array = getattr(self, name)
            if array is None:
                continue
            digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
            packed = isinstance(array, PackedImages)
            digest.update(array.digest().encode() if packed else np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def take(self, rows: ArrayLike) -> Dataset:
        """Return the examples at these rows; the ids stay, the parts are dropped.

        Parameters
        ----------
        rows : array of int or of bool
            Rows in the order wanted (a row may be named twice), or a mask of length n.

        Returns
        -------
        Dataset
            With the same names.

        Raises
        ------
        DataError
            If a row is outside, or a mask has another length.
        """
        index = np.asarray(rows)
        if index.dtype == bool:
            if index.shape != (self.n,):
                raise DataError(
                    "this mask is for another data set",
                    where=f"{self.name}.take",
                    expected=f"shape ({self.n},)",
                    got=index.shape,
                )
            index = np.flatnonzero(index)
        index = rows_of(index, self.n, f"{self.name}.take")
        arrays = {name: getattr(self, name) for name in _ROW_FIELDS}
        chosen: dict[str, Any] = {
            name: array.take(index) if isinstance(array, PackedImages) else array[index]
            for name, array in arrays.items()
            if array is not None
        }
        return replace(self, **chosen, parts={})

    def part(self, name: str) -> Dataset:
        """Return an official part.

        Raises
        ------
        DataError
            If there is no such part; the message lists those there are.

        Examples
        --------
        >>> from lightwell.data import load
        >>> load("mnist-mini").part("test").n
        2000
        """
        if name not in self.parts:
            held = ", ".join(sorted(self.parts)) or "none"
            raise DataError(
                f"no part '{name}' in this data set",
                where=self.name,
                expected=f"one of: {held}",
                fix="" if self.parts else "Use split(0.8, 0.2) to make parts of your own.",
            )
        return self.take(self.parts[name])

    def where(self, labels: Sequence[str | int]) -> Dataset:
        """Return the examples of these classes, with labels and class names as they are.

        Parameters
        ----------
        labels : sequence of str or int
            Class names, or class indices.

        Raises
        ------
        DataError
            If a class is not in this data set.
        """
        return self.take(np.isin(self.labels, [self.class_index(label) for label in labels]))

    def class_index(self, label: str | int) -> int:
        """Return the index of a class given by its name or its index."""
        if isinstance(label, str) and label in self.class_names:
            return self.class_names.index(label)
        if not isinstance(label, str) and 0 <= label < self.n_classes:
            return int(label)
        hint = nearest(str(label), self.class_names)
        raise DataError(
            f"no class {label!r} in this data set", where=self.name, fix=hint if len(hint) < 300 else None
        )

    def split(self, *fractions: float, seed: int = 0, stratify: bool = True) -> tuple[Dataset, ...]:
        """Cut the data set at random into disjoint pieces that together hold all of it.

        Parameters
        ----------
        *fractions : float
            Share of each piece, > 0, adding up to 1.
        seed : int
            The same seed gives the same pieces.
        stratify : bool
            Whether each class is cut in the same shares (to within one example a class).

        Returns
        -------
        tuple of Dataset
            In the order of the fractions; the rows of each piece keep their order.

        Raises
        ------
        DataError
            If the fractions are not positive or do not add up to 1.

        Examples
        --------
        >>> toy = Dataset.from_arrays(np.zeros((10, 4, 4), dtype=np.uint8), [0, 1] * 5)
        >>> [piece.n for piece in toy.split(0.8, 0.2, seed=3)]
        [8, 2]
        """
        if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
            raise DataError(
                "pieces must be positive shares of the whole",
                where=f"{self.name}.split",
                expected="fractions > 0 that add up to 1",
                got=fractions,
            )
        # A bit generator's raw stream is the same in every NumPy version; its shuffles need not be.
        order = np.argsort(generator(seed, "split").bit_generator.random_raw(self.n), kind="stable")
        groups = [np.flatnonzero(self.labels == c) for c in np.unique(self.labels)]
        owner = np.empty(self.n, dtype=np.int64)
        for rows in groups if stratify else [np.arange(self.n)]:
            ends = np.rint(np.cumsum(fractions) * len(rows)).astype(int)
            shuffled = order[np.isin(order, rows, assume_unique=True)]
            for piece, chunk in enumerate(np.split(shuffled, ends[:-1])):
                owner[chunk] = piece
        return tuple(self.take(owner == piece) for piece in range(len(fractions)))

    @classmethod
    def from_arrays(
        cls,
        inputs: ArrayLike | PackedImages,
        labels: ArrayLike | None = None,
        class_names: Sequence[str] | None = None,
        name: str = "arrays",
        *,
        factors: NDArray[Any] | None = None,
        factor_names: Sequence[str] = (),
        concepts: NDArray[Any] | None = None,
        concept_names: Sequence[str] = (),
        parts: Mapping[str, ArrayLike] | None = None,
    ) -> Dataset:
        """Make a data set of arrays a user has.

        Parameters
        ----------
        inputs : array
            Images: uint8, shape (n, h, w) or (n, h, w, c) with c 1, 3 or 4; or float in [0, 1] with four
            axes (grey ones need their channel axis too), which are rounded to 0 .. 255. Series: float,
            shape (n, t) or (n, t, c).
        labels : array of int or of str, shape (n,), or None
            Classes; -1 or None where unknown. Names are numbered in sorted order unless
            ``class_names`` gives the order.
        class_names : sequence of str, optional
            One name a class; ``"0"``, ``"1"``, ... by default.
        name : str
            What to call it.
        factors, concepts : array, shape (n, k), optional
            See :class:`Dataset`.
        factor_names, concept_names : sequence of str
            One name a column.
        parts : mapping of str to array of int, optional
            Official parts as rows.

        Returns
        -------
        Dataset
            It shares memory with the arrays where nothing had to be converted.

        Raises
        ------
        DataError
            If the arrays hold NaN, values outside their range, channels first, or an unknown class.
        """
        pixels = as_inputs(inputs, name)
        values, names = as_labels(labels, len(pixels), class_names, name)
        return cls(
            name=name,
            inputs=pixels,
            labels=values,
            class_names=names,
            factors=factors,
            factor_names=tuple(factor_names),
            concepts=concepts,
            concept_names=tuple(concept_names),
            parts={k: np.asarray(v, dtype=np.int64) for k, v in (parts or {}).items()},
        )


def _check_columns(name: str, what: str, array: NDArray[Any] | None, names: tuple[str, ...]) -> None:
    columns = 0 if array is None else array.shape[1] if array.ndim == 2 else -1
    if columns != len(names):
        raise DataError(
            f"{what} and their names disagree",
            where=f"{name}.{what}",
            expected=f"shape (n, {len(names)}), one column a name",
            got=None if array is None else array.shape,
        )
