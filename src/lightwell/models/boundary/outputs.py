"""What classifiers return: logits or probabilities, of two classes in one number or of K in K columns."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from lightwell.core.errors import ConfigError, DataError

Outputs = Literal["auto", "logits", "probabilities"]
_ENOUGH = 8
"""Images whose single outputs must all lie in [0, 1] before they are taken for probabilities."""


def rows_of(made: Tensor, n: int) -> Tensor:
    """Return a row for each of n images, where a network squeezed an axis away.

    Examples
    --------
    >>> rows_of(torch.zeros(3), 1).shape, rows_of(torch.zeros(3), 3).shape
    (torch.Size([1, 3]), torch.Size([3, 1]))
    """
    if made.ndim < 2:
        return made.reshape(1, -1) if n == 1 else made.reshape(-1, 1)
    return made


def class_scores(made: Any, n: int) -> Tensor:
    """Return what a classifier made of n images as n×K, in float32 or finer.

    Raises
    ------
    ConfigError
        If these are no class scores.
    DataError
        If they are not finite.
    """
    shaped = rows_of(made, n) if isinstance(made, Tensor) else None
    if shaped is None or not shaped.is_floating_point() or shaped.ndim != 2 or len(shaped) != n:
        raise ConfigError(
            "the classifier gives no class scores",
            expected=f"floating point numbers of shape ({n},), {n}×1 or {n}×K",
            got=f"{made.dtype} {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__,
            fix="Wrap it in a module that returns the tensor you mean.",
        )
    broken = int((~torch.isfinite(shaped)).any(dim=1).sum())
    if broken:
        raise DataError(
            "the classifier's outputs are not finite",
            expected="finite numbers",
            got=f"{broken} of {n} broken",
        )
    return shaped.to(torch.promote_types(shaped.dtype, torch.float32))


def kind_of(made: Tensor) -> Outputs:
    """Tell probabilities from logits by outputs B×K of B > 0 images; refuse to guess.

    Raises
    ------
    ConfigError
        If they lie in [0, 1] and several a row do not sum to 1, or they are one a row of few images.

    Examples
    --------
    >>> kind_of(torch.tensor([[0.2, 0.8]])), kind_of(torch.tensor([[-1.5]]))
    ('probabilities', 'logits')
    """
    if made.min() < 0 or made.max() > 1 + 1e-6:
        return "logits"
    if not _are_probabilities(made) or (made.shape[1] == 1 and len(made) < _ENOUGH):
        raise ConfigError(
            "the classifier's outputs could be logits or probabilities",
            where="outputs",
            got=f"{made.shape[1]} numbers in [0, 1] for each of {len(made)} images",
            fix='Say which they are: outputs="logits" or outputs="probabilities".',
        )
    return "probabilities"


def as_logits(made: Tensor, outputs: Outputs) -> Tensor:
    """Return logits of two or more classes, whose softmax is what outputs B×K stand for.

    Raises
    ------
    ConfigError
        If they are told to be probabilities and are none.

    Examples
    --------
    >>> as_logits(torch.tensor([[0.25]]), "probabilities").softmax(dim=1)
    tensor([[0.7500, 0.2500]])
    """
    single = made.shape[1] == 1
    if outputs != "probabilities":
        return torch.cat([torch.zeros_like(made), made], dim=1) if single else made
    if not _are_probabilities(made):
        raise ConfigError(
            "the classifier's outputs are no probabilities",
            where="outputs",
            expected="numbers in [0, 1], of K classes with the sum 1",
            got=f"{made.min().item():.4g} to {made.max().item():.4g}",
        )
    kind = torch.finfo(made.dtype)
    if single:  # 1 - p is not known any finer, so that p = 1 would be surer by far than p = 0
        return torch.cat([1 - made, made], dim=1).clamp_min(kind.eps).log()
    return made.clamp_min(kind.tiny).log()


def _are_probabilities(made: Tensor) -> bool:
    inside = bool(((made >= -1e-6) & (made <= 1 + 1e-6)).all())
    return inside and (made.shape[1] == 1 or bool(((made.sum(dim=1) - 1).abs() < 1e-3).all()))
