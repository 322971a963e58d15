"""What a model makes of a data set, as arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.representation import Representation
from lightwell.core.seeds import preserved
from lightwell.data.batches import Batches
from lightwell.models.capabilities import Classifies, NamesConcepts, ScoresUnknown, ShowsPlaces
from lightwell.models.model import Model, evaluating

_WHOLE_BATCH = 256


def represent(
    model: Model, dataset: Dataset, *, known: bool = True, batch_size: int = _WHOLE_BATCH
) -> Representation:
    """Encode a data set.

    Parameters
    ----------
    model : Model
        Used in evaluation mode and given back as it came, after an error too.
    dataset : Dataset
        Images; may be empty.
    known : bool
        Whether its labels are the model's classes; otherwise every label becomes -1.
    batch_size : int
        Images at a time; it never changes the answer beyond the last bits of a float32.

    Returns
    -------
    Representation
        Codes as float32, labels, ids, the names of the true classes, and where the model is capable of them
        logits with predictions, concept activations, and its own unknown scores.

    Examples
    --------
    >>> from lightwell.models.classifiers.difair import Difair
    >>> from lightwell.models.model import Signature
    >>> data = Dataset.from_arrays(np.zeros((3, 28, 28), np.uint8), ["cat", "dog", "cat"])
    >>> r = represent(Difair(Signature(("cat", "dog"), (28, 28, 1))), data)
    >>> r.codes.shape, r.origins.tolist()
    ((3, 10), ['cat', 'dog', 'cat'])
    """
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        parts = [_arrays(model, images.to(device)) for images, _ in _batches(model, dataset, batch_size)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    names = np.array([*dataset.class_names, "unknown"], dtype=np.str_)
    logits = rows.get("logits")
    return Representation(
        codes=rows["codes"],
        labels=dataset.labels.copy() if known else np.full(len(dataset), -1, dtype=np.int64),
        predictions=None if logits is None else logits.argmax(axis=1).astype(np.int64),
        logits=logits,
        concepts=rows.get("concepts"),
        scores={name.removeprefix("score."): rows[name] for name in rows if name.startswith("score.")},
        ids=dataset.ids,
        origins=names[dataset.labels],
        class_names=model.signature.class_names,
    )


def _batches(model: Model, dataset: Dataset, batch_size: int) -> Iterable[tuple[Tensor, ...]]:
    if len(dataset):
        return Batches(dataset, batch_size)
    height, width, channels = model.signature.image_shape  # an empty batch has the right widths
    return [(torch.zeros(0, channels, height, width), torch.zeros(0))]


def _arrays(model: Model, images: Tensor) -> dict[str, NDArray[np.float32]]:
    """Return all that a model says of a batch, by the name of its array."""
    codes = model(images)
    made = {"codes": codes}
    if isinstance(model, Classifies):
        made["logits"] = model.logits(codes)
    if isinstance(model, NamesConcepts):
        made["concepts"] = model.concepts(codes)
    if isinstance(model, ScoresUnknown):
        made |= {f"score.{name}": score for name, score in model.unknown_scores(images, codes).items()}
    return {name: array.float().cpu().numpy() for name, array in made.items()}


def axis_maps(model: Model, dataset: Dataset) -> NDArray[np.float32]:
    """Return the maps before pooling, shape (n, D, h, w); their mean over places is the code."""
    if not isinstance(model, ShowsPlaces):
        raise ConfigError("this model cannot say where evidence lies", where=type(model).__name__)
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        maps = [
            model.axis_maps(images.to(device)).float().cpu() for images, _ in Batches(dataset, _WHOLE_BATCH)
        ]
        whole: NDArray[np.float32] = torch.cat(maps).numpy()
    return whole
