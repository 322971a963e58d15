"""ARPL: a class is far from its reciprocal point, and so is nothing that is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.method import MethodInfo
from lightwell.models.classifiers.classifier import Classifier
from lightwell.models.ranges import check_ranges
from lightwell.models.scorers import and_generic
from lightwell.nets import Head, PooledHead
from lightwell.nets.dual_norm import for_others, with_dual_norms
from lightwell.nets.gan.arpl import Discriminator, Generator


@dataclass(frozen=True)
class ArplSettings:
    """Settings of ARPL and ARPL+CS.

    Attributes
    ----------
    head : {"bottleneck", "pooled"}
        ``bottleneck``: a convolution to ``features`` maps, LeakyReLU, pooled; ``pooled``: the pooled body
        itself, as the authors have it.
    features : int
        Width of the bottleneck.
    margin_weight : float
        Weight of the term that bounds the distance to the own reciprocal point (in the authors' code:
        ``weight_pl``).
    confusing_samples : bool
        ARPL+CS: a generator learns to make images that pass for real and belong to no class, and the
        classifier learns to be undecided about them (in the authors' code: ``cs``).
    confusing_weight : float
        Weight of that indecision for both (in the authors' code: ``beta``).
    noise_size : int
        Dimensions of the generator's noise (in the authors' code: ``nz``).
    gan_lr : float
        Learning rate of generator and discriminator (in the authors' code: ``gan_lr``).
    """

    head: Literal["bottleneck", "pooled"] = "bottleneck"
    features: int = 30
    margin_weight: float = 0.1
    confusing_samples: bool = False
    confusing_weight: float = 0.1
    noise_size: int = 100
    gan_lr: float = 2e-4

    def __post_init__(self) -> None:
        check_ranges(
            "arpl",
            self,
            above="gan_lr",
            least="margin_weight confusing_weight",
            counts="features noise_size",
        )


class Arpl(Classifier):
    """Adversarial reciprocal points learning, with or without confusing samples.

    Each class has a reciprocal point, which stands for everything that is not of the class: an example is
    the more likely of a class, the farther its code lies from that point. Codes are bounded in turn, by a
    learnt margin, so that the unknown stays between the classes.

    With confusing samples, each batch moves first a discriminator, then a generator, then the classifier;
    generated images have batch norms of their own in the classifier. The authors' loop follows each such
    epoch by one without generated images, so that the same number of epochs is twice the training there.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Arpl(Signature(("cat", "dog"), (28, 28, 1)))
    >>> codes = model(torch.rand(3, 1, 28, 28))
    >>> codes.shape, model.logits(codes).shape
    (torch.Size([3, 30]), torch.Size([3, 2]))
    """

    info = MethodInfo(
        name="arpl",
        title="ARPL and ARPL+CS: classes are far from their reciprocal points",
        paper="Adversarial Reciprocal Points Learning for Open Set Recognition",
        venue="TPAMI",
        year=2021,
        link="https://arxiv.org/abs/2103.00953",
        reference_code="iCGY96/ARPL",
        reference_licence="MIT",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes"),
        not_for=(
            "reading what a single dimension means: its axes are opaque",
            "confusing samples on little data or time: the generator is a GAN and may collapse",
        ),
    )
    Settings = ArplSettings
    scores = and_generic("mls")
    settings: ArplSettings

    def _build(self) -> None:
        super()._build()
        s = self.settings
        self.head = (
            PooledHead(self.body_channels, s.features, "leaky_relu") if s.head == "bottleneck" else Head()
        )
        self._width = s.features if s.head == "bottleneck" else self.body_channels
        self.points = nn.Parameter(0.1 * torch.randn(self.n_classes, self._width))
        self.margin = nn.Parameter(torch.zeros(()))
        if s.confusing_samples:
            with_dual_norms(self.body)
            self.generator = Generator(s.noise_size, self.signature.image_shape)
            self.discriminator = Discriminator(self.signature.image_shape)
            self.automatic_optimization = False

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing ties a dimension to a class."""
        return (Axis("features", "opaque", tuple(range(self._width)), "pooled features, without names"),)

    def logits(self, codes: Tensor) -> Tensor:
        """Return class logits B×K: mean squared distance to the reciprocal point, less the dot product."""
        return squared_distances(codes, self.points) - codes @ self.points.T

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return cross-entropy and margin term, and in training the indecision about generated images."""
        s = self.settings
        codes = self(images)
        own = squared_distances(codes, self.points).gather(1, labels[:, None])
        terms = {
            "cross_entropy": functional.cross_entropy(self.logits(codes), labels),
            "margin": s.margin_weight * margin_term(own, self.margin),
        }
        if s.confusing_samples and self.training:
            with torch.no_grad():
                fakes = self._fakes(len(images))
            terms["confusing"] = s.confusing_weight * self._indecision(fakes)
        return terms

    def _fakes(self, n: int) -> Tensor:
        """Return generated images, from torch's global generator, which a training seeds for each step."""
        noise = torch.randn(n, self.settings.noise_size, device=self.points.device, dtype=self.points.dtype)
        return cast("Tensor", self.generator(noise))

    def _indecision(self, fakes: Tensor) -> Tensor:
        with for_others(self.body):
            codes = self(fakes)
        return confusion(squared_distances(codes, self.points))

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Return the sum of the loss terms; with confusing samples, move the three networks in turn."""
        if not self.settings.confusing_samples:
            return super().training_step(batch, batch_idx)
        images, labels = batch
        classifier, discriminator, generator = cast("list[Any]", self.optimizers())
        fakes = self._fakes(len(images))
        real, fake = self.discriminator(images), self.discriminator(fakes.detach())
        terms = {"discriminator": functional.softplus(-real).mean() + functional.softplus(fake).mean()}
        self._move(discriminator, self.total(terms, len(labels), batch_idx))
        terms = {
            "generator": functional.softplus(-self.discriminator(fakes)).mean(),
            "generator_confusing": self.settings.confusing_weight * self._indecision(fakes),
        }
        self._move(generator, self.total(terms, len(labels), batch_idx))
        loss = self.total(self.losses(images, labels), len(labels), batch_idx)
        self._move(classifier, loss)
        cast("Any", self.lr_schedulers()).step()
        return loss.detach()

    def main_parameters(self) -> list[nn.Parameter]:
        """Return all weights but those of generator and discriminator."""
        others = ("generator.", "discriminator.")
        return [weight for name, weight in self.named_parameters() if not name.startswith(others)]

    def configure_optimizers(self) -> Any:
        """Return the classifier's optimiser and schedule, and Adam for discriminator and generator."""
        classifier = super().configure_optimizers()
        if not self.settings.confusing_samples:
            return classifier
        rate, betas = self.settings.gan_lr, (0.5, 0.999)
        parts = (self.discriminator, self.generator)
        gan = [torch.optim.Adam(part.parameters(), lr=rate, betas=betas) for part in parts]
        return [classifier, *({"optimizer": optimizer} for optimizer in gan)]


def squared_distances(codes: Tensor, points: Tensor) -> Tensor:
    """Return squared distances B×K of codes B×D to points K×D, as the mean over the D dimensions.

    Examples
    --------
    >>> squared_distances(torch.tensor([[3.0, 1.0]]), torch.zeros(1, 2)).tolist()
    [[5.0]]
    """
    return (codes[:, None, :] - points[None]).square().mean(dim=2)


def margin_term(own: Tensor, margin: Tensor) -> Tensor:
    """Return the mean of ``max(0, own - margin + 1)``: how far codes are outside of the learnt bound.

    Examples
    --------
    >>> margin_term(torch.tensor([0.0, 2.0]), torch.tensor(1.5)).item()
    0.75
    """
    return functional.relu(own - margin + 1).mean()


def confusion(distances: Tensor) -> Tensor:
    """Return ``exp(mean of sum p log p)``, p the softmax of distances B×K: 1/K if undecided, 1 if sure.

    Examples
    --------
    >>> round(confusion(torch.zeros(3, 4)).item(), 4)
    0.25
    """
    logs = functional.log_softmax(distances, dim=1)
    return (logs.exp() * logs).sum(dim=1).mean().exp()
