"""What a model makes of a data set, as arrays."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.representation import Representation
from lightwell.core.seeds import preserved
from lightwell.data.batches import Batches
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
        Codes and logits as float32, predictions, labels, ids, and the names of the true classes.

    Examples
    --------
    >>> from lightwell.models.difair import Difair
    >>> from lightwell.models.model import Signature
    >>> data = Dataset.from_arrays(np.zeros((3, 28, 28), np.uint8), ["cat", "dog", "cat"])
    >>> r = represent(Difair(Signature(("cat", "dog"), (28, 28, 1))), data)
    >>> r.codes.shape, r.origins.tolist()
    ((3, 10), ['cat', 'dog', 'cat'])
    """
    codes: list[NDArray[np.float32]] = []
    logits: list[NDArray[np.float32]] = []
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        if len(dataset):
            for images, _ in Batches(dataset, batch_size):
                code = model(images.to(device))
                codes.append(code.float().cpu().numpy())
                logits.append(model.logits(code).float().cpu().numpy())
        width = sum(axis.width for axis in model.axes)
    all_codes = np.concatenate(codes) if codes else np.zeros((0, width), np.float32)
    all_logits = np.concatenate(logits) if logits else np.zeros((0, model.n_classes), np.float32)
    names = np.array([*dataset.class_names, "unknown"], dtype=np.str_)
    return Representation(
        codes=all_codes,
        labels=dataset.labels.copy() if known else np.full(len(dataset), -1, dtype=np.int64),
        predictions=all_logits.argmax(axis=1).astype(np.int64),
        logits=all_logits,
        ids=dataset.ids,
        origins=names[dataset.labels],
        class_names=model.signature.class_names,
    )


def axis_maps(model: Model, dataset: Dataset) -> NDArray[np.float32]:
    """Return the maps before pooling, shape (n, D, h, w); their mean over places is the code."""
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        maps = [
            model.axis_maps(images.to(device)).float().cpu() for images, _ in Batches(dataset, _WHOLE_BATCH)
        ]
        whole: NDArray[np.float32] = torch.cat(maps).numpy()
    return whole
