"""Partial supervision: keep the annotations of some examples and forget the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import keyed_uniforms


def mask_concepts(dataset: Dataset, fraction: float, seed: int, *, per_concept: bool = False) -> Dataset:
    """Keep the annotations of a share of the examples, and forget the others (NaN).

    One uniform number an example (or an example and concept) decides, and it depends on the seed and the
    example's id alone: a subset keeps its annotations, and a smaller share lies within a larger one.
    GlanceNets call the share ``masking_fact`` (Marconato et al., NeurIPS 2022, code).

    Parameters
    ----------
    dataset : Dataset
        With concepts.
    fraction : float
        Expected share that stays annotated, 0 to 1.
    seed : int
        The same seed keeps the same examples.
    per_concept : bool
        Whether each concept of an example is kept or forgotten by itself.

    Raises
    ------
    ConfigError
        If the share is outside 0 .. 1.
    DataError
        If the data set has no concepts.

    Examples
    --------
    >>> from lightwell.core import Dataset
    >>> images, ones = np.zeros((1000, 4, 4), np.uint8), np.ones((1000, 1))
    >>> toy = Dataset.from_arrays(images, concepts=ones, concept_names=["on"])
    >>> bool(60 < np.isnan(mask_concepts(toy, 0.9, seed=0).concepts).sum() < 140)
    True
    """
    if not 0 <= fraction <= 1:
        raise ConfigError("not a share", where="fraction", expected="0 .. 1", got=fraction)
    if dataset.concepts is None or dataset.ids is None:
        raise DataError("there are no concepts to mask", where=dataset.name)
    sizes = [concept.size for concept in dataset.concept_groups]
    drawn = keyed_uniforms(dataset.ids, len(sizes) if per_concept else 1, seed, "mask concepts")
    kept = np.repeat(drawn < fraction, sizes if per_concept else sum(sizes), axis=1)
    return replace(dataset, concepts=np.where(kept, dataset.concepts, np.float32(np.nan)))
