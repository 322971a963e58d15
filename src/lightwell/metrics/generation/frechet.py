"""The Fréchet distance of two sets of features, each taken as one Gaussian.

Dowson and Landau 1982; for generators Heusel et al., "GANs trained by a two time-scale update rule", 2017. It
says nothing by itself: it depends on the features and falls with more examples, so state both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays, save_arrays
from lightwell.metrics.checks import Floats, as_table
from lightwell.metrics.distances import as_rows

_KEYS = ("mu", "sigma", "n")


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of features: what is kept of the real images.

    Attributes
    ----------
    mean, covariance : array, shapes (d,) and (d, d)
        The unbiased ones of exactly the rows given.
    n : int
        Rows they come from. With n <= d the covariance is singular and distances are biased upwards.

    Examples
    --------
    >>> found = Gaussian.of([[0.0, 1.0], [2.0, 1.0]])
    >>> found.mean.tolist(), found.covariance.tolist(), found.n
    ([1.0, 1.0], [[2.0, 0.0], [0.0, 0.0]], 2)
    """

    mean: Floats
    covariance: Floats
    n: int

    @classmethod
    def of(cls, features: ArrayLike) -> Gaussian:
        """Measure features, shape (n, d) with n >= 2; raises DataError for anything else."""
        table = as_rows(features, "features", least=2)
        return cls(table.mean(axis=0), np.atleast_2d(np.cov(table, rowvar=False)), len(table))

    def save(self, path: Path) -> None:
        """Write ``mu``, ``sigma`` and ``n`` to an ``.npz``."""
        save_arrays(path, {"mu": self.mean, "sigma": self.covariance, "n": np.asarray(self.n)})

    @classmethod
    def load(cls, path: Path) -> Gaussian:
        """Read what :meth:`save` wrote; raises DataError if the file is damaged or another one."""
        arrays = load_arrays(Path(path))
        mean, covariance, n = (arrays.get(key, np.zeros(0)) for key in _KEYS)
        square = mean.ndim == 1 and mean.size and covariance.shape == 2 * mean.shape
        if not square or n.shape != () or n.dtype.kind not in "iu":
            raise DataError(
                "this file holds no Fréchet statistics",
                where=path,
                expected="arrays mu (d,), sigma (d, d) and n",
                got={name: array.shape for name, array in arrays.items()},
            )
        return cls(as_table(mean[None], f"{path}:mu")[0], as_table(covariance, f"{path}:sigma"), int(n))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Return ‖μ₁ - μ₂‖² + Tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), at least 0.

    Wrong to read as realism where one of the sets is a chosen part, such as the ambiguous images: it is far
    from all real images by design. Compare with the distance of real test to real training images.

    Raises
    ------
    DataError
        If their features differ in number.

    Examples
    --------
    >>> frechet_distance(Gaussian(np.zeros(1), np.eye(1), 9), Gaussian(np.ones(1), 4 * np.eye(1), 9))
    2.0
    """
    if len(a.mean) != len(b.mean):
        raise DataError("these are statistics of other features", expected=len(a.mean), got=len(b.mean))
    spread = np.trace(a.covariance) + np.trace(b.covariance)
    gap = np.square(a.mean - b.mean).sum() + spread - 2 * trace_of_root(a.covariance, b.covariance)
    return max(float(gap), 0.0)


def trace_of_root(first: ArrayLike, second: ArrayLike) -> float:
    """Return Tr((Σ₁Σ₂)^½) of two covariances, singular ones included.

    With Σ = R Rᵀ it is the sum of the singular values of R₁ᵀR₂, which are the roots of the eigenvalues of a
    symmetric matrix: no complex number, no matrix root.

    Parameters
    ----------
    first, second : array, shape (d, d)
        Symmetric, no eigenvalue below 0 but by rounding.

    Raises
    ------
    DataError
        If they are not finite, symmetric and of one size, or an eigenvalue is below 0.

    Examples
    --------
    >>> trace_of_root([[4.0, 0.0], [0.0, 0.0]], [[9.0, 0.0], [0.0, 1.0]])
    6.0
    """
    c, d = _covariance(first, "first"), _covariance(second, "second")
    if len(c) != len(d):
        raise DataError("covariances differ in size", expected=len(c), got=len(d))
    try:
        product = np.linalg.cholesky(c).T @ np.linalg.cholesky(d)
    except np.linalg.LinAlgError:  # singular: roots of rounding errors would add up among the eigenvalues
        return float(np.linalg.svd(_root(c).T @ _root(d), compute_uv=False).sum())
    return float(np.sqrt(np.clip(np.linalg.eigvalsh(product @ product.T), 0, None)).sum())


def _root(covariance: Floats) -> Floats:
    """Return R with R Rᵀ = Σ, a column for each eigenvalue that is more than rounding."""
    values, vectors = np.linalg.eigh(covariance)
    if values[0] < -1e-6 * np.abs(values).max():
        raise DataError("a covariance has no negative eigenvalue", got=values[0])
    kept = values > values[-1] * len(values) * np.finfo(float).eps
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _covariance(values: ArrayLike, where: str) -> Floats:
    table = as_table(values, where)
    square = table.shape[0] == table.shape[1]
    if not square or np.abs(table - table.T).max() > 1e-6 * np.abs(table).max():
        raise DataError("this is no covariance", where=where, expected="symmetric", got=table.shape)
    return table
