"""Classifiers whose logits a linear layer makes of pooled features, which have no names."""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor

from lightwell.core.axes import Axis
from lightwell.models.classifiers.classifier import Classifier
from lightwell.nets import BottleneckLinear, PooledLinear


class LinearClassifier(Classifier):
    """A classifier with one linear layer behind its codes, which are pooled features.

    Settings of subclasses have ``head``: ``bottleneck`` (a convolution to ``features`` maps, pooled) or
    ``linear`` (the pooled body).
    """

    has_bias: ClassVar[bool] = False
    """Whether the linear layer has a bias."""
    head: BottleneckLinear | PooledLinear

    def _build(self) -> None:
        super()._build()
        s = self.settings
        if s.head == "linear":
            self.head = PooledLinear(self.body_channels, self.n_classes, bias=self.has_bias)
        else:
            self.head = BottleneckLinear(self.body_channels, s.features, self.n_classes, bias=self.has_bias)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing ties a dimension to a class."""
        width = self.head.linear.in_features
        return (Axis("features", "opaque", tuple(range(width)), "pooled features, without names"),)

    def logits(self, codes: Tensor) -> Tensor:
        """Return class logits B×K."""
        return cast("Tensor", self.head.linear(codes))
