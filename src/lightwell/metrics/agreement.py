"""Do sets of maps, or of example scores, say the same? Correlations that never need a copy of their arrays.

Each example is reduced to its means and the products of its deviations, in chunks; all correlations, their
intervals over examples and their nulls follow from these few numbers. Memory maps work as arrays do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.bootstrap import check_resamples, interval
from lightwell.metrics.checks import Floats

Kind = Literal["pearson", "spearman", "bounded"]
Reader = Callable[[Any], Floats]
"""Gives the rows asked for as (rows, sets, positions)."""

_CHUNK = 1 << 22  # values in memory at once
_SAMPLE = 1 << 25  # values that are ranked at most


def agreements(
    sets: Mapping[str, ArrayLike],
    kind: Kind = "pearson",
    *,
    absolute: bool = False,
    seed: int = 0,
    n_resamples: int = 1000,
) -> list[Estimate]:
    """Return the correlation of each pair of sets, ``agreement.<kind>.<a>~<b>``.

    All values of all examples count alike, as in the published tables. The null is the mean over all pairs
    of two examples, one from each set: what maps share because every map looks like that; a single example
    has none. Intervals are over examples.

    Parameters
    ----------
    sets : mapping of str to array, shape (n, ...)
        Maps of the same examples, or example scores of the same explained and training examples.
    kind : {"pearson", "spearman", "bounded"}
        ``spearman`` ranks all values of a set, of a draw of whole examples where there are more than 3·10⁷;
        ``bounded`` is Pearson of s / (m + abs(s)), m the median of abs(s) without zeros, which for 1/d² is
        1 / (1 + d²/median d²): near duplicates no longer decide alone. Spearman is the same with it.
    absolute : bool
        Compare sizes only, as is done with feature maps.
    seed, n_resamples : int
        Of the bootstrap and the draw.

    Raises
    ------
    DataError
        If sets differ in shape, a value is NaN (or infinite, for Pearson), or a set is constant.
    ConfigError
        If there is no such kind, or there are too few resamples.

    Examples
    --------
    >>> found = agreements({"a": [[0.0, 1.0, 2.0]], "b": [[1.0, 3.0, 5.0]]})[0]
    >>> found.name, round(found.value, 6)
    ('agreement.pearson.a~b', 1.0)
    """
    check_resamples(n_resamples)
    if kind not in ("pearson", "spearman", "bounded"):
        raise ConfigError("no such agreement", expected="pearson, spearman or bounded", got=repr(kind))
    names, arrays = list(sets), [np.asarray(values) for values in sets.values()]
    if len({array.shape for array in arrays}) != 1 or len(arrays) < 2 or not arrays[0].size:
        shapes = {name: array.shape for name, array in zip(names, arrays, strict=True)}
        raise DataError("these sets cannot be compared", expected="two or more of one shape", got=shapes)
    n, flat = len(arrays[0]), [array.reshape(len(array), -1) for array in arrays]

    def read(rows: Any) -> Floats:
        part = np.stack([array[rows] for array in flat], axis=1).astype(np.float64)
        return np.abs(part) if absolute else part

    found = _correlate(read, kind, n, seed, n_resamples)
    for name, value in zip(names, found.values.diagonal(), strict=True):
        if np.isnan(value):
            raise DataError("a constant set agrees with nothing", where=name, expected="values that differ")
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    return [
        _estimate(
            f"agreement.{kind}.{names[i]}~{names[j]}",
            found.values[i, j],
            found.draws[:, i, j],
            found.n,
            found.nulls[i, j],
        )
        for i, j in pairs
    ]


def unit_overlap(maps: ArrayLike, *, seed: int = 0, n_resamples: int = 1000) -> list[Estimate]:
    """Return how far the units of a code look at the same places, ``unit_overlap.<measure>``.

    ``pearson`` and ``spearman`` average over pairs of units the correlation over all places of all
    examples, ``cosine`` that of the maps of an example; ``entropy`` (nats) and ``active_units`` (units above
    their equal share) average over places that some unit sees (Crabbé and van der Schaar, ICML 2022). Where
    many places are seen by no unit, these ties rule Spearman. A unit without any map is left out of the
    correlations and has a cosine of 0.

    Parameters
    ----------
    maps : array, shape (n, units, ...)
        One map a unit; signs do not count.
    seed, n_resamples : int
        As in :func:`agreements`.

    Raises
    ------
    DataError
        If there are fewer than two units, a value is not finite, or all are 0.

    Examples
    --------
    >>> found = unit_overlap([[[1.0, 0.0], [0.0, 1.0]]])
    >>> found[-1].name, found[-1].value
    ('unit_overlap.active_units', 1.0)
    """
    check_resamples(n_resamples)
    array = np.asarray(maps)
    if array.ndim < 3 or array.shape[1] < 2 or not array.size:
        raise DataError("no maps of units", where="maps", expected="(n, units >= 2, ...)", got=array.shape)
    flat = array.reshape(*array.shape[:2], -1)

    def read(rows: Any) -> Floats:
        return np.asarray(np.abs(flat[rows].astype(np.float64)))

    found = []
    kinds: tuple[Kind, ...] = ("pearson", "spearman")
    for kind in kinds:
        values, draws, nulls, n = _correlate(read, kind, len(flat), seed, n_resamples)
        value, null = _mean_pair(values).item(), _mean_pair(nulls).item()
        found.append(_estimate(f"unit_overlap.{kind}", value, _mean_pair(draws), n, null))
    return found + _overlap_of_places(read, flat.shape, seed, n_resamples)


def _overlap_of_places(read: Reader, shape: tuple[int, ...], seed: int, n_resamples: int) -> list[Estimate]:
    n, units, positions = shape
    columns, directions = [], np.zeros((units, positions))
    for rows in _chunks(n, units * positions):
        part = read(rows)
        total = part.sum(axis=1)
        seen = total > 0
        shares = np.divide(part, total[:, np.newaxis], out=np.zeros_like(part), where=seen[:, np.newaxis])
        entropies = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=(1, 2))
        active = (shares > 1 / units).sum(axis=(1, 2))
        lengths = np.linalg.norm(part, axis=2, keepdims=True)
        unit = np.divide(part, lengths, out=np.zeros_like(part), where=lengths > 0)
        directions += unit.sum(axis=0)
        cosines = _off_diagonal(unit @ unit.swapaxes(1, 2)).mean(axis=1)
        columns.append(np.stack([entropies, active, seen.sum(axis=1), cosines], axis=1))
    table = np.concatenate(columns)
    if not table[:, 2].any():
        raise DataError("all maps are 0", where="maps", expected="a place that some unit sees")
    mean, draws = table.mean(axis=0), _resampled(table, 4, seed, n_resamples)
    draws = draws[draws[:, 2] > 0]
    everyone = _off_diagonal((directions / n) @ (directions / n).T).mean()
    elsewhere = _of_others(everyone, mean[3], n)
    entropy, active = (mean[i] / mean[2] for i in (0, 1))
    spread = np.log(units).item()
    return [
        _estimate("unit_overlap.cosine", mean[3], draws[:, 3], n, elsewhere),
        _estimate("unit_overlap.entropy", entropy, draws[:, 0] / draws[:, 2], n, spread, "units alike"),
        _estimate("unit_overlap.active_units", active, draws[:, 1] / draws[:, 2], n, 1.0, "one unit a place"),
    ]


def _estimate(
    name: str, value: float, draws: Floats, n: int, null: float, against: str = "other examples"
) -> Estimate:
    finite = draws[np.isfinite(draws)]
    low, high = interval(finite, value) if len(finite) and np.isfinite(value) else (None, None)
    beside = Null(against, float(null)) if np.isfinite(null) else None
    return Estimate(name, float(value), low, high, n, None, beside)


def _of_others(everyone: Any, own: Any, n: int) -> Any:
    """Return the mean over pairs of two examples, given that over all n² pairs and over an example's own."""
    return (n * everyone - own) / (n - 1) if n > 1 else everyone * np.nan


class _Correlations(NamedTuple):
    """Of K sets: K×K, bootstrap draws R×K×K and nulls K×K, from n examples; NaN of constant sets."""

    values: Floats
    draws: Floats
    nulls: Floats
    n: int


def _correlate(read: Reader, kind: Kind, n: int, seed: int, n_resamples: int) -> _Correlations:
    if kind != "pearson":
        _, sets, positions = read(slice(0, 1)).shape
        most = max(1, _SAMPLE // (sets * positions))
        rows = np.sort(generator(seed, "sample of examples").permutation(n)[:most])
        drawn = read(rows)
        _refuse_nan(drawn)
        if kind == "spearman":
            shape = drawn[:, 0].shape
            ranks = np.stack([rankdata(drawn[:, k]).reshape(shape) for k in range(sets)], axis=1)
            return _correlate(ranks.__getitem__, "pearson", len(rows), seed, n_resamples)
        read = _bounded(read, np.array([[_scale(drawn[:, k])] for k in range(sets)]))
    columns, between = _moments(read, n)
    sets = len(between)
    whole = _covariances(columns.mean(axis=0), sets)
    draws = _covariances(_resampled(columns, sets, seed, n_resamples), sets)
    others = _of_others(between, whole, n)
    return _Correlations(_scaled(whole, whole), _scaled(draws, draws), _scaled(others, whole), n)


def _scale(values: Floats) -> float:
    sizes = np.abs(values[values != 0])
    return float(np.median(sizes)) if sizes.size else 1.0


def _bounded(read: Reader, scales: Floats) -> Reader:
    def bounded(rows: Any) -> Floats:
        part = read(rows)
        _refuse_nan(part)
        part = np.clip(part, -1e300, 1e300)  # an infinite score is bounded by 1 as well
        return np.asarray(part / (scales + np.abs(part)))

    return bounded


def _refuse_nan(values: Floats) -> None:
    if np.isnan(values).any():
        raise DataError("a value is NaN", got=f"{int(np.isnan(values).sum())} of {values.size}")


def _moments(read: Reader, n: int) -> tuple[Floats, Floats]:
    """Return means (less those of all) and products about them, a row an example; covariance of mean maps."""
    _, sets, positions = read(slice(0, 1)).shape
    means, within, total = [], [], np.zeros((sets, positions))
    for rows in _chunks(n, sets * positions):
        part = read(rows)
        if not np.isfinite(part).all():
            raise DataError(
                "a value is not finite",
                got=f"{int((~np.isfinite(part)).sum())} in rows {rows.start} to {rows.stop - 1}",
                fix="Infinite scores, such as 1/d² of a duplicate, can be compared by rank or bounded.",
            )
        total += part.sum(axis=0)
        means.append(part.mean(axis=2))
        part -= means[-1][:, :, np.newaxis]
        within.append(part @ part.swapaxes(1, 2) / positions)
    each = np.concatenate(means)
    grand = each.mean(axis=0)
    each -= grand
    products = np.concatenate(within) + each[:, :, np.newaxis] * each[:, np.newaxis]
    # What rounding leaves of a constant is no variance.
    constant = products.diagonal(axis1=1, axis2=2).mean(axis=0) <= 1e-24 * np.square(grand)
    products[:, constant], products[:, :, constant] = 0, 0
    mean_map = total / n - grand[:, np.newaxis]
    return np.concatenate([each, products.reshape(n, -1)], axis=1), mean_map @ mean_map.T / positions


def _covariances(columns: Floats, sets: int) -> Floats:
    means = columns[..., :sets]
    products = columns[..., sets:].reshape(*columns.shape[:-1], sets, sets)
    return np.asarray(products - means[..., :, np.newaxis] * means[..., np.newaxis, :])


def _scaled(covariances: Floats, own: Floats) -> Floats:
    """Return correlations of covariances; the variances are on the diagonal of the second array."""
    spread = np.sqrt(np.clip(own.diagonal(axis1=-2, axis2=-1), 0, None))
    scale = spread[..., :, np.newaxis] * spread[..., np.newaxis, :]
    found = np.divide(covariances, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    return np.asarray(np.clip(found, -1, 1))


def _resampled(columns: Floats, keys: int, seed: int, n_resamples: int) -> Floats:
    """Return means of the columns over examples drawn again; the order they came in does not matter."""
    ordered = columns[np.lexsort(columns[:, :keys].T)]
    draw, n = generator(seed, "bootstrap"), len(columns)
    counts = (np.bincount(draw.integers(0, n, n), minlength=n) for _ in range(n_resamples))
    return np.stack([count @ ordered for count in counts]) / n


def _off_diagonal(matrices: Floats) -> Floats:
    rows, columns = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(matrices[..., rows, columns])


def _mean_pair(matrices: Floats) -> Floats:
    """Return the mean over pairs that have a correlation, NaN where none has."""
    pairs = _off_diagonal(matrices)
    there = np.isfinite(pairs)
    counts = there.sum(axis=-1)
    total = np.where(there, pairs, 0).sum(axis=-1)
    return np.asarray(np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0))


def _chunks(n: int, values_each: int) -> Iterator[slice]:
    size = max(1, _CHUNK // values_each)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
