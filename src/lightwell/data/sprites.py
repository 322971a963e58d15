"""The dSprites images, drawn anew from their geometry: no file is needed.

A sprite is an outline in coordinates (u right, v down); an image is the set of pixel centres inside the
outline after scaling, turning and moving it. Each row of pixels crosses the outline at a few points, so an
image is kept as one word of bits a row. Geometry: L. Matthey and others, dSprites, 2017; the heart was
measured on its images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.packed import bits_to_images
from lightwell.data.factor_grid import Factor, FactorGrid

GRID = FactorGrid(
    (
        Factor("shape", 3, ("square", "ellipse", "heart")),
        Factor("scale", 6),
        Factor("orientation", 40),
        Factor("posX", 32),
        Factor("posY", 32),
    )
)
"""The factors in the order of the official file, without the constant colour."""

SIDE = 64

_Floats = NDArray[np.float64]
_SCALES = np.linspace(0.5, 1, 6)
_ANGLES = np.linspace(0, 2 * np.pi, 40)
_CENTRES = 16 + 32 * np.linspace(0, 1, 32)
_HALF_SQUARE = 9.6
_ELLIPSE = (12.77, 7.21)
_RADIUS = 13.6  # no sprite reaches further from its centre, at scale 1
_HALF_HEART = """
0,-5.10 .37,-6.18 .93,-7.25 1.62,-8.04 2.44,-8.69 3.32,-9.12 4.24,-9.34 5.13,-9.32 6.01,-9.16 6.83,-8.83
7.53,-8.32 8.19,-7.74 8.74,-7.04 9.16,-6.27 9.43,-5.43 9.61,-4.58 9.59,-3.69 9.46,-2.83 9.22,-2.00 8.46,-.51
7.56,.75 6.63,1.82 5.67,2.76 4.74,3.65 3.78,4.55 3.28,5.03 2.75,5.55 2.18,6.13 1.56,6.87 .86,7.80 0,9.25
"""


def _heart() -> _Floats:
    right = np.array([point.split(",") for point in _HALF_HEART.split()], dtype=np.float64)
    return np.concatenate([right, right[-2:0:-1] * (-1, 1)])


_OUTLINES = {0: _HALF_SQUARE * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]), 2: _heart()}


def packed_sprites(rows: ArrayLike | None = None) -> NDArray[np.uint64]:
    """Return sprites as bits: word r holds pixel row r, bit c its column c.

    Parameters
    ----------
    rows : array of int, shape (n,), optional
        Numbers of the images in the official order; all 737,280 by default.

    Returns
    -------
    array of little-endian uint64, shape (n, 64)

    Raises
    ------
    DataError
        If a number is outside.

    Examples
    --------
    >>> square = packed_sprites([0])
    >>> int(np.bitwise_count(square).sum())
    100
    """
    chosen = GRID.rows(GRID.factors(rows))
    block = 32 * 32
    out = np.zeros((len(chosen), SIDE), dtype="<u8")
    if rows is None:
        for template, images in enumerate(out.reshape(-1, block, SIDE)):
            images[:] = _all_places(template)
        return out
    order = np.argsort(chosen, kind="stable")
    templates, starts = np.unique(chosen[order] // block, return_index=True)
    for template, members in zip(templates.tolist(), np.split(order, starts[1:]), strict=True):
        out[members] = _all_places(template)[chosen[members] % block]
    return out


def draw_sprites(rows: ArrayLike) -> NDArray[np.uint8]:
    """Return sprites as images, uint8, shape (n, 64, 64, 1), 0 or 255; see :func:`packed_sprites`."""
    masks = packed_sprites(rows)
    return bits_to_images(masks, np.arange(len(masks)))


def _all_places(template: int) -> NDArray[np.uint64]:
    """Return one shape, scale and orientation at all 32 × 32 places, shape (1024, 64)."""
    shape, scale, orientation = np.unravel_index(template, GRID.sizes[:3])
    size, angle = _SCALES[scale], _ANGLES[orientation]
    reach = size * _RADIUS
    first = np.floor(_CENTRES - reach - 0.5).astype(np.int64)
    rows = first[:, np.newaxis] + np.arange(int(2 * reach) + 3)  # (32 posY, rows a sprite may touch)
    heights = rows + 0.5 - _CENTRES[:, np.newaxis]
    spans = (
        _ellipse_spans(heights, size, angle)
        if shape == 1
        else _polygon_spans(heights, _OUTLINES[int(shape)], size, angle)
    )
    masks = np.zeros((32, *rows.shape), dtype=np.uint64)
    for left, right in spans:
        low = np.ceil(left + _CENTRES[:, np.newaxis, np.newaxis] - 0.5).astype(np.int64)
        high = np.floor(right + _CENTRES[:, np.newaxis, np.newaxis] - 0.5).astype(np.int64)
        width = np.maximum(high - low + 1, 0).astype(np.uint64)
        masks |= ((np.uint64(1) << width) - np.uint64(1)) << np.maximum(low, 0).astype(np.uint64)
    out = np.zeros((32, 32, SIDE + 2), dtype=np.uint64)  # the window of the lowest place ends below the image
    out[:, np.arange(32)[:, np.newaxis], rows] = masks
    return out[..., :SIDE].reshape(-1, SIDE)


def _ellipse_spans(heights: _Floats, size: float, angle: float) -> list[tuple[_Floats, _Floats]]:
    """Return where rows at these heights cross the turned ellipse: roots of a quadratic in x."""
    (wide, high), cos, sin = size * np.array(_ELLIPSE), np.cos(angle), np.sin(angle)
    a = (cos / wide) ** 2 + (sin / high) ** 2
    b = heights * cos * sin * (high**-2 - wide**-2)
    c = (heights * sin / wide) ** 2 + (heights * cos / high) ** 2 - 1
    inside = b * b - a * c
    root = np.sqrt(np.maximum(inside, 0)) / a
    return [(np.where(inside >= 0, -b / a - root, SIDE), np.where(inside >= 0, -b / a + root, 0.0 - SIDE))]


def _polygon_spans(
    heights: _Floats, outline: _Floats, size: float, angle: float
) -> list[tuple[_Floats, _Floats]]:
    """Return the pairs of crossings of rows at these heights with the edges of the turned outline."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = size * np.array([[cos, sin], [-sin, cos]]) @ outline.T  # counter-clockwise on the screen
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    level = heights[..., np.newaxis]
    crosses = (np.minimum(y, y2) <= level) & (level < np.maximum(y, y2))
    slope = (x2 - x) / np.where(y2 == y, 1, y2 - y)
    found = np.sort(np.where(crosses, x + (level - y) * slope, SIDE), axis=-1)
    n = int(crosses.sum(axis=-1).max())
    # A missing pair runs from SIDE to SIDE - 1: it is empty wherever the sprite lies.
    return [(found[..., k], np.where(found[..., k] < SIDE, found[..., k + 1], -SIDE)) for k in range(0, n, 2)]
