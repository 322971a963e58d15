"""What a model is built on: a body to train or a frozen encoder, and what encodes its maps into latents."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from lightwell.core import seeds
from lightwell.core.errors import ConfigError
from lightwell.models.capabilities import MapsFeatures
from lightwell.models.model import Signature, evaluating
from lightwell.nets import Body, build
from lightwell.nets.encoders import draw_weights
from lightwell.nets.frozen import freeze, frozen_body


def body_of(signature: Signature) -> Body:
    """Return the body to train, or the frozen encoder in its place."""
    if not signature.encoder:
        height, width, channels = signature.image_shape
        return build(signature.network, channels, (height, width))
    if ":" in signature.encoder and not Path(signature.encoder).is_dir():
        return frozen_body(signature.encoder, signature.image_shape)
    from lightwell.models import saved  # it builds models itself

    model = saved.load(Path(signature.encoder))
    if not isinstance(model, MapsFeatures):
        raise ConfigError(
            "this saved model has no feature maps", where=signature.encoder, got=model.info.name
        )
    return freeze(_Features(model), signature.encoder, signature.image_shape)


class _Features(nn.Module):
    """The feature maps of a saved model, its own standardisation included."""

    def __init__(self, model: MapsFeatures) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model.feature_map(images)


class LatentEncoder(nn.Module):
    """From standardised images to numbers that a model reads as latents.

    Parameters
    ----------
    signature : Signature
        Its network or frozen encoder is the body.
    width : int
        Numbers an image.

    Raises
    ------
    ConfigError
        If the body does not fit images of this size.

    Examples
    --------
    >>> LatentEncoder(Signature(("a", "b"), (32, 32, 1), "light32"), 14)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 14])
    """

    def __init__(self, signature: Signature, width: int) -> None:
        super().__init__()
        height, rows, channels = signature.image_shape
        self.body = body_of(signature)
        try:
            with seeds.preserved(), evaluating(self.body):
                features = self.body(torch.zeros(2, channels, height, rows)).flatten(1).shape[1]
        except RuntimeError as error:
            raise ConfigError(
                "the body does not fit the images",
                where=signature.encoder or signature.network,
                expected="a feature map of one place or more",
                got=f"images of {height}×{rows}: {error}",
            ) from error
        self.to_latents = nn.Linear(features, width)
        draw_weights(self.to_latents)

    def latents_of(self, maps: Tensor) -> Tensor:
        """Return B×width of the body's maps B×C'×h×w."""
        latents: Tensor = self.to_latents(maps.flatten(1))
        return latents

    def forward(self, images: Tensor) -> Tensor:
        """Return B×width of B×C×H×W."""
        return self.latents_of(self.body(images))
