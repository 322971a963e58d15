"""MPI3D: a grid of factors whose images do not fit in memory, mapped from disk or drawn in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.packed import PackedImages
from lightwell.data.factor_grid import Factor, FactorGrid
from lightwell.data.kmodes import nearest_mode
from lightwell.data.mapped import mapped_array
from lightwell.data.readers.npz import member_rows

_REST = (
    Factor("object_size", 2),
    Factor("camera_height", 3, ("top", "center", "bottom")),
    Factor("background_color", 3, ("purple", "sea green", "salmon")),
    Factor("horizontal_axis", 40),
    Factor("vertical_axis", 40),
)
_COLORS = ("white", "green", "red", "blue", "brown", "olive")
_SHAPES = ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")

GRID = FactorGrid((Factor("object_color", 6, _COLORS), Factor("object_shape", 6, _SHAPES), *_REST))
"""Factors of the toy, realistic and real sets: 1,036,800 images."""

COMPLEX_GRID = FactorGrid(
    (
        Factor("object_color", 4, ("yellow", "green", "olive", "red")),
        Factor("object_shape", 4, ("mug", "ball", "banana", "cup")),
        *_REST,
    )
)
"""Factors of the real set with complex shapes: 460,800 images."""

CENTROIDS = np.array(
    [
        [0, 4, 0, 2, 1],
        [1, 4, 1, 2, 1],
        [0, 0, 0, 1, 1],
        [2, 0, 1, 0, 2],
        [3, 5, 0, 2, 0],
        [4, 2, 0, 0, 1],
        [1, 4, 1, 0, 1],
        [4, 0, 0, 0, 0],
        [0, 5, 1, 1, 1],
        [3, 1, 1, 0, 0],
    ]
)
"""Modes of colour, shape, size, camera and background whose nearest is the class (GlanceNets' code, 2022)."""


def grid_of(name: str) -> FactorGrid:
    """Return the factors of an MPI3D set by its name in the catalogue."""
    return COMPLEX_GRID if name == "mpi3d-complex" else GRID


def read(path: Path, name: str, rows: NDArray[np.int64] | None = None) -> Dataset:
    """Read an MPI3D set.

    Parameters
    ----------
    path : Path
        The official npz, with ``images``, uint8 (n, 64, 64, 3) in the order of the factors. The first time it
        is read whole its images are copied to an ``.npy``, which is mapped from then on.
    name : str
        Its name in the catalogue.
    rows : array of int64, optional
        Read these only, into memory; nothing is written.

    Returns
    -------
    Dataset
        Factors as class indices and a column for each concept. The class is the nearest of ``CENTROIDS``; of
        the complex set, whose colours and shapes are others, it is the shape.

    Raises
    ------
    DataError
        If the file is damaged or of another form, or there is no room for the copy.
    """
    grid = grid_of(name)
    shape, dtype, pieces = member_rows(path, "images")
    if dtype != np.uint8 or len(shape) != 4 or shape[0] != grid.n or shape[3] != 3:
        raise DataError(
            "this is not the official MPI3D file",
            where=f"{path}:images",
            expected=f"uint8, shape ({grid.n}, 64, 64, 3)",
            got=f"{dtype}, {shape}",
        )
    side = (shape[1], shape[2], 3)
    inputs: PackedImages | NDArray[Any]
    if rows is None:
        inputs = PackedImages(mapped_array(path, path.stem, shape, pieces), side)
    else:
        inputs = _drawn(pieces, rows, side)
    factors = grid.factors(rows)
    complex_shapes = grid is COMPLEX_GRID
    objects = FactorGrid(grid.members[:5])  # far fewer than images, and all that the class depends on
    classes = nearest_mode(objects.factors(), CENTROIDS)
    return Dataset(
        name=name,
        inputs=inputs,
        labels=factors[:, 1] if complex_shapes else classes[objects.rows(factors[:, :5])],
        class_names=grid.members[1].values if complex_shapes else tuple("0123456789"),
        factors=factors,
        factor_names=grid.names,
        concepts=grid.encode(factors),
        concept_names=grid.concept_names,
        ids=np.arange(grid.n) if rows is None else rows,
        concept_groups=grid.concepts,
    )


def _drawn(pieces: Any, rows: NDArray[np.int64], side: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the images of some rows, as they come by."""
    out, start = np.empty((len(rows), *side), np.uint8), 0
    for piece in pieces:
        inside = (rows >= start) & (rows < start + len(piece))
        out[inside] = piece[rows[inside] - start]
        start += len(piece)
    return out
