"""How latents stand for named concepts: column k of the annotations is latent k."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.concepts import concept_columns
from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.models.model import Signature


def contrast(latents: Tensor) -> Tensor:
    """Return ``tanh(z/2) = 2 sigmoid(z) - 1``: latents as a classifier reads them, in [-1, 1]."""
    return (latents / 2).tanh()


def concept_error(latents: Tensor, annotations: Tensor, kind: str) -> Tensor:
    """Return the mean error of latents over the annotated entries, 0 where there are none.

    Parameters
    ----------
    latents : Tensor, shape (B, K)
        One latent a column of the annotations.
    annotations : Tensor, shape (B, K)
        In [0, 1]; NaN where not annotated.
    kind : {"bce", "mse"}
        Binary cross-entropy of ``sigmoid(z)``, or the squared difference of ``tanh(z/2)`` and ``2g - 1``.

    Examples
    --------
    >>> import torch
    >>> concept_error(torch.zeros(1, 2), torch.tensor([[1.0, torch.nan]]), "mse").item()
    1.0
    """
    known = ~annotations.isnan()
    wanted = annotations.nan_to_num().to(latents.dtype)
    if kind == "mse":
        errors = (contrast(latents) - (2 * wanted - 1)).square()
    else:
        errors = functional.binary_cross_entropy_with_logits(latents, wanted, reduction="none")
    return (errors * known).sum() / known.sum().clamp(min=1)


def concept_axes(signature: Signature, latents: int) -> tuple[Axis, ...]:
    """Return an axis for each concept, then an opaque one for each latent that stands for none."""
    named = [
        Axis(name, "concept", tuple(range(columns.start, columns.stop)), f"activation of '{name}'")
        for name, columns in concept_columns(signature.concepts).items()
    ]
    first = signature.n_concept_columns
    opaque = [Axis(f"opaque {i}", "opaque", (first + i,)) for i in range(latents - first)]
    return (*named, *opaque)


def check_concepts(train: Dataset, signature: Signature) -> Dataset:
    """Return the training images; refuse annotations of other concepts than the signature's.

    Raises
    ------
    DataError
        If names or sizes differ.
    """
    wanted, found = ([(c.name, c.size) for c in some] for some in (signature.concepts, train.concept_groups))
    if wanted and wanted != found:
        raise DataError(
            "the annotated concepts are not those of the model", where=train.name, expected=wanted, got=found
        )
    return train
