"""Distances of rows, a few megabytes at a time, each pair alike however they are grouped."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, as_table

_MOST = 4_000_000  # distances held at once: 32 megabytes


def as_rows(values: ArrayLike, where: str, least: int = 1) -> Floats:
    """Return a table of finite numbers with enough rows.

    Raises
    ------
    DataError
        If it is no such table, or has fewer rows.

    Examples
    --------
    >>> as_rows([[1, 2]], "points").shape
    (1, 2)
    """
    table = as_table(values, where)
    if len(table) < least:
        raise DataError("too few rows", where=where, expected=f"at least {least}", got=len(table))
    return table


def same_width(**tables: Floats) -> None:
    """Refuse tables of different width.

    Raises
    ------
    DataError
        If they differ; names every width.

    Examples
    --------
    >>> same_width(real=as_rows([[1, 2]], "real"), fake=as_rows([[3, 4], [5, 6]], "fake"))
    """
    widths = {name: table.shape[1] for name, table in tables.items()}
    if len(set(widths.values())) > 1:
        raise DataError("tables differ in width", expected="codes of one model", got=widths)


def distance_blocks(points: Floats, others: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield rows of ``points`` and their Euclidean distances to all ``others``, shape (rows, m).

    Pair by pair, not through a product of matrices: no cancellation, no dependence on the block.

    Examples
    --------
    >>> points, others = as_rows([[0, 0]], "points"), as_rows([[3, 4]], "others")
    >>> [(rows.stop, far.tolist()) for rows, far in distance_blocks(points, others)]
    [(1, [[5.0]])]
    """
    step = max(1, _MOST // len(others))
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        yield rows, cdist(points[rows], others)
