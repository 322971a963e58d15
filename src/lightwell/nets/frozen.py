"""A trained encoder of the user's own in the place of a body: it is asked, and never changed."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from lightwell.core import seeds
from lightwell.core.errors import ConfigError
from lightwell.core.imports import import_named
from lightwell.nets.convnets import Body


class FrozenEncoder(nn.Module):
    """Gives an encoder's features as maps, always in evaluation mode and without gradients.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps images B×C×H×W in [0, 1] to features B×D, or to feature maps B×C'×h×w. What standardisation it
        wants it does itself.

    Examples
    --------
    >>> frozen = FrozenEncoder(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)))
    >>> frozen(torch.rand(2, 1, 8, 8)).shape, frozen.train().encoder.training
    (torch.Size([2, 5, 1, 1]), False)
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Change the mode of nothing: the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return feature maps B×C'×h×w; features without places become maps of one place."""
        with torch.no_grad():
            features = self.encoder(images)
        if not isinstance(features, Tensor) or features.ndim not in (2, 4) or len(features) != len(images):
            got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ConfigError(
                "the encoder gives no features",
                where="encoder",
                expected="a tensor B×D or B×C'×h×w for B images",
                got=got,
                fix="Wrap it in a module that returns the tensor you mean.",
            )
        return features if features.ndim == 4 else features[:, :, None, None]


def frozen_body(name: str, image_shape: tuple[int, int, int]) -> Body:
    """Return the frozen encoder that a user names.

    Parameters
    ----------
    name : str
        ``"module:function"``; the function takes nothing and returns a trained ``torch.nn.Module``.
    image_shape : tuple of int
        Height, width and channels; two black images are sent through to count the features.

    Returns
    -------
    Body
        A body whose ``out_channels`` is the number of features.

    Raises
    ------
    ConfigError
        If there is no such function, or what it returns does not encode these images.
    """
    encoder: Any = import_named(name, "encoder")()
    if not isinstance(encoder, nn.Module):
        raise ConfigError(
            "the function does not return a network",
            where=name,
            expected="a torch.nn.Module",
            got=repr(encoder),
        )
    return freeze(encoder, name, image_shape)


def freeze(encoder: nn.Module, name: str, image_shape: tuple[int, int, int]) -> Body:
    """Return a trained encoder as a frozen body; ``name`` is what errors call it."""
    frozen = FrozenEncoder(encoder)
    height, width, channels = image_shape
    try:
        with seeds.preserved():
            maps = frozen(torch.zeros(2, channels, height, width))
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the encoder fails on two black images of {channels}×{height}×{width} "
            f"({type(error).__name__}: {error})",
            where=name,
            fix="Change the images with image_size, or wrap the encoder.",
        ) from error
    return Body(frozen, out_channels=maps.shape[1])
