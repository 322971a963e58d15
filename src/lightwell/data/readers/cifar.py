"""CIFAR-10 and CIFAR-100: python and binary version, unpacked or still in their archive."""

from __future__ import annotations

import io
import pickle
import pickletools
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import Tree

_PIXELS = 3072
_MAX_FILE = 256 * 1024**2  # the largest official file has 155 MB


@dataclass(frozen=True)
class _Layout:
    """File names of one data set, and where in them the labels are."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    label_key: str
    label_bytes: int  # of a binary record; the last of them is the label
    n_classes: int


_LAYOUTS = {
    "cifar10": _Layout(tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",), "labels", 1, 10),
    "cifar100": _Layout(("train",), ("test",), "fine_labels", 2, 100),
}


def read(tree: Tree, name: str) -> Parts:
    """Read the train and test part.

    Parameters
    ----------
    tree : Tree
        Folder or archive with the official files, at any depth.
    name : {"cifar10", "cifar100"}
        Which of the two.

    Returns
    -------
    mapping of str to (images, labels)
        Images uint8, shape (n, 32, 32, 3); labels int64, 0 to 9, or 0 to 99 (the fine labels).

    Raises
    ------
    DataError
        If a file is missing, damaged, or a pickle that holds more than arrays, lists and texts.
    """
    layout = _LAYOUTS[name]
    by_name = {PurePosixPath(path).name: path for path in tree.names()}
    binary = not any(file in by_name for file in layout.train) and f"{layout.train[0]}.bin" in by_name
    suffix = ".bin" if binary else ""
    missing = [f"{f}{suffix}" for f in (*layout.train, *layout.test) if f"{f}{suffix}" not in by_name]
    if missing:
        raise DataError(
            "files are missing",
            where=tree.root,
            expected=", ".join(missing),
            fix=f"`lightwell data fetch {name}` gets the archive.",
        )
    parts = {}
    for part, files in (("train", layout.train), ("test", layout.test)):
        read_one = _binary_batch if binary else _python_batch
        batches = [read_one(tree, by_name[f"{file}{suffix}"], layout) for file in files]
        parts[part] = (np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches]))
    return parts


def _python_batch(tree: Tree, path: str, layout: _Layout) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    where = f"{tree.root}/{path}"
    batch = restricted_load(tree.read(path, _MAX_FILE), where)
    if not isinstance(batch, dict):
        raise DataError("not a CIFAR batch", where=where, expected="a dict", got=type(batch).__name__)
    batch = {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in batch.items()}
    pixels, labels = batch.get("data"), batch.get(layout.label_key)
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
        raise DataError(
            "not a batch of this data set",
            where=where,
            expected=f"an array 'data' and a list '{layout.label_key}'",
            got=", ".join(sorted(str(key) for key in batch)),
        )
    if not all(type(label) is int for label in labels):
        raise DataError("labels that are not whole numbers", where=where)
    return _checked(pixels, labels, layout, where)


def _binary_batch(tree: Tree, path: str, layout: _Layout) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    where = f"{tree.root}/{path}"
    content = tree.read(path, _MAX_FILE)
    record = layout.label_bytes + _PIXELS
    if not content or len(content) % record:
        raise DataError(
            "this file is damaged, incomplete, or of another data set",
            where=where,
            expected=f"whole records of {record} bytes",
            got=f"{len(content)} bytes",
            fix="Get it again from the official source.",
        )
    table = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
    return _checked(table[:, layout.label_bytes :], table[:, layout.label_bytes - 1], layout, where)


def _checked(
    pixels: NDArray[Any], labels: Any, layout: _Layout, where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    codes = np.array(labels, dtype=np.int64)
    if pixels.ndim != 2 or pixels.shape[1] != _PIXELS or len(pixels) != len(codes):
        raise DataError(
            "pixels and labels of this batch do not fit",
            where=where,
            expected=f"shape ({len(codes)}, {_PIXELS})",
            got=pixels.shape,
        )
    if len(codes) and not 0 <= codes.min() <= codes.max() < layout.n_classes:
        raise DataError(
            "a label is not one of the classes",
            where=where,
            expected=f"0 .. {layout.n_classes - 1}",
            got=f"{codes.min()} .. {codes.max()}",
        )
    # Stored plane by plane: 1,024 red, 1,024 green, 1,024 blue.
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), codes


def restricted_load(content: bytes, where: str) -> Any:
    """Read a pickle that may hold numbers, texts, lists, dicts and arrays of bytes, and nothing else.

    No class or function that the file names is ever imported: arrays are rebuilt by code of ours.

    Parameters
    ----------
    content : bytes
        The pickle.
    where : str
        Named in error messages.

    Raises
    ------
    DataError
        If it names anything else, or is damaged.

    Examples
    --------
    >>> restricted_load(pickle.dumps({"labels": [3, 8]}, protocol=2), "batch")
    {'labels': [3, 8]}
    """
    try:
        _check_memo(content)
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may fail in any way
        raise DataError(
            "this file is damaged, or not a batch of the python version",
            where=where,
            got=f"{type(error).__name__}: {error}",
            fix="Get it again, for instance with `lightwell data fetch`.",
        ) from error


def _check_memo(content: bytes) -> None:
    """Refuse a memo index that would make the unpickler allocate without bound."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name.endswith("PUT") and int(str(argument)) > len(content):
            raise pickle.UnpicklingError("a memo index beyond the end of the file")


class _Array:
    """Takes the place of a NumPy array while a pickle is read; kept only for its state."""

    array: NDArray[np.uint8]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Bytes):
            raise pickle.UnpicklingError("an array that is not of bytes")
        raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
        self.array = np.frombuffer(raw, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")


class _Bytes:
    """Takes the place of the dtype uint8, the only one admitted."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in {"u1", "|u1"}:
            raise pickle.UnpicklingError(f"an array of dtype {code!r}")

    def __setstate__(self, state: object) -> None:
        """Accept the byte order and flags of the dtype, which uint8 does not have."""


def _new_array(*_: object) -> _Array:
    return _Array()


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text encoded as {encoding!r}")
    return text.encode("latin1")


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Bytes,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise DataError(
                "this pickle names something a data file does not need, and was not run",
                where=f"{module}.{name}",
                expected="arrays, lists, texts and numbers only",
                fix="It is not the official file: delete it, and get that again.",
            )
        return _ADMITTED[module, name]

    def load(self) -> Any:
        return _unwrapped(super().load())


def _unwrapped(value: Any) -> Any:
    """Put the arrays where their stand-ins are, in a dict and no deeper."""
    if isinstance(value, dict):
        return {k: v.array if isinstance(v, _Array) else v for k, v in value.items()}
    return value
