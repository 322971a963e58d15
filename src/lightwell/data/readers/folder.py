"""A user's folder of class folders, with or without ``train``, ``val`` and ``test`` above them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightwell.core.arrays import sorted_names
from lightwell.core.errors import DataError
from lightwell.data.readers.images import MAX_FILE, SUFFIXES, decode_all
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import FolderTree

PARTS = ("train", "val", "test")


def read(folder: Path, image_size: int | None = None) -> tuple[Parts, tuple[str, ...]]:
    """Read all images of a folder; the name of a class folder is the name of the class.

    Parameters
    ----------
    folder : Path
        ``<folder>/<class>/...`` or ``<folder>/<train, val or test>/<class>/...``, images at any depth.
        Hidden files and files that are no images by their suffix are passed over.
    image_size : int, optional
        Resize every image to this height and width; by default they must be equal in size.

    Returns
    -------
    parts : mapping of str to (images, labels)
        Images uint8, shape (n, h, w, c); one part named ``""`` where there are no part folders.
    class_names : tuple of str
        Sorted names of the class folders (as numbers where all are numbers).

    Raises
    ------
    DataError
        If there is no class folder, or an image cannot be read or differs in size.
    """
    found = [part for part in PARTS if (folder / part).is_dir()]
    roots = {part: folder / part for part in found} or {"": folder}
    tree = FolderTree(folder)
    images = {part: _images(root) for part, root in roots.items()}
    classes = sorted_names({name for rows in images.values() for _, name in rows})
    if not classes:
        raise DataError(
            "no class folders with images here",
            where=folder,
            expected="<class>/<image>, or train/<class>/<image>",
            fix="For official files give the name of the data set, and this folder as data_dir.",
        )
    code = {name: i for i, name in enumerate(classes)}
    # One pass over all parts, so that grey and coloured parts agree on their channels.
    everything = [path.relative_to(folder).as_posix() for rows in images.values() for path, _ in rows]
    pixels = decode_all(everything, lambda name: tree.read(name, MAX_FILE), str(folder), image_size)
    parts, start = {}, 0
    for part, rows in images.items():
        labels = np.array([code[name] for _, name in rows], dtype=np.int64)
        parts[part] = (pixels[start : start + len(rows)], labels)
        start += len(rows)
    return parts, tuple(classes)


def _images(root: Path) -> list[tuple[Path, str]]:
    """Return (path, class) of each image below the class folders of a root."""
    return [
        (path, path.relative_to(root).parts[0])
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and len(path.relative_to(root).parts) > 1
        and not any(piece.startswith(".") for piece in path.relative_to(root).parts)
    ]
