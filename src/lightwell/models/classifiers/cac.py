"""Class anchor clustering: logits are drawn to a fixed anchor of their class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.method import MethodInfo
from lightwell.models.classifiers.linear import LinearClassifier
from lightwell.models.ranges import check_ranges
from lightwell.models.scorers import and_generic


@dataclass(frozen=True)
class CacSettings:
    """Settings of class anchor clustering.

    Attributes
    ----------
    anchor : float
        Value of an anchor on the logit of its class, above 0 (in the authors' code: ``alpha``).
    anchor_weight : float
        Weight of the distance to the own anchor beside the tuplet term (in the authors' code: ``lbda``).
    head : {"bottleneck", "linear"}
        ``bottleneck``: a convolution to ``features`` maps, pooled, then a linear layer with bias;
        ``linear``: the pooled body, then that layer. The authors flatten the body's map instead of pooling.
    features : int
        Width of the bottleneck.
    """

    anchor: float = 10.0
    anchor_weight: float = 0.1
    head: Literal["bottleneck", "linear"] = "bottleneck"
    features: int = 30

    def __post_init__(self) -> None:
        check_ranges("cac", self, above="anchor", least="anchor_weight", counts="features")


class Cac(LinearClassifier):
    """Classifier whose logits lie near ``anchor`` times the unit vector of their class.

    Its codes are the pooled features before the last layer. The most likely class is that of the nearest
    anchor, which is the one with the largest logit. The authors predict by the nearest mean of training
    logits instead, of which only the unknown scores here make use.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Cac(Signature(("cat", "dog"), (28, 28, 1)))
    >>> codes = model(torch.rand(3, 1, 28, 28))
    >>> codes.shape, model.distances(codes).shape
    (torch.Size([3, 30]), torch.Size([3, 2]))
    """

    info = MethodInfo(
        name="cac",
        title="Class anchor clustering",
        paper="Class Anchor Clustering: A Loss for Distance-based Open Set Recognition",
        venue="WACV",
        year=2021,
        link="https://arxiv.org/abs/2004.02434",
        reference_code="dimitymiller/cac-openset",
        reference_licence="own copyright text",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes"),
        not_for=(
            "inputs far beyond an anchor, if scored as published: see the score cac_corrected",
            "calibrated probabilities: the logits settle at the anchors",
        ),
    )
    Settings = CacSettings
    scores = and_generic("cac", "cac_corrected", "mls")
    settings: CacSettings
    has_bias = True
    anchor_rows: Tensor

    def _build(self) -> None:
        super()._build()
        anchors = self.settings.anchor * torch.eye(self.n_classes)
        self.register_buffer("anchor_rows", anchors, persistent=False)

    def distances(self, codes: Tensor) -> Tensor:
        """Return Euclidean distances of the logits to the anchors, B×K."""
        return anchor_distances(self.logits(codes), self.anchor_rows)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the tuplet term and the weighted anchor term."""
        tuplet, anchor = cac_terms(self.distances(self(images)), labels)
        return {"tuplet": tuplet, "anchor": self.settings.anchor_weight * anchor}


def anchor_distances(logits: Tensor, anchors: Tensor) -> Tensor:
    """Return Euclidean distances B×K of logits B×K to the rows of anchors K×K; their slope at 0 is 0.

    Examples
    --------
    >>> anchor_distances(torch.tensor([[3.0, 4.0]]), torch.zeros(2, 2)).tolist()
    [[5.0, 5.0]]
    """
    distances: Tensor = torch.linalg.vector_norm(logits[:, None, :] - anchors[None], dim=2)
    return distances


def cac_terms(distances: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tuplet and the anchor term, each the mean over the batch.

    Parameters
    ----------
    distances : Tensor, shape (B, K)
        Distance d to the anchor of each class.
    labels : Tensor of int, shape (B,)
        True classes y.

    Returns
    -------
    tuple of Tensor
        ``log(1 + sum over j != y of exp(d_y - d_j))``, which is the cross-entropy of -d, and d_y.

    Examples
    --------
    >>> tuplet, anchor = cac_terms(torch.tensor([[1.0, 1.0]]), torch.tensor([0]))
    >>> round(tuplet.item(), 4), anchor.item()  # log 2
    (0.6931, 1.0)
    """
    own = distances.gather(1, labels[:, None])
    return functional.cross_entropy(-distances, labels), own.mean()
