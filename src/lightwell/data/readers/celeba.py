"""CelebA: faces with ten attributes as concepts, and classes found by k-modes among them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.concepts import Concept
from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.packed import PackedImages
from lightwell.core.seeds import generator
from lightwell.data.kmodes import k_modes, nearest_mode
from lightwell.data.mapped import mapped_array
from lightwell.data.readers.images import MAX_FILE, decode
from lightwell.data.readers.trees import FolderTree

ATTRIBUTES = (
    "Bald",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Eyeglasses",
    "Gray_Hair",
    "Male",
    "No_Beard",
    "Smiling",
    "Wearing_Hat",
)
SIDE = 64

_CROP = 178
_CLASSES = 4
_FITTED = 10_000  # rows that k-modes sees
_PARTS = ("train", "val", "test")
_RANGES = (
    102_635,
    115_013,
)  # ends of train and val among the kept rows, where there is no official partition
_MAX_TABLE = 256 * 1024**2

Table = dict[str, list[str]]


def read(folder: Path) -> Dataset:
    """Read CelebA.

    Parameters
    ----------
    folder : Path
        ``list_attr_celeba.txt`` or ``.csv``, perhaps ``list_eval_partition.txt`` or ``.csv``, and the aligned
        178 × 218 JPEGs in ``img_align_celeba``, or in a folder of that name inside it.

    Returns
    -------
    Dataset
        The central 178 × 178 pixels at 64 × 64, mapped from an ``.npy`` that the first pass writes. Faces of
        no hair colour that are not bald, and bald ones with a hair colour, are left out. Concepts: the ten
        binary ``ATTRIBUTES``. Classes: four modes of them, fitted on 10,000 rows (10 starts, fixed seed).
        Parts: the official ones, or, of the whole set without a partition file, rows as in GlanceNets' code
        (Marconato et al., NeurIPS 2022).

    Raises
    ------
    DataError
        If a file is missing, damaged or of another form, or an image is.
    """
    path = _find(folder, "list_attr_celeba")
    if path is None:
        raise DataError("a table is missing", where=folder, expected="list_attr_celeba.txt or .csv")
    names, columns = _attributes(path)
    kept = _kept(columns)
    names, attributes = [name for name, keep in zip(names, kept, strict=True) if keep], columns[kept]
    if not names:
        raise DataError("no face is left", where=folder, expected="faces that are bald or of a hair colour")
    images = _image_folder(folder)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    shape = (len(names), SIDE, SIDE, 3)
    pixels = mapped_array(path, f"celeba-{SIDE}-{digest}", shape, _faces(images, names))
    order = generator(0, "celeba classes").permutation(len(names))[:_FITTED]
    modes = k_modes(attributes[order], _CLASSES)
    return Dataset(
        name="celeba",
        inputs=PackedImages(pixels, (SIDE, SIDE, 3)),
        labels=nearest_mode(attributes, modes),
        class_names=tuple(str(c) for c in range(_CLASSES)),
        concepts=attributes.astype(np.float32),
        concept_names=ATTRIBUTES,
        concept_groups=tuple(Concept(name, "binary") for name in ATTRIBUTES),
        parts=_parts(folder, names),
    )


def _kept(columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which faces are either bald or of a hair colour."""
    hair = columns[:, [ATTRIBUTES.index(f"{colour}_Hair") for colour in ("Black", "Blond", "Brown", "Gray")]]
    return np.asarray((columns[:, 0] == 1) != hair.any(axis=1))


def _attributes(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Return file names and the ten attributes, 0 or 1."""
    header, table = _table(path)
    missing = [name for name in ATTRIBUTES if name not in header]
    if missing:
        raise DataError("this table lacks an attribute", where=path, expected=", ".join(missing))
    chosen = [header.index(name) for name in ATTRIBUTES]
    values = [[row[i] for i in chosen] for row in table.values()]
    odd = next((i for i, row in enumerate(values) if not {"-1", "0", "1"}.issuperset(row)), None)
    if odd is not None:
        raise DataError("attributes are 1 or -1", where=f"{path}, face {odd + 1}", got=values[odd])
    return list(table), (np.array(values, dtype=np.int64).reshape(-1, len(ATTRIBUTES)) > 0).astype(np.int64)


def _parts(folder: Path, names: list[str]) -> dict[str, NDArray[np.int64]]:
    path = _find(folder, "list_eval_partition")
    if path is None:
        if len(names) <= _RANGES[1]:
            return {}
        return dict(zip(_PARTS, np.split(np.arange(len(names)), _RANGES), strict=True))
    table = _table(path)[1]
    codes = [table.get(name, [""])[0] for name in names]
    odd = next((name for name, code in zip(names, codes, strict=True) if code not in {"0", "1", "2"}), None)
    if odd is not None:
        raise DataError(
            "this face is in no part", where=path, expected=f"{odd} with 0, 1 or 2", got=table.get(odd)
        )
    return {part: np.flatnonzero(np.array(codes) == str(i)) for i, part in enumerate(_PARTS)}


def _find(folder: Path, stem: str) -> Path | None:
    return next((p for p in (folder / f"{stem}.txt", folder / f"{stem}.csv") if p.is_file()), None)


def _table(path: Path) -> tuple[list[str], Table]:
    """Return column names and rows by file name of an official table: CSV, or text with spaces between."""
    raw = FolderTree(path.parent).read(path.name, _MAX_TABLE)
    lines = raw.decode("utf-8-sig", errors="replace").splitlines()
    try:
        rows = [row for row in (csv.reader(lines) if path.suffix == ".csv" else map(str.split, lines)) if row]
    except csv.Error as error:
        raise DataError("this file cannot be read as a CSV", where=path, got=error) from error
    header: list[str] = []
    if path.suffix == ".csv" and rows:
        header, rows = rows[0][1:], rows[1:]
    elif len(rows) > 1 and len(rows[0]) == 1:  # number of rows, then the names of the columns
        (promised,), header, rows = rows[0], rows[1], rows[2:]
        if promised != str(len(rows)):
            raise DataError("this table is cut off", where=path, expected=f"{promised} faces", got=len(rows))
    width = len(header) or 1
    for number, row in enumerate(rows, start=1):
        if len(row) != width + 1 or Path(row[0]).name != row[0]:
            raise DataError(
                "a row of this table is damaged",
                where=f"{path}, face {number}",
                expected=f"a file name and {width} values",
                got=" ".join(row)[:80],
            )
    table = {row[0]: row[1:] for row in rows}
    if len(table) != len(rows):
        raise DataError("a face is listed twice", where=path, expected=f"{len(rows)} names", got=len(table))
    return header, table


def _image_folder(folder: Path) -> FolderTree:
    outer = folder / "img_align_celeba"
    inner = outer / "img_align_celeba"
    return FolderTree(inner if inner.is_dir() else outer)


def _faces(images: FolderTree, names: list[str]) -> Iterator[NDArray[np.uint8]]:
    """Yield each face, cropped and shrunk."""
    from PIL import Image

    for name in names:
        where = f"{images.root}/{name}"
        pixels = decode(images.read(name, MAX_FILE), where)
        height, width = pixels.shape[:2]
        if min(height, width) < _CROP:
            raise DataError(
                "this is not an aligned face",
                where=where,
                expected="178 x 218 pixels",
                got=f"{width} x {height}",
            )
        y, x = (height - _CROP) // 2, (width - _CROP) // 2
        face = np.broadcast_to(pixels[y : y + _CROP, x : x + _CROP], (_CROP, _CROP, 3))
        small = Image.fromarray(np.ascontiguousarray(face)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        yield np.asarray(small)[np.newaxis]
