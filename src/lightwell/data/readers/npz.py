"""A user's arrays in one ``.npz``."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays
from lightwell.data.readers.parts import assemble
from lightwell.data.readers.trees import check_expansion

_PIECE = 64 * 1024**2  # bytes of rows read at a time
_EXTRAS = ("factors", "factor_names", "concepts", "concept_names")


def read(path: Path) -> Dataset:
    """Read a data set.

    Either ``x_train``, ``y_train`` with ``x_test``, ``y_test`` and perhaps ``x_val``, ``y_val`` (these
    become parts), or ``inputs`` with perhaps ``labels`` (by rows: ``factors``, ``concepts`` with
    ``factor_names``, ``concept_names``). ``class_names`` gives names to the labels 0, 1, ...; without it
    each label that occurs is a class of that name, so labels need not start at 0, and -1 is unknown.

    Parameters
    ----------
    path : Path
        The file. Nothing in it is ever unpickled.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataError
        If the file is damaged, holds objects, unfolds beyond measure, or lacks these arrays.
    """
    check_headers(path)
    arrays = load_arrays(path)
    parts = [p for p in ("train", "val", "test") if f"x_{p}" in arrays]
    if parts:
        _require(arrays, [f"y_{p}" for p in parts], path)
        found = {p: (arrays[f"x_{p}"], arrays[f"y_{p}"]) for p in parts}
    else:
        _require(arrays, ["inputs"], path)
        found = {"": (arrays["inputs"], arrays.get("labels", np.full(len(arrays["inputs"]), -1)))}
    names, labels = _named(arrays, [np.asarray(labels) for _, labels in found.values()])
    found = {p: (found[p][0], codes) for p, codes in zip(found, labels, strict=True)}
    dataset = assemble(path.stem, found, names)
    extras: dict[str, Any] = {key: arrays[key] for key in _EXTRAS if key in arrays and not parts}
    return replace(dataset, **extras)


def _require(arrays: dict[str, NDArray[Any]], keys: list[str], path: Path) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(
            "this file lacks an array",
            where=path,
            expected=", ".join(missing),
            got=", ".join(sorted(arrays)),
            fix="Use the keys x_train, y_train, x_test, y_test, or inputs and labels.",
        )


def _named(
    arrays: dict[str, NDArray[Any]], labels: list[NDArray[Any]]
) -> tuple[tuple[str, ...] | None, list[NDArray[Any]]]:
    """Return class names, and labels as indices into them."""
    if "class_names" in arrays:
        return tuple(str(name) for name in arrays["class_names"]), labels
    if any(array.dtype.kind not in "iu" for array in labels):
        return None, labels
    codes = np.unique(np.concatenate([array.ravel() for array in labels]).astype(np.int64))
    codes = codes[codes >= 0]
    index = [np.where(array < 0, -1, np.searchsorted(codes, array)) for array in labels]
    return tuple(str(code) for code in codes), index


def check_headers(path: Path) -> None:
    """Look at what an ``.npz`` declares before anything of that size is read.

    Raises
    ------
    DataError
        If a member holds objects, is not an array, or declares far more than the file can hold.
    """
    with _explained(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_expansion(sum(m.file_size for m in members), path.stat().st_size, path)
        for member in members:
            with archive.open(member) as handle:
                _check_header(handle, member, path)


def member_array(path: Path, key: str, limit: int) -> NDArray[Any]:
    """Return one array of an ``.npz`` of at most ``limit`` bytes; no other member is looked at.

    Raises
    ------
    DataError
        As :func:`member_rows` does, or if it is larger.
    """
    shape, dtype, pieces = member_rows(path, key)
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > limit:
        raise DataError(
            "an array larger than it can be", where=f"{path}:{key}", expected=f"{limit} bytes", got=shape
        )
    return np.concatenate([np.empty((0, *shape[1:]), dtype), *pieces])


def member_rows(path: Path, key: str) -> tuple[tuple[int, ...], np.dtype[Any], Iterator[NDArray[Any]]]:
    """Return shape, type and, piece by piece, the rows of one array of an ``.npz``, however large.

    Only this member is looked at, so that others may hold objects.

    Raises
    ------
    DataError
        If the file or the member is missing, damaged, holds objects, or declares more than it holds.
    """
    with _explained(path), zipfile.ZipFile(path) as archive:
        if f"{key}.npy" not in archive.namelist():
            held = ", ".join(name.removesuffix(".npy") for name in archive.namelist()[:10])
            raise DataError("this file lacks an array", where=path, expected=key, got=held)
        member = archive.getinfo(f"{key}.npy")
        check_expansion(member.file_size, path.stat().st_size, path)
        with archive.open(member) as handle:
            shape, dtype = _check_header(handle, member, path)
    return shape, dtype, _pieces(path, member, shape, dtype)


def _pieces(
    path: Path, member: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    size = max(int(np.prod(shape[1:])) * dtype.itemsize, 1)
    at_once = max(_PIECE // size, 1)
    with _explained(path), zipfile.ZipFile(path) as archive, archive.open(member) as handle:
        _check_header(handle, member, path)
        for start in range(0, shape[0], at_once):
            rows = min(at_once, shape[0] - start)
            content = handle.read(rows * size)
            yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say that an ``.npz`` is damaged in a user's words."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            "this file is damaged, or not an .npz",
            where=path,
            got=f"{type(error).__name__}: {error}",
            fix="Write it again with numpy.savez_compressed.",
        ) from error


def _check_header(handle: Any, member: zipfile.ZipInfo, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(handle)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = reader(handle)
    where = f"{path}:{member.filename}"
    if dtype.hasobject:
        raise DataError(
            "an array of Python objects, which would have to be unpickled",
            where=where,
            fix="Save numbers or texts: nothing is ever unpickled here.",
        )
    declared = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if declared > member.file_size:
        raise DataError(
            "an array that declares more than it holds",
            where=where,
            expected=f"{declared} bytes for shape {shape}",
            got=f"{member.file_size} bytes",
        )
    return shape, dtype
