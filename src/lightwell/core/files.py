"""Files that are either whole or absent, and checksums that notice a flipped bit."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError, ModelFileError

MANIFEST = "SHA256SUMS"

# What a disk or a folder answers when it takes no more, as opposed to a mistake of the program.
_REFUSALS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EIO,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextlib.contextmanager
def atomic_write(path: Path, n_bytes: int | None = None) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` only when all went well.

    Parameters
    ----------
    path : Path
        The file to write; its folder is made where it is missing.
    n_bytes : int, optional
        How much it will hold, to be told where there is no room.

    Yields
    ------
    Path
        A file in the same folder to write to. It is flushed to the disk, then renamed; after an
        exception it is removed and ``path`` stays as it was.

    Raises
    ------
    DataError
        If the disk is full, or the folder cannot be written to.

    Examples
    --------
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_write(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path)
    with explained(path, n_bytes):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)  # mkstemp's 0600 would hide results from a user's group
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
            _flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path, n_bytes: int | None = None) -> Iterator[None]:
    """Say in a user's words that a file or folder cannot be written, where that is what went wrong."""
    room = "room" if n_bytes is None else f"room for {n_bytes:,} bytes"
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise DataError(
            "this file cannot be written",
            where=path,
            got=error.strerror,
            fix=f"What stood there before is untouched. Make {room}, or choose another folder.",
        ) from error


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file atomically; where there is no room, the error says how much it takes."""
    with atomic_write(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, record: Any) -> None:
    """Write a JSON file atomically; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        If it is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("this file cannot be read as JSON", where=path, got=error) from error


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table atomically.

    A text cell that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow([_harmless(c) for c in columns])
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to an ``.npz`` atomically.

    Raises
    ------
    DataError
        If an array holds Python objects, which would have to be pickled.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise DataError("arrays of Python objects are never saved", where=f"{path}:{name}", got="object")
    with atomic_write(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **arrays)


# Everything that NumPy and zipfile raise for an archive with flipped or missing bytes.
_DAMAGED = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of an ``.npz``; nothing is ever unpickled.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds objects.
    """
    try:
        with zipfile.ZipFile(path):  # refuses a bare .npy, of which NumPy would make no archive
            pass
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member that is no array")
            return arrays
    except _DAMAGED as error:
        raise DataError("these arrays cannot be read", where=path, got=error) from error


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_manifest(folder: Path) -> None:
    """Write ``SHA256SUMS`` for every other file of a folder (the form ``sha256sum -c`` reads)."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    lines = [f"{sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    write_text(folder / MANIFEST, "".join(lines))


def check_manifest(folder: Path) -> None:
    """Compare a folder with its ``SHA256SUMS``.

    Raises
    ------
    ModelFileError
        If the manifest is missing or cut off, or a file it names is missing or differs.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ModelFileError(
            "this folder holds no saved model", where=folder, expected=f"a file {MANIFEST}", got="none"
        )
    listed = manifest.read_text(encoding="utf-8", errors="replace")
    if not listed.endswith("\n"):  # cut off, or empty: it would vouch for nothing
        raise ModelFileError(
            "the list of checksums is cut off",
            where=manifest,
            got=f"{len(listed)} characters",
            fix="Restore it from a copy, or train again.",
        )
    for line in listed.splitlines():
        digest, _, name = line.partition("  ")
        file = folder / name
        if not file.is_file():
            raise ModelFileError("a file of the saved model is missing", where=file)
        found = sha256(file)
        if found != digest:
            raise ModelFileError(
                "a file of the saved model was damaged or changed",
                where=file,
                expected=f"SHA-256 {digest}",
                got=f"{found} ({file.stat().st_size} bytes)",
                fix="Restore it from a copy, or train again.",
            )
