"""Files of a folder, a zip or a tar read alike, with limits; archives are never unpacked to disk."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from lightwell.core.errors import DataError

GIB = 1024**3
MAX_BYTES = 16 * GIB
"""Most that one data set may ask of memory."""

_FREE_BYTES = 64 * 1024**2
_MAX_RATIO = 400


class Tree(Protocol):
    """A read-only tree of files."""

    root: Path

    def names(self) -> list[str]:
        """Return the path of each file, relative to the root, with forward slashes."""

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a file that may hold ``limit`` bytes at most."""


def check_expansion(promised: int, stored: int, where: object) -> None:
    """Refuse content that grows more than real data does when it is unpacked.

    Parameters
    ----------
    promised : int
        Bytes after unpacking, as the file itself declares.
    stored : int
        Bytes on disk.
    where : object
        Named in the message.

    Raises
    ------
    DataError
        If it passes 16 GiB, or 64 MiB at more than 400 times the bytes on disk.

    Examples
    --------
    >>> check_expansion(47_040_016, 9_912_422, "train-images")
    """
    if promised > MAX_BYTES or (promised > _FREE_BYTES and promised > _MAX_RATIO * max(stored, 1)):
        raise DataError(
            "this file would unpack to far more than it holds",
            where=where,
            expected=f"at most {MAX_BYTES // GIB} GiB and {_MAX_RATIO} times its {stored} bytes",
            got=f"{promised} bytes",
            fix="It is damaged or made to exhaust memory: get it again from the official source.",
        )


def open_tree(path: Path) -> Tree:
    """Return the tree of a folder, a ``.zip`` or a ``.tar.gz``.

    Raises
    ------
    DataError
        If an archive is damaged, or holds links, devices or paths that lead out of it.
    """
    if path.is_dir():
        return FolderTree(path)
    if path.suffix == ".zip":
        return ZipTree(path)
    return TarTree(path)


class FolderTree:
    """The files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Return the path of each file, relative to the root."""
        return sorted(p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a file."""
        path = self.root / name
        try:
            with path.open("rb") as handle:
                return _within(handle.read(limit + 1), limit, path)
        except OSError as error:
            raise DataError("this file cannot be read", where=path, got=error) from error


class ZipTree:
    """The files of a zip, read one by one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self._archive = zipfile.ZipFile(root)
        except (OSError, zipfile.BadZipFile) as error:
            raise _damaged(root, error) from error
        members = [m for m in self._archive.infolist() if not m.is_dir()]
        _check_names((m.filename for m in members), root)
        check_expansion(sum(m.file_size for m in members), root.stat().st_size, root)
        self._members = {m.filename: m for m in members}

    def names(self) -> list[str]:
        """Return the path of each file in the zip."""
        return sorted(self._members)

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a file."""
        member, where = self._members.get(name), f"{self.root}:{name}"
        if member is None:
            raise DataError("this archive lacks a file", where=where)
        if member.file_size > limit:
            raise _too_long(where, limit, member.file_size)
        try:
            return self._archive.read(member)
        except (
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise _damaged(where, error) from error


class TarTree:
    """The files of a tar, held in memory: a compressed tar can only be read from front to back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[str, bytes] = {}
        promised, stored = 0, root.stat().st_size
        try:
            with tarfile.open(root, "r|*") as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    _check_names([member.name], root)
                    promised += member.size
                    check_expansion(promised, stored, root)
                    handle = archive.extractfile(member) if member.isreg() else None
                    if handle is None:
                        raise DataError(
                            "an archive of data holds more than plain files",
                            where=f"{root}:{member.name}",
                            expected="plain files and folders",
                            got="a link or a device",
                            fix="Get the archive again from the official source.",
                        )
                    self._contents[member.name] = handle.read()
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise _damaged(root, error) from error

    def names(self) -> list[str]:
        """Return the path of each file in the tar."""
        return sorted(self._contents)

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a file."""
        where = f"{self.root}:{name}"
        if name not in self._contents:
            raise DataError("this archive lacks a file", where=where)
        return _within(self._contents[name], limit, where)


def _check_names(names: Iterable[str], where: Path) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise DataError(
                "a path in this archive leads out of it",
                where=where,
                got=repr(name),
                fix="Do not unpack it; get the archive again from the official source.",
            )


def _within(content: bytes, limit: int, where: object) -> bytes:
    if len(content) > limit:
        raise _too_long(where, limit, f"more than {limit}")
    return content


def _too_long(where: object, limit: int, got: object) -> DataError:
    return DataError(
        "this file is larger than its format allows", where=where, expected=f"at most {limit} bytes", got=got
    )


def _damaged(where: object, error: BaseException) -> DataError:
    return DataError(
        "this archive is damaged or incomplete",
        where=where,
        got=f"{type(error).__name__}: {error}",
        fix="Get it again, for instance with `lightwell data fetch`.",
    )
