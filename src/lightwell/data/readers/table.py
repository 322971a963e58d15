"""A user's CSV that lists image files and their labels."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from lightwell.core.arrays import sorted_names
from lightwell.core.errors import DataError
from lightwell.data.readers.images import MAX_FILE, decode_all
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import FolderTree


def read(path: Path, image_size: int | None = None) -> tuple[Parts, tuple[str, ...]]:
    """Read the images a CSV lists.

    Parameters
    ----------
    path : Path
        UTF-8 CSV with the columns ``file`` (relative to the CSV, inside its folder), ``label`` (a name;
        empty where unknown) and perhaps ``part`` (such as ``train`` or ``test``).
    image_size : int, optional
        Resize every image to this height and width; by default they must be equal in size.

    Returns
    -------
    parts : mapping of str to (images, labels)
        Images uint8, shape (n, h, w, c); labels int64, -1 where unknown; one part named ``""`` where
        the column is missing. Parts come in the order of their first row.
    class_names : tuple of str
        Sorted labels (as numbers where all are numbers).

    Raises
    ------
    DataError
        If a column or a file is missing, a path leads out of the folder, or an image cannot be read.
    """
    rows = _rows(path)
    classes = sorted_names({row["label"] for row in rows} - {""})
    code = {name: i for i, name in enumerate(classes)} | {"": -1}
    parts: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        parts.setdefault(row.get("part", ""), []).append(row)
    ordered = [row for members in parts.values() for row in members]
    tree = FolderTree(path.parent)
    files = [row["file"] for row in ordered]
    pixels = decode_all(files, lambda name: tree.read(name, MAX_FILE), str(path), image_size)
    found, start = {}, 0
    for part, members in parts.items():
        labels = [code[row["label"]] for row in members]
        found[part] = (pixels[start : start + len(members)], labels)
        start += len(members)
    return found, tuple(classes)


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the CSV, each with a file and a label."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, strict=True)
            columns = reader.fieldnames or []
            if not {"file", "label"} <= set(columns):
                raise DataError(
                    "this CSV lacks a column",
                    where=path,
                    expected="file, label and perhaps part",
                    got=", ".join(columns),
                )
            rows = [{k: (v or "").strip() for k, v in row.items() if k in columns} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError("this file cannot be read as a CSV", where=path, got=error) from error
    if not rows:
        raise DataError("this CSV lists no file", where=path)
    for line, row in enumerate(rows, start=2):
        _check_file(row["file"], path, line)
    return rows


def _check_file(name: str, path: Path, line: int) -> None:
    place = PurePosixPath(name.replace("\\", "/"))
    if not name or place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
        raise DataError(
            "a file must be named relative to the CSV, and lie in its folder or below",
            where=f"{path}, row {line}",
            got=repr(name),
            fix="Put the CSV in a folder above all its images.",
        )
