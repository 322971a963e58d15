"""The classifier under test of GASTeN: two convolutions or one linear layer, and no activation at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.models.model import Model, check_labels
from lightwell.models.ranges import check_ranges


@dataclass(frozen=True)
class SubjectSettings:
    """Settings of the classifier under test.

    Attributes
    ----------
    architecture : {"cnn", "mlp"}
        Two 3×3 convolutions with max-pooling after each, or one linear layer.
    filters : int
        Capacity (in the seed: ``nf``): maps of the first convolution, half as many as of the second; or the
        width of the linear layer.
    """

    architecture: Literal["cnn", "mlp"] = "cnn"
    filters: int = 4

    def __post_init__(self) -> None:
        check_ranges("subject", self, counts="filters")
        if self.architecture not in ("cnn", "mlp"):
            raise ConfigError(
                "no such architecture",
                where="subject.architecture",
                expected="cnn or mlp",
                got=self.architecture,
            )


class Subject(Model):
    """A weak classifier, whose boundary is worth a look; its codes are what the last layer reads.

    The signature's network is not used. The seed feeds pixels in [-1, 1]: a signature with ``mean=(0.5,)``
    and ``std=(0.5,)`` does so. Two classes have one logit z; their scores are -z/2 and z/2, whose softmax is
    sigmoid(z).

    Raises
    ------
    ConfigError
        If there are fewer than two classes, the images are smaller than 4×4, or an encoder is to be used.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Subject(Signature(("one", "seven"), (28, 28, 1), mean=(0.5,), std=(0.5,)))
    >>> codes = model(torch.rand(3, 1, 28, 28))
    >>> codes.shape, model.logits(codes).shape  # 98 codes a filter
    (torch.Size([3, 392]), torch.Size([3, 2]))
    """

    info = MethodInfo(
        name="subject",
        title="Classifier under test: a small network without activations",
        paper="Finding Patterns in Ambiguity: Interpretable Stress Testing in the Decision Boundary",
        venue="arXiv",
        year=2024,
        link="https://arxiv.org/abs/2408.06302",
        reference_code="inesgomes/db-patterns",
        reference_licence="CC BY-NC-ND 4.0",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes"),
        not_for=("classifying well: only max-pooling keeps it from being linear in the pixels",),
    )
    Settings = SubjectSettings
    criterion = "cross_entropy"
    settings: SubjectSettings

    def _build(self) -> None:
        s, signature, n = self.settings, self.signature, self.n_classes
        height, width, channels = signature.image_shape
        convolves = s.architecture == "cnn"
        if n < 2:
            raise ConfigError("a classifier needs two known classes or more", where="class_names",
                              got=signature.class_names)  # fmt: skip
        if signature.encoder:
            raise ConfigError("the classifier under test learns its own layers", where="subject",
                              expected="no encoder", got=signature.encoder)  # fmt: skip
        if convolves and min(height, width) < 4:
            raise ConfigError("images are too small to be pooled twice", where="subject",
                              expected="4×4 or more", got=f"{height}×{width}")  # fmt: skip
        self.embed = _convolutions(channels, s.filters) if convolves else nn.Sequential(
            nn.Flatten(), nn.Linear(height * width * channels, s.filters)
        )  # fmt: skip
        self.width = 2 * s.filters * (height // 4) * (width // 4) if convolves else s.filters
        self.last = nn.Linear(self.width, 1 if n == 2 else n)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing ties a dimension to a class."""
        return (Axis("features", "opaque", tuple(range(self.width)), "what the last layer reads"),)

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D of images B×C×H×W in [0, 1]: the last maps flattened, or the hidden layer."""
        return cast("Tensor", self.embed(self.standardised(images)))

    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×K of codes B×D; for two classes -z/2 and z/2 of the one logit z."""
        scores: Tensor = self.last(codes)
        return torch.cat([-scores, scores], dim=1) / 2 if self.n_classes == 2 else scores

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        return {"cross_entropy": functional.cross_entropy(self.logits(self(images)), labels)}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the accuracy."""
        return {"accuracy": (self.logits(self(images)).argmax(dim=1) == labels).float().mean()}

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return the training images; refuse other classes than the model's, and images without a label."""
        del seed
        return check_labels(train, self.signature)


def _convolutions(channels: int, filters: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(filters, 2 * filters, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
