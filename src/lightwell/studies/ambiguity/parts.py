"""The images of two classes, and of all classes for the judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.data import load
from lightwell.data.batches import to_images
from lightwell.data.resize import resized
from lightwell.studies.ambiguity.settings import AmbiguitySettings

Images = NDArray[np.uint8]

_VALIDATION = 1 / 6  # as the seed has it
_TEST_SHARE = 0.2  # where the data have no official parts
_ROWS = 256


@dataclass(frozen=True)
class Parts:
    """Images of the pair, label 1 the positive class; parts do not overlap, but for ``every``.

    Attributes
    ----------
    train, validation, test : Dataset
        Of the pair: trained on; watched, and used to calibrate; reported on.
    every : Dataset
        Training images of all classes, for the judge.
    columns : tuple of int
        Positive and negative class in the numbering of the data.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    every: Dataset
    columns: tuple[int, int]

    @property
    def names(self) -> tuple[str, str]:
        """Names of the positive and of the negative class."""
        negative, positive = self.train.class_names
        return positive, negative


def parts_of(study: AmbiguitySettings, dataset: Dataset | None = None) -> Parts:
    """Part a data set, officially where it has parts for training and test, else at random.

    Parameters
    ----------
    study : AmbiguitySettings
        Names data, pair, size, number and seed.
    dataset : Dataset, optional
        In place of the one the settings name.

    Raises
    ------
    ConfigError
        If the pair is not two classes of the data.
    DataError
        If the data are no images, or a part misses one of the two classes.

    Examples
    --------
    >>> from lightwell.studies.ambiguity import Ambiguity
    >>> parts = parts_of(Ambiguity())
    >>> parts.names, parts.train.n, parts.validation.n
    (('7', '1'), 1442, 288)
    """
    whole = load(study.data, study.data_dir) if dataset is None else dataset
    if not whole.is_images:
        raise DataError("only images can be generated", where=whole.name, got="series")
    if study.image_size is not None:
        whole = resized(whole, study.image_size)
    columns = _columns(whole, study.pair)
    if {"train", "test"} <= set(whole.parts):
        every, test = whole.part("train"), whole.part("test")
    else:
        every, test = whole.split(1 - _TEST_SHARE, _TEST_SHARE, seed=study.seed)
    every = every.take(every.labels >= 0)
    if study.train_images is not None:
        order = generator(study.seed, "training images").permutation(every.n)
        every = every.take(np.sort(order[: study.train_images]))
    train, validation = _pair(every, columns).split(1 - _VALIDATION, _VALIDATION, seed=study.seed)
    parts = Parts(train, validation, _pair(test, columns), every, columns)
    for name in ("train", "validation", "test"):
        counts = getattr(parts, name).class_counts
        if min(counts.values()) < 1:
            raise DataError(
                "a class of the pair has no images", where=f"{whole.name}, {name}",
                expected="both classes in every part", got=counts,
            )  # fmt: skip
    return parts


def _columns(whole: Dataset, pair: str) -> tuple[int, int]:
    cuts = [at for at, letter in enumerate(pair) if letter == ","]
    pairs = [(pair[:at].strip(), pair[at + 1 :].strip()) for at in cuts]
    if len(pairs) > 1:  # some of the commas are in a name
        known = {*whole.class_names, *map(str, range(len(whole.class_names)))}
        pairs = [words for words in pairs if known.issuperset(words)]
    if len(pairs) != 1 or not all(pairs[0]):
        raise ConfigError(
            "a pair is two classes", where="pair", expected="POSITIVE,NEGATIVE such as 7,1", got=repr(pair)
        )
    first, second = (
        whole.class_index(int(word) if word not in whole.class_names and word.isdecimal() else word)
        for word in pairs[0]
    )
    if first == second:
        raise ConfigError("a pair is two classes", where="pair", got=f"'{pairs[0][0]}' twice")
    return first, second


def _pair(part: Dataset, columns: tuple[int, int]) -> Dataset:
    """Return the images of both classes, with labels 1 and 0."""
    chosen = part.take(np.isin(part.labels, columns))
    names = tuple(part.class_names[column] for column in columns[::-1])
    return replace(chosen, labels=(chosen.labels == columns[0]).astype(np.int64), class_names=names)


def pixels(images: Tensor) -> Images:
    """Return images B×C×H×W in [0, 1] as they rest: uint8 B×H×W×C."""
    whole: Images = images.mul(255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return whole


def whole_batch(images: Images) -> Tensor:
    """Return images at rest as one batch B×C×H×W in [0, 1]."""
    return torch.cat(list(batches(images)))


def batches(images: Images) -> Iterator[Tensor]:
    """Return images at rest as batches B×C×H×W in [0, 1]; an empty one where there are none."""
    for start in range(0, max(len(images), 1), _ROWS):
        yield to_images(torch.from_numpy(np.array(images[start : start + _ROWS]))).contiguous()
