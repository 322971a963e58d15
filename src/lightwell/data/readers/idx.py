"""MNIST and Fashion-MNIST: the IDX files, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.data.readers.trees import check_expansion

IMAGES, LABELS = 3, 1
_CHUNK = 1 << 22

# The four parts' stems, and the first test labels by which the two data sets are told apart: their
# files have the same names.
STEMS = {"train": "train", "test": "t10k"}
_FIRST_LABELS = {
    "mnist": (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    "fashion-mnist": (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
}


def find(folder: Path, stem: str, kind: str) -> Path | None:
    """Return the file of a part in a folder, by any of its four usual names.

    Parameters
    ----------
    folder : Path
        Where to look (not below it).
    stem : {"train", "t10k"}
        Which part.
    kind : {"images-idx3", "labels-idx1"}
        Which of its two files.
    """
    for name in (f"{stem}-{kind}-ubyte", f"{stem}-{kind.replace('-', '.')}-ubyte"):
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    return None


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    Parameters
    ----------
    path : Path
        The file; gzipped where its name ends in ``.gz``.
    dimensions : int
        3 for images (n, rows, columns), 1 for labels (n,).

    Returns
    -------
    array of uint8
        With that many axes.

    Raises
    ------
    DataError
        If the file is of another kind, truncated, longer than its header says, or a bomb.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            shape = _header(handle, path, dimensions)
            size = math.prod(shape)
            check_expansion(size, path.stat().st_size, path)
            content = _read_counted(handle, size)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, "a whole gzip file", f"{type(error).__name__}: {error}") from error
    if len(content) != size:
        got = "more" if len(content) > size else f"{len(content)} bytes"
        raise _damaged(path, f"{size} bytes after the header, for shape {shape}", got)
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _header(handle: IO[bytes] | gzip.GzipFile, path: Path, dimensions: int) -> tuple[int, ...]:
    expected = 0x00000800 + dimensions
    start = handle.read(4 + 4 * dimensions)
    magic = int.from_bytes(start[:4], "big")
    if len(start) < 4 or magic != expected:
        kind = {0x803: " (an images file)", 0x801: " (a labels file)"}.get(magic, "")
        raise DataError(
            "not the IDX file it should be",
            where=path,
            expected=f"it to start with {expected}",
            got=f"{magic}{kind}",
            fix="Check that images and labels are not swapped, and that the file is the official one.",
        )
    if len(start) < 4 + 4 * dimensions:
        raise _damaged(path, f"a header of {4 + 4 * dimensions} bytes", f"{len(start)} bytes")
    return struct.unpack(f">{dimensions}I", start[4:])


def _read_counted(handle: IO[bytes] | gzip.GzipFile, size: int) -> bytes:
    """Read at most one byte more than promised, so that a bomb never unfolds."""
    pieces, left = [], size + 1
    while left > 0 and (piece := handle.read(min(left, _CHUNK))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _damaged(path: Path, expected: str, got: str) -> DataError:
    return DataError(
        "this file is damaged or incomplete",
        where=path,
        expected=expected,
        got=got,
        fix="Get it again, for instance with `lightwell data fetch`.",
    )


def read_part(folder: Path, stem: str, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images and labels of one part.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    stem : {"train", "t10k"}
        Which part.
    name : {"mnist", "fashion-mnist"}
        Which data set it should be.

    Returns
    -------
    images : array of uint8, shape (n, rows, columns, 1)
    labels : array of uint8, shape (n,), 0 to 9

    Raises
    ------
    DataError
        If a file is missing or damaged, the two disagree, a label is not a digit, or the files are
        those of the other data set.
    """
    paths = [find(folder, stem, kind) for kind in ("images-idx3", "labels-idx1")]
    if paths[0] is None or paths[1] is None:
        missing = [k for k, p in zip(("images-idx3", "labels-idx1"), paths, strict=True) if p is None]
        raise DataError(
            "a file is missing",
            where=folder,
            expected=" and ".join(f"{stem}-{kind}-ubyte, or the same with .gz" for kind in missing),
            fix=f"`lightwell data fetch {name}` gets it.",
        )
    images, labels = read_idx(paths[0], IMAGES), read_idx(paths[1], LABELS)
    if len(images) != len(labels):
        raise DataError(
            "images and labels are not of one part",
            where=paths[1],
            expected=f"{len(images)} labels",
            got=len(labels),
        )
    if len(labels) and labels.max() > 9:
        raise DataError(
            "a label is not one of the ten classes",
            where=paths[1],
            expected="0 .. 9",
            got=f"{labels.max()} at row {int(labels.argmax())}",
        )
    if stem == "t10k":
        _check_identity(tuple(labels[:10].tolist()), name, paths[1])
    return images[..., np.newaxis], labels


def _check_identity(first: tuple[int, ...], name: str, path: Path) -> None:
    for other, signature in _FIRST_LABELS.items():
        if first == signature and other != name:
            raise DataError(
                f"these are the files of {other}, not of {name}",
                where=path,
                fix="Both use the same file names: keep each in a folder of its own.",
            )
