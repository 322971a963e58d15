"""Get the official files of a data set, and say what is on disk."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.data.catalogue import SOURCES, data_roots, locate
from lightwell.data.readers import idx
from lightwell.data.sources import OfficialFile, Source

_CHUNK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class FileStatus:
    """What is on disk of one official file.

    Attributes
    ----------
    name : str
        The official file name.
    state : {"ok", "unchecked", "missing", "damaged"}
        ``"unchecked"`` where the data is there in a form that has no published digest, such as an
        unpacked archive.
    path : Path or None
        The file or folder found.
    detail : str
        What is wrong with it, or how to get it.
    url : str
        Where it is published.
    optional : bool
        Whether the data set loads without it.
    """

    name: str
    state: Literal["ok", "unchecked", "missing", "damaged"]
    path: Path | None
    detail: str
    url: str
    optional: bool = False


def check(name: str, data_dir: Path | str | None = None) -> list[FileStatus]:
    """Say which official files of a data set are on disk, and whether they are whole.

    Parameters
    ----------
    name : str
        A name of the catalogue.
    data_dir : path, optional
        Where to look; see :func:`lightwell.data.load`.

    Returns
    -------
    list of FileStatus
        One an official file; empty where the package holds the data.

    Raises
    ------
    ConfigError
        If the name is not in the catalogue.

    Examples
    --------
    >>> check("mnist-mini")
    []
    """
    source = _source(name)
    found = _found(source, data_dir)
    return [_status(source, file, found) for file in source.files]


def _found(source: Source, data_dir: Path | str | None) -> Path | None:
    """Return where the data set lies, if it does."""
    try:
        return locate(source, data_dir) if source.files else None
    except DataError:
        return None


def _status(source: Source, file: OfficialFile, found: Path | None) -> FileStatus:
    path = None if found is None else _on_disk(found, file)
    if path is None:
        detail = f"`lightwell data fetch {source.name}` gets it" if file.url else source.remark
        detail = "not needed" if file.optional else detail
        return FileStatus(file.name, "missing", None, detail, file.url, file.optional)
    if path.name != file.name:
        detail = "unpacked or renamed: there is no published digest to compare it with"
        return FileStatus(file.name, "unchecked", path, detail, file.url, file.optional)
    wrong = _what_is_wrong(path, file)
    state: Literal["ok", "damaged"] = "damaged" if wrong else "ok"
    return FileStatus(file.name, state, path, wrong, file.url, file.optional)


def _on_disk(found: Path, file: OfficialFile) -> Path | None:
    """Return the path that holds the content of an official file, if there is one."""
    if found.is_file():
        return found
    if (found / file.name).is_file():
        return found / file.name
    if file.name.endswith("-ubyte.gz"):
        stem, images_or_labels, dimensions, _ = file.name.split("-")
        return idx.find(found, stem, f"{images_or_labels}-{dimensions}")
    return found if file.name.endswith((".tar.gz", ".zip")) else None


def _what_is_wrong(path: Path, file: OfficialFile) -> str:
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size} bytes, found {size}"
    if file.digest is not None:
        algorithm, _, expected = file.digest.partition(":")
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, algorithm).hexdigest()
        if digest != expected:
            return f"expected {algorithm} {expected}, found {digest}"
    return ""


def fetch(name: str, data_dir: Path | str | None = None, mirror: str | None = None) -> list[Path]:
    """Download the official files of a data set that are missing or damaged.

    An interrupted download goes on where it stopped. A file takes its name only after its digest was
    checked; one that fails the check is removed.

    Parameters
    ----------
    name : str
        A name of the catalogue.
    data_dir : path, optional
        Files go beside those that are here already, else to ``<data_dir>/<name>``; by default below
        ``LIGHTWELL_DATA``, else the user's cache folder.
    mirror : str, optional
        Base URL to get the files from in place of the official one; ``LIGHTWELL_MIRROR`` by default.

    Returns
    -------
    list of Path
        The files that make up the data set, whether they were here or are new.

    Raises
    ------
    DataError
        If the server does not answer or breaks off, or a file is not the official one.
    ConfigError
        If the name is not in the catalogue, or the mirror is not an ``http`` or ``https`` URL.

    Examples
    --------
    >>> fetch("mnist-mini")
    []
    """
    source = _source(name)
    base = mirror or os.environ.get("LIGHTWELL_MIRROR")
    if base and not base.startswith(("http://", "https://")):
        raise ConfigError("not a mirror", where="mirror", expected="an http or https URL", got=base)
    found = _found(source, data_dir)
    folder = data_roots(data_dir)[0] / name if found is None else found if found.is_dir() else found.parent
    here = {status.name: status for status in check(name, data_dir)}
    paths = []
    for file in source.files:
        status = here[file.name]
        if status.path is not None and status.state != "damaged":
            paths.append(status.path)
        elif not file.optional and not file.url and not base:
            raise DataError(
                "this file has no public address", where=f"{name}: {file.name}", fix=source.remark
            )
        elif not file.optional:
            url = f"{base.rstrip('/')}/{file.name}" if base else file.url
            paths.append(_get(file, url, folder))
    return list(dict.fromkeys(paths))


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ConfigError(f"no data set named '{name}'", where="data", fix=nearest(name, SOURCES))
    return SOURCES[name]


def _get(file: OfficialFile, url: str, folder: Path) -> Path:
    """Download one file through pooch, which checks its digest before it takes its name."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    try:
        pooch.retrieve(url, file.digest, fname=file.name, path=folder, downloader=_Resuming(target))
    except ValueError as error:  # pooch: the digest differs; its temporary file is gone by now
        raise DataError(
            "the downloaded file is not the official one, and was removed",
            where=url,
            expected=file.digest,
            got="another digest",
            fix="Try again, or another mirror.",
        ) from error
    wrong = _what_is_wrong(target, file)
    if wrong:
        target.unlink()
        raise DataError("the downloaded file is not the official one, and was removed", where=url, got=wrong)
    return target


class _Resuming:
    """A downloader for pooch that keeps what has come so far in ``<file>.part``."""

    def __init__(self, target: Path) -> None:
        self.part = target.with_name(f"{target.name}.part")

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        """Bring the content of a URL to a file that pooch will check."""
        try:
            self._download(url)
        except (OSError, http.client.HTTPException) as error:
            kept = self.part.stat().st_size if self.part.is_file() else 0
            raise DataError(
                "the download broke off",
                where=url,
                got=f"{type(error).__name__}: {error}",
                fix=f"Run it again: it goes on after the {kept} bytes that are here. Or give another mirror.",
            ) from error
        self.part.replace(output_file)

    def _download(self, url: str) -> None:
        have = self.part.stat().st_size if self.part.is_file() else 0
        request = urllib.request.Request(url)  # noqa: S310 - from the catalogue, or checked to be http(s)
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            response = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code != 416 or not have:  # 416: the part is not shorter than the file
                raise
            self.part.unlink()
            self._download(url)
            return
        with response:
            resumes = response.status == 206 and response.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            length = response.headers.get("Content-Length")
            start = have if resumes else 0
            with self.part.open("ab" if resumes else "wb") as handle:
                while piece := response.read(_CHUNK):
                    handle.write(piece)
            got = self.part.stat().st_size - start
            if length is not None and got != int(length):
                raise OSError(f"{got} of {length} bytes came")
