"""Settings of the open-set gate of this study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightwell.models.decisions.gate import OpenSetGate


@dataclass(frozen=True)
class GateSettings:
    """Settings of the open-set gate.

    Attributes
    ----------
    quantile : float
        Share of the training examples that each of its tests keeps, in (0, 1].
    strict : float
        The same for the strict gate, which is reported beside it.
    centres : {"class_mean", "prototype"}
        Whether distances are to the means of the training codes or to learned prototypes; a model that has
        none keeps the means.
    error : {"bernoulli", "l2"}
        Reconstruction error: as in training (cross-entropy by default), or Euclidean distance of images.
    """

    quantile: float = 0.95
    strict: float = 0.5
    centres: Literal["class_mean", "prototype"] = "class_mean"
    error: Literal["bernoulli", "l2"] = "bernoulli"

    def __post_init__(self) -> None:
        OpenSetGate(self.quantile), OpenSetGate(self.strict)
