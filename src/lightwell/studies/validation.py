"""Data to choose settings by: training examples alone, some of them held out and measured on.

A search that looked at test examples would report how well it guessed them. What a study makes of these data
holds none: it trains on four fifths of its training part and takes the rest for its test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.seeds import derive, generator

RESAMPLES = 40  # a search reads the estimates, not their intervals
_SHARE = 0.8  # of the examples, to train on


def folds(training: Dataset, n_folds: int, seed: int) -> list[Dataset]:
    """Return the training examples with parts ``train`` and ``test``, cut otherwise in each fold.

    Parameters
    ----------
    training : Dataset
        What a study trains on; nothing else is in the folds.
    n_folds : int
        How many times it is cut, 80/20 by class.
    seed : int
        Fixes the cuts.

    Raises
    ------
    ConfigError
        If there is to be no fold.

    Examples
    --------
    >>> from lightwell.data import load
    >>> (fold,) = folds(load("mnist-mini").part("train"), 1, seed=0)
    >>> len(fold.parts["train"]), len(fold.parts["test"])
    (6400, 1600)
    """
    if n_folds < 1:
        raise ConfigError("a setting is judged on one fold or more", where="folds", got=n_folds)
    whole = replace(training, name=f"{training.name}, held out", ids=np.arange(training.n))
    cut = [whole.split(_SHARE, 1 - _SHARE, seed=derive(seed, "fold", i) % 2**31) for i in range(n_folds)]
    parted = [{"train": np.asarray(kept.ids), "test": np.asarray(held.ids)} for kept, held in cut]
    return [replace(whole, ids=training.ids, parts=parts) for parts in parted]


def left_out(
    names: Sequence[str], n_folds: int, held_out: int | None, seed: int, least: int = 1
) -> list[tuple[str, ...]]:
    """Return the classes that each fold leaves out of the training, in turn, so that they play unseen.

    Parameters
    ----------
    names : sequence of str
        The classes of the training part.
    n_folds : int
        How many choices.
    held_out : int or None
        Classes of each choice; None for a third of all.
    seed : int
        Fixes the choices.
    least : int
        Fewest classes that may be left out.

    Raises
    ------
    ConfigError
        If fewer than two classes would remain, or there is no fold.

    Examples
    --------
    >>> chosen = left_out("abcdef", 3, None, seed=0)
    >>> [len(out) for out in chosen], len({name for out in chosen for name in out})
    ([2, 2, 2], 6)
    """
    n = max(least, len(names) // 3) if held_out is None else held_out
    if n_folds < 1 or not least <= n <= len(names) - 2:
        possible = f"{least} .. {len(names) - 2} of {len(names)} classes held out"
        raise ConfigError(
            "known classes cannot be parted so",
            where="folds and held-out classes",
            expected=f"at least one fold, and {possible if len(names) >= least + 2 else 'more classes'}",
            got=f"{n_folds} folds, {n} of {len(names)} classes held out",
        )
    order = generator(seed, "pseudo-unknown classes").permutation(len(names))
    return [tuple(names[order[(f * n + i) % len(names)]] for i in range(n)) for f in range(n_folds)]
