"""Two doors to the metrics: rows that are there already, or a sampler in the reference's draw order.

Both have the same three methods, whose answers are the arguments of the metrics:
``mig(*draws.points()[0])``, ``beta_vae(*draws.pairs())``, ``factor_vae(*draws.votes())``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.core.seeds import generator
from lightwell.metrics.checks import Floats, Ints, as_table
from lightwell.metrics.disentanglement.arrays import Points, checked, varying

_AT_ONCE = 1000  # groups coded in one go: bounds memory, changes no answer


class Groups(NamedTuple):
    """One row a group of examples, shape (n, d), and the factor that was held, int, shape (n,)."""

    values: Floats
    factors: Ints


class Draws(Protocol):
    """Either door."""

    def points(self, train: int = 10_000, test: int = 5_000) -> tuple[Points, Points]:
        """Draw training and test rows."""

    def pairs(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Groups, Groups]:
        """Draw groups of pairs that share a factor: mean absolute difference of their codes."""

    def votes(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Floats, Groups, Groups]:
        """Draw groups that share a factor's value: variance of each code, overall (d,) and by group."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Draw from rows that are there already.

    Attributes
    ----------
    codes, factors : array
        See :func:`lightwell.metrics.disentanglement.arrays.checked`.
    seed : int
        Of the draws.

    Raises
    ------
    DataError
        As there; in ``pairs`` and ``votes`` if every value of a varying factor occurs only once.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> train, test = Rows(factors / 5, factors).points()
    >>> len(train.codes), len(test.codes)
    (13, 7)
    """

    codes: ArrayLike
    factors: ArrayLike
    seed: int = 0

    def points(self, train: int = 10_000, test: int = 5_000) -> tuple[Points, Points]:
        """Split the rows at random; with fewer than ``train + test``, two thirds are for training."""
        codes, factors = checked(self.codes, self.factors)
        order = generator(self.seed, "points").permutation(len(codes))
        if len(codes) < train + test:
            train = len(codes) * 2 // 3
        one, other = order[:train], order[train : train + test]
        return Points(codes[one], factors[one]), Points(codes[other], factors[other])

    def pairs(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Groups, Groups]:
        """Draw rows, and for each another (or the same) with the same value of the group's factor."""
        codes, shelves = self._shelves()
        draw = generator(self.seed, "pairs")
        held = draw.choice(list(shelves), train + test)
        means = np.empty((train + test, codes.shape[1]))
        for factor, shelf in shelves.items():
            for groups in _parts(np.flatnonzero(held == factor)):
                first = draw.integers(len(shelf.rows), size=(len(groups), size))
                near = codes[shelf.rows[first]] - codes[shelf.alike(first, draw)]
                means[groups] = np.abs(near).mean(axis=1)
        return _cut(means, held, train)

    def votes(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Floats, Groups, Groups]:
        """Draw a row, then a group of rows (with replacement) that have its value of the factor."""
        codes, shelves = self._shelves()
        draw = generator(self.seed, "votes")
        held = draw.choice(list(shelves), train + test)
        spread = np.empty((train + test, codes.shape[1]))
        for factor, shelf in shelves.items():
            for groups in _parts(np.flatnonzero(held == factor)):
                first = np.repeat(draw.integers(len(shelf.rows), size=(len(groups), 1)), size, axis=1)
                spread[groups] = codes[shelf.alike(first, draw)].var(axis=1, ddof=1)
        return codes.var(axis=0, ddof=1), *_cut(spread, held, train)

    def _shelves(self) -> tuple[Floats, dict[int, _Shelf]]:
        codes, factors = checked(self.codes, self.factors)
        return codes, {int(f): _Shelf.of(factors[:, f], int(f)) for f in np.flatnonzero(varying(factors))}


@dataclass(frozen=True, eq=False)
class _Shelf:
    """Rows sorted by one factor's value, and where the rows of each one's value start and how many."""

    rows: Ints
    start: Ints
    count: Ints

    @classmethod
    def of(cls, values: Ints, factor: int) -> _Shelf:
        _, kind, counts = np.unique(values, return_inverse=True, return_counts=True)
        # A value seen once shows no variation of anything else: groups of it would vote at random.
        rows = np.flatnonzero(counts[kind] > 1)
        if not rows.size:
            raise DataError(
                "every value of a factor occurs once, so nothing can be held fixed",
                where=f"factors[:, {factor}]",
                expected="values that repeat",
                fix="Bin the factor, or give more rows.",
            )
        rows = rows[np.argsort(values[rows], kind="stable")]
        _, start, inverse, count = np.unique(
            values[rows], return_index=True, return_inverse=True, return_counts=True
        )
        return cls(rows, start[inverse], count[inverse])

    def alike(self, places: Ints, draw: np.random.Generator) -> Ints:
        """Draw, for each place on the shelf, a row of the same value."""
        return np.asarray(self.rows[self.start[places] + draw.integers(self.count[places])])


@dataclass(frozen=True, eq=False)
class FactorSampler:
    """Draw factors uniformly and code them, number for number as disentanglement_lib draws.

    Each method starts afresh from ``numpy.random.RandomState(seed)``; each factor is drawn in order.

    Attributes
    ----------
    sizes : tuple of int
        How many values each factor has.
    represent : callable
        Factors (m, f) to codes (m, d), each row by itself. Asked for tens of thousands of rows at once.
    seed : int
        Of the draws.
    batch : int
        Points are drawn this many at a time (the last time fewer): the order of the reference.

    Raises
    ------
    DataError
        If a size is below 1 or the codes are no finite table of m rows.

    Examples
    --------
    >>> sampler = FactorSampler((3, 6), lambda factors: factors / 5)
    >>> sampler.points(4, 1)[0].factors.T.tolist()
    [[0, 1, 0, 1], [3, 5, 2, 4]]
    """

    sizes: tuple[int, ...]
    represent: Callable[[Ints], ArrayLike]
    seed: int = 0
    batch: int = 16

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1 or self.batch < 1:
            raise DataError(
                "not the sizes of factors", where="sizes", expected=">= 1 each, batch too", got=self.sizes
            )

    @classmethod
    def from_grid(cls, codes: ArrayLike, sizes: tuple[int, ...], seed: int = 0) -> FactorSampler:
        """Sample from codes of every combination of factors, shape (prod(sizes), d), last factor fastest.

        Raises
        ------
        DataError
            If the number of rows is another.
        """
        table = as_table(codes, "codes")
        if len(table) != prod(sizes):
            raise DataError("codes do not cover the grid", expected=f"{prod(sizes)} rows", got=len(table))
        return cls(sizes, lambda factors: table[np.ravel_multi_index(tuple(factors.T), sizes)], seed)

    def points(self, train: int = 10_000, test: int = 5_000) -> tuple[Points, Points]:
        """Draw training, then test rows, in mini-batches."""
        state = np.random.RandomState(self.seed)
        drawn = [
            self._draw(state, min(self.batch, n - i)) for n in (train, test) for i in range(0, n, self.batch)
        ]
        factors = np.concatenate(drawn)
        codes = self._codes(factors)
        return Points(codes[:train], factors[:train]), Points(codes[train:], factors[train:])

    def pairs(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Groups, Groups]:
        """Draw a factor, ``size`` rows, and as many that share the factor's value with them."""

        def pair(state: np.random.RandomState, factor: int) -> Ints:
            first, second = self._draw(state, size), self._draw(state, size)
            second[:, factor] = first[:, factor]
            return np.stack([first, second])

        state = np.random.RandomState(self.seed)
        held, coded = self._groups(
            state, train + test, pair, lambda z: np.abs(z[:, 0] - z[:, 1]).mean(axis=1)
        )
        return _cut(coded, held, train)

    def votes(self, train: int = 10_000, test: int = 5_000, size: int = 64) -> tuple[Floats, Groups, Groups]:
        """Draw 10,000 rows for the overall variance; then a factor and a group with its first row's value."""

        def group(state: np.random.RandomState, factor: int) -> Ints:
            factors = self._draw(state, size)
            factors[:, factor] = factors[0, factor]
            return factors

        state = np.random.RandomState(self.seed)
        overall = self._codes(self._draw(state, 10_000)).var(axis=0, ddof=1)
        held, coded = self._groups(state, train + test, group, lambda z: z.var(axis=1, ddof=1))
        return overall, *_cut(coded, held, train)

    def _groups(
        self,
        state: np.random.RandomState,
        n: int,
        one: Callable[[np.random.RandomState, int], Ints],
        reduce: Callable[[Floats], Floats],
    ) -> tuple[Ints, Floats]:
        held, parts = np.empty(n, np.int64), []
        for places in _parts(np.arange(n)):
            drawn = []
            for i in places:
                held[i] = state.randint(len(self.sizes))
                drawn.append(one(state, int(held[i])))
            factors = np.stack(drawn)
            codes = self._codes(factors.reshape(-1, len(self.sizes)))
            parts.append(reduce(codes.reshape(*factors.shape[:-1], -1)))
        return held, np.concatenate(parts)

    def _draw(self, state: np.random.RandomState, n: int) -> Ints:
        return np.stack([state.randint(size, size=n) for size in self.sizes], axis=1)

    def _codes(self, factors: Ints) -> Floats:
        codes = as_table(self.represent(factors), "represent")
        if len(codes) != len(factors):
            raise DataError(
                "one code a row is wanted", where="represent", expected=len(factors), got=len(codes)
            )
        return codes


def _parts(places: Ints) -> list[Ints]:
    return np.split(places, range(_AT_ONCE, len(places), _AT_ONCE)) if len(places) else []


def _cut(values: Floats, held: Ints, train: int) -> tuple[Groups, Groups]:
    return Groups(values[:train], held[:train]), Groups(values[train:], held[train:])
