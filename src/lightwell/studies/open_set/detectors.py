"""Unknown scores of other libraries: any object with the shape of pytorch-ood's detectors.

``Detector(model)`` makes it, ``fit(loader)`` shows it the known training images, ``predict(images)`` gives a
score for each, larger = more unknown. Its scores are measured like our own, and never decide.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.findings import slug
from lightwell.core.imports import import_named
from lightwell.core.seeds import global_seed
from lightwell.data.batches import Batches
from lightwell.models.capabilities import Classifies
from lightwell.models.model import Model

_BATCH = 256
_AGAIN = "Mend it and run the same command with --resume: nothing is trained again."
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Detector(Protocol):
    """What is asked of a detector."""

    def fit(self, loader: Iterable[tuple[Tensor, ...]]) -> object:
        """Learn from batches (images B×C×H×W in [0, 1], labels) of known training images; may do nothing."""

    def predict(self, images: Tensor) -> Tensor:
        """Return B unknown scores of B images, larger is more unknown."""


Factory = Callable[[nn.Module], Detector]


class Logits(nn.Module):
    """A classifier as a plain network from images B×C×H×W in [0, 1] to logits B×K."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        if not isinstance(model, Classifies):
            raise ConfigError("detectors ask for logits, and this model has none", where=type(model).__name__)
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.model.logits(self.model(images))


def imported(names: str, taken: Iterable[str] = ()) -> dict[str, Factory]:
    """Import the detectors a user names.

    Parameters
    ----------
    names : str
        ``"module:name"``, several with commas; ``""`` for none.
    taken : iterable of str
        Names of other scores.

    Returns
    -------
    dict of str to callable
        What makes each detector, by the name of its score: ``my_mod:MaxLogit`` is ``max_logit``, a second one
        ``max_logit_2``.

    Raises
    ------
    ConfigError
        If one cannot be imported or called.

    Examples
    --------
    >>> list(imported("math:sqrt,cmath:sqrt"))
    ['sqrt', 'sqrt_2']
    """
    used, found = set(taken), {}
    for word in filter(None, map(str.strip, names.split(","))):
        factory = import_named(word, "detector")
        stem = slug(_HUMP.sub("_", word.partition(":")[2]))
        name, count = stem, 1
        while name in used:
            count += 1
            name = f"{stem}_{count}"
        used.add(name)
        found[name] = factory
    return found


def scores(
    factories: Mapping[str, Factory],
    model: Model,
    train: Dataset,
    parts: Mapping[str, Sequence[Dataset]],
    seed: int = 0,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Fit every detector on a model and known training images, and score images with it.

    Each gets a copy of the model, so that whatever it does to modes, hooks, weights or gradients is gone with
    it; gradients are on, since some detectors need them.

    Parameters
    ----------
    factories : mapping of str to callable
        As :func:`imported` returns them.
    model : Model
        A trained classifier; left as it is.
    train : Dataset
        Known training images.
    parts : mapping of str to sequence of Dataset
        Images to score; those of one part one after the other.
    seed : int
        Fixes the global random numbers a detector draws; they are restored after.

    Returns
    -------
    dict of str to dict of str to array, shape (n,)
        By part, then by name.

    Raises
    ------
    ConfigError
        If an object has no ``fit`` or ``predict``, or the model no logits.
    DataError
        If a detector breaks off, or gives anything but one finite score an image.
    """
    device = model.input_mean.device
    found: dict[str, dict[str, NDArray[np.float64]]] = {part: {} for part in parts}
    for name, factory in factories.items():
        network = Logits(copy.deepcopy(model)).eval()
        with global_seed(seed, "detector", name), torch.enable_grad():
            detector = _fitted(name, factory, network, Batches(train, _BATCH, device=device))
            for part, datasets in parts.items():
                batches = (batch for data in datasets for batch in Batches(data, _BATCH, device=device))
                answers = [_predicted(name, detector, images) for images, _ in batches]
                found[part][name] = np.concatenate(answers)
    return found


def _fitted(name: str, factory: Factory, network: nn.Module, loader: Batches) -> Detector:
    with _calling(name):
        detector = factory(network)
    missing = [method for method in ("fit", "predict") if not callable(getattr(detector, method, None))]
    if missing:
        raise ConfigError(
            f"this is no detector: it has no {' and no '.join(missing)}",
            where=name,
            expected="an object with fit(loader) and predict(images)",
            got=repr(detector),
            fix=_AGAIN,
        )
    with _calling(name):
        detector.fit(loader)
    return detector


def _predicted(name: str, detector: Detector, images: Tensor) -> NDArray[np.float64]:
    n = len(images)  # asked before the detector can change them
    with _calling(name):
        values: NDArray[np.float64] = (
            torch.as_tensor(detector.predict(images)).detach().cpu().double().numpy()
        )
    wrong = f"shape {values.shape}" if values.shape != (n,) else ""
    if not wrong and not np.isfinite(values).all():
        wrong = f"{values[~np.isfinite(values)][0]}"
    if wrong:
        raise DataError(
            "a detector does not give a score an image",
            where=name,
            expected=f"{n} finite numbers, shape ({n},), for {n} images",
            got=wrong,
            fix=_AGAIN,
        )
    return values


@contextmanager
def _calling(name: str) -> Iterator[None]:
    """Tell whose fault an error in the code of others is."""
    try:
        yield
    except Exception as error:
        told = f"a detector broke off ({type(error).__name__}: {error})"
        raise DataError(told, where=name, fix=_AGAIN) from error
