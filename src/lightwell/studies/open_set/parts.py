"""What an open-set model is trained and tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import MANIFEST
from lightwell.data import Dataset, OpenSetData, apply_split, load, open_set_split
from lightwell.data.resize import resized
from lightwell.models import saved
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.studies.open_set.settings import OpenSetSettings
from lightwell.studies.parting import load_at
from lightwell.training.run import log


def parts_of(settings: OpenSetSettings, dataset: Dataset | None = None) -> OpenSetData:
    """Return known training and test images and unknown test images; see :meth:`OpenSet.open_set_data`.

    Raises
    ------
    DataError
        If the data set has no images or no labels.
    """
    whole = dataset
    if whole is None:
        whole = load_at(settings.data, settings.data_dir, settings.image_size)
    if whole.inputs.ndim != 4:
        raise DataError("this study is about images", where=whole.name, got="series")
    if not whole.class_names:
        raise DataError("this data set has no labels", where=whole.name, expected="a class an example")
    official = "train" in whole.parts and not {"test", "val"}.isdisjoint(whole.parts)
    if settings.train_images is not None and official:
        rows = whole.parts["train"]
        rows = rows[_first(whole.labels[rows], settings.train_images)]
        whole = replace(whole, parts=dict(whole.parts) | {"train": rows})
    named = settings.split if settings.known is None else None
    split = open_set_split(whole, named, known=settings.known, unknown=settings.unknown)
    other = load(split.unknown_dataset, settings.data_dir) if split.unknown_dataset else None
    data = apply_split(whole, split, other)
    if settings.train_images is not None and not official:
        data = replace(data, train=data.train.take(_first(data.train.labels, settings.train_images)))
    if settings.image_size is None:
        return data
    size = settings.image_size
    return replace(
        data,
        train=resized(data.train, size),
        test=resized(data.test, size),
        unknown=resized(data.unknown, size),
    )


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
    """Warn where an encoder, the folder of a saved model, was trained on classes named like unknown ones."""
    if not (encoder and (Path(encoder) / MANIFEST).is_file()):
        return []
    seen = saved.classes_seen(Path(encoder))
    names = [name for name in data.split.unknown if name in seen]
    if not names:
        return []
    warning = (
        f"The encoder was trained on classes with the names of unknown ones here: {', '.join(names)}. Only "
        "names can be compared. Unless these are other classes of other data, what is called unknown was "
        "seen in training, and these numbers do not tell how unseen classes are refused: choose a split "
        "whose unknown classes the encoder has never seen, or another encoder."
    )
    log.warning(warning)
    return [warning]
