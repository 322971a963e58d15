"""Autoencoders: rebuild the input from a code, as it is, from noise, or from a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.method import MethodInfo
from lightwell.models.body import LatentEncoder
from lightwell.models.model import Model, Signature
from lightwell.models.ranges import check_ranges
from lightwell.nets.decoders import build_decoder
from lightwell.nets.pairs import PAIRED, RecurrentEncoder


@dataclass(frozen=True)
class AutoencoderSettings:
    """Settings of an autoencoder.

    Attributes
    ----------
    pretext : {"reconstruction", "denoising", "inpainting"}
        What is done to the inputs in training, and only there: nothing; normal noise on each value; each
        value set to 0 with a probability.
    latents : int
        Dimensions of the code.
    loss : {"mse", "l1"}
        Mean squared or mean absolute error over the values of an input (in the seed: L1 for heartbeats).
    decoder : str
        A decoder by name, as :func:`lightwell.nets.decoders.build_decoder` knows it; empty for the partner
        of the network, or ``light`` where it has none.
    noise : float
        Standard deviation of the noise of ``denoising`` (in the seed: ``noise_level``).
    keep : float
        Probability that a value stays in ``inpainting`` (in the seed: 1 - ``mask_proportion``).
    """

    pretext: Literal["reconstruction", "denoising", "inpainting"] = "reconstruction"
    latents: int = 4
    loss: Literal["mse", "l1"] = "mse"
    decoder: str = ""
    noise: float = 0.3
    keep: float = 0.8

    def __post_init__(self) -> None:
        check_ranges("autoencoder", self, least="noise", shares="keep", counts="latents")


class Autoencoder(Model):
    """An encoder and a decoder, trained to rebuild images or series.

    Images are rebuilt through a sigmoid; series, which are images one pixel wide, as they are. The network
    of the signature is a body by name, with a linear layer to the latents behind it, or ``lstm``.

    Examples
    --------
    >>> beats = torch.randn(3, 1, 140, 1)
    >>> model = Autoencoder(Signature((), (140, 1, 1), "lstm"), AutoencoderSettings(latents=16, loss="l1"))
    >>> model(beats).shape, model.decode(model(beats)).shape, model.example_losses(beats).shape
    (torch.Size([3, 16]), torch.Size([3, 1, 140, 1]), torch.Size([3]))
    """

    info = MethodInfo(
        name="autoencoder",
        title="Autoencoder: reconstruction, denoising or inpainting",
        paper="Label-Free Explainability for Unsupervised Models",
        venue="ICML",
        year=2022,
        link="https://arxiv.org/abs/2203.01928",
        reference_code="JonathanCrabbe/Label-Free-XAI",
        reference_licence="MIT",
        consumes=("images",),
        capabilities=("encode", "decode", "axes"),
        not_for=(
            "axes with a meaning: any invertible map of the codes rebuilds as well",
            "drawing new examples: nothing says which codes are likely",
        ),
    )
    Settings = AutoencoderSettings
    criterion = "reconstruction"
    fields: tuple[str, ...] = ()
    settings: AutoencoderSettings

    def _build(self) -> None:
        s, signature = self.settings, self.signature
        self.encoder = _encoder(signature, s.latents)
        paired = signature.network in PAIRED and not signature.encoder
        name = s.decoder or (signature.network if paired else "light")
        self.decoder = build_decoder(name, s.latents, signature.image_shape)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One axis a latent."""
        return tuple(Axis(f"latent {i}", "latent", (i,)) for i in range(self.settings.latents))

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D of images B×C×H×W in [0, 1] or series B×C×T×1, in any mode uncorrupted."""
        return cast("Tensor", self.encoder(self.standardised(images)))

    def decode(self, codes: Tensor) -> Tensor:
        """Return images B×C×H×W in [0, 1], or series B×C×T×1, of codes B×D."""
        values = cast("Tensor", self.decoder(codes))
        return values if self.signature.image_shape[1] == 1 else values.sigmoid()

    def corrupted(self, images: Tensor) -> Tensor:
        """Return what the encoder sees in training; torch's global generator gives the chance."""
        s = self.settings
        if s.pretext == "denoising":
            return images + s.noise * torch.randn_like(images)
        return images * (torch.rand_like(images) < s.keep) if s.pretext == "inpainting" else images

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Return the error of rebuilding the images, in training of corrupted ones."""
        seen = self.corrupted(images) if self.training else images
        return {"reconstruction": self._errors(seen, images).mean()}

    def example_losses(self, inputs: Tensor) -> Tensor:
        """Return the loss of each input by itself, shape (B,), without corruption in any mode.

        It is what label-free TracIn and influence functions take the gradient of.
        """
        return self._errors(inputs, inputs)

    def _errors(self, seen: Tensor, wanted: Tensor) -> Tensor:
        rebuilt = self.decode(self(seen))
        error = functional.mse_loss if self.settings.loss == "mse" else functional.l1_loss
        return error(rebuilt, wanted.to(rebuilt.dtype), reduction="none").flatten(1).mean(dim=1)


def _encoder(signature: Signature, latents: int) -> nn.Module:
    if signature.network == "lstm" and not signature.encoder:
        return RecurrentEncoder(signature.image_shape[2], latents)
    encoder = LatentEncoder(signature, latents)
    encoder.to_latents.reset_parameters()  # torch's own draw, as the seed has it
    return encoder
