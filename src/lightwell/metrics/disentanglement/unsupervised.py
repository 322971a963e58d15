"""How dependent codes are on each other: scores that need no factors. All are 0 for independent codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.metrics.checks import as_table
from lightwell.metrics.disentanglement.arrays import varying
from lightwell.metrics.disentanglement.information import bin_codes, mutual_information


@dataclass(frozen=True)
class Dependence:
    """Four measures of the same, each >= 0.

    Attributes
    ----------
    total_correlation : float
        Of a Gaussian with the codes' covariance, in nats. Of the live codes; infinite where one of them is
        a linear function of the others.
    wasserstein : float
        Squared distance of that Gaussian from the product of its margins, in squared units of the codes.
    wasserstein_normalised : float
        The same over the total variance, in [0, 2); 0 if all codes are dead.
    mutual_information : float
        Mean over pairs of codes (dead ones among them), 20 bins, in nats; 0 of a single code.
    """

    total_correlation: float
    wasserstein: float
    wasserstein_normalised: float
    mutual_information: float


def dependence(codes: ArrayLike) -> Dependence:
    """Measure how codes depend on each other; Locatello et al., "Challenging Common Assumptions", 2019.

    Parameters
    ----------
    codes : array, shape (n, d)
        Finite numbers, n >= 2.

    Returns
    -------
    Dependence
        0 is best. Plug-in estimates: independent codes show a little above 0, the more the fewer rows.

    Raises
    ------
    DataError
        If they are no such table.

    Examples
    --------
    >>> found = dependence(np.indices((4, 5)).reshape(2, -1).T)
    >>> round(found.total_correlation, 6), round(found.mutual_information, 6)
    (0.0, 0.0)
    """
    table = as_table(codes, "codes")
    if len(table) < 2:
        raise DataError("too few rows to compare", where="codes", expected="at least 2", got=len(table))
    alive = varying(table)
    if not alive.any():
        return Dependence(0.0, 0.0, 0.0, 0.0)
    covariance = np.cov(table[:, alive], rowvar=False).reshape(alive.sum(), alive.sum())
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    total = np.inf
    if np.linalg.matrix_rank(correlation, hermitian=True) == len(correlation):
        total = max(0.0, -0.5 * float(np.linalg.slogdet(correlation)[1]))
    # The root of (variances x covariance) has the trace of the root of its symmetric twin.
    twin = np.linalg.eigvalsh(covariance * np.outer(deviation, deviation))
    distance = max(0.0, float(2 * np.trace(covariance) - 2 * np.sqrt(np.maximum(twin, 0)).sum()))
    binned, d = bin_codes(table), table.shape[1]
    shared = mutual_information(binned, binned)
    pairs = (shared.sum() - np.trace(shared)) / (d * d - d) if d > 1 else 0.0
    return Dependence(total, distance, distance / float(np.trace(covariance)), float(pairs))
