"""The official dSprites npz, packed while it is read: its 3 GB of images are never in memory at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.arrays import rows_of
from lightwell.core.errors import DataError
from lightwell.data.readers.npz import member_array, member_rows
from lightwell.data.sprites import GRID, SIDE


def read(path: Path, rows: NDArray[np.int64] | None = None) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Read images and factors; the pickled ``metadata`` is never looked at.

    Parameters
    ----------
    path : Path
        ``imgs``, uint8 (n, 64, 64) of 0 and 1, and ``latents_classes``, int (n, 6), colour first.
    rows : array of int64, optional
        Which of them; all by default.

    Returns
    -------
    masks : array of uint64, shape (n, 64)
        As ``lightwell.data.sprites.packed_sprites`` gives them.
    factors : array of int64, shape (n, 5)
        Class indices without the colour.

    Raises
    ------
    DataError
        If the file is damaged, or does not hold these arrays.
    """
    classes = member_array(path, "latents_classes", limit=8 * 6 * GRID.n)
    if classes.ndim != 2 or classes.shape[1] != 6 or classes.dtype.kind not in "iu":
        raise _unlike(path, "latents_classes", "whole numbers, shape (n, 6)", classes.shape)
    factors = classes[:, 1:].astype(np.int64)
    GRID.rows(factors)  # refuses an index outside
    (n, *sides), dtype, pieces = member_rows(path, "imgs")
    if sides != [SIDE, SIDE] or dtype != np.uint8 or n != len(factors):
        raise _unlike(path, "imgs", f"uint8, shape ({len(factors)}, 64, 64)", f"{dtype}, {(n, *sides)}")
    masks, start = np.empty((n, SIDE), dtype="<u8"), 0
    for piece in pieces:
        if piece.max(initial=0) > 1:
            raise _unlike(path, "imgs", "0 and 1", piece.max())
        bits = np.packbits(piece, axis=2, bitorder="little")
        masks[start : start + len(piece)] = bits.view("<u8")[..., 0]
        start += len(piece)
    if rows is None:
        return masks, factors
    chosen = rows_of(rows, n, f"{path}:imgs")
    return masks[chosen], factors[chosen]


def _unlike(path: Path, key: str, expected: str, got: object) -> DataError:
    return DataError(
        "this is not the official dSprites file",
        where=f"{path}:{key}",
        expected=expected,
        got=got,
        fix="Leave data_dir out to draw the images: no file is needed.",
    )
