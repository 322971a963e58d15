"""A body, all of its feature map at once, and a linear layer: what encodes into latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightwell.core import seeds
from lightwell.core.errors import ConfigError
from lightwell.models.classifier import body_of
from lightwell.models.model import Signature, evaluating
from lightwell.nets.encoders import draw_weights


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

    def forward(self, images: Tensor) -> Tensor:
        """Return B×width of B×C×H×W."""
        latents: Tensor = self.to_latents(self.body(images).flatten(1))
        return latents
