"""Curvature of a mean loss in an encoder's weights, by its products with vectors."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.explain.examples.gradients import EncoderLoss
from lightwell.explain.examples.solvers import Product

Curvature = Literal["gauss_newton", "hessian"]
VECTORS = 16
"""Vectors that share one pass over the examples."""


def curvature_product(ready: EncoderLoss, inputs: Tensor, kind: Curvature, max_rows: int) -> Product:
    """Return the function from vectors V×P to their products with the curvature of the mean loss.

    Parameters
    ----------
    ready : EncoderLoss
        The loss as a function of the weights.
    inputs : Tensor
        Examples the mean is over.
    kind : {"gauss_newton", "hessian"}
        The Hessian knows any loss but has negative directions wherever the model is not at a minimum. The
        Gauss-Newton matrix ``2 mean(J'J)`` leaves out the second derivatives of the model, has none, and
        needs a loss with ``residuals``, such as ``Reconstruction``.
    max_rows : int
        Examples in one pass.

    Raises
    ------
    ConfigError
        If there is no such curvature, or the loss has no residuals for it.
    """
    residuals = getattr(ready.loss, "residuals", None)
    if kind not in ("gauss_newton", "hessian") or (kind == "gauss_newton" and residuals is None):
        raise ConfigError(
            "no such curvature of this loss",
            where="curvature",
            expected="hessian" if residuals is None else "gauss_newton or hessian",
            got=repr(kind),
            fix="Give the loss a method residuals(model, inputs) -> B×M whose squares sum to it.",
        )

    def product(vectors: Tensor) -> Tensor:
        total = torch.zeros_like(vectors)
        for rows in torch.split(inputs, max_rows):
            leaf = ready.weights.requires_grad_()
            made = ready(leaf, rows.to(leaf.device), residuals if kind == "gauss_newton" else None)
            apply = (
                _gauss_newton(made, leaf, ready) if kind == "gauss_newton" else _hessian(made, leaf, ready)
            )
            total += torch.cat([apply(some) for some in torch.split(vectors, VECTORS)])
        return total / len(inputs)

    return product


def _pulled(ready: EncoderLoss, made: Tensor, by: Tensor, vectors: Tensor) -> Tensor:
    """Return the derivative of ``made`` by ``by``, times each vector."""
    options: dict[str, Any] = {"retain_graph": True, "materialize_grads": True}
    if ready.loops:
        return torch.stack([torch.autograd.grad(made, by, v, **options)[0] for v in vectors])
    return torch.autograd.grad(made, by, vectors, is_grads_batched=True, **options)[0]


def _hessian(losses: Tensor, leaf: Tensor, ready: EncoderLoss) -> Product:
    (slope,) = torch.autograd.grad(losses.sum(), leaf, create_graph=True)
    return lambda vectors: _pulled(ready, slope, leaf, vectors)


def _gauss_newton(residuals: Tensor, leaf: Tensor, ready: EncoderLoss) -> Product:
    # J'u is linear in u, so its derivative by u, times v, is Jv: no forward mode is asked of the layers.
    dummy = torch.zeros_like(residuals, requires_grad=True)
    (slope,) = torch.autograd.grad(residuals, leaf, dummy, create_graph=True)
    return lambda vectors: _pulled(ready, residuals, leaf, 2 * _pulled(ready, slope, dummy, vectors))
