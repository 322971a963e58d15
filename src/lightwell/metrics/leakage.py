"""How much a model's codes say about a factor it never saw vary: leakage by probe.

Marconato, Passerini and Teso, "GlanceNets", 2022, after Mahinpei et al., "Promises and pitfalls of black-box
concept learning models", 2021: a linear probe reads the factor from the codes. A gate that rejects examples
as unknown takes them away from the probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.bootstrap import estimate, share_estimate
from lightwell.metrics.checks import Floats, Ints, Mask, as_labels, as_mask, as_table, same_length

Rejected = Literal["random", "draw", "abstain", "unknown"]


@dataclass(frozen=True)
class Leakage:
    """What a probe read from the codes; see :func:`leakage`.

    Attributes
    ----------
    leakage : float
        In [0, 1]: distance of ``accuracy`` from chance, as a share of the way from chance to 1.
    balanced : float
        The same with the probe weighing classes alike and the mean recall of the classes as accuracy.
    accuracy, accepted_accuracy, coverage : float
        Of all test rows under the rule for rejected ones; of the accepted (NaN if none); share accepted.
    acceptance : array, shape (k,)
        Share accepted of each class of the test (NaN if it has none).
    null : array, shape (permutations,)
        Leakage of the probe's answers against shuffled test labels.
    credit : array, shape (rows scored,)
        What each test row adds to the accuracy: 1, 0 or the chance of a guess.
    accepted : array of bool, shape (m,)
        Test rows let through.
    classes : int
        How many classes the probe chooses from.
    rejected : str
        The rule for rejected rows.
    """

    leakage: float
    balanced: float
    accuracy: float
    accepted_accuracy: float
    coverage: float
    acceptance: Floats
    null: Floats
    credit: Floats
    accepted: Mask
    classes: int
    rejected: Rejected

    @property
    def p_value(self) -> float:
        """Share of shuffles that leak as much, counting the unshuffled one."""
        return float((1 + (self.null >= self.leakage).sum()) / (1 + len(self.null)))


def leakage(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    train_accepted: ArrayLike | None = None,
    test_accepted: ArrayLike | None = None,
    rejected: Rejected = "random",
    standardise: bool = False,
    n_permutations: int = 200,
    seed: int = 0,
) -> Leakage:
    """Fit a logistic regression from codes to labels and see how far from chance it gets on other rows.

    For two classes ``2 |accuracy - 1/2|``, the published measure; for k classes
    ``|accuracy - 1/k| / (1 - 1/k)``. The order of the rows changes nothing.

    Parameters
    ----------
    train_codes, test_codes : array, shapes (n, d) and (m, d)
        Finite codes.
    train_labels, test_labels : array of int, shapes (n,) and (m,)
        The factor the model never saw vary, each >= 0; no class of the test may be new.
    train_accepted, test_accepted : array of bool, optional
        What a gate let through; by default everything. Rejected training rows are not fitted on. Where those
        left hold one class the probe always answers it; where none is left it guesses.
    rejected : {"random", "draw", "abstain", "unknown"}
        A rejected test row counts as right with the chance of a guess (its expectation), as right or wrong by
        a seeded guess, not at all, or as wrong (the answer -1: leakage is then 0 below chance, where refusal
        and not information keeps the accuracy down).
    standardise : bool
        Scale codes by the training rows first.
    n_permutations : int
        Shuffles of the test labels for the null, at least 1.
    seed : int
        Of shuffles and guesses.

    Returns
    -------
    Leakage
        :func:`leakage_estimates` adds the interval.

    Raises
    ------
    DataError
        If arrays do not fit each other, or the classes are not as above.
    ConfigError
        If the rule is unknown or there is no permutation.

    Examples
    --------
    >>> codes, labels = np.array([[0.0], [0.1], [1.0], [1.1]] * 9), np.array([0, 0, 1, 1] * 9)
    >>> leakage(codes, labels, codes, labels).leakage
    1.0
    >>> leakage(codes, labels, codes, labels, test_accepted=labels == 0).leakage
    0.5
    """
    if rejected not in get_args(Rejected):
        raise ConfigError(
            "no such rule", where="rejected", got=repr(rejected), fix=nearest(rejected, get_args(Rejected))
        )
    if n_permutations < 1:
        raise ConfigError(
            "a null needs permutations", where="n_permutations", expected=">= 1", got=n_permutations
        )
    train = _part(train_codes, train_labels, train_accepted, "train")
    test = _part(test_codes, test_labels, test_accepted, "test")
    kinds = _classes(train, test)
    codes, labels = train.codes[train.accepted], train.labels[train.accepted]
    exam = _Exam(test, kinds, rejected, generator(seed, "leakage", "guess").random(len(test.labels)))
    answers = _probe(codes, labels, test.codes, standardise)
    weighed = _probe(codes, labels, test.codes, standardise, class_weight="balanced")
    draw = generator(seed, "leakage", "null")
    # Not a probe fitted on shuffled labels: in leaking codes, a random direction leaks, whatever its sign.
    shuffles = (test._replace(labels=draw.permutation(test.labels)) for _ in range(n_permutations))
    null = [exam._replace(test=shuffled).leakage(answers) for shuffled in shuffles]
    credit, seen = exam.credit(answers), test.accepted
    return Leakage(
        exam.leakage(answers),
        exam.leakage(weighed, balanced=True),
        _mean(credit[~np.isnan(credit)]),
        _mean(credit[seen]),
        float(seen.mean()),
        np.array([_mean(seen[test.labels == kind]) for kind in kinds]),
        np.array(null),
        credit[~np.isnan(credit)],
        seen,
        len(kinds),
        rejected,
    )


def leakage_estimates(found: Leakage, gate: str = "none", n_resamples: int = 1000) -> list[Estimate]:
    """Name the numbers as findings; intervals resample the test rows and keep the probe.

    Parameters
    ----------
    found : Leakage
        The result.
    gate : str
        What the gate is called; the last part of each name.
    n_resamples : int
        Bootstrap replicates, at least 40.

    Returns
    -------
    list of Estimate
        ``leakage.<gate>``, ``leakage.balanced.<gate>``, ``coverage.<gate>`` and, if any row was accepted,
        ``accepted_accuracy.<gate>``.

    Raises
    ------
    ConfigError
        If there are too few resamples.

    Examples
    --------
    >>> codes, labels = np.array([[0.0], [0.1], [1.0], [1.1]] * 9), np.array([0, 0, 1, 1] * 9)
    >>> [one.name for one in leakage_estimates(leakage(codes, labels, codes, labels))][:2]
    ['leakage.none', 'leakage.balanced.none']
    """
    null = Null("shuffled labels", float(found.null.mean()))
    name, n = f"leakage.{gate}", len(found.accepted)
    estimates = [Estimate(name, found.leakage, n=n, higher_is_better=False, null=null)]
    if len(found.credit):

        def statistic(credit: Floats) -> float:
            return _from_chance(float(credit.mean()), found.classes, found.rejected)

        estimates = [
            estimate(
                name, statistic, [found.credit], null=null, higher_is_better=False, n_resamples=n_resamples
            )
        ]
    estimates.append(Estimate(f"leakage.balanced.{gate}", found.balanced, n=n, higher_is_better=False))
    estimates.append(share_estimate(f"coverage.{gate}", found.accepted, higher_is_better=None))
    if found.accepted.any():
        n = int(found.accepted.sum())
        chance = Null("guess", 1 / found.classes)
        estimates.append(
            Estimate(
                f"accepted_accuracy.{gate}", found.accepted_accuracy, n=n, higher_is_better=False, null=chance
            )
        )
    return estimates


class _Part(NamedTuple):
    codes: Floats
    labels: Ints
    accepted: Mask


class _Exam(NamedTuple):
    """The test rows, and how answers to them are marked."""

    test: _Part
    kinds: Ints
    rejected: Rejected
    luck: Floats

    def credit(self, answers: Ints | None) -> Floats:
        """Mark each row; NaN where it does not count. No answers: the probe guesses."""
        chance = 1 / len(self.kinds)
        right = np.full(len(self.luck), chance) if answers is None else (answers == self.test.labels) * 1.0
        fixed = {"random": chance, "abstain": np.nan, "unknown": 0.0}
        refused = (self.luck < chance) * 1.0 if self.rejected == "draw" else fixed[self.rejected]
        credit: Floats = np.where(self.test.accepted, right, refused)
        return credit

    def leakage(self, answers: Ints | None, balanced: bool = False) -> float:
        credit = self.credit(answers)
        scored = ~np.isnan(credit)
        if balanced:
            groups = [credit[scored & (self.test.labels == kind)] for kind in self.kinds]
            accuracy = _mean(np.array([group.mean() for group in groups if len(group)]))
        else:
            accuracy = _mean(credit[scored])
        return _from_chance(accuracy, len(self.kinds), self.rejected)


def _from_chance(accuracy: float, classes: int, rejected: Rejected) -> float:
    way = (accuracy - 1 / classes) / (1 - 1 / classes)
    return float(np.maximum(way, 0.0)) if rejected == "unknown" else abs(way)


def _probe(
    codes: Floats, labels: Ints, asked: Floats, standardise: bool, class_weight: str | None = None
) -> Ints | None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0]) if len(labels) else None
    if standardise:
        scaler = StandardScaler().fit(codes)
        codes, asked = scaler.transform(codes), scaler.transform(asked)
    model = LogisticRegression(max_iter=1000, class_weight=class_weight).fit(codes, labels)
    return np.asarray(model.predict(asked), np.int64)


def _part(codes: ArrayLike, labels: ArrayLike, accepted: ArrayLike | None, part: str) -> _Part:
    """Check one half, and put its rows in the order of their values."""
    table, kinds = as_table(codes, f"{part}_codes"), as_labels(labels, f"{part}_labels")
    everything = np.ones(len(kinds), np.bool_)
    mask = everything if accepted is None else as_mask(accepted, f"{part}_accepted")
    same_length(codes=table, labels=kinds, accepted=mask)
    order = np.lexsort((mask, kinds, *table.T))
    return _Part(table[order], kinds[order], mask[order])


def _classes(train: _Part, test: _Part) -> Ints:
    kinds = np.unique(train.labels)
    strange = np.setdiff1d(test.labels, kinds)
    if len(kinds) < 2 or kinds[0] < 0 or len(strange):
        raise DataError(
            "a probe is fitted and asked about the same known classes",
            where="train_labels, test_labels",
            expected="two classes or more in training, none below 0, none in the test only",
            got=f"{kinds[:5].tolist()} in training, {strange[:5].tolist()} in the test only",
        )
    if train.codes.shape[1] != test.codes.shape[1]:
        widths = train.codes.shape[1], test.codes.shape[1]
        raise DataError("codes differ in width", where="test_codes", expected=widths[0], got=widths[1])
    return kinds


def _mean(values: NDArray[np.float64] | Mask) -> float:
    return float(values.mean()) if len(values) else float("nan")
