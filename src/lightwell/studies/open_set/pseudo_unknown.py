"""Choosing settings without the classes they will be judged by: known classes that play unknown.

A search that looked at the unknown classes, or at test images, would report how well it guessed them.
Here only training images of known classes are used: some classes are left out of the training and their
held-out images stand for what the model has never seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from lightwell.data import Dataset
from lightwell.studies.open_set.parts import parts_of
from lightwell.studies.open_set.settings import OpenSetSettings
from lightwell.studies.validation import RESAMPLES, left_out

_Study = TypeVar("_Study", bound=OpenSetSettings)


def folds(
    study: _Study, n_folds: int = 3, held_out: int | None = None, seed: int = 0
) -> list[tuple[_Study, Dataset]]:
    """Return studies with data sets whose "test" numbers may be used for choosing settings.

    The training images of the known classes are parted 80/20, by class; the first part is trained on,
    the second measured on. Each fold leaves other classes out of the training.

    Parameters
    ----------
    study : OpenSet
        The settings to be judged.
    n_folds : int
        How many choices of pseudo-unknown classes.
    held_out : int, optional
        Pseudo-unknown classes of each fold; by default a third of the known ones.
    seed : int
        Fixes the parts and the choices; not the seed of the training.

    Returns
    -------
    list of (OpenSet, Dataset)
        One a fold: the study with the remaining classes known, and the data for its ``run``. Neither a
        test image nor an image of a truly unknown class is in it.

    Raises
    ------
    ConfigError
        If fewer than two classes would remain, or there is no fold.

    Examples
    --------
    >>> from lightwell.studies import study
    >>> trial = study("open-set").from_preset("smoke")
    >>> [len(fold.known) for fold, _ in folds(trial)]
    [4, 4, 4]
    """
    train = parts_of(study).train
    names = train.class_names
    choices = left_out(names, n_folds, held_out, seed)
    kept, measured = train.split(0.8, 0.2, seed=seed)
    ids = np.asarray(train.ids)
    parts = {
        name: np.flatnonzero(np.isin(ids, np.asarray(part.ids)))
        for name, part in (("train", kept), ("test", measured))
    }
    data = replace(train, name=f"{train.name}, pseudo-unknown", parts=parts)
    return [(_fold(study, tuple(name for name in names if name not in out)), data) for out in choices]


def _fold(study: _Study, known: tuple[str, ...]) -> _Study:
    """Return the study of one fold, without what a search does not read."""
    return replace(
        study,
        known=known,
        unknown=None,
        train_images=None,
        n_resamples=RESAMPLES,
        map="pca",
        train_baseline=False,
    )
