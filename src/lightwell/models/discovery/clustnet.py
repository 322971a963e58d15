"""ClustNet: a gate sends each image to one of K weak experts, and its choice is the sub-class."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.models.body import LatentEncoder
from lightwell.models.discovery.cells import Cells
from lightwell.models.discovery.gates import choose, route
from lightwell.models.discovery.settings import ClustNetSettings
from lightwell.models.model import Model, check_labels
from lightwell.nets.decoders import build_decoder
from lightwell.nets.encoders import linear_layers
from lightwell.nets.experts import ExpertConv, expert_layers

_NO_CELL = -10.0  # added to the class score of an expert that has no sub-class of that class
_NEAREST_SHARES = (0.9, 0.5, 0.1)  # of ``separated`` training at epochs 0, 1, 2 and later


class ClustNet(Model):
    """Hard mixture of experts; its codes are the gate's K scores, then the class scores of each expert.

    Experts are many and weak: where one alone cannot part the coarse classes, each must take a part of them.
    Their outputs are masked by the choice, never their inputs.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = ClustNet(Signature(("low", "high"), (28, 28, 1), "tiny"), ClustNetSettings(subclasses=3))
    >>> codes = model(torch.rand(4, 1, 28, 28))
    >>> codes.shape, model.logits(codes).shape, model.experts_of(codes).shape
    (torch.Size([4, 9]), torch.Size([4, 2]), torch.Size([4]))
    """

    info = MethodInfo(
        name="clustnet",
        title="Latent class discovery with a hard mixture of weak experts",
        paper="ClustNet",
        venue="public code",
        year=2019,
        link="https://github.com/TristanGomez44/clustNet",
        reference_code="TristanGomez44/clustNet",
        reference_licence="none stated",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes"),
        not_for=(
            "sub-classes of unknown sizes: the balance term believes the expected ones, equal by default",
            "data whose augmentations change the sub-class: consistency would merge them",
            "telling how many sub-classes there are: the number is a setting",
        ),
    )
    Settings = ClustNetSettings
    settings: ClustNetSettings
    two_views = True
    cells: Tensor
    expected: Tensor
    usage: Tensor

    def _build(self) -> None:
        s, signature = self.settings, self.signature
        if self.n_classes < 2:
            raise ConfigError(
                "discovery needs two coarse classes or more: with one there is nothing to tell apart",
                where="class_names",
                got=signature.class_names,
            )
        layout = Cells.of(s.subclasses, s.sizes, signature.class_names)
        self.layout, k, classes = layout, layout.n_experts, self.n_classes
        self.register_buffer("cells", torch.tensor(layout.exists))
        sizes = torch.tensor(layout.sizes, dtype=torch.float32)
        over_all = s.balance_over == "all"
        self.register_buffer("expected", sizes.mean(dim=0, keepdim=True) if over_all else sizes)
        self.register_buffer("usage", self.expected.clone())
        self.encoder = LatentEncoder(signature, s.latents)
        width = (s.latents, *[s.gate_width] * (s.gate_layers - 1), k)
        self.gate = nn.Sequential(*linear_layers(width))
        own = k if s.encoders == "separate" else 0
        self.expert_encoders = nn.ModuleList(LatentEncoder(signature, s.latents) for _ in range(own))
        first: list[nn.Module] = []
        widths: tuple[int, ...] = (s.latents, classes)
        if s.expert == "conv":
            first, widths = (
                [ExpertConv(k, self.encoder.body.out_channels, s.expert_width)],
                (s.expert_width, classes),
            )
        elif s.expert == "mlp":
            widths = (s.latents, s.expert_width, classes)
        self.experts = nn.Sequential(*first, *expert_layers(k, widths))
        if s.pretrain:
            self.decoder = build_decoder("light", s.latents, signature.image_shape)

    @property
    def n_experts(self) -> int:
        """Number of experts, K: the sub-classes of the coarse class that has most."""
        return self.layout.n_experts

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One axis an expert, its score; then the class scores of the experts."""
        k, classes = self.n_experts, self.n_classes
        experts = [
            Axis(f"expert {e}", "expert", (e,), "how strongly the gate sends an image to it")
            for e in range(k)
        ]
        opinions = tuple(range(k, k + k * classes))
        return (*experts, Axis("opinions", "opaque", opinions, "class scores of each expert"))

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return the training images; refuse other classes, and fewer images than sub-classes."""
        del seed
        train = check_labels(train, self.signature)
        self.layout.check_counts(train)
        return train

    def _latents(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what gate and experts read of images: latents B×D, and B×D, B×K×D or feature maps."""
        images = self.standardised(images)
        maps = self.encoder.body(images)
        latents = self.encoder.latents_of(maps)
        conv = self.settings.expert == "conv"
        if not len(self.expert_encoders):
            return latents, maps if conv else latents
        encoders = cast("Iterable[LatentEncoder]", self.expert_encoders)
        own = [encoder.body(images) if conv else encoder(images) for encoder in encoders]
        return latents, torch.stack(own, dim=1)

    def scores_and_opinions(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gate's scores B×K and the experts' class scores B×K×C of images in [0, 1]."""
        latents, read = self._latents(images)
        return self.gate(latents), self._opinions(read)

    def _opinions(self, read: Tensor) -> Tensor:
        opinions: Tensor = self.experts(read)
        return opinions + _NO_CELL * (~self.cells.T).to(opinions.dtype)

    def gate_scores(self, images: Tensor) -> Tensor:
        """Return the gate's scores B×K of images in [0, 1]."""
        return cast("Tensor", self.gate(self.encoder(self.standardised(images))))

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the encoder's feature map B×C'×h×w of images B×C×H×W in [0, 1]."""
        return cast("Tensor", self.encoder.body(self.standardised(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×(K + K·C) of images B×C×H×W in [0, 1]."""
        scores, opinions = self.scores_and_opinions(images)
        return torch.cat([scores, opinions.flatten(1)], dim=1)

    def gate_of(self, codes: Tensor) -> Tensor:
        """Return the gate's distribution over experts, B×K, of codes."""
        return codes[:, : self.n_experts].softmax(dim=1)

    def experts_of(self, codes: Tensor) -> Tensor:
        """Return the expert that each image is sent to, (B,), of codes."""
        return codes[:, : self.n_experts].argmax(dim=1)

    def logits(self, codes: Tensor) -> Tensor:
        """Return class scores B×C of codes: those of the expert the gate chooses."""
        scores, opinions = codes[:, : self.n_experts], codes[:, self.n_experts :]
        by_expert = opinions.reshape(-1, self.n_experts, self.n_classes)
        return (choose(scores).unsqueeze(2) * by_expert).sum(dim=1)

    def draws(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Return the uniform numbers that the gate needs for n images, n×K; the same on every device."""
        return torch.rand(n, self.n_experts, generator=generator).to(self.cells.device)

    def losses(
        self, images: Tensor, labels: Tensor, view: Tensor | None = None, noise: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the weighted terms of images B×C×H×W with coarse labels.

        Parameters
        ----------
        images, labels : Tensor
            A batch.
        view : Tensor, optional
            The images augmented; without it there is no consistency to ask for.
        noise : Tensor, optional
            What :meth:`draws` gives; drawn here by default, where in training.
        """
        s, n = self.settings, len(images)
        if noise is None:
            noise = self.draws(n) if self.training else images.new_zeros(n, self.n_experts)
        if self._pretraining:
            return {"rebuilding": self._rebuilding(images)}
        scores, opinions = self.scores_and_opinions(images)
        shares = scores.softmax(dim=1)
        terms = {"coarse": s.coarse_weight * self._coarse_error(scores, opinions, labels, noise)}
        if s.training_mode == "separated":
            terms["naming"] = functional.cross_entropy(scores, self._named(opinions, labels, noise))
        terms["balance"] = s.balance * self._imbalance(shares, labels)
        terms["entropy"] = s.entropy * _entropy(shares).mean()
        if view is not None and (s.consistency or s.view_coarse):
            both = self.scores_and_opinions(view) if s.view_coarse else (self.gate_scores(view), opinions)
            moved, told = both
            error = -(shares.detach() * moved.log_softmax(dim=1)).sum(dim=1).mean()
            terms["consistency"] = s.consistency * error
            if s.view_coarse:
                terms["view_coarse"] = s.view_coarse * self._coarse_error(moved, told, labels, noise)
        if s.z_loss:
            terms["z_loss"] = s.z_loss * scores.logsumexp(dim=1).square().mean()
        return terms

    def _coarse_error(self, scores: Tensor, opinions: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """Return the cross-entropy of the chosen experts; the gate hears nothing where ``separated``."""
        s = self.settings
        chosen = route(scores, s.gate, noise, self._temperature) if self.training else choose(scores)
        if s.training_mode == "separated":
            chosen = chosen.detach()
        return functional.cross_entropy((chosen.unsqueeze(2) * opinions).sum(dim=1), labels)

    def _named(self, opinions: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """Return the expert that ``separated`` training tells the gate to name: the best, or a random one."""
        epoch = self.current_epoch if self._trainer is not None else len(_NEAREST_SHARES)
        share = _NEAREST_SHARES[min(epoch, len(_NEAREST_SHARES) - 1)]
        true = labels.unsqueeze(1) == torch.arange(self.n_classes, device=labels.device)
        right = (opinions.log_softmax(dim=2) * true.unsqueeze(1)).sum(dim=2)
        own = self.cells.sum(dim=1)[labels]  # the experts of a class are the first so many
        anyone = (noise[:, 1] * own).long().minimum(own - 1)
        return torch.where(noise[:, 0] < share, right.argmax(dim=1), anyone)

    def _imbalance(self, shares: Tensor, labels: Tensor) -> Tensor:
        """Return the divergence of the experts' use from the expected sizes, its mean over classes."""
        own = (labels.unsqueeze(1) == torch.arange(self.n_classes, device=labels.device)).to(shares.dtype)
        if self.settings.balance_over == "all":
            own = torch.ones_like(own[:, :1])
        counts = own.sum(dim=0)
        present = (counts > 0).to(shares.dtype)
        use = own.T @ shares / counts.clamp(min=1).unsqueeze(1)
        memory = self.settings.balance_memory
        if memory and self.training:
            # Earlier batches move the value alone: the gradient keeps the strength that the weight asks for.
            use = use + memory * (self.usage - use).detach()
            self.usage.copy_(torch.where(present.unsqueeze(1) > 0, use.detach(), self.usage))
        tiny = 1e-6  # an expert without a sub-class of that class is expected to be used never
        divergence = (use * ((use + tiny).log() - (self.expected + tiny).log())).sum(dim=1)
        return (present * divergence).sum() / present.sum().clamp(min=1)

    def _rebuilding(self, images: Tensor) -> Tensor:
        rebuilt = self.decoder(self.encoder(self.standardised(images))).sigmoid()
        return functional.mse_loss(rebuilt, images)

    @property
    def _temperature(self) -> float:
        start, end = self.settings.temperature, self.settings.temperature_end
        return float(start * (end / start) ** self.progress)

    @property
    def _pretraining(self) -> bool:
        return self.training and self.progress < self.settings.pretrain

    @property
    def resting(self) -> tuple[str, ...]:
        """Prefixes of the weights that do not learn from the batch at hand: of the gate or of the experts."""
        if not self.settings.alternate or not math.isfinite(self.batches_done) or self._pretraining:
            return ()
        if int(self.batches_done) // self.settings.alternate % 2 == 0:
            return ("experts.", "expert_encoders.")
        return ("gate.",) if self.settings.encoders == "shared" else ("gate.", "encoder.")

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let weights that rest keep what they are: without a gradient an optimiser passes them by."""
        del optimizer
        rest(self.named_parameters(), self.resting)

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the coarse accuracy."""
        right = self.logits(self(images)).argmax(dim=1) == labels
        return {"coarse_accuracy": right.float().mean()}


def rest(weights: Iterable[tuple[str, nn.Parameter]], resting: tuple[str, ...]) -> None:
    """Take the gradient from weights whose name begins with one of these."""
    for name, weight in weights:
        if resting and name.startswith(resting):
            weight.grad = None


def _entropy(shares: Tensor) -> Tensor:
    return -(shares * shares.clamp(min=1e-20).log()).sum(dim=1)
