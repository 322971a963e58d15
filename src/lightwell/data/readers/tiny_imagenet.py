"""Tiny ImageNet: the tree as shipped or with a rearranged ``val``, unpacked or still zipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.data.class_names import TINY_IMAGENET
from lightwell.data.readers.images import MAX_FILE, decode_all
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import Tree

ClassOrder = Literal["wnids", "folder"]
_MAX_TEXT = 64 * 1024**2


def wnids(class_names: Iterable[str]) -> tuple[str, ...]:
    """Return the WordNet ids of Tiny ImageNet's classes, given by their names.

    Parameters
    ----------
    class_names : iterable of str
        As a loaded data set has them: the first name in ``words.txt``, or the id itself.

    Raises
    ------
    DataError
        If a name is not one of the 200 classes.

    Examples
    --------
    >>> wnids(["reel", "n02793495"])
    ('n04067472', 'n02793495')
    """
    ids = {name: wnid for wnid, name in TINY_IMAGENET.items()} | {wnid: wnid for wnid in TINY_IMAGENET}
    names = list(class_names)
    unknown = [name for name in names if name not in ids]
    if unknown:
        raise DataError("not a class of Tiny ImageNet", got=", ".join(unknown[:5]))
    return tuple(ids[name] for name in names)


def read(tree: Tree, class_order: ClassOrder) -> tuple[Parts, tuple[str, ...]]:
    """Read the train and val part (the test part has no labels, so it is left out).

    Parameters
    ----------
    tree : Tree
        Folder or zip in which ``wnids.txt`` lies, at any depth.
    class_order : {"wnids", "folder"}
        Number the classes in the order of ``wnids.txt``, or of the sorted folders.

    Returns
    -------
    parts : mapping of str to (images, labels)
        Images uint8, shape (n, 64, 64, 3), grey ones repeated over the channels; labels int64.
    class_names : tuple of str
        The first name in ``words.txt``; the WordNet id where there is none, or two classes share it.

    Raises
    ------
    DataError
        If a list or an image is missing or damaged, or an annotation names no class.
    """
    files = set(tree.names())
    at = sorted((f for f in files if PurePosixPath(f).name == "wnids.txt"), key=len)
    if not at:
        raise DataError(
            "not the tree of Tiny ImageNet",
            where=tree.root,
            expected="a file wnids.txt",
            fix="`lightwell data fetch tiny-imagenet` gets the archive.",
        )
    prefix = at[0].removesuffix("wnids.txt")
    ids = _lines(tree, at[0])
    if not ids or len(set(ids)) != len(ids):
        raise DataError("wnids.txt must name each class once", where=f"{tree.root}/{at[0]}", got=len(ids))
    ordered = tuple(ids) if class_order == "wnids" else tuple(sorted(ids))
    images = sorted(f.removeprefix(prefix) for f in files if f.startswith(prefix) and _is_image(f))
    train = [(name, name.split("/")[1]) for name in images if name.startswith("train/")]
    found = {"train": train, "val": _val_rows(tree, prefix, images)}
    parts = {
        part: _read_part(rows, ordered, lambda name: tree.read(prefix + name, MAX_FILE), f"{tree.root}")
        for part, rows in found.items()
    }
    return parts, _class_names(tree, f"{prefix}words.txt", files, ordered)


def _is_image(name: str) -> bool:
    return name.lower().endswith((".jpeg", ".jpg"))


def _lines(tree: Tree, name: str) -> list[str]:
    text = tree.read(name, _MAX_TEXT).decode("utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _val_rows(tree: Tree, prefix: str, images: list[str]) -> list[tuple[str, str]]:
    """Return (file, class id) of each validation image, in either of the two layouts."""
    names = [name for name in images if name.startswith("val/")]
    if not any(name.startswith("val/images/") for name in names):
        return [(name, name.split("/")[1]) for name in names]
    notes = f"{prefix}val/val_annotations.txt"
    rows = [line.split("\t") for line in _lines(tree, notes)]
    short = [i for i, row in enumerate(rows) if len(row) < 2]
    if short:
        raise DataError(
            "an annotation is incomplete",
            where=f"{tree.root}/{notes}, line {short[0] + 1}",
            expected="file name, tab, class id",
            got=rows[short[0]],
        )
    here, there = set(names), {f"val/images/{row[0]}" for row in rows}
    if here != there:
        example = min(here ^ there)
        raise DataError(
            "images and annotations of val disagree",
            where=f"{tree.root}/{notes}",
            expected=f"one line for each of {len(here)} images",
            got=f"{len(there)} lines; {example} is in one of them only",
        )
    return [(f"val/images/{row[0]}", row[1]) for row in rows]


def _read_part(
    rows: list[tuple[str, str]], ordered: tuple[str, ...], read: Callable[[str], bytes], where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    code = {wnid: i for i, wnid in enumerate(ordered)}
    for name, wnid in rows:
        if wnid not in code:
            raise DataError(
                "an image of a class that wnids.txt does not list", where=f"{where}/{name}", got=wnid
            )
    if not rows:
        raise DataError("a part holds no image", where=where, fix="Unpack the whole archive again.")
    images = decode_all([name for name, _ in rows], read, where)
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    return images, np.array([code[wnid] for _, wnid in rows], dtype=np.int64)


def _class_names(tree: Tree, words: str, files: set[str], ordered: tuple[str, ...]) -> tuple[str, ...]:
    pairs = [line.partition("\t") for line in _lines(tree, words)] if words in files else []
    first = {wnid: names.split(",")[0].strip() for wnid, _, names in pairs}
    names = [first.get(wnid) or wnid for wnid in ordered]
    return tuple(name if names.count(name) == 1 else wnid for name, wnid in zip(names, ordered, strict=True))
