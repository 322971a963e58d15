"""A GAN: one network makes images, another tells them from real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.method import MethodInfo
from lightwell.core.seeds import generator
from lightwell.models.model import Model, evaluating, scheduled
from lightwell.models.optimizer import OptimizerSettings
from lightwell.models.ranges import check_ranges
from lightwell.nets.convnets import check_count
from lightwell.nets.gan import build_gan

ADAM = OptimizerSettings("adam", lr=1e-3, weight_decay=0.0, schedule="constant", warmup=0.0)
"""What a GAN is trained with where nothing else is said; the architecture ``dcgan`` has a rate of 2e-4."""

# (real, fake) -> loss of the discriminator, fake -> loss of the generator; all are logits.
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "ns": (
        lambda real, fake: functional.softplus(-real).mean() + functional.softplus(fake).mean(),
        lambda fake: functional.softplus(-fake).mean(),
    ),
    "wgan-gp": (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
    "hinge-r1": (
        lambda real, fake: ((1 - real).relu().mean() + (1 + fake).relu().mean()) / 2,
        lambda fake: -fake.mean(),
    ),
}


@dataclass(frozen=True)
class GanSettings:
    """Settings of a GAN.

    Attributes
    ----------
    architecture : {"small", "dcgan", "residual"}
        See :func:`lightwell.nets.gan.build_gan` (in the seed: ``architecture.name``).
    noise_size : int
        Dimensions of the noise (in the seed: ``z_dim``).
    generator_filters, discriminator_filters : int
        Width of the networks (in the seed: ``g_filter_dim``, ``d_filter_dim``).
    blocks : int
        Doublings of ``dcgan`` (in the seed: ``g_num_blocks``, ``d_num_blocks``).
    loss : {"ns", "wgan-gp", "hinge-r1"}
        Non-saturating, Wasserstein with a penalty on slopes other than 1 between real and generated images,
        or hinge with a penalty on slopes at real images.
    penalty : float
        Weight of that penalty (in the seed: ``lambda``).
    discriminator_steps : int
        Batches that move the discriminator for each that moves the generator as well (in the seed:
        ``disc-iters``).
    betas : tuple of float
        Of Adam, each in [0, 1) (in the seed: ``beta1``, ``beta2``).
    """

    architecture: Literal["small", "dcgan", "residual"] = "small"
    noise_size: int = 64
    generator_filters: int = 64
    discriminator_filters: int = 64
    blocks: int = 3
    loss: Literal["ns", "wgan-gp", "hinge-r1"] = "ns"
    penalty: float = 10.0
    discriminator_steps: int = 1
    betas: tuple[float, float] = (0.5, 0.999)

    def __post_init__(self) -> None:
        counts = "noise_size generator_filters discriminator_filters blocks discriminator_steps"
        check_ranges("gan", self, least="penalty", counts=counts)
        betas: tuple[float, ...] = tuple(self.betas)  # JSON brings a list back
        object.__setattr__(self, "betas", betas)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(
                "setting is out of range", where="gan.betas", expected="two numbers in [0, 1)", got=betas
            )
        if self.loss not in LOSSES:
            raise ConfigError("unknown loss of a GAN", got=repr(self.loss), fix=nearest(self.loss, LOSSES))


class Gan(Model):
    """A generator of images and the discriminator it learns from; the codes are the discriminator's features.

    Each batch moves the discriminator, then the generator on noise of its own. Real and generated images go
    through the discriminator one after the other, so that a batch norm sees them apart. The network, mean and
    std of the signature are unused: both networks have images in [0, 1].

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> gan = Gan(Signature((), (28, 28, 1)))
    >>> gan.sample(3, seed=0).shape, gan(torch.rand(2, 1, 28, 28)).shape
    (torch.Size([3, 1, 28, 28]), torch.Size([2, 3136]))
    """

    info = MethodInfo(
        name="gan",
        title="GAN: a generator of images like those of the training (small, DCGAN or residual)",
        paper="Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        venue="ICLR",
        year=2016,
        link="https://arxiv.org/abs/1511.06434",
        reference_code="Newmu/dcgan_code",
        reference_licence="MIT",
        consumes=("images",),
        capabilities=("encode", "axes", "generate"),
        not_for=(
            "codes that mean something: they serve to tell real from generated images",
            "covering all that the data hold: a GAN leaves out what is rare, and may collapse",
        ),
    )
    Settings = GanSettings
    fields: tuple[str, ...] = ()
    default_optimizer = ADAM
    settings: GanSettings

    def _build(self) -> None:
        s = self.settings
        self.generator, self.discriminator = build_gan(
            s.architecture,
            s.noise_size,
            self.signature.image_shape,
            generator_filters=s.generator_filters,
            discriminator_filters=s.discriminator_filters,
            blocks=s.blocks,
            critic=s.loss == "wgan-gp",
        )
        self.automatic_optimization = False

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing gives a feature a meaning."""
        columns = tuple(range(self.discriminator.width))
        return (Axis("features", "opaque", columns, "features that tell real from generated images"),)

    def forward(self, images: Tensor) -> Tensor:
        """Return the discriminator's features B×D of images B×C×H×W in [0, 1]."""
        return self.discriminator.features(self._checked(images))

    def realism(self, images: Tensor) -> Tensor:
        """Return the discriminator's logits (B,) of images B×C×H×W in [0, 1]; larger is more real."""
        return cast("Tensor", self.discriminator(self._checked(images)))

    def _checked(self, images: Tensor) -> Tensor:
        self.standardised(images)  # refuses images of another size; the discriminator scales by itself
        return images.to(self.input_mean.dtype)

    def noise(self, n: int, seed: int) -> Tensor:
        """Return noise n×N of a seed; the first rows are the same for any n.

        Raises
        ------
        ConfigError
            If n is not at least 1.
        """
        check_count("n", n)
        drawn = generator(seed, "noise").standard_normal((n, self.settings.noise_size), dtype="float32")
        return torch.from_numpy(drawn).to(self.input_mean)

    def generate(self, noise: Tensor) -> Tensor:
        """Return images B×C×H×W in [0, 1] of noise B×N, by the generator in its current mode."""
        return cast("Tensor", self.generator(noise))

    def sample(self, n: int, seed: int, max_rows: int = 256) -> Tensor:
        """Return generated images n×C×H×W in [0, 1], in evaluation mode and without gradients.

        Parameters
        ----------
        n : int
            How many images.
        seed : int
            Of the noise.
        max_rows : int
            How many at a time; it never changes the images.

        Raises
        ------
        ConfigError
            If n or max_rows is not at least 1.
        """
        check_count("max_rows", max_rows)
        noise = self.noise(n, seed)
        with evaluating(self):
            parts = [self.generate(rows) for rows in torch.split(noise, max_rows)]
        return torch.cat(parts)  # out here it is an ordinary tensor, which gradients may be taken of

    def discriminator_terms(self, images: Tensor, fakes: Tensor) -> dict[str, Tensor]:
        """Return what the discriminator minimises of as many real as generated images.

        The penalty of its slope is a term of training mode alone.
        """
        s = self.settings
        terms = {"discriminator": LOSSES[s.loss][0](self.discriminator(images), self.discriminator(fakes))}
        if self.training and s.loss == "wgan-gp":
            share = torch.rand_like(images[:, :1, :1, :1])
            between = torch.lerp(fakes.detach(), images, share)
            terms["penalty"] = s.penalty * (slopes(self.discriminator, between) - 1).square().mean()
        if self.training and s.loss == "hinge-r1":
            terms["penalty"] = s.penalty / 2 * slopes(self.discriminator, images).square().mean()
        return terms

    def generator_loss(self, fakes: Tensor) -> Tensor:
        """Return what the generator minimises."""
        return LOSSES[self.settings.loss][1](self.discriminator(fakes))

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Return the terms of both networks, in evaluation mode on noise that is always the same."""
        n = len(images)
        fakes = self.fakes(n) if self.training else self.generate(self.noise(n, 0))
        return self.discriminator_terms(images, fakes.detach()) | {"generator": self.generator_loss(fakes)}

    def fakes(self, n: int) -> Tensor:
        """Return generated images, from torch's global generator, which a training seeds for each step."""
        noise = torch.randn(max(n, 2), self.settings.noise_size).to(self.input_mean)
        return self.generate(noise)[:n]  # of one alone a batch norm has no spread

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Move the discriminator, and in one of ``discriminator_steps`` batches the generator as well."""
        (images,) = batch
        n = len(images)
        discriminator, generator = cast("list[Any]", self.optimizers())
        with self.toggled_optimizer(discriminator):  # only its weights have gradients meanwhile
            loss = self.total(self.discriminator_terms(images, self.fakes(n)), n, batch_idx)
            self._move(discriminator, loss)
        if self.batches_done % self.settings.discriminator_steps == 0:
            with self.toggled_optimizer(generator):
                loss = self.total({"generator": self.generator_loss(self.fakes(n))}, n, batch_idx)
                self._move(generator, loss)
        for schedule in cast("list[Any]", self.lr_schedulers()):
            schedule.step()
        return loss.detach()

    def configure_optimizers(self) -> Any:
        """Return the optimisers of discriminator and generator with their schedules."""
        made = []
        for part in (self.discriminator, self.generator):
            made.append(scheduled(self, self.optimizer_settings, list(part.parameters())))
            for group in made[-1]["optimizer"].param_groups:
                if "betas" in group:
                    group["betas"] = self.settings.betas
        return made


def slopes(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the norm (B,) of a discriminator's slope by the pixels of images in [0, 1].

    Pixels count as they do in the literature, from -1 to 1. The slopes can be differentiated themselves.

    Examples
    --------
    >>> slopes(lambda images: 6 * images[:, 0, 0, 0], torch.rand(2, 1, 4, 4))
    tensor([3., 3.])
    """
    images = images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    norms: Tensor = torch.linalg.vector_norm(slope.flatten(1) / 2, dim=1)
    return norms


def collapsed(images: Tensor, real: Tensor) -> float:
    """Return how much generated images B×C×H×W differ from each other, relative to real ones.

    The measure is the standard deviation of a pixel over the images, averaged over pixels. Near 1 is as it
    should be; below 0.1 the generator makes much the same image of any noise.

    Raises
    ------
    DataError
        If the real images do not differ.

    Examples
    --------
    >>> real = torch.rand(50, 1, 8, 8)
    >>> collapsed(real / 4, real)
    0.25
    """
    spread, wanted = (float(batch.std(dim=0, correction=0).mean()) for batch in (images, real))
    if wanted == 0:
        raise DataError("the real images are all the same", expected="images that differ", got=f"{len(real)}")
    return spread / wanted
