"""The contract of a classifier: a body, a head that pools its maps into codes, logits of the codes."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.models.model import Model, Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.nets import Body, Head, build
from lightwell.nets.frozen import freeze, frozen_body


class Classifier(Model):
    """A model of the known classes whose codes are pooled feature maps.

    Subclasses build ``self.head`` in their constructor, and give ``losses``, ``logits``, ``axes`` and
    ``scores``.

    Raises
    ------
    ConfigError
        If there are fewer than two classes.
    """

    head: Head

    def __init__(
        self, signature: Signature, settings: Any = None, optimizer: OptimizerSettings | None = None
    ) -> None:
        if signature.n_classes < 2:
            raise ConfigError(
                "a classifier needs two known classes or more", where="class_names", got=signature.class_names
            )
        super().__init__(signature, settings, optimizer)
        self.body = body_of(signature)

    @property
    def body_channels(self) -> int:
        """Channels of the body's feature map."""
        return self.body.out_channels

    @abstractmethod
    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×K of codes B×D, larger is more likely."""

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return what this model is trained on, made from the known training images.

        Raises
        ------
        DataError
            If their classes are not those of the model, or an image has no label.
        """
        del seed
        return check_labels(train, self.signature)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the body's feature map B×C'×h×w of images B×C×H×W in [0, 1]."""
        return cast("Tensor", self.body(self.standardised(images)))

    def axis_maps(self, images: Tensor) -> Tensor:
        """Return the maps B×D×h×w before pooling; their mean over h and w is the code."""
        return self.head.maps(self.feature_map(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D of images B×C×H×W in [0, 1]."""
        return self.head.codes(self.feature_map(images))

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the accuracy."""
        right = self.logits(self(images)).argmax(dim=1) == labels
        return {"accuracy": right.float().mean()}


class _Features(nn.Module):
    """The feature maps of a saved model, its own standardisation included."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model.feature_map(images)


def check_labels(train: Dataset, signature: Signature) -> Dataset:
    """Return the training images; refuse other classes than the signature's, and images without a label."""
    if train.class_names != signature.class_names:
        raise DataError(
            "the training classes are not those of the model",
            where=train.name,
            expected=signature.class_names,
            got=train.class_names,
        )
    missing = int((train.labels < 0).sum())
    if missing:
        raise DataError(
            "training images without a label",
            where=train.name,
            expected="a known class each",
            got=f"{missing} of {len(train)} without",
            fix="Leave them out: data.take(data.labels >= 0).",
        )
    return train


def body_of(signature: Signature) -> Body:
    """Return the body to train, or the frozen encoder in its place."""
    if not signature.encoder:
        height, width, channels = signature.image_shape
        return build(signature.network, channels, (height, width))
    if ":" in signature.encoder and not Path(signature.encoder).is_dir():
        return frozen_body(signature.encoder, signature.image_shape)
    from lightwell.models import saved  # it builds models itself

    model = saved.load(Path(signature.encoder))
    if not isinstance(model, Classifier):
        raise ConfigError(
            "this saved model has no feature maps", where=signature.encoder, got=model.info.name
        )
    return freeze(_Features(model), signature.encoder, signature.image_shape)
