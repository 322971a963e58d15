"""What the page draws, asked of the model once and kept as arrays: a report needs no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import save_arrays
from lightwell.core.representation import Representation
from lightwell.core.seeds import generator, preserved
from lightwell.models.capabilities import Classifies, Decodes
from lightwell.models.model import Model, evaluating
from lightwell.studies.concepts.measure import Measured
from lightwell.studies.concepts.parts import Parts
from lightwell.studies.concepts.settings import Mode

Floats = NDArray[np.floating[Any]]
Images = NDArray[np.uint8]

_REBUILT, _BASES, _STEPS, _EXPLAINED = 16, 3, 11, 4


def keep(model: Model, done: Measured, parts: Parts, path: Path, mode: Mode, seed: int) -> None:
    """Write ``pictures.npz``.

    Where the model decodes: ``inputs`` and ``reconstructions`` (m, H, W, C); ``traversal`` (bases, latents,
    steps, H, W, C) with ``values`` (latents, steps); ``prototypes`` (K, H, W, C), decoded. Where it
    classifies: ``explained`` (m, H, W, C), with ``contributions`` (m, latents), ``activations``, ``labels``,
    ``predictions``, ``ids``. Always ``prototype_codes`` (K, D), ``learned`` (whether those are the model's
    own or class means), ``latents`` and ``classes`` (names).
    """
    learned = getattr(model, "prototypes", None)
    own = None if learned is None else learned.detach().cpu().numpy()
    prototypes = class_codes(done.train, own)
    arrays: dict[str, NDArray[Any]] = {
        "prototype_codes": prototypes,
        "learned": np.array(own is not None),
        "latents": np.array(done.latent_names, dtype=np.str_),
        "classes": np.array(parts.test.class_names, dtype=np.str_),
    }
    rows = generator(seed, "pictures").permutation(done.test.n)
    if isinstance(model, Decodes):
        arrays |= _rebuilt(model, done.test, parts.test, rows[:_REBUILT])
        values = traversal_values(done.train.codes, mode, _STEPS)
        arrays["values"] = values
        arrays["traversal"] = _traversal(model, done.test.codes[rows[:_BASES]], values)
        arrays["prototypes"] = _decoded(model, prototypes)
    if isinstance(model, Classifies):
        arrays |= _explained(model, done.test, parts.test, _of_each_class(done.test.labels, rows))
    save_arrays(path, arrays)


def class_codes(train: Representation, prototypes: Floats | None) -> Floats:
    """Return a code for each class, shape (K, D): its prototype, completed by class means.

    Parameters
    ----------
    train : Representation
        Labelled codes.
    prototypes : array, shape (K, m), or None
        Learned ones, of the first m latents.

    Examples
    --------
    >>> view = Representation(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1]))
    >>> class_codes(view, np.array([[9.0], [8.0]])).tolist()
    [[9.0, 2.0], [8.0, 4.0]]
    """
    classes = range(int(train.labels.max()) + 1)
    codes = np.stack([train.codes[train.labels == c].mean(axis=0) for c in classes])
    if prototypes is not None:
        codes[:, : prototypes.shape[1]] = prototypes
    return codes


def traversal_values(codes: Floats, mode: Mode, steps: int) -> Floats:
    """Return the rising values that each latent takes in a traversal.

    Parameters
    ----------
    codes : array, shape (n, D)
        Codes of the training images.
    mode : {"fitted", "gaussian", "interval", "std", "minmax"}
        See the setting ``traversal`` of the study; the five of disentanglement_lib.
    steps : int
        How many values.

    Returns
    -------
    array, shape (D, steps)

    Raises
    ------
    ConfigError
        If there is no such mode.

    Examples
    --------
    >>> traversal_values(np.array([[0.0], [4.0]]), "std", 3).tolist()
    [[-2.0, 2.0, 6.0]]
    """
    mean, spread = codes.mean(axis=0)[:, None], codes.std(axis=0)[:, None]
    straight = np.linspace(-2, 2, steps)[None]
    quantiles = norm.ppf(np.linspace(0.05, 0.95, steps))[None]
    low, high = codes.min(axis=0)[:, None], codes.max(axis=0)[:, None]
    ways = {
        "fitted": mean + spread * quantiles,
        "gaussian": np.repeat(quantiles, codes.shape[1], axis=0),
        "interval": np.repeat(straight, codes.shape[1], axis=0),
        "std": mean + spread * straight,
        "minmax": low + (high - low) * (straight + 2) / 4,
    }
    if mode not in ways:
        raise ConfigError("no such traversal", got=repr(mode), fix=nearest(mode, get_args(Mode)))
    return np.asarray(ways[mode])


def contributions(model: Classifies, codes: Floats) -> tuple[Floats, Floats]:
    """Return what each latent adds to the score of the predicted class, and all class scores.

    A latent's share is what the score loses where the latent says nothing (0, an activation of a half). Of a
    linear classifier on ``tanh(z/2)`` that is its weight times the activation in [-1, 1], and the shares and
    the bias add up to the score.

    Returns
    -------
    array, shape (m, D)
        Contributions.
    array, shape (m, K)
        Scores.
    """
    z = torch.from_numpy(np.ascontiguousarray(codes))
    scores = model.logits(z)
    best = scores.argmax(dim=1)
    shares = []
    for latent in range(z.shape[1]):
        without = z.clone()
        without[:, latent] = 0
        shares.append((scores - model.logits(without)).gather(1, best[:, None])[:, 0])
    return torch.stack(shares, dim=1).numpy(), scores.numpy()


def _rebuilt(
    model: Decodes, view: Representation, test: Dataset, rows: NDArray[np.intp]
) -> dict[str, NDArray[Any]]:
    return {"inputs": test.inputs[rows], "reconstructions": _decoded(model, view.codes[rows])}


def _traversal(model: Decodes, bases: Floats, values: Floats) -> Images:
    latents, steps = values.shape
    codes = np.tile(bases[:, None, None], (1, latents, steps, 1))
    for latent in range(latents):
        codes[:, latent, :, latent] = values[latent]
    images = _decoded(model, codes.reshape(-1, latents))
    return np.asarray(images.reshape(len(bases), latents, steps, *images.shape[1:]))


def _decoded(model: Any, codes: Floats) -> Images:
    """Return images at rest (m, H, W, C) of codes."""
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        tensor = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32)).to(device)
        images = model.decode(tensor).float().cpu().permute(0, 2, 3, 1).numpy()
    return np.asarray(np.rint(255 * images), dtype=np.uint8)


def _of_each_class(labels: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a few rows, first one of each class in turn."""
    order = labels[rows]
    rank = np.array([(order[:i] == label).sum() for i, label in enumerate(order[:200])])
    return rows[np.argsort(rank, kind="stable")[:_EXPLAINED]]


def _explained(
    model: Any, view: Representation, test: Dataset, rows: NDArray[np.intp]
) -> dict[str, NDArray[Any]]:
    assert view.predictions is not None  # noqa: S101 - the model classifies
    assert view.ids is not None  # noqa: S101 - represent() always sets them
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        shares, scores = contributions(model.cpu(), view.codes[rows])
    model.to(device)
    return {
        "explained": test.inputs[rows],
        "contributions": shares,
        "scores": scores,
        "activations": 1 / (1 + np.exp(-view.codes[rows])),
        "labels": view.labels[rows],
        "predictions": view.predictions[rows],
        "ids": view.ids[rows],
    }
