"""What a trained model makes of the data: codes, concepts, what the gate accepts, what latents carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.concepts import Concept, concept_columns
from lightwell.core.dataset import Dataset
from lightwell.core.representation import Representation
from lightwell.core.seeds import preserved
from lightwell.data.batches import Batches
from lightwell.models.concepts.vae_terms import gaussian_kl
from lightwell.models.decisions.gate import OpenSetGate
from lightwell.models.model import Model, evaluating
from lightwell.studies.concepts.parts import Parts
from lightwell.training import represent
from lightwell.training.history import read_history

Floats = NDArray[np.floating[Any]]


@runtime_checkable
class HasPosterior(Protocol):
    """A model that says how sure it is of each latent, and what it expected before it saw the image."""

    def posterior(self, images: Tensor) -> Any:
        """Return mean, log-variance and a sample, B×D each."""

    def prior(self, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the prior."""


@dataclass(frozen=True)
class Measured:
    """One model on the parts.

    Attributes
    ----------
    train, test : Representation
        Codes, labels, and what else the model says.
    gate : OpenSetGate
        Fitted on the training images.
    concepts : tuple of Concept
        What the data annotate.
    truth : array, shape (n, columns)
        Annotations of the test images.
    factors : array, shape (n, f)
        True factors of the test images; their annotations where they have no factors.
    named : bool
        Whether the model names concepts; the codes of a plain VAE have no names.
    column_names, latent_names : tuple of str
        Of the columns of the annotations and of the codes.
    kl : array, shape (D,), or None
        Mean KL divergence of each latent to its prior over the test images, in nats.
    """

    train: Representation
    test: Representation
    gate: OpenSetGate
    concepts: tuple[Concept, ...]
    truth: Floats
    factors: NDArray[Any]
    named: bool
    column_names: tuple[str, ...]
    latent_names: tuple[str, ...]
    kl: Floats | None

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which test images the gate accepts."""
        return self.gate.accept(self.test)

    @property
    def concept_names(self) -> list[str]:
        """Names of the concepts."""
        return [concept.name for concept in self.concepts]

    @property
    def groups(self) -> list[list[int]]:
        """Columns of each categorical concept."""
        columns = concept_columns(self.concepts)
        return [
            list(range(columns[c.name].start, columns[c.name].stop))
            for c in self.concepts
            if c.kind == "categorical"
        ]

    @property
    def code_groups(self) -> list[list[int]]:
        """The same among :attr:`codes`; none where the model names nothing."""
        return self.groups if self.named else []

    @property
    def codes(self) -> Floats:
        """What is held against the truth: concept activations in [0, 1], else all latents; test images."""
        return self.test.codes if self.test.concepts is None else self.test.concepts

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Test images with all concepts annotated."""
        return np.asarray(~np.isnan(self.truth).any(axis=1))


def encode(model: Model, parts: Parts, quantile: float) -> Measured:
    """Encode training and test images, and fit the open-set gate on the training images.

    The gate tests the reconstruction error, where the model decodes, and the distance of the concept latents
    to the nearest class mean.
    """
    train, test = represent(model, parts.train), represent(model, parts.test)
    named = test.concepts is not None
    error = "reconstruction" if "reconstruction" in train.scores else ""
    dims = tuple(range(model.signature.n_concept_columns)) if named else ()
    truth = np.asarray(parts.test.concepts)
    return Measured(
        train,
        test,
        OpenSetGate(quantile, error, dims).fit(train),
        parts.test.concept_groups,
        truth,
        truth if parts.test.factors is None else parts.test.factors,
        named,
        parts.test.concept_names,
        _latent_names(model, parts.test.concept_names, named=named),
        _latent_kl(model, parts.test) if isinstance(model, HasPosterior) else None,
    )


def _latent_names(model: Model, columns: Sequence[str], *, named: bool) -> tuple[str, ...]:
    """Return the name of each latent: its concept column, or its axis."""
    own = {i: axis.name for axis in model.axes for i in axis.indices}
    named_columns = dict(enumerate(columns)) if named else {}
    return tuple((own | named_columns)[i] for i in range(len(own)))


def _latent_kl(model: Any, dataset: Dataset) -> Floats:
    device, total = next(model.parameters()).device, torch.zeros(())
    with preserved(), evaluating(model):
        for images, labels in Batches(dataset, 256):
            q = model.posterior(images.to(device))
            kl = gaussian_kl(q.mean, q.log_variance, *model.prior(labels.to(device)))
            total = total + kl.sum(dim=0).cpu()
    mean: Floats = total.numpy() / dataset.n
    return mean


def epochs_done(path: Path) -> int:
    """Return how many epochs a training took, from its ``metrics.csv``."""
    rows = read_history(path)
    return int(float(rows[-1]["epoch"])) + 1 if rows else 0
