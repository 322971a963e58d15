"""The baseline: a softmax classifier on the same body, scored by its probabilities or logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from torch import Tensor
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.models.model import Model, Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.nets import BottleneckLinear, PooledLinear


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
        Mass spread evenly over all K classes, in [0, 1) (PyTorch's convention).
    """

    head: Literal["bottleneck", "linear"] = "bottleneck"
    features: int = 30
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.features < 1:
            raise ConfigError(
                "setting is out of range", where="softmax.features", expected="1 or more", got=self.features
            )
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(
                "setting is out of range",
                where="softmax.label_smoothing",
                expected="in [0, 1)",
                got=self.label_smoothing,
            )


class Softmax(Model):
    """Cross-entropy classifier; its codes are the pooled features before the last layer.

    Examples
    --------
    >>> model = Softmax(Signature(("cat", "dog"), (28, 28, 1)))
    >>> import torch
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
    scores = ("msp", "mls")
    settings: SoftmaxSettings
    head: BottleneckLinear | PooledLinear

    def __init__(
        self,
        signature: Signature,
        settings: SoftmaxSettings | None = None,
        optimizer: OptimizerSettings | None = None,
    ) -> None:
        super().__init__(signature, settings, optimizer)
        if self.settings.head == "linear":
            self.head = PooledLinear(self.body_channels, self.n_classes)
        else:
            self.head = BottleneckLinear(self.body_channels, self.settings.features, self.n_classes)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing ties a dimension to a class."""
        width = self.head.linear.in_features
        return (Axis("features", "opaque", tuple(range(width)), "pooled features, without names"),)

    def logits(self, codes: Tensor) -> Tensor:
        """Return class logits B×K."""
        return cast("Tensor", self.head.linear(codes))

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        logits = self.logits(self(images))
        smoothing = self.settings.label_smoothing if self.training else 0.0
        return {"cross_entropy": functional.cross_entropy(logits, labels, label_smoothing=smoothing)}
