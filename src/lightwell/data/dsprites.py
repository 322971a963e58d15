"""dSprites as a data set: drawn anew or from the official file, with its labels and its variants."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.packed import PackedImages, bits_to_images
from lightwell.core.seeds import keyed_uniforms, keyed_words
from lightwell.data.factor_grid import Ints
from lightwell.data.sprites import GRID, SIDE, packed_sprites

_Bytes = NDArray[np.uint8]
_WEIGHTS = (-0.55329954, -0.3754565, 0.46785691, 0.37617377, 0.4387428)
_SEED = 0  # of colours, noise and crops: never change it, numbers measured on the variants depend on it
_PICTURE = (350, 274)  # most that the scream picture keeps of its width and height


def dsprites(name: str = "dsprites", path: Path | None = None, rows: Ints | None = None) -> Dataset:
    """Return dSprites, packed as bits.

    Factors are the class indices of shape, scale, orientation, posX and posY (the constant colour is left
    out), concepts the seven columns of ``sprites.GRID``.

    Parameters
    ----------
    name : {"dsprites", "dsprites-balanced", "dsprites-colour", "dsprites-noisy", "dsprites-scream"}
        ``-balanced`` has the balanced label of :func:`dsprites_label`, the others the shape-dominated one.
        Variants after disentanglement_lib (Locatello et al., ICML 2019): a colour an image, from [0.5, 1] a
        channel; noise around the sprite; a crop of a picture, mixed with a colour and inverted on the sprite.
        What is drawn for an image depends on its id alone.
    path : Path, optional
        The official npz in place of drawing; for ``-scream`` the picture, which it needs.
    rows : array of int64, optional
        Which of the 737,280; all by default.

    Raises
    ------
    DataError
        If a file is damaged or not what it should be.
    ConfigError
        If ``-scream`` has no picture.

    Examples
    --------
    >>> sprites = dsprites()
    >>> sprites.n, sprites.image_shape, sprites.factor_names[:3], sprites.concepts[0].tolist()
    (737280, (64, 64, 1), ('shape', 'scale', 'orientation'), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """
    variant = name.partition("-")[2]
    if variant == "scream" and path is None:
        raise ConfigError(
            "dsprites-scream needs a picture to put behind the sprites",
            where="data_dir",
            expected="the path of an image file",
        )
    step = _scream_step(path) if variant == "scream" and path is not None else _STEPS.get(variant)
    if path is None or variant == "scream":
        masks, factors = packed_sprites(rows), GRID.factors(rows)
    else:
        from lightwell.data.readers.dsprites import read

        masks, factors = read(path, rows)
    images = PackedImages(masks, (SIDE, SIDE, 1), (("bits", bits_to_images),), numbers=rows)
    if step is not None:
        images = images.through(*step, (SIDE, SIDE, 3))
    return Dataset(
        name=name,
        inputs=images,
        labels=dsprites_label(factors, balanced=variant == "balanced"),
        class_names=("0", "1"),
        factors=factors,
        factor_names=GRID.names,
        concepts=GRID.encode(factors),
        concept_names=GRID.concept_names,
        ids=rows,
        concept_groups=GRID.concepts,
    )


def dsprites_label(factors: Ints, *, balanced: bool) -> Ints:
    """Return the two-class label of GlanceNets: the side of a plane on which the factors lie.

    Parameters
    ----------
    factors : array of int, shape (n, 5)
        Class indices.
    balanced : bool
        Whether the plane leaves out the shape, as the paper's text has it: each class is half of every shape.
        Otherwise, as in the paper's code (Marconato et al., NeurIPS 2022), the shape enters as 0, 1 or 2
        beside factors in [0, 1] and all but decides: class 1 is 1, 50 and 99 % of squares, ellipses, hearts.

    Returns
    -------
    array of int64, shape (n,)

    Examples
    --------
    >>> dsprites_label(np.array([[0, 0, 39, 31, 31], [2, 5, 0, 0, 0]]), balanced=False).tolist()
    [0, 1]
    """
    top = np.array([1, *(size - 1 for size in GRID.sizes[1:])])  # the shape is left at 0, 1, 2
    centred = factors / top - np.array([1, 0.5, 0.5, 0.5, 0.5])
    below = centred[:, balanced:] @ np.array(_WEIGHTS[balanced:]) < 0
    return np.asarray(below, dtype=np.int64)


def _coloured(images: _Bytes, rows: Ints) -> _Bytes:
    colours = np.rint(255 * (0.5 + keyed_uniforms(rows, 3, _SEED, "colour") / 2)).astype(np.uint8)
    planes = [images[..., 0] & colour[:, np.newaxis, np.newaxis] for colour in colours.T]
    return np.stack(planes, axis=-1)


def _noisy(images: _Bytes, rows: Ints) -> _Bytes:
    words = keyed_words(rows, SIDE * SIDE * 3 // 8, _SEED, "noise").astype("<u8", copy=False)
    pixels = words.view(np.uint8).reshape(-1, SIDE, SIDE, 3)
    for channel in range(3):  # much faster than one operation that repeats the sprite along the last axis
        pixels[..., channel] |= images[..., 0]
    return pixels


_STEPS: dict[str, tuple[str, Any]] = {"colour": ("colour", _coloured), "noisy": ("noise", _noisy)}


def _scream_step(path: Path) -> tuple[str, Any]:
    from lightwell.data.readers.images import read_picture

    picture = read_picture(path, _PICTURE, SIDE)
    return f"scream {hashlib.sha256(picture.tobytes()).hexdigest()}", partial(_scream, picture)


def _scream(picture: _Bytes, images: _Bytes, rows: Ints) -> _Bytes:
    """Put a crop of the picture, averaged with a colour, behind each sprite, inverted where the sprite is."""
    drawn = keyed_uniforms(rows, 5, _SEED, "scream")
    room = np.array(picture.shape[:2]) - SIDE + 1
    corners = (drawn[:, :2] * room).astype(np.int64)
    patches = np.stack([picture[y : y + SIDE, x : x + SIDE] for y, x in corners.tolist()])
    mixed = np.rint((patches + 255 * drawn[:, np.newaxis, np.newaxis, 2:]) / 2).astype(np.uint8)
    return mixed ^ images  # 255 - x is x with its bits flipped
