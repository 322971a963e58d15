"""Arrays too large for memory: written once to an ``.npy``, mapped from disk afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.files import atomic_write


def mapped_array(
    beside: Path, stem: str, shape: tuple[int, ...], pieces: Iterable[NDArray[np.uint8]]
) -> NDArray[Any]:
    """Return a read-only uint8 array mapped from ``<stem>.npy``, which is written where it is not there.

    Parameters
    ----------
    beside : Path
        What the array is made from. The file lies in its folder, or where that cannot be written to in the
        user's cache folder; one that is older, or of another shape, is written anew.
    stem : str
        Its name.
    shape : tuple of int
        Its shape.
    pieces : iterable of array
        Its rows, looked at only where the file has to be written. The file is whole or absent.

    Raises
    ------
    DataError
        If there is no room for the file.

    Examples
    --------
    >>> import tempfile
    >>> source = Path(tempfile.mkdtemp()) / "source"
    >>> source.touch()
    >>> mapped_array(source, "ones", (3, 2), [np.ones((3, 2), np.uint8)]).sum()
    np.uint64(6)
    """
    folders = [beside.parent, _cache()]
    for folder in folders:
        found = _opened(folder / f"{stem}.npy", shape, beside.stat().st_mtime)
        if found is not None:
            return found
    folder = folders[0] if os.access(folders[0], os.W_OK) else folders[1]
    target = folder / f"{stem}.npy"
    with atomic_write(target) as temporary, temporary.open("wb") as handle:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        for piece in pieces:
            handle.write(np.ascontiguousarray(piece, dtype=np.uint8).data)
    written = _opened(target, shape, 0)
    if written is None:
        raise DataError(
            "this file changed while it was written", where=target, fix="Remove it and try again."
        )
    return written


def _cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("lightwell", appauthor=False)


def _opened(path: Path, shape: tuple[int, ...], newer_than: float) -> NDArray[Any] | None:
    """Map a file, if it is whole and holds such an array."""
    try:
        if path.stat().st_mtime < newer_than:
            return None
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None
