"""Concept bottleneck: an encoder predicts named concepts, and a linear layer reads the label off them."""

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
from lightwell.models.body import LatentEncoder
from lightwell.models.concepts.concept_head import check_concepts, concept_axes, concept_error, contrast
from lightwell.models.model import Model, check_labels
from lightwell.models.ranges import check_ranges
from lightwell.nets.encoders import draw_weights


@dataclass(frozen=True)
class CbnmSettings:
    """Settings of a concept bottleneck.

    Attributes
    ----------
    training_mode : {"joint", "sequential", "independent"}
        ``joint``: concepts and label at once. Else the concepts first, then the label, from predicted
        (``sequential``) or annotated (``independent``) concepts, while the encoder stands still.
    concept_share : float
        Share of the training that is the concepts', in (0, 1), where they come first.
    label_weight : float
        Weight of the label's cross-entropy, λ (in the seed: ``label_weight``).
    concept_weight : float
        Weight of the concepts' error, γ (in the seed: ``latent_weight``).
    concept_loss : {"bce", "mse"}
        Cross-entropy of ``sigmoid(z)``, or squared error of ``tanh(z/2)`` (in the seed: ``latent_loss``).
    """

    training_mode: Literal["joint", "sequential", "independent"] = "joint"
    concept_share: float = 0.8
    label_weight: float = 100.0
    concept_weight: float = 100.0
    concept_loss: Literal["bce", "mse"] = "bce"

    def __post_init__(self) -> None:
        check_ranges("cbnm", self, above="concept_share", least="label_weight concept_weight")
        if not self.concept_share < 1:
            raise ConfigError(
                "nothing is left for the label",
                where="cbnm.concept_share",
                expected="below 1",
                got=self.concept_share,
            )


class Cbnm(Model):
    """Concept bottleneck model; its codes are concept logits, one a concept column.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> from lightwell.core.concepts import Concept
    >>> model = Cbnm(Signature(("a", "b"), (32, 32, 1), "light32", concepts=(Concept("round", "binary"),)))
    >>> codes = model(torch.rand(2, 1, 32, 32))
    >>> model.concepts(codes).shape, model.logits(codes).shape
    (torch.Size([2, 1]), torch.Size([2, 2]))
    """

    info = MethodInfo(
        name="cbnm",
        title="Concept bottleneck: joint, sequential or independent",
        paper="Concept Bottleneck Models",
        venue="ICML",
        year=2020,
        link="https://arxiv.org/abs/2007.04612",
        reference_code="yewsiang/ConceptBottleneck",
        reference_licence="MIT",
        consumes=("images", "labels", "concepts"),
        capabilities=("encode", "logits", "concepts", "axes"),
        not_for=(
            "concepts that must not tell more than their name: what they leak is measured, not prevented",
            "images without annotated concepts",
        ),
    )
    Settings = CbnmSettings
    criterion = "supervised"
    fields = ("labels", "concepts")
    settings: CbnmSettings

    def _build(self) -> None:
        signature = self.signature
        if self.n_classes < 2 or not signature.concepts:
            raise ConfigError(
                "a concept bottleneck needs two classes or more, and concepts",
                where="signature",
                got=f"{self.n_classes} classes, {len(signature.concepts)} concepts",
                fix="Train it on a data set that declares concepts.",
            )
        width = signature.n_concept_columns
        self.encoder = LatentEncoder(signature, width)
        self.classifier = nn.Linear(width, self.n_classes, bias=False).apply(draw_weights)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One axis a concept."""
        return concept_axes(self.signature, self.signature.n_concept_columns)

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return the training images; refuse other classes or concepts, and images without a label."""
        del seed
        return check_concepts(check_labels(train, self.signature), self.signature)

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D, the logits of the concepts, of images B×C×H×W in [0, 1]."""
        return cast("Tensor", self.encoder(self.standardised(images)))

    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×K of codes B×D."""
        return cast("Tensor", self.classifier(contrast(codes)))

    def concepts(self, codes: Tensor) -> Tensor:
        """Return activations in [0, 1], one a concept column, of codes B×D."""
        return codes.sigmoid()

    def losses(self, images: Tensor, labels: Tensor, concepts: Tensor) -> dict[str, Tensor]:
        """Return the terms of concepts and label; in training, one that is not at work at the moment is 0."""
        s = self.settings
        none = self.input_mean.new_zeros(())
        both = s.training_mode == "joint" or not self.training
        if not both and self.progress >= s.concept_share:
            return {"concepts": none, "label": s.label_weight * self._label_error(images, labels, concepts)}
        codes = self(images)
        error = functional.cross_entropy(self.logits(codes), labels) if both else none
        return {
            "concepts": s.concept_weight * concept_error(codes, concepts, s.concept_loss),
            "label": s.label_weight * error,
        }

    def _label_error(self, images: Tensor, labels: Tensor, concepts: Tensor) -> Tensor:
        """Return the label's cross-entropy where the encoder stands still, over what can be read."""
        if self.settings.training_mode == "independent":
            rows = ~concepts.isnan().any(dim=1)
            read = 2 * concepts[rows] - 1
        else:
            self.encoder.eval()  # running statistics stand still too
            with torch.no_grad():
                read = contrast(self(images))
            self.encoder.train()
            rows = torch.ones_like(labels, dtype=torch.bool)
        total = functional.cross_entropy(self.classifier(read), labels[rows], reduction="sum")
        return total / rows.sum().clamp(min=1)

    def measures(self, images: Tensor, labels: Tensor, concepts: Tensor) -> dict[str, Tensor]:
        """Return accuracy, and the mean of label and concept error that tells when to stop."""
        codes = self(images)
        logits = self.logits(codes)
        label = functional.cross_entropy(logits, labels)
        supervised = (label + concept_error(codes, concepts, self.settings.concept_loss)) / 2
        return {"accuracy": (logits.argmax(dim=1) == labels).float().mean(), "supervised": supervised}
