"""Ways to divide by a damped curvature that is known by its products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import torch_generator

Product = Callable[[Tensor], Tensor]
"""From vectors V×P to V×P."""


@dataclass(frozen=True)
class Arnoldi:
    """Low rank: what a Krylov space shows of the curvature, and flat directions beside it.

    Parameters
    ----------
    rank : int
        Products with the curvature, whatever the number of vectors to solve for.
    seed : int
        Of the random vector that the space starts from.

    Examples
    --------
    >>> h = torch.diag(torch.tensor([1.0, 3.0]))
    >>> Arnoldi(2).solver(lambda v: v @ h, torch.zeros(2), 1.0)(torch.tensor([[2.0, 8.0]])).round(decimals=3)
    tensor([[1., 2.]])
    """

    rank: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError("a Krylov space has a dimension", where="rank", expected=">= 1", got=self.rank)

    def solver(self, product: Product, like: Tensor, damping: float) -> Product:
        """Return what solves ``(H + damping) x = row``; negative eigenvalues of H count as 0."""
        values, vectors = self.eigenpairs(product, like)
        shrink = values / (values + damping)
        return lambda rows: (rows - (rows @ vectors.T * shrink) @ vectors) / damping

    def eigenpairs(self, product: Product, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positive Ritz values (k,) and their vectors k×P, typed like ``like`` (P,).

        The curvature is symmetric, which makes this the Lanczos process; each vector is made orthogonal to
        all before, twice, against rounding.
        """
        draw = torch_generator(self.seed, "arnoldi")
        start = torch.randn(len(like), generator=draw).to(like)
        basis = like.new_empty(min(self.rank, len(like)), len(like))
        images = torch.empty_like(basis)
        basis[0], n = start / start.norm(), len(basis)
        for i in range(len(basis)):
            images[i] = product(basis[i : i + 1])[0]
            rest = images[i].clone()
            for _ in range(2):
                rest -= (basis[: i + 1] @ rest) @ basis[: i + 1]
            if rest.norm() <= 1e-6 * images[i].norm():  # the space is closed: nothing more to see from here
                n = i + 1
                break
            if i + 1 < len(basis):
                basis[i + 1] = rest / rest.norm()
        small = basis[:n] @ images[:n].T
        values, vectors = torch.linalg.eigh((small + small.T) / 2)
        kept = values > 1e-6 * values.abs().max()
        return values[kept], vectors[:, kept].T @ basis[:n]


@dataclass(frozen=True)
class ConjugateGradient:
    """To a tolerance, for each vector by itself: exact, and dearer by their number.

    Parameters
    ----------
    tolerance : float
        ``||(H + damping) x - row|| / ||row||`` at which a row is done.
    steps : int
        Most products with the curvature, for each vector.

    Examples
    --------
    >>> h = torch.diag(torch.tensor([1.0, 3.0]))
    >>> ConjugateGradient().solver(lambda v: v @ h, torch.zeros(2), 1.0)(torch.tensor([[2.0, 8.0]]))
    tensor([[1., 2.]])
    """

    tolerance: float = 1e-3
    steps: int = 1000

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or self.steps < 1:
            raise ConfigError(
                "conjugate gradient has to stop",
                expected="tolerance > 0, steps >= 1",
                got=f"{self.tolerance}, {self.steps}",
            )

    def solver(self, product: Product, like: Tensor, damping: float) -> Product:
        """Return what solves ``(H + damping) x = row``; it refuses negative curvature on its way."""
        del like
        return lambda rows: self._solve(lambda v: product(v) + damping * v, rows)

    def _solve(self, product: Product, rows: Tensor) -> Tensor:
        found = torch.zeros_like(rows)
        left, way = rows.clone(), rows.clone()
        size = left.square().sum(dim=1)
        limit = self.tolerance**2 * size
        for _ in range(self.steps):
            live = (size > limit).nonzero()[:, 0]
            if not len(live):
                break
            step = product(way[live])
            bend = (way[live] * step).sum(dim=1)
            if (bend <= 0).any():
                raise DataError(
                    "the damped curvature is not positive",
                    where="influence",
                    expected="a positive definite matrix",
                    fix="Raise the damping, or use curvature='gauss_newton' or the solver Arnoldi().",
                )
            length = (size[live] / bend)[:, None]
            found[live] += length * way[live]
            left[live] -= length * step
            new = left[live].square().sum(dim=1)
            way[live] = left[live] + (new / size[live])[:, None] * way[live]
            size[live] = new
        return found


def relative_residual(product: Product, rows: Tensor, found: Tensor, damping: float) -> Tensor:
    """Return ``||(H + damping) x - row|| / ||row||`` for each row; 0 where the row is.

    Examples
    --------
    >>> relative_residual(lambda v: v, torch.tensor([[3.0]]), torch.tensor([[1.0]]), 1.0).round(decimals=3)
    tensor([0.3330])
    """
    gap = (product(found) + damping * found - rows).norm(dim=1)
    return torch.div(gap, rows.norm(dim=1).clamp(min=torch.finfo(rows.dtype).tiny))
