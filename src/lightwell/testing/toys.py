"""Small inputs that fit any subject: random images for a model, examples of a known answer for a score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.representation import Representation
from lightwell.core.seeds import generator, global_seed
from lightwell.data.batches import to_images
from lightwell.models.anchors import Anchors
from lightwell.models.model import Model


def seeded(make_model: Callable[[], Model], seed: int = 0) -> Model:
    """Make a model with weights of its own seed, after one training pass has moved its running statistics.

    Random state, mode and gradients are as after a fresh construction.
    """
    with global_seed(seed, "conformance"):
        model = make_model()
        modes = [(part, part.training) for part in model.modules()]
        with torch.no_grad():
            model.train()(images_for(model))
        for part, training in modes:
            part.training = training
    return model


def data_for(model: Model, n: int = 11, seed: int = 0) -> Dataset:
    """Return n random images of the model's shape, each with a contrast of its own, classes in turn."""
    draw = generator(seed, "conformance images")
    shape = (n, *model.signature.image_shape)
    brightest = draw.uniform(20, 255, (n, 1, 1, 1))
    images = (draw.random(shape) * brightest).astype(np.uint8)
    classes = max(model.n_classes, 1)
    labels = np.arange(n, dtype=np.int64) % classes if model.n_classes else np.full(n, -1)
    groups = model.signature.concepts
    columns = [np.eye(c.size)[(labels + i) % c.size] if c.size > 1 else labels[:, None] % 2
               for i, c in enumerate(groups)]  # fmt: skip
    concepts = np.concatenate(columns, axis=1).astype(np.float32) if groups else None
    if concepts is not None:
        concepts[::3] = np.nan  # some are not annotated
    names = tuple(f"{c.name} {i}" for c in groups for i in range(c.size))
    return Dataset(
        "conformance",
        images,
        labels,
        model.signature.class_names,
        concepts=concepts,
        concept_names=names,
        concept_groups=groups,
    )


def images_for(model: Model, n: int = 11, seed: int = 0) -> Tensor:
    """Return the images of :func:`data_for` as a batch, float32 B×C×H×W in [0, 1]."""
    return to_images(torch.tensor(data_for(model, n, seed).inputs))


def targets_for(model: Model, data: Dataset) -> tuple[Tensor, ...]:
    """Return copies of the arrays that the model's batches bring beside the images."""
    return tuple(torch.tensor(getattr(data, name)) for name in model.fields)


def training_pass(model: Model, images: Tensor, *targets: Tensor) -> dict[str, Tensor]:
    """Compute the loss terms in training mode and their gradients, the same at every call."""
    with global_seed(0, "conformance step"):
        terms = model.train().losses(images, *targets)
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
    return terms


def known_examples(anchors: Anchors | None, n: int = 23, seed: int = 0) -> Representation:
    """Return clear examples: codes close to the anchor of their class, all predicted right.

    Parameters
    ----------
    anchors : Anchors or None
        Geometry of the codes; three classes of two dimensions where there is none.
    n : int
        Number of examples, classes in turn.
    seed : int
        Fixes the noise, 5 % of the anchor value.

    Returns
    -------
    Representation
        Logits are block sums scaled to 10 at an anchor.

    Examples
    --------
    >>> known_examples(None, 3).predictions.tolist()
    [0, 1, 2]
    """
    geometry = anchors or Anchors(3, 2, 4.0)
    labels = np.arange(n) % geometry.n_classes
    return _representation(geometry, geometry.matrix()[labels], labels, seed)


def unknown_examples(anchors: Anchors | None, n: int = 23, seed: int = 1) -> Representation:
    """Return examples without any evidence: codes close to the origin (arguments as in `known_examples`)."""
    geometry = anchors or Anchors(3, 2, 4.0)
    return _representation(geometry, np.zeros((n, geometry.width)), np.full(n, -1), seed)


def _representation(geometry: Anchors, centres: np.ndarray, labels: np.ndarray, seed: int) -> Representation:
    noise = generator(seed, "conformance codes").normal(0, 0.05 * geometry.value, centres.shape)
    codes = np.abs(centres + noise)
    logits = geometry.block_sums(codes) * 10 / (geometry.value * geometry.n_features)
    names = tuple(f"class {c}" for c in range(geometry.n_classes))
    nearest = np.sqrt(geometry.squared_distances(codes).min(axis=1))
    own = {"reconstruction": nearest, "prototype_distance": nearest}
    return Representation(codes, labels, logits.argmax(axis=1), logits, scores=own, class_names=names)
