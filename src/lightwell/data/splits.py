"""Open-set splits of a data set: published ones by name, drawn ones by seed, and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightwell.core.arrays import sorted_names
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import generator
from lightwell.data.class_names import CLASS_NAMES
from lightwell.data.open_set_split import OpenSetSplit
from lightwell.data.published_splits import Published, published

__all__ = ["OpenSetData", "OpenSetSplit", "apply_split", "open_set_split", "split_names"]

_SEED = 0  # of the 80/20 cut of a data set without official parts


@dataclass(frozen=True)
class OpenSetData:
    """A data set cut by an open-set split.

    Attributes
    ----------
    split : OpenSetSplit
        The split.
    train, test : Dataset
        Known classes only, numbered in the order of ``split.known``.
    unknown : Dataset
        Test examples of the unknown classes, with the labels and class names they were loaded with.
    """

    split: OpenSetSplit
    train: Dataset
    test: Dataset
    unknown: Dataset


def split_names(dataset_name: str) -> tuple[str, ...]:
    """Return the published splits of a data set, by name.

    Besides these, ``drawn/<number of known classes>/<seed>`` works on any data set.

    Examples
    --------
    >>> split_names("svhn")[:2]
    ('arpl/0', 'arpl/1')
    """
    return tuple(published(dataset_name))


def open_set_split(
    dataset: Dataset,
    name: str | None = None,
    *,
    known: Sequence[str | int] | None = None,
    unknown: Sequence[str | int] | None = None,
) -> OpenSetSplit:
    """Return a split of a data set.

    Parameters
    ----------
    dataset : Dataset
        What to split; its name says which published splits there are.
    name : str, optional
        A published split (see :func:`split_names`), or ``drawn/<number of known classes>/<seed>``. With
        ``known`` a name of your own choice; ``"own"`` by default.
    known : sequence of str or int, optional
        The known classes, by name or label code, in the model's order.
    unknown : sequence of str or int, optional
        With ``known`` the unknown classes; by default all others.

    Returns
    -------
    OpenSetSplit
        With class names, so that it means the same however classes are numbered.

    Raises
    ------
    ConfigError
        If the split is unknown or breaks a rule of :class:`OpenSetSplit`.
    DataError
        If the data set lacks a class the split names.

    Examples
    --------
    >>> from lightwell.data import load
    >>> open_set_split(load("mnist-mini"), "arpl/0").known
    ('2', '4', '5', '9', '8', '3')
    """
    rows = published(dataset.name)
    if known is None and unknown is not None:
        raise ConfigError("unknown classes are listed and known ones are not", where="unknown", got=unknown)
    if known is not None:
        if name is not None and (name in rows or name.startswith("drawn/")):
            raise ConfigError(
                "a split is either named or listed", where="known", got=f"{name} and a list of classes"
            )
        chosen = _class_names(dataset, known)
        if unknown is None:
            return _rest_unknown(dataset, name or "own", chosen)
        return OpenSetSplit(name or "own", dataset.name, chosen, _class_names(dataset, unknown))
    if name is not None and name.startswith("drawn/"):
        return _drawn(dataset, name)
    if name is None or name not in rows:
        raise ConfigError(
            "no split chosen" if name is None else f"no split named '{name}' of {dataset.name}",
            where="split",
            fix=nearest(str(name), [*rows, "drawn/<number of known classes>/<seed>"])
            + " Or list the known classes as known.",
        )
    return _from_published(dataset, name, rows)


def _class_names(dataset: Dataset, labels: Sequence[str | int]) -> tuple[str, ...]:
    """Return class names from themselves, or from label codes (also those written as text)."""
    plain = (
        int(label)
        if isinstance(label, str) and label not in dataset.class_names and label.isdecimal()
        else label
        for label in labels
    )
    return tuple(dataset.class_names[dataset.class_index(label)] for label in plain)


def _rest_unknown(
    dataset: Dataset, name: str, known: tuple[str, ...], remarks: tuple[str, ...] = ()
) -> OpenSetSplit:
    rest = tuple(c for c in _canonical(dataset) if c not in known)
    return OpenSetSplit(name, dataset.name, known, rest, None, remarks)


def _canonical(dataset: Dataset) -> tuple[str, ...]:
    """Return the class names in an order that does not depend on how they were numbered."""
    order = CLASS_NAMES.get(dataset.name, ())
    if set(order) == set(dataset.class_names):
        return order
    return tuple(sorted_names(dataset.class_names))


def _drawn(dataset: Dataset, name: str) -> OpenSetSplit:
    pieces = name.split("/")[1:]
    if len(pieces) != 2 or not all(piece.isdecimal() for piece in pieces):
        raise ConfigError(
            "not a drawn split", where="split", expected="drawn/<number of known classes>/<seed>", got=name
        )
    n_known, seed = (int(piece) for piece in pieces)
    names = _canonical(dataset)
    if n_known >= len(names):
        raise ConfigError(
            "no class is left to be unknown",
            where=f"split {name}",
            expected=f"2 .. {len(names) - 1} known classes",
            got=n_known,
        )
    # Raw draws, because shuffles may differ between NumPy versions.
    order = np.argsort(generator(seed, "open-set split").bit_generator.random_raw(len(names)), kind="stable")
    return _rest_unknown(dataset, name, tuple(names[i] for i in order[:n_known]))


def _from_published(dataset: Dataset, name: str, rows: dict[str, Published]) -> OpenSetSplit:
    row = rows[name]
    present = set(dataset.class_names)
    needed = set(row.known) | (set(CLASS_NAMES[dataset.name]) if row.unknown is None else set())
    missing = sorted(needed - present)
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"this data set lacks {len(missing)} of the classes that {name} names",
            where=dataset.name,
            expected=shown,
            got=f"{len(present)} classes",
            fix="Load the whole data set, or use known=[...] or drawn/<number of known classes>/<seed>.",
        )
    remarks = row.remarks + _twins(name, rows)
    if row.unknown is not None:
        return OpenSetSplit(name, dataset.name, row.known, row.unknown, "cifar100", remarks)
    return _rest_unknown(dataset, name, row.known, remarks)


def _twins(name: str, rows: dict[str, Published]) -> tuple[str, ...]:
    """Say which other splits of the family hold the same classes: an average counts them twice."""
    family, row = name.partition("/")[0], rows[name]
    twins = [
        other
        for other, them in rows.items()
        if other != name
        and other.partition("/")[0] == family
        and set(them.known) == set(row.known)
        and set(them.unknown or ()) == set(row.unknown or ())
    ]
    if not twins:
        return ()
    remark = (
        f"The same known and unknown classes as {', '.join(twins)}, in another order: published so, and kept "
        "for comparison. A mean over the family counts them more than once."
    )
    return (remark,)


def apply_split(dataset: Dataset, split: OpenSetSplit, unknown_dataset: Dataset | None = None) -> OpenSetData:
    """Cut a data set by a split.

    Parameters
    ----------
    dataset : Dataset
        With parts ``"train"`` and ``"test"`` (or ``"val"``); one without is cut 80/20, by class, with a
        fixed seed.
    split : OpenSetSplit
        Which classes are known.
    unknown_dataset : Dataset, optional
        Where the split takes its unknown classes from another data set (CIFAR+N): that one.

    Returns
    -------
    OpenSetData
        No unknown class is in its train part, and no train example in its other two.

    Raises
    ------
    DataError
        If a class is missing, a part would be empty, or the unknown data set is missing or of another
        shape.

    Examples
    --------
    >>> from lightwell.data import load
    >>> mini = load("mnist-mini")
    >>> data = apply_split(mini, open_set_split(mini, "arpl/0"))
    >>> data.train.class_names[0], data.test.n + data.unknown.n
    ('2', 2000)
    """
    train, test = _train_test(dataset)
    other = test
    if split.unknown_dataset is not None:
        other = _train_test(_unknown_source(dataset, split, unknown_dataset))[1]
    data = OpenSetData(
        split,
        _relabelled(train, split.known),
        _relabelled(test, split.known),
        other.where(split.unknown),
    )
    for part in (data.train, data.test):
        empty = [name for name, count in part.class_counts.items() if not count]
        if empty:
            word = "training" if part is data.train else "test"
            raise DataError(f"a known class has no {word} example", where=dataset.name, got=", ".join(empty))
    if not data.unknown.n:
        raise DataError("no test example of an unknown class", where=other.name)
    return data


def _train_test(dataset: Dataset) -> tuple[Dataset, Dataset]:
    test = next((part for part in ("test", "val") if part in dataset.parts), None)
    if "train" in dataset.parts and test is not None:
        return dataset.part("train"), dataset.part(test)
    train, rest = dataset.split(0.8, 0.2, seed=_SEED)
    return train, rest


def _unknown_source(dataset: Dataset, split: OpenSetSplit, unknown: Dataset | None) -> Dataset:
    if unknown is None:
        raise DataError(
            f"{split.name} takes its unknown classes from another data set",
            where="unknown_dataset",
            expected=split.unknown_dataset,
            fix=f"Give load('{split.unknown_dataset}').",
        )
    if unknown.image_shape != dataset.image_shape:
        raise DataError(
            "known and unknown examples differ in shape",
            where="unknown_dataset",
            expected=dataset.image_shape,
            got=unknown.image_shape,
        )
    return unknown


def _relabelled(dataset: Dataset, known: tuple[str, ...]) -> Dataset:
    """Return the known classes only, numbered in this order."""
    chosen = dataset.where(known)
    number = np.full(dataset.n_classes, -1, dtype=np.int64)
    number[[dataset.class_index(name) for name in known]] = np.arange(len(known))
    return replace(chosen, labels=number[chosen.labels], class_names=known)
