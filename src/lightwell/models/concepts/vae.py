"""VAE: an encoder to a Gaussian over latents, a decoder back, and terms that mix freely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.method import MethodInfo
from lightwell.core.seeds import torch_generator
from lightwell.models.body import LatentEncoder
from lightwell.models.concepts.vae_terms import (
    capacity,
    dip_penalty,
    gaussian_kl,
    mmd,
    parse_terms,
    reconstruction_error,
    shuffled,
    total_correlation,
)
from lightwell.models.model import Model
from lightwell.models.ranges import check_ranges
from lightwell.nets.decoders import build_decoder
from lightwell.nets.encoders import draw_weights

_PRIOR_SAMPLES = 1000  # of the InfoVAE term, as the seed has it


@dataclass(frozen=True)
class VaeSettings:
    """Settings of a variational autoencoder.

    Attributes
    ----------
    latents : int
        Dimensions of the code (in the seed: ``z_dim``).
    decoder : str
        A decoder by name, as :func:`lightwell.nets.decoders.build_decoder` knows it.
    beta : float
        Weight of the KL divergence; above 1 it is a β-VAE (in the seed: ``w_kld``).
    reconstruction : {"bernoulli", "gaussian"}
        Summed binary cross-entropy, or half the summed squared error.
    reconstruction_weight : float
        Its weight (in the seed: ``w_recon``).
    terms : str
        Further terms with their weights, such as ``"tcvae=4,infovae=1"`` (in the seed: ``loss_terms`` and a
        weight each). ``factor``: FactorVAE's discriminator. ``tcvae``: the weight less 1 times the total
        correlation. ``infovae``: MMD to the prior. ``dip1``, ``dip2``: DIP-VAE I and II. ``capacity``: in
        place of beta, the weight of the distance between the KL divergence and a growing capacity.
    capacity_max : float
        Last capacity, in nats (in the seed: ``max_c``).
    capacity_batches : int
        Batches until it is reached (in the seed: ``iterations_c``).
    dip_diagonal : float
        Weight of the diagonal in the DIP-VAE terms, in multiples of the rest.
    discriminator_width : int
        Width of the five hidden layers of FactorVAE's discriminator (in the seed: ``size_layer_disc``).
    discriminator_lr : float
        Its learning rate (in the seed: ``lr_D``).
    """

    latents: int = 10
    decoder: str = "light"
    beta: float = 1.0
    reconstruction: Literal["bernoulli", "gaussian"] = "bernoulli"
    reconstruction_weight: float = 1.0
    terms: str = ""
    capacity_max: float = 25.0
    capacity_batches: int = 10_000
    dip_diagonal: float = 10.0
    discriminator_width: int = 1000
    discriminator_lr: float = 1e-4

    def __post_init__(self) -> None:
        check_ranges(
            "vae",
            self,
            above="discriminator_lr",
            least="beta reconstruction_weight capacity_max dip_diagonal",
            counts="latents capacity_batches discriminator_width",
        )
        parse_terms(self.terms)


class Posterior(NamedTuple):
    """What an encoder says of a batch: mean and log-variance of each latent, and a sample; B×D each."""

    mean: Tensor
    log_variance: Tensor
    sample: Tensor


class Vae(Model):
    """Variational autoencoder; its codes are posterior means.

    With the settings of their names it is a β-VAE, a β-TCVAE, a FactorVAE, an InfoVAE, a DIP-VAE or Burgess'
    VAE of growing capacity, or several at once. The discriminator of FactorVAE tells samples from samples
    permuted over the same batch, by one logit, which is the difference of the reference's two.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Vae(Signature((), (32, 32, 1), "light32"), VaeSettings(latents=7, beta=4.0))
    >>> codes = model(torch.rand(3, 1, 32, 32))
    >>> codes.shape, model.decode(codes).shape
    (torch.Size([3, 7]), torch.Size([3, 1, 32, 32]))
    """

    info = MethodInfo(
        name="vae",
        title="VAE, β-VAE, FactorVAE, β-TCVAE, InfoVAE, DIP-VAE I and II: terms that mix",
        paper="Auto-Encoding Variational Bayes",
        venue="ICLR",
        year=2014,
        link="https://arxiv.org/abs/1312.6114",
        reference_code="google-research/disentanglement_lib",
        reference_licence="Apache-2.0",
        consumes=("images",),
        capabilities=("encode", "decode", "axes", "unknown_score"),
        not_for=(
            "axes with a meaning that is known before: no label says what a latent stands for",
            "sharp images: what few latents cannot hold is blurred",
        ),
    )
    Settings = VaeSettings
    fields: tuple[str, ...] = ()
    settings: VaeSettings

    def _build(self) -> None:
        s = self.settings
        self.encoder = LatentEncoder(self.signature, 2 * self.n_latents)
        self.decoder = build_decoder(s.decoder, self.n_latents, self.signature.image_shape)
        self.terms = parse_terms(s.terms)
        if "factor" in self.terms:
            self.discriminator = _discriminator(self.n_latents, s.discriminator_width)
            self.automatic_optimization = False

    @property
    def n_latents(self) -> int:
        """Dimensions of the code."""
        return self.settings.latents

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One axis a latent."""
        return tuple(Axis(f"latent {i}", "latent", (i,)) for i in range(self.n_latents))

    def posterior(self, images: Tensor) -> Posterior:
        """Return mean, log-variance and a sample of the latents of images B×C×H×W in [0, 1].

        In evaluation mode the sample takes its noise from a generator of its own, the same at every call.
        """
        mean, log_variance = self.encoder(self.standardised(images)).chunk(2, dim=1)
        sample = mean + (log_variance / 2).exp() * self._noise(len(mean))
        return Posterior(mean, log_variance, sample)

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D, the posterior means, of images B×C×H×W in [0, 1]."""
        mean, _ = self.encoder(self.standardised(images)).chunk(2, dim=1)
        return cast("Tensor", mean)

    def decode(self, codes: Tensor) -> Tensor:
        """Return images B×C×H×W in [0, 1] of codes B×D."""
        return cast("Tensor", self.decoder(codes)).sigmoid()

    def unknown_scores(self, images: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """Return how badly the code rebuilds the image: as in training, and as Euclidean distance."""
        logits, wanted = self.decoder(codes), images.to(codes.dtype)
        return {
            "reconstruction": reconstruction_error(logits, wanted, self.settings.reconstruction),
            "reconstruction_l2": (2 * reconstruction_error(logits, wanted, "gaussian")).sqrt(),
        }

    def losses(self, images: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        """Return reconstruction, KL divergence and the further terms."""
        return self.terms_of(self.posterior(images), images, *targets)

    def terms_of(self, q: Posterior, images: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        """Return the loss terms where the posterior is known."""
        return self.generative_terms(q, images, self.prior(*targets))

    def prior(self, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the prior, each 1×D or, where it depends on targets, B×D."""
        del targets
        zeros = self.input_mean.new_zeros(1, self.n_latents)
        return zeros, zeros

    def generative_terms(
        self, q: Posterior, images: Tensor, prior: tuple[Tensor, Tensor]
    ) -> dict[str, Tensor]:
        """Return reconstruction, KL divergence to a prior, and the further terms."""
        s, weights = self.settings, self.terms
        rows = self.decoded(len(images))
        error = images.new_zeros(())
        if rows:
            logits, wanted = self.decoder(q.sample[:rows]), images[:rows].to(q.sample.dtype)
            error = reconstruction_error(logits, wanted, s.reconstruction).mean()
        kl = gaussian_kl(q.mean, q.log_variance, *prior).sum(dim=1).mean()
        if "capacity" in weights:
            kl = weights["capacity"] * (kl - self._capacity()).abs()
        terms = {
            "reconstruction": s.reconstruction_weight * error,
            "kl": kl if "capacity" in weights else s.beta * kl,
        }
        further = {
            "factor": self._factor,
            "tcvae": self._tcvae,
            "infovae": self._infovae,
            "dip1": self._dip1,
            "dip2": self._dip2,
        }
        weights = weights | ({"tcvae": weights["tcvae"] - 1} if "tcvae" in weights else {})  # 1 is in the KL
        return terms | {n: w * further[n](q, prior) for n, w in weights.items() if n in further}

    def decoded(self, n: int) -> int:
        """Return how many of the n images of a batch are decoded."""
        return n

    def _tcvae(self, q: Posterior, _prior: tuple[Tensor, Tensor]) -> Tensor:
        return total_correlation(q.sample, q.mean, q.log_variance)

    def _infovae(self, q: Posterior, prior: tuple[Tensor, Tensor]) -> Tensor:
        # Of a prior that depends on the class, the samples follow the classes of the batch.
        rows = torch.arange(_PRIOR_SAMPLES, device=q.mean.device) % len(prior[0])
        mean, log_variance = (part[rows] for part in prior)
        return mmd(q.sample, mean + (log_variance / 2).exp() * self._noise(_PRIOR_SAMPLES))

    def _dip1(self, q: Posterior, _prior: tuple[Tensor, Tensor]) -> Tensor:
        return dip_penalty(q.mean, self.settings.dip_diagonal)

    def _dip2(self, q: Posterior, _prior: tuple[Tensor, Tensor]) -> Tensor:
        return dip_penalty(q.mean, self.settings.dip_diagonal, q.log_variance)

    def _factor(self, q: Posterior, _prior: tuple[Tensor, Tensor]) -> Tensor:
        return cast("Tensor", self.discriminator(q.sample)).mean()

    def _capacity(self) -> float:
        return capacity(self.batches_done, self.settings.capacity_max, self.settings.capacity_batches)

    def _noise(self, n: int) -> Tensor:
        """Return n×D normal numbers: of torch's global generator in training, else always the same."""
        like = self.input_mean
        chance = None if self.training else torch_generator(0, "posterior", device=like.device.type)
        return torch.randn(n, self.n_latents, generator=chance, device=like.device, dtype=like.dtype)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Return the sum of the loss terms; with ``factor``, move model and discriminator in turn."""
        if "factor" not in self.terms:
            return super().training_step(batch, batch_idx)
        model, discriminator = cast("list[Any]", self.optimizers())
        q = self.posterior(batch[0])
        loss = self.total(self.terms_of(q, *batch), len(batch[0]), batch_idx)
        self._move(model, loss)
        real, fake = self.discriminator(q.sample.detach()), self.discriminator(shuffled(q.sample.detach()))
        error = (functional.softplus(-real).mean() + functional.softplus(fake).mean()) / 2
        self._move(discriminator, self.total({"discriminator": error}, len(batch[0]), batch_idx))
        cast("Any", self.lr_schedulers()).step()
        return loss.detach()

    def main_parameters(self) -> list[nn.Parameter]:
        """Return all weights but those of the discriminator."""
        return [w for name, w in self.named_parameters() if not name.startswith("discriminator.")]

    def configure_optimizers(self) -> Any:
        """Return the model's optimiser and schedule, and Adam for the discriminator."""
        model = super().configure_optimizers()
        if "factor" not in self.terms:
            return model
        weights, rate = self.discriminator.parameters(), self.settings.discriminator_lr
        return [model, {"optimizer": torch.optim.Adam(weights, lr=rate, betas=(0.5, 0.9))}]


def _discriminator(latents: int, width: int) -> nn.Module:
    """Return a network of five hidden layers from codes B×D to logits B×1, larger for what is dependent."""
    layers: list[nn.Module] = []
    for before in (latents, *[width] * 4):
        layers += [nn.Linear(before, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(width, 1)).apply(draw_weights)
