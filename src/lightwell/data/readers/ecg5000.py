"""ECG5000 of the UCR archive: its text files in all four official forms, and arrays."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays
from lightwell.data.readers.npz import check_headers
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import open_tree

LENGTH, CLASSES = 140, 5
FORMS = (".ts", ".txt", ".tsv", ".arff")
_LIMIT = 16 * 1024**2  # the longest official file has 10 MB
_FIX = "Get the files again from the page of the archive."


def read(path: Path) -> Parts:
    """Read the train and test part.

    Parameters
    ----------
    path : Path
        A folder or a zip with ``ECG5000_TRAIN`` and ``ECG5000_TEST``, both ``.ts``, ``.txt``, ``.tsv`` or
        ``.arff``; one of these files; or an ``.npz`` of ``x_train``, ``y_train``, ``x_test``, ``y_test``.

    Returns
    -------
    mapping of str to (series, labels)
        Series float32, shape (n, 140, 1), as they are: each beat is standardised in the archive already.
        Labels int64, 0 to 4 (the files have 1 to 5).

    Raises
    ------
    DataError
        If a file is missing, damaged, or not of this data set.
    """
    if path.suffix == ".npz":
        return _read_npz(path)
    tree = open_tree(path.parent if path.suffix in FORMS else path)
    # A folder may hold other data sets as well: only an archive is searched to its depth.
    names = [p.name for p in tree.root.iterdir()] if tree.root.is_dir() else tree.names()
    held = {PurePosixPath(name).name: name for name in names}
    for form in FORMS:
        files = {part: held.get(f"ECG5000_{part.upper()}{form}") for part in ("train", "test")}
        if all(files.values()):
            return {
                part: parse(tree.read(str(name), _LIMIT), form, f"{tree.root}:{name}")
                for part, name in files.items()
            }
    raise DataError(
        "files are missing",
        where=tree.root,
        expected=f"ECG5000_TRAIN and ECG5000_TEST, both with one of {', '.join(FORMS)}",
        got=", ".join(sorted(name for name in held if name.startswith("ECG5000"))) or "neither",
        fix=_FIX,
    )


def parse(content: bytes, form: str, where: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return series and labels of one text file.

    Parameters
    ----------
    content : bytes
        The file.
    form : {".ts", ".txt", ".tsv", ".arff"}
        ``.txt`` and ``.tsv`` have the label first; ``.ts`` and ``.arff`` have a head and the label last.
    where : str
        Named in messages.

    Raises
    ------
    DataError
        If a line is not 140 finite numbers and a label in 1 .. 5; the line is named.

    Examples
    --------
    >>> series, labels = parse(b"2 " + b"0.5 " * 140, ".txt", "toy")
    >>> series.shape, labels
    ((1, 140, 1), array([1]))
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _damaged(where, "a text file", error) from error
    start, last = 0, form in (".ts", ".arff")
    if last:
        start = next((n for n, line in enumerate(lines, 1) if line.strip().lower() == "@data"), 0)
        if not start:
            raise _damaged(where, "a line '@data' after the head", "none")
    rows = [
        _numbers(line, form, f"{where}, line {number}")
        for number, line in enumerate(lines, 1)
        if number > start and line.strip() and not line.startswith(("#", "%"))
    ]
    table = np.array(rows).reshape(-1, LENGTH + 1)
    return _checked(table[:, :-1] if last else table[:, 1:], table[:, -1 if last else 0], where)


def _numbers(line: str, form: str, where: str) -> NDArray[np.float64]:
    """Return the 141 numbers of a line in their order."""
    if form == ".ts":
        series, colon, label = line.rpartition(":")
        line = f"{series},{label}" if colon else ""
    fields = line.split("," if form in (".ts", ".arff") else None, LENGTH + 1)
    if len(fields) != LENGTH + 1:
        raise _damaged(where, f"{LENGTH} numbers and a label", f"{len(fields)} fields or more")
    try:
        return np.array([float(field) for field in fields])
    except ValueError as error:
        raise _damaged(where, "numbers", error) from error


def _checked(series: Any, codes: Any, where: object) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return series and labels from 0; refuse arrays of another kind, and values that cannot be."""
    if series.shape != (len(codes), LENGTH) or codes.ndim != 1 or not len(codes):
        raise _damaged(
            where, f"series (n, {LENGTH}) and a label each, n >= 1", f"{series.shape}, {codes.shape}"
        )
    if series.dtype.kind != "f" or codes.dtype.kind not in "iuf":
        raise _damaged(where, "series of real numbers, labels of integers", f"{series.dtype}, {codes.dtype}")
    if not np.isfinite(series).all():
        row = int(np.flatnonzero(~np.isfinite(series).all(axis=1))[0])
        raise _damaged(where, "finite numbers", f"others in series {row}")
    wrong = np.flatnonzero(~np.isin(codes, np.arange(1, CLASSES + 1)))
    if len(wrong):
        raise _damaged(where, f"labels in 1 .. {CLASSES}", f"{codes[wrong[0]]} of series {wrong[0]}")
    return series.astype(np.float32)[..., np.newaxis], codes.astype(np.int64) - 1


def _read_npz(path: Path) -> Parts:
    check_headers(path)
    arrays = load_arrays(path)
    missing = [f"{k}_{part}" for part in ("train", "test") for k in "xy" if f"{k}_{part}" not in arrays]
    if missing:
        raise DataError("this file lacks an array", where=path, expected=", ".join(missing), fix=_FIX)
    return {
        part: _checked(arrays[f"x_{part}"], arrays[f"y_{part}"], f"{path}:{part}")
        for part in ("train", "test")
    }


def _damaged(where: object, expected: str, got: object) -> DataError:
    return DataError("not a whole file of ECG5000", where=where, expected=expected, got=got, fix=_FIX)
