"""What models are trained on, and what is probed for in their codes afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.imports import import_named
from lightwell.data import LeakageData, leakage_split, load
from lightwell.data.resize import resized
from lightwell.studies.leakage.settings import LeakageSettings
from lightwell.studies.parting import train_and_test

PARTS = ("train", "validation", "open_train", "open_test")
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Case:
    """One leakage test.

    Attributes
    ----------
    name : str
        In words.
    data : LeakageData
        What is trained on and what is probed for, in images of one size.
    kinds : array of str, shape (number of open test examples,)
        What each open test example shows: its class before it got the label that is probed for.
    """

    name: str
    data: LeakageData
    kinds: Names

    @property
    def parts(self) -> dict[str, Dataset]:
        """The four data sets by name."""
        return {name: getattr(self.data, name) for name in PARTS}


def load_case(settings: LeakageSettings, dataset: Dataset | None = None) -> Case:
    """Return a leakage test.

    Parameters
    ----------
    settings : LeakageSettings
        The settings.
    dataset : Dataset, optional
        In place of the one that they name.

    Raises
    ------
    ConfigError, DataError
        If the name is unknown, the data do not fit it, or nothing can be probed for.

    Examples
    --------
    >>> from lightwell.studies.leakage import LeakageStudy
    >>> case = load_case(LeakageStudy(test="mnist-parity", data="mnist-mini"))
    >>> case.data.open_test.class_names, sorted(set(case.kinds.tolist()))
    (('even', 'odd'), ['0', '1', '2', '3', '6', '7', '8', '9'])
    """
    test, known, probe = settings.test, settings.known, settings.probe
    if ":" in test:
        split, name = import_named(test, "leakage test")(), test
        if not isinstance(split, LeakageData):
            got = type(split).__name__
            raise ConfigError(
                "the leakage test is no LeakageData", where=test, expected="LeakageData", got=got
            )
        kinds = _names(split.open_test)
    else:
        whole = load(settings.data, settings.data_dir) if dataset is None else dataset
        if known or probe:
            split, name = by_classes(whole, known, probe), f"{whole.name}: {known} then {probe}"
        else:
            split, name = leakage_split(test, whole, n_open=settings.n_open, seed=settings.seed), test
        plain = whole.factors is None and split.open_test.ids is not None
        kinds = _names(whole)[split.open_test.ids] if plain else _names(split.open_test)
    _check(split, name)
    if settings.image_size is not None:
        split = LeakageData(*(resized(getattr(split, part), settings.image_size) for part in PARTS))
    return Case(name, split, kinds)


def by_classes(whole: Dataset, known: str, probe: str) -> LeakageData:
    """Part a data set by its classes: train on some, probe for groups of others.

    Parameters
    ----------
    whole : Dataset
        With labels. Its parts ``train`` and ``test`` are kept; without them four fifths are for training.
        Where it has no concepts, "is <class>" is the concept of each known class.
    known : str
        Classes trained on, with commas.
    probe : str
        Classes probed for, with commas; a bar parts the groups that the probe must tell apart.

    Raises
    ------
    ConfigError
        If there are fewer than two known classes or groups, or a class is named twice.
    DataError
        If there is no such class.

    Examples
    --------
    >>> from lightwell.data import load
    >>> split = by_classes(load("mnist-mini"), "4,5", "0,2|1,3")
    >>> split.train.concept_names, split.open_test.class_names
    (('is 4', 'is 5'), ('0+2', '1+3'))
    """
    trained = _words(known)
    groups = [_words(group) for group in probe.split("|")]
    named = [*trained, *(word for group in groups for word in group)]
    twice = sorted({word for word in named if named.count(word) > 1})
    if twice:
        raise ConfigError(
            "a class is named twice",
            where="known, probe",
            got=", ".join(twice),
            fix="Each class has one role.",
        )
    if len(trained) < 2 or len(groups) < 2 or not all(groups):
        raise ConfigError(
            "two classes to train on and two groups to tell apart are needed",
            where="known, probe",
            expected="such as known=cat,dog and probe='owl,eagle|trout'",
            got=f"known={known!r}, probe={probe!r}",
        )
    halves = train_and_test(whole, seed=0)
    parts = [(_only(half, [[w] for w in trained]), _only(half, groups)) for half in halves]
    if whole.concepts is None:
        parts = [(_indicated(first), second) for first, second in parts]
    return LeakageData(parts[0][0], parts[1][0], parts[0][1], parts[1][1])


def training_classes(settings: LeakageSettings) -> Dataset:
    """Return the training images of the classes trained on: all that a choice of settings may see.

    Raises
    ------
    ConfigError
        If they are fewer than four: none could be left out to play those probed for.
    """
    names = _words(settings.known)
    if len(names) < 4:
        raise ConfigError(
            "no settings can be chosen without a look at the classes probed for in the end",
            where="known",
            expected="four classes or more, so that two can be left out and probed for",
            got=", ".join(names) or f"the classes of {settings.test}",
            fix="Choose them on another test: --known with four classes, --probe with others.",
        )
    whole = load(settings.data, settings.data_dir)
    train, _ = train_and_test(whole, seed=0)
    return replace(_only(train, [[name] for name in names]), ids=None)  # numbered anew


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _only(part: Dataset, groups: Sequence[Sequence[str]]) -> Dataset:
    """Return the examples of these groups of classes, labelled by group."""
    number = np.full(max(part.n_classes, 1) + 1, -1)
    for label, group in enumerate(groups):
        number[[part.class_index(word) for word in group]] = label
    labels = number[part.labels]
    chosen = replace(part, labels=labels, class_names=tuple("+".join(group) for group in groups))
    return chosen.take(labels >= 0)


def _indicated(part: Dataset) -> Dataset:
    columns = np.eye(part.n_classes, dtype=np.float32)[part.labels]
    names = tuple(f"is {name}" for name in part.class_names)
    return replace(part, concepts=columns, concept_names=names, concept_groups=())


def _names(part: Dataset) -> Names:
    return np.array([*part.class_names, "unknown"], dtype=np.str_)[part.labels]


def _check(data: LeakageData, name: str) -> None:
    """Refuse, before anything is trained, data of which no leakage can be measured."""
    first, second = data.open_train.class_names, data.open_test.class_names
    both = sorted({*data.train.class_names} & {*first})
    if both:
        raise DataError("a class is both trained on and probed for", where=name, got=", ".join(both))
    kinds = [set(part.labels.tolist()) for part in (data.open_train, data.open_test)]
    if first != second or min(map(len, kinds)) < 2 or min(map(min, kinds)) < 0:
        raise DataError(
            "a probe needs the same classes, two or more, in both open parts",
            where=name,
            got=f"{', '.join(first)} to fit, {', '.join(second)} to score, "
            f"{len(kinds[0])} and {len(kinds[1])} of them with examples",
        )
    if data.train.concepts is None or data.train.n_classes < 2:
        raise DataError("concepts and two classes are needed to train on", where=f"{name}.train")
    shapes = {getattr(data, part).image_shape for part in PARTS}
    if len(shapes) > 1:
        raise DataError("the four parts differ in the size of images", where=name, got=sorted(shapes))
