"""What the trained restarts make of the data, and what cheap rivals make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.representation import Representation
from lightwell.core.seeds import preserved, torch_generator
from lightwell.data.augment import AugmentSettings, make_augment
from lightwell.data.batches import Batches
from lightwell.data.coarse import fine_labels
from lightwell.metrics.clustering import baseline_clusters
from lightwell.models.discovery.cells import Cells
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.model import evaluating
from lightwell.studies.discovery.gate import experts_of, log_probabilities
from lightwell.studies.discovery.parts import Parts
from lightwell.studies.discovery.restarts import most_alike
from lightwell.training import represent

RIVALS = ("kmeans", "gmm")
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Every restart on the parts.

    Attributes
    ----------
    seeds : tuple of int
        One a restart.
    models : tuple of ClustNet
        The restarts.
    train, watched, test : tuple of Representation
        By each restart.
    criteria : tuple of mapping
        Label-free numbers of each restart on watched images, by which one might be chosen.
    fine : array of int, shape (n,), or None
        Fine labels of the test images.
    rivals : mapping of str to array of int, shape (n,)
        Clusters of the test images by name, made within the *true* coarse classes.
    """

    seeds: tuple[int, ...]
    models: tuple[ClustNet, ...]
    train: tuple[Representation, ...]
    watched: tuple[Representation, ...]
    test: tuple[Representation, ...]
    criteria: tuple[Mapping[str, float], ...]
    fine: Ints | None
    rivals: Mapping[str, Ints]

    @property
    def cells(self) -> Cells:
        """Which expert holds a sub-class of which coarse class."""
        return self.models[0].layout

    @property
    def n_experts(self) -> int:
        """K."""
        return self.cells.n_experts

    @property
    def k_per_class(self) -> dict[int, int]:
        """Number of sub-classes of each coarse class."""
        return {c: int(row.sum()) for c, row in enumerate(self.cells.exists)}

    @cached_property
    def shown(self) -> int:
        """The restart that stands for all, chosen on the training images without fine labels."""
        runs = [experts_of(view, self.n_experts) for view in self.train]
        return most_alike(runs, self.train[0].labels, self.k_per_class)

    def clusters(self, restart: int) -> Ints:
        """Return the expert of each test image."""
        return experts_of(self.test[restart], self.n_experts)


def measure(
    models: Sequence[ClustNet], seeds: Sequence[int], parts: Parts, augment: AugmentSettings, seed: int
) -> Measured:
    """Encode every part with every restart, and cluster the test images by the rivals.

    Parameters
    ----------
    models : sequence of ClustNet
        Trained.
    seeds : sequence of int
        One each.
    parts : Parts
        Images.
    augment : AugmentSettings
        As in the training, for the consistency of the gate.
    seed : int
        Of the rivals' starts, and of the augmentation.
    """
    fine = fine_labels(parts.test)
    train, watched, test = (
        tuple(represent(model, part) for model in models) for part in (parts.train, parts.watched, parts.test)
    )
    criteria = tuple(
        {"coarse_loss": _coarse_loss(view), "consistency": _consistency(model, parts.watched, augment, seed)}
        for model, view in zip(models, watched, strict=True)
    )
    k = {c: int(row.sum()) for c, row in enumerate(models[0].layout.exists)}
    rivals = {kind: _rival(kind, parts, k, seed) for kind in RIVALS}
    return Measured(tuple(seeds), tuple(models), train, watched, test, criteria, fine, rivals)


def _rival(kind: str, parts: Parts, k: Mapping[int, int], seed: int) -> Ints:
    flat = [np.asarray(part.inputs[:]).reshape(part.n, -1) for part in (parts.train, parts.test)]
    return baseline_clusters(kind, flat[0], parts.train.labels, flat[1], parts.test.labels, k, seed)


def _coarse_loss(view: Representation) -> float:
    return float(-log_probabilities(view)[np.arange(view.n), view.labels].mean())


def _consistency(model: ClustNet, watched: Dataset, augment: AugmentSettings, seed: int) -> float:
    """Return the cross-entropy of the gate between images and their augmented copies, in nats."""
    change, draws = make_augment(augment), torch_generator(seed, "consistency")
    device, total = next(model.parameters()).device, 0.0
    with preserved(), evaluating(model):
        for images, _ in Batches(watched, 256):
            moved = model.gate_scores(change(images, draws).to(device)).log_softmax(dim=1)
            shares = model.gate_scores(images.to(device)).softmax(dim=1)
            total += float(-(shares * moved).sum())
    return total / watched.n
