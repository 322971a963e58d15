"""What a model of concepts is trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.packed import PackedImages
from lightwell.data import SOURCES
from lightwell.data.resize import resized
from lightwell.data.supervision import mask_concepts
from lightwell.studies.concepts.settings import ConceptsSettings
from lightwell.studies.parting import TEST_SHARE, drawn, load_at, train_and_test

_IN_MEMORY = 2**28  # bytes; images that fit are unpacked once, not once an epoch


@dataclass(frozen=True)
class Parts:
    """Three disjoint parts of one data set.

    Attributes
    ----------
    train : Dataset
        Trained on; only here are annotations masked.
    validation : Dataset
        Only watched.
    test : Dataset
        Measured on.
    """

    train: Dataset
    validation: Dataset
    test: Dataset

    @property
    def annotated(self) -> int:
        """Training examples with an annotation."""
        known = np.zeros((0, 1)) if self.train.concepts is None else ~np.isnan(self.train.concepts)
        return int(known.any(axis=1).sum())


def parts_of(settings: ConceptsSettings, dataset: Dataset | None = None) -> Parts:
    """Part a data set, officially where it has parts for training and test, else at random.

    Parameters
    ----------
    settings : ConceptsSettings
        The settings.
    dataset : Dataset, optional
        Images with classes and concepts, in place of those that the settings name.

    Raises
    ------
    DataError
        If it has no images, classes or concepts, or what is left of it cannot be trained on or tested.
    """
    whole, seed = _load(settings) if dataset is None else dataset, settings.seed
    if not whole.is_images:
        raise DataError("this study is about images", where=whole.name, got="series")
    if whole.concepts is None:
        raise DataError(
            "this data set declares no concepts",
            where=whole.name,
            fix="Give Dataset.from_arrays concepts and concept_names, or use dsprites, mpi3d-toy, celeba.",
        )
    n_train, n_test = settings.train_images, settings.test_images
    share = n_test / (n_train + n_test) if n_train and n_test else TEST_SHARE
    train, test = train_and_test(whole, seed, share, stratify=False)
    train, test = drawn(train, n_train, seed), drawn(test, n_test, seed)
    if "val" in whole.parts:
        held_out = whole.part("val")
    else:
        train, held_out = train.split(1 - settings.validation, settings.validation, seed=seed)
    train = mask_concepts(train, settings.supervision, seed, per_concept=settings.per_concept)
    parts = Parts(*(_ready(part, settings.image_size) for part in (train, held_out, test)))
    _check(parts, settings.supervision)
    return parts


def _load(settings: ConceptsSettings) -> Dataset:
    """Load a data set; of dSprites and MPI3D only as many images as are asked for."""
    data, n_train, n_test = settings.data, settings.train_images, settings.test_images
    n = None
    if data in SOURCES and data.startswith(("dsprites", "mpi3d")) and n_train and n_test:
        n = n_train + n_test if n_train + n_test < SOURCES[data].n else None
    return load_at(data, settings.data_dir, settings.image_size, n)


def _ready(part: Dataset, image_size: int | None) -> Dataset:
    part = part if image_size is None else resized(part, image_size)
    small = isinstance(part.inputs, PackedImages) and np.prod(part.inputs.shape) <= _IN_MEMORY
    return replace(part, inputs=part.inputs[:]) if small and part.n else part


def _check(parts: Parts, supervision: float) -> None:
    """Refuse what cannot be trained on or tested, before anything is trained."""
    train, test = parts.train, parts.test
    for name, part in (("training", train), ("test", test), ("validation", parts.validation)):
        if not part.n:
            raise DataError(f"there is no {name} image", where=train.name, fix="Bring more images.")
        counts = np.bincount(part.labels[part.labels >= 0], minlength=part.n_classes)
        if len(counts) < 2 or (part.labels < 0).any() or (part is train and not counts.all()):
            raise DataError(
                "two classes or more are needed, and an example of each to train on",
                where=f"{train.name}, {name} images",
                got=f"{dict(part.class_counts)} and {int((part.labels < 0).sum())} of no class",
            )
    if not parts.annotated:
        raise DataError(
            "no training example is annotated", where=train.name, got=f"{supervision:.2%} of {train.n}",
            fix="Raise supervision or train_images.",
        )  # fmt: skip
    if np.isnan(np.asarray(test.concepts)).any(axis=1).all():
        raise DataError(
            "no test example has all its concepts annotated: nothing tells whether they are right",
            where=train.name,
        )
