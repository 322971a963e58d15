"""Image files decoded into one array, with limits and a name for the one that fails."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.data.readers.trees import GIB, MAX_BYTES

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"})
MAX_FILE = 64 * 1024**2
_MAX_PIXELS = 64 * 1024**2
_GREY_MODES = frozenset({"1", "L", "LA"})


def decode(content: bytes, where: str, image_size: int | None = None) -> NDArray[np.uint8]:
    """Decode one image file.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Named in error messages.
    image_size : int, optional
        Resize to this height and width (bilinear).

    Returns
    -------
    array of uint8, shape (height, width, 1 or 3)
        One channel where the file is grey; transparency is dropped.

    Raises
    ------
    DataError
        If it is damaged, of another format, or larger than 64 megapixels.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise _refused(where, f"{image.width} x {image.height} pixels")
                pixels = image.convert("L" if image.mode in _GREY_MODES else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refused(where, str(error)) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise _refused(where, f"{type(error).__name__}: {error}") from error
    return _array(pixels, image_size)


def _array(pixels: Image.Image, image_size: int | None) -> NDArray[np.uint8]:
    if image_size is not None:
        pixels = pixels.resize((image_size, image_size), resample=2)  # 2 is bilinear
    array = np.asarray(pixels, dtype=np.uint8)
    return array[..., np.newaxis] if array.ndim == 2 else array


def decode_all(
    names: Sequence[str], read: Callable[[str], bytes], where: str, image_size: int | None = None
) -> NDArray[np.uint8]:
    """Decode image files of one size into one array.

    Parameters
    ----------
    names : sequence of str
        What to pass to ``read``, in the order of the rows.
    read : callable
        Returns the content of a file.
    where : str
        Folder or archive, named in error messages.
    image_size : int, optional
        Resize each to this height and width.

    Returns
    -------
    array of uint8, shape (n, height, width, 1 or 3)
        One channel where every file is grey; otherwise grey files are repeated over three.

    Raises
    ------
    DataError
        Naming the row and the file that cannot be read, or is the first of another size.
    """
    stack = np.zeros((0, 0, 0, 3), dtype=np.uint8)
    coloured = False
    for row, name in enumerate(names):
        at = f"{where}/{name}, image {row}"
        pixels = decode(read(name), at, image_size)
        if row == 0:
            shape = (len(names), *pixels.shape[:2], 3)
            if int(np.prod(shape, dtype=object)) > MAX_BYTES:
                raise DataError(
                    "these images do not fit in memory",
                    where=where,
                    expected=f"at most {MAX_BYTES // GIB} GiB",
                    got=f"shape {shape}",
                    fix="Give a smaller image_size.",
                )
            stack = np.empty(shape, dtype=np.uint8)
        if pixels.shape[:2] != stack.shape[1:3]:
            raise DataError(
                "images of one data set must be equal in size, and this is the first that differs",
                where=at,
                expected=f"{stack.shape[1]} x {stack.shape[2]} as {names[0]}",
                got=f"{pixels.shape[0]} x {pixels.shape[1]}",
                fix="Give image_size to resize all of them.",
            )
        stack[row] = pixels
        coloured = coloured or pixels.shape[2] == 3
    return stack if coloured else np.ascontiguousarray(stack[..., :1])


def read_picture(path: Path, most: tuple[int, int], least: int) -> NDArray[np.uint8]:
    """Return one picture, uint8 (height, width, 3), shrunk to lie within ``most`` (width, height).

    Raises
    ------
    DataError
        If it cannot be read, or is less than ``least`` pixels wide or high after that.
    """
    from PIL import Image

    if not path.is_file() or path.stat().st_size > MAX_FILE:
        raise _refused(str(path), "no such file" if not path.is_file() else f"{path.stat().st_size} bytes")
    pixels = decode(path.read_bytes(), str(path))
    picture = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())
    picture.thumbnail(most)
    if min(picture.size) < least:
        raise _refused(str(path), f"{picture.width} x {picture.height} pixels, less than {least}")
    return np.array(picture)


def _refused(where: str, got: str) -> DataError:
    return DataError(
        "this image cannot be read",
        where=where,
        expected=f"a whole image ({', '.join(FORMATS)}) of at most {_MAX_PIXELS // 1024**2} megapixels",
        got=got,
        fix="Repair or remove it.",
    )
