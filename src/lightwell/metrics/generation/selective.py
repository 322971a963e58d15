"""What refusing the undecided examples buys: the reject-option curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.metrics.checks import Floats, as_floats, as_mask, same_length


@dataclass(frozen=True)
class RiskCoverage:
    """A reject-option curve; entry i keeps the i + 1 most decided examples of n.

    Attributes
    ----------
    coverage, risk : array, shape (n,)
        Share kept, and the share of errors among them; equally decided examples are refused in random order.
    thresholds : array, shape (n,)
        Smallest confusion distance kept.
    area : float
        Mean risk over the curve; lower is better.
    null : float
        The same with refusal at random: the error rate.

    Examples
    --------
    >>> found = risk_coverage([0.5, 0.4, 0.1, 0.1], [False, False, True, False])
    >>> found.risk.round(3).tolist(), found.null
    ([0.0, 0.0, 0.167, 0.25], 0.25)
    """

    coverage: Floats
    risk: Floats
    thresholds: Floats
    area: float
    null: float


def risk_coverage(confusion: ArrayLike, errors: ArrayLike) -> RiskCoverage:
    """Refuse examples by their confusion distance, the least decided first, and count errors among the rest.

    El-Yaniv and Wiener 2010; the area is that of Geifman and El-Yaniv 2017. The order of the rows changes
    nothing.

    Parameters
    ----------
    confusion : array, shape (n,)
        Confusion distance |p - 0.5|; any number that is larger the surer the classifier is will do.
    errors : array of bool, shape (n,)
        Where the classifier is wrong.

    Raises
    ------
    DataError
        If arrays are not such, or differ in length.

    Examples
    --------
    >>> risk_coverage([0.5, 0.1], [False, True]).area
    0.25
    """
    sure, wrong = as_floats(confusion, "confusion"), as_mask(errors, "errors")
    same_length(confusion=sure, errors=wrong)
    order = np.argsort(-sure, kind="stable")
    sure, n = sure[order], np.arange(1, len(order) + 1)
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)  # last of each group of equals
    counts = np.interp(n, np.append(0, n[ends]), np.append(0, wrong[order].cumsum()[ends]))
    risk = counts / n
    return RiskCoverage(n / len(n), risk, sure, float(risk.mean()), float(wrong.mean()))
