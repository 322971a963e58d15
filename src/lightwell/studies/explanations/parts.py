"""What encoders are trained on, which examples are explained, and by which training examples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.seeds import generator
from lightwell.data import load
from lightwell.data.batches import to_images
from lightwell.data.resize import resized
from lightwell.studies.explanations.settings import ExplanationsSettings

_TEST_SHARE = 0.2  # where the data have no official parts, or their classes are merged


@dataclass(frozen=True)
class Parts:
    """Parts of one data set; only the corpus lies within another, the training examples.

    Attributes
    ----------
    train, validation : Dataset
        Trained on; only watched.
    corpus : Dataset
        Training examples whose importance is asked for, as many of each class as there are.
    test : Dataset
        Explained, as many of each class as there are.
    """

    train: Dataset
    validation: Dataset
    corpus: Dataset
    test: Dataset

    @property
    def all(self) -> dict[str, Dataset]:
        """The parts by name."""
        return {name: getattr(self, name) for name in ("train", "validation", "corpus", "test")}


def parts_of(study: ExplanationsSettings, dataset: Dataset | None = None) -> Parts:
    """Part a data set, officially where it has parts for training and test, else at random.

    With a normal class labels become this one or not, and official parts are merged; of ``features`` it alone
    is trained on, and the others alone are explained.

    Parameters
    ----------
    study : ExplanationsSettings
        Names data, normal class, sizes and seed.
    dataset : Dataset, optional
        In place of the one the settings name.

    Raises
    ------
    DataError
        If a part is empty, or an example to explain has no class.
    """
    whole = load(study.data, study.data_dir) if dataset is None else dataset
    seed, normal = study.seed, study.normal
    if study.image_size is not None:
        whole = resized(whole, study.image_size)
    if normal:
        whole = _merged(whole, normal)
    if normal and study.experiment == "features":
        train, test = whole.take(whole.labels == 0), whole.take(whole.labels == 1)
    elif {"train", "test"} <= set(whole.parts):
        train, test = whole.part("train"), whole.part("test")
    else:
        train, test = whole.split(1 - _TEST_SHARE, _TEST_SHARE, seed=seed)
    train = train.take(_drawn(train, study.train_images, seed))
    train, held_out = train.split(1 - study.validation, study.validation, seed=seed)
    corpus = train.take(_balanced(train, study.corpus_images, seed))
    test = test.take(_balanced(test, study.test_images, seed))
    parts = Parts(train, held_out, corpus, test)
    for name, part in parts.all.items():
        if not part.n or part.labels.min() < 0:
            raise DataError(
                "every part needs examples, and each a class",
                where=f"{whole.name}, {name}",
                got=f"{part.n} examples, {int((part.labels < 0).sum())} without a class",
            )
    return parts


def batch(part: Dataset) -> Tensor:
    """Return all examples of a part as a batch B×C×H×W."""
    return to_images(torch.from_numpy(np.array(part.inputs[:]))).contiguous()


def _merged(whole: Dataset, normal: str) -> Dataset:
    chosen = whole.class_index(normal)
    labels = np.where(whole.labels < 0, -1, (whole.labels != chosen).astype(np.int64))
    return replace(whole, labels=labels, class_names=(normal, f"not {normal}"), parts={})


def _drawn(part: Dataset, n: int | None, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return rows of n examples at random, in their order."""
    return np.sort(_order(part, seed)[:n])


def _balanced(part: Dataset, n: int | None, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return rows of n examples at random, one of each class in turn; all where n is None."""
    order = _order(part, seed)
    turn = np.empty(part.n, np.int64)
    for label in np.unique(part.labels):
        own = order[part.labels[order] == label]
        turn[own] = np.arange(len(own))
    return np.sort(order[np.argsort(turn[order], kind="stable")][:n])


def _order(part: Dataset, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.argsort(generator(seed, "examples").bit_generator.random_raw(part.n), kind="stable")
