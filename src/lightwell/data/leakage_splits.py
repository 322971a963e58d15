"""Partitions that test what concepts leak: train on A, then probe on B, which A never showed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightwell.core.concepts import Concept, concept_columns
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import generator


@dataclass(frozen=True)
class LeakageData:
    """What a model of concepts is trained on, and what is probed for in its codes afterwards.

    Attributes
    ----------
    train, validation : Dataset
        Annotated examples with the label they are trained with; ``validation`` is held out.
    open_train, open_test : Dataset
        Examples of another kind, on which a probe of their own label is fitted and scored.
    """

    train: Dataset
    validation: Dataset
    open_train: Dataset
    open_test: Dataset


def leakage_split(
    name: str, dataset: Dataset | None = None, *, n_open: int = 5000, seed: int = 0
) -> LeakageData:
    """Return a published leakage test.

    Parameters
    ----------
    name : {"mnist-parity", "dsprites-corners"}
        ``mnist-parity`` (Mahinpei et al., 2021): digits 4 and 5 with the concepts "is 4" and "is 5", then the
        parity of the eight others; the official train and test parts give both halves. ``dsprites-corners``
        (Marconato et al., NeurIPS 2022): sprites at the centre (posX and posY 15 or 16; the label is the
        shape, concepts are shape, scale and orientation; 80/20), then in which of two corners (both positions
        below 8, or above 23) a sprite is, 80/20.
    dataset : Dataset, optional
        Digits with parts ``train`` and ``test``, ``load("mnist-mini")`` by default; or dSprites with factors,
        drawn by default.
    n_open : int
        How many of the 92,160 sprites in the corners to draw.
    seed : int
        Of the draw and of the 80/20 cuts.

    Raises
    ------
    ConfigError
        If the name is unknown.
    DataError
        If the data set is not of the right kind.

    Examples
    --------
    >>> test = leakage_split("mnist-parity")
    >>> test.train.class_names, test.train.concept_names, test.open_test.class_names
    (('4', '5'), ('is 4', 'is 5'), ('even', 'odd'))
    """
    if name not in _SPLITS:
        raise ConfigError(f"no leakage test named '{name}'", where="split", fix=nearest(name, _SPLITS))
    return _SPLITS[name](dataset, n_open, seed)


def _mnist_parity(dataset: Dataset | None, _n_open: int, _seed: int) -> LeakageData:
    from lightwell.data.catalogue import load

    digits = load("mnist-mini") if dataset is None else dataset
    if set(digits.class_names) != set("0123456789"):
        got = ", ".join(digits.class_names[:10])
        raise DataError("mnist-parity is about digits", where=digits.name, expected="classes 0 .. 9", got=got)
    halves = [_known_and_open(digits.part(part)) for part in ("train", "test")]
    return LeakageData(halves[0][0], halves[1][0], halves[0][1], halves[1][1])


def _known_and_open(part: Dataset) -> tuple[Dataset, Dataset]:
    value = np.array([int(name) for name in part.class_names])[part.labels]
    indicators = np.stack([value == 4, value == 5], axis=1).astype(np.float32)
    named = replace(part, concepts=indicators, concept_names=("is 4", "is 5"), concept_groups=())
    inside = indicators.any(axis=1)
    known, others = named.take(inside), named.take(~inside)
    return (
        replace(known, labels=value[inside] - 4, class_names=("4", "5")),
        replace(others, labels=value[~inside] % 2, class_names=("even", "odd")),
    )


def _dsprites_corners(dataset: Dataset | None, n_open: int, seed: int) -> LeakageData:
    from lightwell.data.dsprites import dsprites

    sprites = dsprites() if dataset is None else dataset
    if sprites.factors is None or sprites.factor_names != ("shape", "scale", "orientation", "posX", "posY"):
        got = ", ".join(sprites.factor_names) or "no factors"
        raise DataError("dsprites-corners is about dSprites", where=sprites.name, got=got)
    sprites = _only(sprites, ("shape", "scale", "orientation"))
    factors: NDArray[np.int64] = np.asarray(sprites.factors)
    places = factors[:, 3:]
    centre = np.isin(places, (15, 16)).all(axis=1)
    second: NDArray[np.bool_] = np.asarray((places >= 24).all(axis=1))
    pool = np.flatnonzero((places <= 7).all(axis=1) | second)
    if not centre.any() or not 2 <= n_open <= len(pool):
        raise DataError(
            "there are too few sprites for this test",
            where=sprites.name,
            expected=f"some at the centre, and 2 .. {len(pool)} in the corners",
            got=f"{int(centre.sum())}, and n_open {n_open}",
        )
    known = replace(
        sprites.take(centre), labels=factors[centre, 0], class_names=("square", "ellipse", "heart")
    )
    drawn = np.sort(generator(seed, "corners").permutation(pool)[:n_open])
    corners = ("upper left", "lower right")
    opened = replace(sprites.take(drawn), labels=second[drawn].astype(np.int64), class_names=corners)
    train, validation = known.split(0.8, 0.2, seed=seed)
    return LeakageData(train, validation, *opened.split(0.8, 0.2, seed=seed))


def _only(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a data set with these concepts only."""
    groups: tuple[Concept, ...] = tuple(c for c in dataset.concept_groups if c.name in names)
    owned = concept_columns(dataset.concept_groups)
    columns = [i for name in names for i in range(owned[name].start, owned[name].stop)]
    return replace(
        dataset,
        concepts=np.asarray(dataset.concepts)[:, columns],
        concept_names=tuple(dataset.concept_names[i] for i in columns),
        concept_groups=groups,
    )


_SPLITS: dict[str, Callable[[Dataset | None, int, int], LeakageData]] = {
    "mnist-parity": _mnist_parity,
    "dsprites-corners": _dsprites_corners,
}
