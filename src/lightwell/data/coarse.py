"""Coarse labels: classes joined into groups, the class itself kept as a factor that no training sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError

SUBCLASS = "subclass"
"""Name of the factor that holds the fine label."""


def coarsen(dataset: Dataset, groups: str | Mapping[str, Sequence[str]]) -> Dataset:
    """Join classes into coarse ones; the fine label becomes the factor ``subclass``.

    Parameters
    ----------
    dataset : Dataset
        With its fine classes as labels. A factor ``subclass`` it has already stays as it is.
    groups : str or mapping of str to sequence of str
        Class names by coarse class, two or more; as text ``"low=0,1,2;high=3,4"``. Examples of classes in
        no group are left out.

    Returns
    -------
    Dataset
        Labels number the groups in their order; the factor numbers the classes of ``dataset``.

    Raises
    ------
    ConfigError
        If the groups cannot be read, are fewer than two, or share a class.
    DataError
        If a class is not in the data set.

    Examples
    --------
    >>> toy = Dataset.from_arrays(np.zeros((4, 2, 2), np.uint8), ["ant", "bee", "cat", "elk"])
    >>> coarse = coarsen(toy, "insect=ant,bee; mammal=cat")
    >>> coarse.class_names, coarse.labels.tolist(), fine_labels(coarse).tolist()
    (('insect', 'mammal'), [0, 0, 1], [0, 1, 2])
    """
    members = _read(groups) if isinstance(groups, str) else {k: tuple(v) for k, v in groups.items()}
    _check(members)
    group_of = np.full(dataset.n_classes + 1, -1, np.int64)  # the last is that of the label -1
    for number, names in enumerate(members.values()):
        group_of[[dataset.class_index(name) for name in names]] = number
    coarse = group_of[dataset.labels]
    rows = np.flatnonzero(coarse >= 0)
    place = np.full(dataset.n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    parts = {name: place[part][place[part] >= 0] for name, part in dataset.parts.items()}
    kept = replace(dataset.take(rows), labels=coarse[rows], class_names=tuple(members), parts=parts)
    if SUBCLASS in dataset.factor_names:
        return kept
    fine = dataset.labels[rows, np.newaxis]
    factors = fine if kept.factors is None else np.column_stack([kept.factors, fine])
    return replace(kept, factors=factors, factor_names=(*kept.factor_names, SUBCLASS))


def fine_labels(dataset: Dataset) -> NDArray[np.int64] | None:
    """Return the factor ``subclass``, or None where nothing is known of it.

    Raises
    ------
    DataError
        If it is not whole numbers of 0 or more, or one of them lies in two coarse classes.

    Examples
    --------
    >>> fine_labels(Dataset.from_arrays(np.zeros((1, 2, 2), np.uint8), ["ant"])) is None
    True
    """
    if dataset.factors is None or SUBCLASS not in dataset.factor_names:
        return None
    values = dataset.factors[:, dataset.factor_names.index(SUBCLASS)]
    where = f"{dataset.name}.factors['{SUBCLASS}']"
    fine: NDArray[np.int64] = values.astype(np.int64)
    if (fine != values).any() or (fine < 0).any():
        raise DataError("not fine labels", where=where, expected="whole numbers, 0 or more")
    pairs = np.unique(np.stack([fine, dataset.labels]), axis=1)
    owners, times = np.unique(pairs[0], return_counts=True)
    if (times > 1).any():
        raise DataError(
            "a fine class lies in two coarse classes", where=where, got=f"fine class {owners[times > 1][0]}"
        )
    return fine


def _read(text: str) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for piece in filter(None, (piece.strip() for piece in text.split(";"))):
        name, _, members = (word.strip() for word in piece.partition("="))
        classes = tuple(filter(None, (word.strip() for word in members.split(","))))
        if not name or not classes or name in groups:
            raise ConfigError(
                "coarse classes cannot be read",
                where="coarse",
                expected="'low=0,1,2;high=3,4', each coarse class once",
                got=repr(piece),
            )
        groups[name] = classes
    return groups


def _check(groups: Mapping[str, Sequence[str]]) -> None:
    if len(groups) < 2 or not all(groups.values()):
        raise ConfigError(
            "two coarse classes or more are needed, each of a class at least",
            where="coarse",
            got={name: list(classes) for name, classes in groups.items()},
        )
    every = [name for classes in groups.values() for name in classes]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise ConfigError("a class is named twice", where="coarse", got=", ".join(map(str, twice)))
