"""What an open-set model is trained and tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import MANIFEST
from lightwell.data import SOURCES, Dataset, OpenSetData, apply_split, load, open_set_split
from lightwell.data.resize import resized
from lightwell.models import saved
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.training.run import log

if TYPE_CHECKING:
    from lightwell.studies.open_set.study import OpenSet


def parts_of(study: OpenSet, dataset: Dataset | None = None) -> OpenSetData:
    """Return known training and test images and unknown test images; see :meth:`OpenSet.open_set_data`.

    Raises
    ------
    DataError
        If the data set has no images or no labels.
    """
    whole = _load(study) if dataset is None else dataset
    if whole.inputs.ndim != 4:
        raise DataError("this study is about images", where=whole.name, got="series")
    if not whole.class_names:
        raise DataError("this data set has no labels", where=whole.name, expected="a class an example")
    official = "train" in whole.parts and not {"test", "val"}.isdisjoint(whole.parts)
    if study.train_images is not None and official:
        rows = whole.parts["train"]
        rows = rows[_first(whole.labels[rows], study.train_images)]
        whole = replace(whole, parts=dict(whole.parts) | {"train": rows})
    named = study.split if study.known is None else None
    split = open_set_split(whole, named, known=study.known)
    other = load(split.unknown_dataset, study.data_dir) if split.unknown_dataset else None
    data = apply_split(whole, split, other)
    if study.train_images is not None and not official:
        data = replace(data, train=data.train.take(_first(data.train.labels, study.train_images)))
    if study.image_size is None:
        return data
    size = study.image_size
    return replace(
        data,
        train=resized(data.train, size),
        test=resized(data.test, size),
        unknown=resized(data.unknown, size),
    )


def _load(study: OpenSet) -> Dataset:
    # Files of the user's own may differ in size, so they are brought to one as they are read.
    arrays = study.data in SOURCES or study.data.endswith(".npz")
    return load(study.data, study.data_dir, image_size=None if arrays else study.image_size)


def _first(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the rows of the first n examples, in turn from each class where they lie class by class."""
    rows = np.arange(len(labels))
    if np.count_nonzero(np.diff(labels)) >= len(np.unique(labels)):
        return rows[:n]
    starts = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    rank = rows - np.repeat(starts, np.diff(starts, append=len(labels)))
    return np.sort(np.argsort(rank, kind="stable")[:n])


def hold_out(train: Dataset, share: float, rate: float) -> tuple[Dataset, Dataset]:
    """Part the known training images into those to train on and those held out, whatever the seed of the run.

    Raises
    ------
    ConfigError
        If there are too few to train on, or too few held out for the promised rate of false refusals.
    """
    train, held = train.split(1 - share, share, seed=0)
    needed = ConformalRule(rate).needed
    if len(held) < needed:
        raise ConfigError(
            "too few held-out known images: no threshold can promise this rate of false refusals",
            where="calibration",
            expected=f"at least {needed} images for false_refusal {rate:g}",
            got=len(held),
            fix="Raise calibration, train_images or false_refusal.",
        )
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if not counts.all():
        raise ConfigError(
            "too many images held out: a known class has none left to train on",
            where="calibration",
            got=", ".join(train.class_names[c] for c in np.flatnonzero(counts == 0)),
            fix="Lower calibration, or bring more images.",
        )
    return train, held


def seen_before(encoder: str, data: OpenSetData) -> list[str]:
    """Warn where an encoder, the folder of a saved model, was trained on classes that play unknown."""
    if not (encoder and (Path(encoder) / MANIFEST).is_file()):
        return []
    seen = saved.classes_seen(Path(encoder))
    names = [name for name in data.split.unknown if name in seen]
    if not names:
        return []
    warning = (
        f"The encoder was trained on classes that play unknown here: {', '.join(names)}. What is called "
        "unknown was seen in training, so these numbers do not tell how unseen classes are refused. Choose a "
        "split whose unknown classes the encoder has never seen, or another encoder."
    )
    log.warning(warning)
    return [warning]
