"""Deep nearest neighbours: training examples by how near their codes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.examples.result import ExampleImportance, check_inputs
from lightwell.explain.inputs import encode

Kernel = Literal["gaussian", "inverse_square", "negative_distance", "cosine"]
SAME = 1e-6
"""Codes nearer than this part of their lengths are equal: float32 cannot tell them apart."""
SAMPLE = 1000
"""Training codes, evenly spread, whose distances give the median."""


def deep_knn(
    encoder: Encoder,
    train: Tensor,
    test: Tensor,
    *,
    kernel: Kernel = "gaussian",
    k: int | None = None,
    max_rows: int = 1024,
) -> ExampleImportance:
    """Score training examples by a kernel of the codes, the k nearest alone if asked.

    Crabbé and van der Schaar (ICML 2022); their code has the kernel ``inverse_square`` and no k. Beyond the k
    nearest (ties with the last one count as near) a score is the least the kernel can give: 0, -1 for
    ``cosine``, the largest distance of the row for ``negative_distance``.

    Parameters
    ----------
    encoder : callable
        From a batch to codes B×D.
    train, test : Tensor
        Training examples and examples to explain. One that is in both counts as any other.
    kernel : {"gaussian", "inverse_square", "negative_distance", "cosine"}
        ``exp(-d² / 2 m²)`` with m the median distance between training codes; ``1 / d²``, finite for equal
        codes, since d is at least a millionth of their lengths; ``-d``; the cosine of the angle.
    k : int, optional
        Neighbours; all by default.
    max_rows : int
        Examples encoded, and rows of distances held, at once.

    Returns
    -------
    ExampleImportance

    Raises
    ------
    ConfigError
        If there is no such kernel, or k is out of range.
    DataError
        If the inputs do not fit, the encoder gives no codes, or all training codes are equal (gaussian).

    Examples
    --------
    >>> points = torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    >>> deep_knn(lambda x: x, points, torch.zeros(1, 2), kernel="inverse_square").scores.round(2)
    array([[1.  , 0.11]], dtype=float32)
    """
    check_inputs(train, test, max_rows)
    if kernel not in KERNELS or (k is not None and not 1 <= k <= len(train)):
        raise ConfigError(
            "no such neighbours",
            expected=f"a kernel of {', '.join(KERNELS)}, and k from 1 to {len(train)}",
            got=f"{kernel!r}, k = {k}",
        )
    points, targets = (encoded(encoder, inputs, max_rows).double() for inputs in (train, test))
    near = KERNELS[kernel](points)
    rows = []
    for some in torch.split(targets, max_rows):
        scores, least = near(some)
        if k is not None:
            last = scores.topk(k, dim=1).values[:, -1:]
            scores = torch.where(scores >= last, scores, least)
        rows.append(scores.float().cpu().numpy())
    return ExampleImportance(np.concatenate(rows), "deep_knn")


def cosine_knn(
    encoder: Encoder, train: Tensor, test: Tensor, *, k: int | None = None, max_rows: int = 1024
) -> ExampleImportance:
    """Score training examples by the cosine of the codes: :func:`deep_knn` with that kernel.

    Examples
    --------
    >>> cosine_knn(lambda x: x, torch.eye(2), torch.tensor([[2.0, 0.0]])).scores
    array([[1., 0.]], dtype=float32)
    """
    found = deep_knn(encoder, train, test, kernel="cosine", k=k, max_rows=max_rows)
    return ExampleImportance(found.scores, "cosine_knn")


def encoded(encoder: Encoder, inputs: Tensor, max_rows: int) -> Tensor:
    """Return the codes of inputs by :func:`lightwell.explain.inputs.encode`, the encoder borrowed for it."""
    with borrowed(encoder) as ask:
        return encode(ask, inputs, max_rows)


def _distances(some: Tensor, points: Tensor) -> Tensor:
    # By differences: the faster way by products leaves a rest where codes are equal.
    return torch.cdist(some, points, compute_mode="donot_use_mm_for_euclid_dist")


Near = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From codes to their scores and the least score of each row."""


def _gaussian(points: Tensor) -> Near:
    sample = points[np.unique(np.linspace(0, len(points) - 1, SAMPLE).astype(int))]
    width = float(torch.pdist(sample).median()) if len(sample) > 1 else 0.0
    if not width > 0:
        raise DataError(
            "training codes do not differ, so that no distance is a typical one",
            expected="a median distance > 0",
            got=width,
            fix="Look whether the encoder has collapsed, or use another kernel.",
        )
    return lambda some: (torch.exp(-0.5 * (_distances(some, points) / width) ** 2), some.new_zeros(()))


def _inverse_square(points: Tensor) -> Near:
    def near(some: Tensor) -> tuple[Tensor, Tensor]:
        lengths = some.square().sum(dim=1)[:, None] + points.square().sum(dim=1)
        least = (SAME**2 * lengths).clamp(min=1e-30)
        return 1 / torch.maximum(_distances(some, points).square(), least), some.new_zeros(())

    return near


def _negative_distance(points: Tensor) -> Near:
    def near(some: Tensor) -> tuple[Tensor, Tensor]:
        scores = -_distances(some, points)
        return scores, scores.min(dim=1, keepdim=True).values

    return near


def _cosine(points: Tensor) -> Near:
    unit = functional.normalize(points, dim=1)
    return lambda some: (functional.normalize(some, dim=1) @ unit.T, some.new_tensor(-1.0))


KERNELS: dict[str, Callable[[Tensor], Near]] = {
    "gaussian": _gaussian,
    "inverse_square": _inverse_square,
    "negative_distance": _negative_distance,
    "cosine": _cosine,
}
