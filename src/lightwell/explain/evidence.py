"""Exact evidence: why a class-anchor representation is as far from its anchor as it is.

The anchor of class c is ``a`` on the k columns of block c and 0 elsewhere; block c is columns
``c * k .. (c + 1) * k - 1`` (K classes, K * k columns: contiguous equal blocks, in the order of the classes).
The squared distance to an anchor is a sum over columns, so it splits without remainder into evidence of
the own class that is missing, own evidence in excess, and evidence of each foreign class. No surrogate
model, no approximation. All sums are float64: in float32 the parts miss the whole where the distance is
small.

The evidence says what the model saw, not whether the model is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OVER_ACTIVATION = "over-activation"
NOTHING = "nothing recognised"
CONFLICT = "conflict"
PARTIAL = "partial match"
REASONS = (NOTHING, CONFLICT, PARTIAL, OVER_ACTIVATION)

# Shares of a full anchor below which a class counts as absent, and above which as complete.
ABSENT, COMPLETE = 0.25, 1.0
# The second class is a rival from this part of the first on.
RIVAL = 0.5
# Own excess is the reason where it makes up more than this part of the squared distance.
MOSTLY = 0.5


@dataclass(frozen=True)
class Evidence:
    """Additive parts of the squared distance of n examples to the anchor of their predicted class.

    ``missing + excess + foreign.sum(axis=1) == squared_distance`` within 1e-9 of it.

    Attributes
    ----------
    squared_distance : array, shape (n,)
        d², the squared Euclidean distance to that anchor.
    missing : array, shape (n,)
        Part of the own columns below ``a``: own evidence that is not there.
    excess : array, shape (n,)
        Part of the own columns above ``a``: more own evidence than the anchor asks for.
    foreign : array, shape (n, K)
        Part of the columns of each other class; 0 in the column of the predicted one.
    per_dimension : array, shape (n, K * k)
        Part of each column; sums to ``squared_distance``.
    shares : array, shape (n, K)
        Block sum over ``k * a``: 1 where a class is as present as in its anchor. Not a probability; they need
        not sum to 1 and may exceed it.
    predictions : array of int, shape (n,)
        The classes asked about.

    Examples
    --------
    >>> e = decompose([[3.0, 1.0, 0.5, 0.0]], [0], n_features=2, anchor_value=2.0)
    >>> e.squared_distance.item(), e.missing.item(), e.excess.item(), e.foreign.tolist()
    (2.25, 1.0, 1.0, [[0.0, 0.25]])
    """

    squared_distance: Floats
    missing: Floats
    excess: Floats
    foreign: Floats
    per_dimension: Floats
    shares: Floats
    predictions: Ints


def decompose(codes: ArrayLike, predictions: ArrayLike, n_features: int, anchor_value: float) -> Evidence:
    """Split squared distances to the predicted anchors into their exact parts.

    Parameters
    ----------
    codes : array, shape (n, K * k)
        Representation, finite; n may be 0.
    predictions : array of int, shape (n,)
        Class whose anchor is asked about, in 0 .. K - 1; the predicted one as a rule.
    n_features : int
        Columns of a class, k >= 1.
    anchor_value : float
        a > 0.

    Returns
    -------
    Evidence
        One row an example.

    Raises
    ------
    DataError
        If the shapes do not fit, a code is not finite, or a class is out of range.
    ConfigError
        If k or a is out of range.

    Examples
    --------
    >>> decompose([[2.0, 2.0, 0.0, 0.0]], [0], n_features=2, anchor_value=2.0).squared_distance.tolist()
    [0.0]
    """
    if not 0 < anchor_value < np.inf:
        raise ConfigError("an anchor needs a height", where="anchor_value", expected="> 0", got=anchor_value)
    z = as_floats(codes, "codes", ndim=2)
    n_classes = count_classes(z.shape[1], n_features, "codes")
    chosen = _classes(predictions, len(z), n_classes)
    blocks = z.reshape(len(z), n_classes, n_features)
    own = np.arange(n_classes) == chosen[:, None]
    offset = blocks - anchor_value * own[:, :, None]
    parts = offset**2
    by_class = parts.sum(axis=2)
    below, above = (np.where(side, parts, 0).sum(axis=2) for side in (offset < 0, offset > 0))
    return Evidence(
        squared_distance=by_class.sum(axis=1),
        missing=np.where(own, below, 0).sum(axis=1),
        excess=np.where(own, above, 0).sum(axis=1),
        foreign=np.where(own, 0.0, by_class),
        per_dimension=parts.reshape(z.shape),
        shares=blocks.sum(axis=2) / (n_features * anchor_value),
        predictions=chosen,
    )


def reason_codes(evidence: Evidence) -> NDArray[np.str_]:
    """Name why each example is far from its anchor, one of ``REASONS``.

    With s1 and s2 the two largest shares: "over-activation" where own excess is more than half of d² and
    s1 >= 1; else "nothing recognised" where s1 < 0.25; else "conflict" where s2 >= 0.25 and s2 >= s1 / 2;
    else "partial match". The limits are conventions, not fitted. Wrong to use on accepted examples (even a
    perfect one gets a name), and as a ground for refusing: over-activation is a sign of a known class.

    Parameters
    ----------
    evidence : Evidence
        From :func:`decompose`.

    Returns
    -------
    array of str, shape (n,)
        Reasons.

    Examples
    --------
    >>> codes = [[9.0, 1.0, 0.0], [1.0, 1.0, 0.0], [6.0, 4.0, 0.0], [40.0, 0.0, 0.0]]
    >>> reason_codes(decompose(codes, [0, 0, 0, 0], n_features=1, anchor_value=10.0)).tolist()
    ['partial match', 'nothing recognised', 'conflict', 'over-activation']
    """
    first, second = _two_largest(evidence.shares)
    over = (evidence.excess > MOSTLY * evidence.squared_distance) & (first >= COMPLETE)
    rivals = (second >= ABSENT) & (second >= RIVAL * first)
    return np.select(
        [over, first < ABSENT, rivals], [OVER_ACTIVATION, NOTHING, CONFLICT], default=PARTIAL
    ).astype(np.str_)


def describe(evidence: Evidence, row: int, class_names: tuple[str, ...]) -> str:
    """Say in one line why an example was refused.

    Parameters
    ----------
    evidence : Evidence
        From :func:`decompose`.
    row : int
        Which example.
    class_names : tuple of str
        Names of the K classes. They go into the line as they are: escape it where it is shown.

    Returns
    -------
    str
        Percentages are shares of a full anchor, see :class:`Evidence`.

    Raises
    ------
    DataError
        If the names are not K, or there is no such row.

    Examples
    --------
    >>> describe(decompose([[4.6, 4.0, 0.2]], [0], 1, 10.0), 0, ("3", "8", "9"))
    'looks 46 % like 3 and 40 % like 8: conflict'
    """
    n, n_classes = evidence.shares.shape
    if len(class_names) != n_classes or not -n <= row < n:
        raise DataError(
            "no such example to describe",
            expected=f"{n_classes} class names and a row below {n}",
            got=f"{len(class_names)} names, row {row}",
        )
    one = Evidence(*(getattr(evidence, name)[[row]] for name in Evidence.__dataclass_fields__))
    reason = str(reason_codes(one)[0])
    order = np.argsort(-one.shares[0], kind="stable")
    seen = [f"{100 * one.shares[0, c]:.0f} % like {class_names[c]}" for c in order[:2]]
    if reason == CONFLICT:
        return f"looks {seen[0]} and {seen[1]}: {reason}"
    words = {
        NOTHING: f"looks at most {seen[0]}",
        PARTIAL: "looks " + ", next ".join(seen),
        OVER_ACTIVATION: f"looks {seen[0]}, more than its anchor asks for",
    }
    return f"{words[reason]}: {reason}"


def _two_largest(shares: Floats) -> tuple[Floats, Floats]:
    ordered = np.sort(shares, axis=1)
    second = ordered[:, -2] if shares.shape[1] > 1 else np.zeros(len(shares))
    return ordered[:, -1], second


def as_floats(values: ArrayLike, where: str, ndim: int) -> Floats:
    """Return finite numbers as float64 of so many dimensions.

    Raises
    ------
    DataError
        If there are more or fewer dimensions, or a value is not finite.

    Examples
    --------
    >>> as_floats([[1, 2]], "codes", ndim=2).tolist()
    [[1.0, 2.0]]
    """
    array: NDArray[Any] = np.asarray(values, np.float64)
    if array.ndim != ndim:
        raise DataError("not the shape wanted", where=where, expected=f"{ndim} dimensions", got=array.shape)
    broken = np.argwhere(~np.isfinite(array))
    if len(broken):
        raise DataError(
            "a value is not a finite number",
            where=f"{where}{broken[0].tolist()}",
            got=f"{len(broken)} of {array.size} values",
            fix="Find out which input made the model answer NaN or infinity.",
        )
    return array


def count_classes(columns: int, n_features: int, where: str) -> int:
    """Return K where ``columns`` is K blocks of ``n_features``.

    Raises
    ------
    DataError
        If the columns do not fall into equal blocks.
    ConfigError
        If a block has no column.

    Examples
    --------
    >>> count_classes(30, 5, "codes")
    6
    """
    if n_features < 1:
        raise ConfigError("a class needs a column", where="n_features", expected=">= 1", got=n_features)
    if columns == 0 or columns % n_features:
        raise DataError(
            "the columns do not fall into equal blocks",
            where=where,
            expected=f"a multiple of {n_features} columns",
            got=columns,
        )
    return columns // n_features


def _classes(predictions: ArrayLike, n: int, n_classes: int) -> Ints:
    chosen = np.asarray(predictions)
    if chosen.shape != (n,) or (n and chosen.dtype.kind not in "iu"):
        raise DataError(
            "one class number an example is wanted",
            where="predictions",
            expected=f"{n} integers",
            got=f"{chosen.dtype} of shape {chosen.shape}",
        )
    if n and not 0 <= chosen.min() <= chosen.max() < n_classes:
        raise DataError(
            "a class is out of range",
            where="predictions",
            expected=f"0 .. {n_classes - 1}",
            got=f"{chosen.min()} .. {chosen.max()}",
        )
    return chosen.astype(np.int64)
