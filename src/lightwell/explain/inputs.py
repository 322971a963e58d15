"""What all explanations share: checks of inputs and attributions, keys of draws, codes within a budget."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.borrowed import Encoder, as_codes

Keys = NDArray[np.int64]

Explainer = Callable[[Encoder, Tensor], Any]
"""Attributes a batch B×C×H×W: returns numbers of that shape, or something that has them as ``scores``."""


def check_batch(inputs: object, max_rows: int = 1) -> Tensor:
    """Return inputs without their graph; refuse what is no batch B×C×H×W of finite floats.

    Raises
    ------
    DataError
        If it is none.
    ConfigError
        If the encoder may not be shown a single row.

    Examples
    --------
    >>> check_batch(torch.ones(2, 1, 4, 1)).shape
    torch.Size([2, 1, 4, 1])
    """
    checked = check_rows(inputs, "inputs", max_rows)
    if checked.ndim != 4:
        raise _no_batch("inputs", "floats B×C×H×W, or B×C×T×1 of series", tuple(checked.shape))
    return checked


def check_rows(inputs: object, where: str, max_rows: int = 1) -> Tensor:
    """Return inputs without their graph; refuse what is no batch of finite floats, of whatever shape.

    Raises
    ------
    DataError, ConfigError
        As :func:`check_batch`.

    Examples
    --------
    >>> check_rows(torch.ones(2, 3), "train").shape
    torch.Size([2, 3])
    """
    if max_rows < 1:
        raise ConfigError("the encoder needs a row", where="max_rows", expected="1 or more", got=max_rows)
    if not isinstance(inputs, Tensor):
        raise _no_batch(where, "a tensor of floats", type(inputs).__name__)
    if inputs.ndim < 2 or not inputs.is_floating_point():
        raise _no_batch(where, "floats B×...", f"{inputs.dtype} {tuple(inputs.shape)}")
    if not inputs.numel():
        raise DataError("there are no examples", where=where, got=tuple(inputs.shape))
    broken = ~inputs.detach().flatten(1).isfinite().all(dim=1)
    if broken.any():
        raise DataError("an input is not finite", where=f"example {int(broken.nonzero()[0])} of {where}")
    return inputs.detach()


def _no_batch(where: str, expected: str, got: object) -> DataError:
    fix = "Images at rest become a batch by lightwell.data.batches.to_images."
    return DataError("this is no batch of inputs", where=where, expected=expected, got=got, fix=fix)


def as_scores(given: Any, inputs: Tensor, where: str = "scores") -> NDArray[np.float32]:
    """Return attributions of inputs as an array B×C×H×W.

    Parameters
    ----------
    given : Tensor, array, anything that has ``scores``, or a function of the inputs that returns one of these
        Of the shape of the inputs, or with one channel for all.
    inputs : Tensor
        B×C×H×W.
    where : str
        Named in errors.

    Raises
    ------
    DataError
        If they do not fit, or one is not finite.

    Examples
    --------
    >>> as_scores(torch.ones(1, 1, 2, 2), torch.zeros(1, 3, 2, 2)).shape
    (1, 1, 2, 2)
    """
    given = given(inputs) if callable(given) else given
    given = getattr(given, "scores", given)
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    n, channels, *size = inputs.shape
    if array.dtype.kind not in "iuf" or array.shape not in ((n, channels, *size), (n, 1, *size)):
        raise DataError(
            "attributions do not fit the inputs",
            where=where,
            expected=tuple(inputs.shape),
            got=f"{array.dtype} {array.shape}",
        )
    if not np.isfinite(array).all():
        raise DataError("an attribution is not finite", where=where)
    return array.astype(np.float32, copy=False)


def keys_of(inputs: Tensor, ids: ArrayLike | None) -> Keys:
    """Return what the draws of each example depend on: its id, or else its content.

    Raises
    ------
    DataError
        If there is not one integer an example.

    Examples
    --------
    >>> keys_of(torch.zeros(2, 1), [7, 9]).tolist()
    [7, 9]
    """
    if ids is None:
        raw = (np.ascontiguousarray(row).tobytes() for row in inputs.cpu().numpy())
        return np.array([int.from_bytes(hashlib.sha256(r).digest()[:8], "big") >> 1 for r in raw], np.int64)
    given = np.asarray(ids)
    if given.shape != (len(inputs),) or given.dtype.kind not in "iu":
        raise DataError(
            "ids do not fit the inputs", where="ids", expected=f"{len(inputs)} integers", got=given.shape
        )
    return given.astype(np.int64)


@torch.no_grad()
def encode(ask: Encoder, inputs: Tensor, max_rows: int) -> Tensor:
    """Return the codes B×D of inputs, so many rows at once; of a copy, in case the encoder writes into them.

    Raises
    ------
    DataError
        If the encoder cannot read the inputs, or what it answers is no code or not finite.

    Examples
    --------
    >>> encode(lambda x: x.flatten(1), torch.ones(3, 1, 2, 1), max_rows=2).shape
    torch.Size([3, 2])
    """
    with readable(inputs):
        made = [(ask(rows.clone()), len(rows)) for rows in torch.split(inputs, max_rows)]
    codes = torch.cat([as_codes(*one) for one in made])
    broken = ~codes.isfinite().all(dim=1)
    if broken.any():
        raise DataError("a code is not finite", where=f"example {int(broken.nonzero()[0])}")
    return codes


@contextmanager
def readable(inputs: Tensor) -> Iterator[None]:
    """Say in words, and with these inputs, what goes wrong inside an encoder.

    Raises
    ------
    DataError
        In place of the encoder's own error.
    """
    try:
        yield
    except (AssertionError, RuntimeError, ValueError, IndexError, TypeError) as error:
        raise DataError(
            "the encoder cannot read the inputs",
            got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=f"{inputs.dtype} {tuple(inputs.shape)} on {inputs.device}",
            fix="Give inputs of the size, type and device the encoder was made for.",
        ) from error


def check_slope(value: Tensor) -> None:
    """Refuse a value that no gradient leads back from.

    Raises
    ------
    DataError
        If there is none.
    """
    if not value.requires_grad:
        raise DataError(
            "no gradient comes back through the encoder", fix="Remove its detach, no_grad or NumPy."
        )
