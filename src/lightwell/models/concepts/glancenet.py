"""GlanceNet: a VAE whose first latents are named concepts, with a prior of its own for each class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.models.concepts.class_prior import ClassPrior
from lightwell.models.concepts.concept_head import check_concepts, concept_axes, concept_error, contrast
from lightwell.models.concepts.vae import Posterior, Vae, VaeSettings
from lightwell.models.concepts.vae_terms import parse_terms
from lightwell.models.model import check_labels
from lightwell.models.ranges import check_ranges
from lightwell.models.scorers import and_generic
from lightwell.nets.encoders import draw_weights

_WITHOUT_CONCEPTS = 10


@dataclass(frozen=True)
class GlanceNetSettings(VaeSettings):
    """Settings of GlanceNet; those of a VAE are its settings as well.

    Attributes
    ----------
    latents : int
        Dimensions of the code; 0 for one a concept column, or 10 without concepts (in the seed: ``z_dim``).
    decoder : str
        A decoder by name.
    beta : float
        Weight of the KL divergence (in the seed: ``w_kld``).
    reconstruction : {"bernoulli", "gaussian"}
        Summed binary cross-entropy, or half the summed squared error.
    reconstruction_weight : float
        Its weight (in the seed: ``w_recon``).
    terms : str
        Further terms with their weights, such as ``"tcvae=4,infovae=1"``, as of a VAE.
    capacity_max : float
        Last capacity, in nats (in the seed: ``max_c``).
    capacity_batches : int
        Batches until it is reached (in the seed: ``iterations_c``).
    dip_diagonal : float
        Weight of the diagonal in the DIP-VAE terms, in multiples of the rest.
    discriminator_width : int
        Width of the hidden layers of FactorVAE's discriminator.
    discriminator_lr : float
        Its learning rate (in the seed: ``lr_D``).
    label_weight : float
        Weight of the label's cross-entropy, λ (in the seed: ``label_weight``).
    concept_weight : float
        Weight of the concepts' error, γ (in the seed: ``latent_weight``).
    concept_loss : {"bce", "mse"}
        Cross-entropy of ``sigmoid(z)``, or squared error of ``tanh(z/2)`` (in the seed: ``latent_loss``).
    class_prior : bool
        A Gaussian a class with a learned prototype; without it, a supervised VAE with the prior N(0, 1) (in
        the seed: ``conditional_prior``).
    class_latents : int
        How many latents, the first ones, have prototypes; 0 for all (in the seed: ``cluster_dim``).
    prior_log_variance : float
        Log-variance of every latent under the class prior.
    learn_prior_variance : bool
        Whether each prototype learns its own, starting there.
    prototype_weight : float
        Weight of the concepts' error at the prototypes, in multiples of concept_weight (in the seed: 100).
    decoder_from : float
        Share of the training that passes before anything is decoded, in [0, 1].
    decoder_share : float
        Share of each batch that is decoded from then on, above 0 and at most 1.
    """

    latents: int = 0
    label_weight: float = 100.0
    concept_weight: float = 100.0
    concept_loss: Literal["bce", "mse"] = "bce"
    class_prior: bool = True
    class_latents: int = 0
    prior_log_variance: float = 0.0
    learn_prior_variance: bool = False
    prototype_weight: float = 100.0
    decoder_from: float = 0.6
    decoder_share: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(
            "glancenet",
            self,
            above="discriminator_lr decoder_share",
            least="latents beta reconstruction_weight capacity_max dip_diagonal label_weight concept_weight "
            "class_latents prototype_weight",
            shares="decoder_from decoder_share",
            counts="capacity_batches discriminator_width",
        )
        parse_terms(self.terms)


class GlanceNet(Vae):
    """Concept-based VAE with a class-conditional prior.

    The first latents stand for the concept columns of the signature, in their order; the others are opaque.
    A linear classifier reads ``tanh(z/2)`` of the concept latents only. Without concepts it reads all,
    and is a class-conditional VAE.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> import torch
    >>> from lightwell.core.concepts import Concept
    >>> concepts = (Concept("shape", "categorical", 3), Concept("size", "continuous"))
    >>> model = GlanceNet(Signature(("a", "b"), (32, 32, 1), "light32", concepts=concepts))
    >>> codes = model(torch.rand(2, 1, 32, 32))
    >>> model.concepts(codes).shape, [axis.name for axis in model.axes]
    (torch.Size([2, 4]), ['shape', 'size'])
    """

    info = MethodInfo(
        name="glancenet",
        title="GlanceNet: named concepts as latents, a prior for each class",
        paper="GlanceNets: Interpretable, Leak-proof Concept-based Models",
        venue="NeurIPS",
        year=2022,
        link="https://arxiv.org/abs/2205.15612",
        reference_code="ema-marconato/glancenet",
        reference_licence="GPL-3.0",
        consumes=("images", "labels", "concepts"),
        capabilities=("encode", "logits", "decode", "concepts", "axes", "unknown_score"),
        not_for=(
            "concepts that nobody annotated: opaque latents have no name",
            "leak-proof concepts without the open-set gate: its latents leak as others do",
        ),
    )
    Settings = GlanceNetSettings
    criterion = "supervised"
    scores: tuple[str, ...] = and_generic("reconstruction", "prototype_distance", "class_means")
    settings: GlanceNetSettings

    def _build(self) -> None:
        if self.n_classes < 2:
            raise ConfigError(
                "this model needs two classes or more", where="class_names", got=self.signature.class_names
            )
        super()._build()
        s, n_columns = self.settings, self.signature.n_concept_columns
        if not n_columns <= self.n_latents or s.class_latents > self.n_latents:
            raise ConfigError(
                "too few latents",
                where="glancenet.latents",
                expected=f"{max(n_columns, s.class_latents)} or more, or 0 for one a concept column",
                got=self.n_latents,
            )
        self.fields = ("labels", "concepts") if n_columns else ("labels",)
        self.read = n_columns or self.n_latents
        """Latents that the classifier reads, and that distances to prototypes are over: the first ones."""
        self.classifier = nn.Linear(self.read, self.n_classes).apply(draw_weights)
        if s.class_prior:
            size = s.class_latents or self.n_latents
            self.class_prior = ClassPrior(
                self.n_classes, self.n_latents, size, s.prior_log_variance, s.learn_prior_variance
            )
        else:
            self.scores = tuple(name for name in self.scores if name != "prototype_distance")

    @property
    def n_latents(self) -> int:
        """Dimensions of the code."""
        return self.settings.latents or self.signature.n_concept_columns or _WITHOUT_CONCEPTS

    @property
    def axes(self) -> tuple[Axis, ...]:
        """An axis a concept, then one an opaque latent."""
        return concept_axes(self.signature, self.n_latents)

    @property
    def prototypes(self) -> Tensor | None:
        """Class prototypes K×m on the first latents, where there is a class prior."""
        return self.class_prior.prototypes if self.settings.class_prior else None

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return the training images; refuse other classes or concepts, and images without a label."""
        del seed
        return check_concepts(check_labels(train, self.signature), self.signature)

    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×K of codes B×D."""
        return cast("Tensor", self.classifier(contrast(codes[:, : self.read])))

    def concepts(self, codes: Tensor) -> Tensor:
        """Return activations in [0, 1], one a concept column, of codes B×D."""
        return codes[:, : self.signature.n_concept_columns].sigmoid()

    def unknown_scores(self, images: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """Return how badly the code rebuilds the image, and its distance to the nearest prototype."""
        scores = super().unknown_scores(images, codes)
        if self.settings.class_prior:
            distances = self.class_prior.distances(codes, self.read)
            scores["prototype_distance"] = distances.min(dim=1).values
        return scores

    def prior(self, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the prior of each label, B×D, or of N(0, 1)."""
        if not self.settings.class_prior:
            return super().prior(*targets)
        return cast("tuple[Tensor, Tensor]", self.class_prior(targets[0]))

    def terms_of(self, q: Posterior, images: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        """Return the terms of the VAE, and those of label, concepts and prototypes."""
        s = self.settings
        labels, prior = targets[0], self.prior(*targets)
        terms = self.generative_terms(q, images, prior)
        terms["label"] = s.label_weight * functional.cross_entropy(self.logits(q.sample), labels)
        if self.signature.concepts:
            terms["concepts"] = s.concept_weight * self._concept_error(q.sample, targets[1])
            if s.class_prior:
                weight = s.concept_weight * s.prototype_weight
                size = self.class_prior.prototypes.shape[1]
                terms["prototypes"] = weight * self._concept_error(prior[0][:, :size], targets[1])
        return terms

    def _concept_error(self, latents: Tensor, annotations: Tensor) -> Tensor:
        width = min(self.signature.n_concept_columns, latents.shape[1])
        return concept_error(latents[:, :width], annotations[:, :width], self.settings.concept_loss)

    def decoded(self, n: int) -> int:
        """Return how many of the n images of a batch are decoded: all but in training."""
        s = self.settings
        if not self.training:
            return n
        return math.ceil(s.decoder_share * n) if self.progress >= s.decoder_from else 0

    def measures(self, images: Tensor, labels: Tensor, *concepts: Tensor) -> dict[str, Tensor]:
        """Return accuracy, and the mean of label and concept error that tells when to stop."""
        codes = self(images)
        logits = self.logits(codes)
        errors = [functional.cross_entropy(logits, labels)]
        errors += [self._concept_error(codes, annotations) for annotations in concepts]
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        return {"accuracy": accuracy, "supervised": sum(errors[1:], errors[0]) / len(errors)}
