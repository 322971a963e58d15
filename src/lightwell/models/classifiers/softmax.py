"""The baseline: a softmax classifier on the same body, scored by its probabilities or logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.models.classifiers.linear import LinearClassifier
from lightwell.models.ranges import check_ranges
from lightwell.models.scorers import and_generic


@dataclass(frozen=True)
class SoftmaxSettings:
    """Settings of the softmax classifier.

    Attributes
    ----------
    head : {"bottleneck", "linear"}
        ``bottleneck``: a convolution to ``features`` maps, pooled, then a linear layer (in the seed:
        ``fc_end`` with ``nb_features`` above 1); ``linear``: the pooled body, then a linear layer
        without bias (in the seed: ``fc_end`` with ``nb_features`` up to 1).
    features : int
        Width of the bottleneck.
    label_smoothing : float
        Mass taken from the true class, in [0, 1), and spread evenly.
    smoothing_over : {"all", "others"}
        ``all``: over all K classes, the true one included (PyTorch's convention); ``others``: over the
        K - 1 others, so that the true class keeps exactly the rest (the convention of the published
        open-set recipes).
    """

    head: Literal["bottleneck", "linear"] = "bottleneck"
    features: int = 30
    label_smoothing: float = 0.0
    smoothing_over: Literal["all", "others"] = "all"

    def __post_init__(self) -> None:
        check_ranges("softmax", self, counts="features")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(
                "setting is out of range",
                where="softmax.label_smoothing",
                expected="in [0, 1)",
                got=self.label_smoothing,
            )


class Softmax(LinearClassifier):
    """Cross-entropy classifier; its codes are the pooled features before the last layer.

    Examples
    --------
    >>> import torch
    >>> from lightwell.models.model import Signature
    >>> model = Softmax(Signature(("cat", "dog"), (28, 28, 1)))
    >>> codes = model(torch.rand(3, 1, 28, 28))
    >>> codes.shape, model.logits(codes).shape
    (torch.Size([3, 30]), torch.Size([3, 2]))
    """

    info = MethodInfo(
        name="softmax",
        title="Softmax classifier, the baseline",
        paper="Open-Set Recognition: a Good Closed-Set Classifier is All You Need?",
        venue="ICLR",
        year=2022,
        link="https://openreview.net/forum?id=5hLP5JY9S2d",
        reference_code="sgvaze/osr_closed_set_all_you_need",
        reference_licence="MIT",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes"),
        not_for=("reading what a single dimension means: its axes are opaque",),
    )
    Settings = SoftmaxSettings
    scores = and_generic("msp")
    settings: SoftmaxSettings

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        logits = self.logits(self(images))
        if not self.training or not self.settings.label_smoothing:
            return {"cross_entropy": functional.cross_entropy(logits, labels)}
        targets = smooth_targets(
            labels, self.n_classes, self.settings.label_smoothing, self.settings.smoothing_over
        )
        return {"cross_entropy": functional.cross_entropy(logits, targets.to(logits.dtype))}


def smooth_targets(labels: Tensor, n_classes: int, mass: float, over: str) -> Tensor:
    """Return the probabilities a classifier is trained towards.

    Parameters
    ----------
    labels : Tensor of int, shape (B,)
        True classes.
    n_classes : int
        K.
    mass : float
        What is taken from the true class, in [0, 1).
    over : {"all", "others"}
        Which classes it is spread over.

    Returns
    -------
    Tensor
        B×K, each row sums to 1.

    Examples
    --------
    >>> import torch
    >>> smooth_targets(torch.tensor([1]), 3, 0.5, "others").tolist()
    [[0.25, 0.5, 0.25]]
    """
    hard = functional.one_hot(labels, n_classes).float()
    rest = mass / n_classes if over == "all" else (1 - hard) * mass / (n_classes - 1)
    return hard * (1 - mass) + rest
