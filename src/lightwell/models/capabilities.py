"""What a model can do beyond encoding. Studies ask for these, never for a class."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Classifies(Protocol):
    """Class scores of codes: the capability ``logits``."""

    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×K of codes B×D, larger is more likely."""


@runtime_checkable
class ShowsPlaces(Protocol):
    """Where in the image each dimension comes from: the capability ``axis_maps``."""

    def axis_maps(self, images: Tensor) -> Tensor:
        """Return the maps B×D×h×w before pooling; their mean over h and w is the code."""


@runtime_checkable
class MapsFeatures(Protocol):
    """What a body shows before any head: the capability ``feature_map``."""

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the feature map B×C'×h×w of images B×C×H×W in [0, 1]."""


@runtime_checkable
class Decodes(Protocol):
    """Images of codes: the capability ``decode``."""

    def decode(self, codes: Tensor) -> Tensor:
        """Return images B×C×H×W in [0, 1] of codes B×D."""


@runtime_checkable
class NamesConcepts(Protocol):
    """Concept activations of codes: the capability ``concepts``."""

    def concepts(self, codes: Tensor) -> Tensor:
        """Return activations B×K in [0, 1], a column for each column of the concepts of the signature."""


@runtime_checkable
class ScoresUnknown(Protocol):
    """Unknown scores that need the image itself: the capability ``unknown_score``."""

    def unknown_scores(self, images: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """Return unknown scores of shape (B,) by name; larger is more unknown."""


@runtime_checkable
class Generates(Protocol):
    """Images out of noise: the capability ``generate``."""

    def sample(self, n: int, seed: int, max_rows: int = 256) -> Tensor:
        """Return images n×C×H×W in [0, 1], a function of the seed, made ``max_rows`` at a time."""
