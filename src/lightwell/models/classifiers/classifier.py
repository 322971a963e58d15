"""The contract of a classifier: a body, a head that pools its maps into codes, logits of the codes."""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.models.body import body_of
from lightwell.models.model import Model, check_labels
from lightwell.nets import Head


class Classifier(Model):
    """A model of the known classes whose codes are pooled feature maps.

    Subclasses make ``self.head`` in ``_build``, after the body, and give ``losses``, ``logits``, ``axes`` and
    ``scores``.

    Raises
    ------
    ConfigError
        If there are fewer than two classes.
    """

    head: Head

    def _build(self) -> None:
        if self.n_classes < 2:
            raise ConfigError(
                "a classifier needs two known classes or more",
                where="class_names",
                got=self.signature.class_names,
            )
        self.body = body_of(self.signature)

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
