"""Influence functions without labels: what leaving out an example would do to the loss of another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightwell.core.errors import ConfigError
from lightwell.explain.examples.curvature import Curvature, curvature_product
from lightwell.explain.examples.gradients import RECONSTRUCTION, Loss, Part, encoder_loss
from lightwell.explain.examples.result import ExampleImportance
from lightwell.explain.examples.solvers import Arnoldi, ConjugateGradient, relative_residual
from lightwell.explain.examples.tracin import products


def influence(
    model: nn.Module,
    train: Tensor,
    test: Tensor,
    loss: Loss = RECONSTRUCTION,
    *,
    damping: float = 0.01,
    curvature: Curvature = "gauss_newton",
    solver: Arnoldi | ConjugateGradient = Arnoldi(),  # noqa: B008 - frozen
    part: Part = "encoder",
    max_rows: int = 512,
) -> ExampleImportance:
    """Divide the product of gradients by the damped curvature of the mean loss of the training examples.

    ``scores[i, n] = <grad L(test_i), (H + damping)^-1 grad L(train_n)> / N`` in the encoder's weights (Koh
    and Liang, ICML 2017; low rank: Schioppa et al., AAAI 2022; without labels: Crabbé and van der Schaar,
    ICML 2022). How far the solve got is ``error["residual"]``, ``||(H + damping) x - g|| / ||g||`` of each
    explained example; near 1 the scores say little more than :func:`gradient_product`.

    Parameters
    ----------
    model, train, test, loss, part, max_rows
        See :func:`tracin`.
    damping : float
        Added to the diagonal of H, in the units of its eigenvalues; > 0. The larger, the nearer the scores
        are to the plain product of gradients, and the smaller the residual.
    curvature : {"gauss_newton", "hessian"}
        What H is, see :func:`curvature_product`.
    solver : Arnoldi or ConjugateGradient
        Low rank, or to a tolerance.

    Returns
    -------
    ExampleImportance

    Raises
    ------
    ConfigError
        If the damping is out of range, or there is no such curvature or part.
    DataError
        If inputs or loss do not fit, or ``ConjugateGradient`` meets negative curvature.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 1, bias=False))
    >>> _ = nn.init.constant_(model[0].weight, 2.0)  # slope 2, curvature 2, two examples: 2 * 2 / (2 + 2) / 2
    >>> influence(model, torch.ones(2, 1), torch.ones(1, 1), damping=2.0, part="0").scores
    array([[0.5, 0.5]], dtype=float32)
    """
    if not damping > 0:
        raise ConfigError("influence needs a damping", where="damping", expected="> 0", got=damping)
    residuals = []
    with encoder_loss(model, loss, part, train, test, max_rows) as ready:
        product = curvature_product(ready, train, curvature, max_rows)
        divide = solver.solver(product, ready.weights, damping)

        def solve(rows: Tensor) -> Tensor:
            found = divide(rows)
            residuals.append(relative_residual(product, rows, found, damping))
            return found

        scores = products(ready, train, test, max_rows, solve) / len(train)
    error = {"residual": torch.cat(residuals).cpu().numpy()}
    return ExampleImportance(scores.float().numpy(), "influence", error)
