"""SVHN, format 2 (cropped digits): MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.data.readers.parts import Parts
from lightwell.data.readers.trees import check_expansion

PARTS = ("train", "test", "extra")


def read(folder: Path) -> Parts:
    """Read the train and test part, and the extra part where its file is there.

    Parameters
    ----------
    folder : Path
        Where ``train_32x32.mat`` and ``test_32x32.mat`` lie.

    Returns
    -------
    mapping of str to (images, labels)
        Images uint8, shape (n, 32, 32, 3); labels int64, 0 to 9 (the file's 10 is the digit 0).

    Raises
    ------
    DataError
        If a file is missing, damaged, or not of this layout.
    """
    missing = [f"{p}_32x32.mat" for p in PARTS[:2] if not (folder / f"{p}_32x32.mat").is_file()]
    if missing:
        raise DataError(
            "files are missing",
            where=folder,
            expected=", ".join(missing),
            fix="`lightwell data fetch svhn` gets them.",
        )
    paths = {part: folder / f"{part}_32x32.mat" for part in PARTS}
    return {part: read_mat(path) for part, path in paths.items() if path.is_file()}


def read_mat(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read one official file.

    Returns
    -------
    images : array of uint8, shape (n, 32, 32, 3)
    labels : array of int64, shape (n,), 0 to 9

    Raises
    ------
    DataError
        If it is damaged or not of this layout.
    """
    import scipy.io

    try:
        shapes = {name: shape for name, shape, _ in scipy.io.whosmat(path)}
        _check_shapes(shapes, path)
        content = scipy.io.loadmat(path, variable_names=["X", "y"])
        pixels, codes = content["X"], content["y"]
    except DataError:
        raise
    except Exception as error:  # a damaged file fails in any way inside the parser
        raise DataError(
            "this file is damaged, or not a MATLAB file",
            where=path,
            got=f"{type(error).__name__}: {error}",
            fix="Get it again, for instance with `lightwell data fetch svhn`.",
        ) from error
    return _checked(pixels, codes, path)


def _check_shapes(shapes: dict[str, tuple[int, ...]], path: Path) -> None:
    """Look at what the file declares, before anything of that size is read."""
    pixels, codes = shapes.get("X", ()), shapes.get("y", ())
    if len(pixels) != 4 or pixels[:3] != (32, 32, 3) or codes != (pixels[3], 1):
        raise DataError(
            "not a file of SVHN, format 2",
            where=path,
            expected="X of shape (32, 32, 3, n) and y of shape (n, 1)",
            got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
        )
    check_expansion(32 * 32 * 3 * pixels[3], path.stat().st_size, path)


def _checked(pixels: Any, codes: Any, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    labels = np.asarray(codes)[:, 0].astype(np.int64)
    if pixels.dtype != np.uint8 or (len(labels) and not 1 <= labels.min() <= labels.max() <= 10):
        raise DataError(
            "pixels or labels out of their range",
            where=path,
            expected="X of uint8, y in 1 .. 10",
            got=f"X of {pixels.dtype}, y in {labels.min()} .. {labels.max()}",
        )
    return np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), labels % 10
