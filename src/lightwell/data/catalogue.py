"""Data sets by name, or from a path of the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import generator
from lightwell.data import dsprites, sprites
from lightwell.data.class_names import CLASS_NAMES
from lightwell.data.factor_grid import FactorGrid
from lightwell.data.readers import cifar, ecg5000, folder, idx, mpi3d, npz, svhn, table, tiny_imagenet
from lightwell.data.readers.parts import assemble
from lightwell.data.readers.tiny_imagenet import ClassOrder
from lightwell.data.readers.trees import open_tree
from lightwell.data.sources import SOURCES, Source

__all__ = ["SOURCES", "ClassOrder", "data_roots", "load", "locate"]

_EMBEDDED = Path(__file__).parent / "embedded"
_DRAW_SEED = 0
_MINI_SEED = 0  # never change it: every number measured on mnist-mini depends on it


def load(
    name: str,
    data_dir: Path | str | None = None,
    *,
    class_order: ClassOrder = "wnids",
    image_size: int | None = None,
    n: int | None = None,
) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : str
        ``"mnist-mini"`` (in the package), ``"mnist"``, ``"fashion-mnist"``, ``"cifar10"``, ``"cifar100"``,
        ``"svhn"``, ``"tiny-imagenet"``, ``"celeba"``, ``"ecg5000"``; ``"dsprites"``, also with
        ``-balanced``, ``-colour``, ``-noisy`` or ``-scream`` (see :func:`lightwell.data.dsprites.dsprites`);
        ``"mpi3d-toy"``, ``"mpi3d-realistic"``, ``"mpi3d-real"``, ``"mpi3d-complex"``; or a path of your own:
        a folder of class folders (perhaps below ``train``, ``val``, ``test``), an ``.npz`` (``x_train``,
        ``y_train``, ``x_test``, ``y_test``, or ``inputs``, ``labels``), or a ``.csv`` with the columns
        ``file``, ``label`` and perhaps ``part``.
        The readers of this room say more of each.
    data_dir : path, optional
        Where the official files lie: the folder itself, the one above it, or an archive of them. By
        default the folder in ``LIGHTWELL_DATA``, then the user's cache folder. dSprites needs none, and
        reads the official file only where this names it; for ``dsprites-scream`` it is the picture.
    class_order : {"wnids", "folder"}
        Numbering of Tiny ImageNet's classes: published code disagrees about it.
    image_size : int, optional
        Resize the images of a folder or a CSV of your own to this height and width.
    n : int, optional
        Draw this many examples of dSprites or MPI3D, always the same ones, in their order. MPI3D is then read
        into memory; the whole is copied once to a file that is mapped from disk.

    Returns
    -------
    Dataset
        With its official parts. The files are only read, archives are not unpacked; what is too large for
        memory (MPI3D, CelebA) leaves an ``.npy`` beside them, or in the user's cache folder.

    Raises
    ------
    DataError
        If the name is unknown, files are missing, or a file is damaged or not what it should be.
    ConfigError
        If an option does not apply.

    Examples
    --------
    >>> mini = load("mnist-mini")
    >>> mini.n, mini.image_shape, {name: len(rows) for name, rows in mini.parts.items()}
    (10000, (28, 28, 1), {'train': 8000, 'test': 2000})
    """
    if class_order not in {"wnids", "folder"}:
        raise ConfigError(
            "unknown class order", where="class_order", expected="'wnids' or 'folder'", got=class_order
        )
    if image_size is not None and (image_size < 1 or name in SOURCES):
        raise ConfigError(
            "image_size does not apply",
            where="image_size",
            expected="a size >= 1, for images of your own",
            got=f"{image_size} for {name}",
        )
    grid = _grid(name)
    if n is not None and (grid is None or not 1 <= n <= grid.n):
        raise ConfigError(
            "n does not apply",
            where="n",
            expected=f"1 .. {grid.n}" if grid else "dSprites or MPI3D, of which a part can be drawn",
            got=f"{n} for {name}",
        )
    if name == "mnist-mini":
        return _mini()
    if name in SOURCES and grid is not None:
        return _combinations(name, data_dir, None if n is None else _drawn_rows(grid.n, n))
    if name in SOURCES:
        return _official(SOURCES[name], locate(SOURCES[name], data_dir), class_order)
    return _own(name, image_size)


def data_roots(data_dir: Path | str | None = None) -> tuple[Path, ...]:
    """Return the folders in which official files are looked for, in this order.

    Parameters
    ----------
    data_dir : path, optional
        The only one, where it is given; else ``LIGHTWELL_DATA`` and the user's cache folder.
    """
    if data_dir is not None:
        return (Path(data_dir).expanduser(),)
    import platformdirs

    named = os.environ.get("LIGHTWELL_DATA")
    cache = platformdirs.user_cache_path("lightwell", appauthor=False)
    return (Path(named).expanduser(), cache) if named else (cache,)


def locate(source: Source, data_dir: Path | str | None = None) -> Path:
    """Return the folder or archive that holds the official files of a data set.

    Raises
    ------
    DataError
        If none does; the message says where it looked and how to get them.
    """
    roots = data_roots(data_dir)
    for root in roots:
        for path in candidates(source, root):
            if path.is_file() or any((path / mark).is_file() for mark in source.marks):
                return path
    needed = [file for file in source.files if not file.optional]
    fetched = f"`lightwell data fetch {source.name}` gets them, or name their folder with data_dir."
    raise DataError(
        f"no files of {source.title} found",
        where=", ".join(str(root) for root in roots),
        expected=f"{', '.join(file.name for file in needed or source.files)}, there or below "
        f"{', '.join((source.name, *source.layouts))}",
        fix=fetched if needed and all(file.url for file in needed) else source.remark,
    )


def candidates(source: Source, root: Path) -> Iterator[Path]:
    """Yield the paths below a root at which a data set may lie, the most telling first."""
    if root.is_file():
        yield root
    for base in (root / source.name, root):
        for layout in source.layouts:
            yield base / layout
        yield base


def _official(source: Source, path: Path, class_order: ClassOrder) -> Dataset:
    names = CLASS_NAMES[source.name]
    if source.name in {"mnist", "fashion-mnist"}:
        parts = {part: idx.read_part(path, stem, source.name) for part, stem in idx.STEMS.items()}
        return assemble(source.name, parts, names)
    if source.name in {"cifar10", "cifar100"}:
        return assemble(source.name, cifar.read(open_tree(path), source.name), names)
    if source.name == "svhn":
        return assemble(source.name, svhn.read(path), names)
    if source.name == "celeba":
        from lightwell.data.readers import celeba

        return celeba.read(path)
    if source.name == "ecg5000":
        return assemble(source.name, ecg5000.read(path), names)
    tiny, names = tiny_imagenet.read(open_tree(path), class_order)
    return assemble(source.name, tiny, names)


def _grid(name: str) -> FactorGrid | None:
    """Return the factors of a data set that holds every combination of them."""
    if name not in SOURCES or not name.startswith(("dsprites", "mpi3d")):
        return None
    return sprites.GRID if name.startswith("dsprites") else mpi3d.grid_of(name)


def _drawn_rows(total: int, n: int) -> NDArray[np.int64]:
    return np.sort(generator(_DRAW_SEED, "drawn rows").permutation(total)[:n])


def _combinations(name: str, data_dir: Path | str | None, rows: NDArray[np.int64] | None) -> Dataset:
    """Load dSprites or MPI3D, or these rows of it."""
    if name.startswith("mpi3d"):
        return mpi3d.read(locate(SOURCES[name], data_dir), name, rows)
    path = None if data_dir is None else Path(data_dir).expanduser()
    if path is not None and path.is_dir() and name != "dsprites-scream":
        path = locate(SOURCES["dsprites"], path)
    return dsprites.dsprites(name, path, rows)


def _mini() -> Dataset:
    images, labels = idx.read_part(_EMBEDDED, "t10k", "mnist")
    names = CLASS_NAMES["mnist-mini"]
    whole = Dataset.from_arrays(images, labels, names, "mnist-mini")
    pieces = whole.split(0.8, 0.2, seed=_MINI_SEED)
    parts = {part: np.asarray(piece.ids) for part, piece in zip(("train", "test"), pieces, strict=True)}
    return Dataset.from_arrays(images, labels, names, "mnist-mini", parts=parts)


def _own(name: str, image_size: int | None) -> Dataset:
    """Load from a path of the user's."""
    path = Path(name).expanduser()
    if not path.exists():
        looks_like_path = bool(path.suffix) or len(path.parts) > 1
        raise DataError(
            "no such file or folder" if looks_like_path else f"no data set named '{name}'",
            where=path.absolute() if looks_like_path else "data",
            fix=None if looks_like_path else f"{nearest(name, SOURCES)} A path of your own works too.",
        )
    if path.is_dir():
        parts, names = folder.read(path, image_size)
        return assemble(path.resolve().name, parts, names)
    if path.suffix == ".csv":
        parts, names = table.read(path, image_size)
        return assemble(path.stem, parts, names)
    if path.suffix == ".npz":
        if image_size is not None:
            raise ConfigError("image_size applies to image files only", where="image_size", got=path)
        return npz.read(path)
    raise DataError(
        "a file of a kind that is not read",
        where=path,
        expected="a folder of class folders, an .npz or a .csv; or the name of an official data set",
        fix="For official files give the name of the data set, and their folder as data_dir.",
    )
