"""DIFAIR: every known class owns k axes of the representation.

Notation of the comments: K classes, k features a class, a the anchor value, R the radius,
z the code, S_c the sum of z over the block of class c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.core.seeds import generator
from lightwell.models.anchors import Anchors
from lightwell.models.classifiers.classifier import Classifier
from lightwell.models.classifiers.penalties import activation_correlation, correlation_penalty, std_penalty
from lightwell.models.ranges import check_ranges
from lightwell.models.scorers import and_generic
from lightwell.nets import PooledHead
from lightwell.nets.heads import Activation

# Under the root, so that the gradient of a distance of 0 is 0 and not NaN.
_EPSILON = 1e-6


@dataclass(frozen=True)
class DifairSettings:
    """Settings of DIFAIR.

    Attributes
    ----------
    features : int
        Axes of each class, k (in the seed: ``nb_features``).
    anchor : float
        Value of an anchor on its own axes, a (in the seed: ``anchor_multiplier``).
    radius_ratio : float
        Radius R as a share of the distance a*sqrt(2k) between anchors (in the seed: ``max_dist`` = R).
        In (0, 1): no sphere reaches another anchor. Below 0.5 no two spheres meet; below 0.7071 the
        origin lies in none.
    loss : {"smooth", "hard"}
        ``hard``: nothing inside the sphere; ``smooth``: also a weak pull to the anchor (in the seed:
        ``difair_loss_type``).
    pull : float
        Strength of that pull.
    tuplet : {"block_sum", "distance", "none"}
        Optional cross-entropy over block means S_c/k, or over negative distances (the seed computes
        such a term and never returns it).
    tuplet_weight : float
        Its weight.
    activation : {"relu", "none", "leaky_relu", "sigmoid"}
        Before pooling (in the seed: ``last_conv_activation``).
    batch_norm : bool
        Batch norm before the activation (in the seed: ``last_conv_bn``).
    correlation_weight : float
        Weight of the penalty on correlated filters of one class, 0 for none (in the seed:
        ``correlation_penalty`` and its weight).
    decorrelation_weight : float
        Weight of the correlation between the *activations* of one class's axes, 0 for none. Not in the seed:
        uncorrelated filters do not make activations differ.
    std_penalty : {"none", "exponential", "linear"}
        Penalty on filters of one class that are too much alike (in the seed: ``std_penalty``).
    std_target : float
        Standard deviation it aims at (in the seed: ``std_penalty_value``).
    std_weight : float
        Its weight (in the seed: ``std_penalty_weight``).
    reconstruction_weight : float
        Weight of rebuilding the 4×4 map before pooling from the code, 0 for none (in the seed:
        ``reconstruction``).
    noise_images : int
        Uniform noise images added to the training as a class whose anchor is 0 (in the seed:
        ``noise_data``).
    """

    features: int = 5
    anchor: float = 10.0
    radius_ratio: float = 0.6
    loss: Literal["smooth", "hard"] = "smooth"
    pull: float = 0.1
    tuplet: Literal["block_sum", "distance", "none"] = "block_sum"
    tuplet_weight: float = 1.0
    activation: Activation = "relu"
    batch_norm: bool = False
    correlation_weight: float = 1.0
    decorrelation_weight: float = 0.0
    std_penalty: Literal["none", "exponential", "linear"] = "none"
    std_target: float = 0.1
    std_weight: float = 1.0
    reconstruction_weight: float = 0.0
    noise_images: int = 0

    def __post_init__(self) -> None:
        if not self.radius_ratio < 1:
            raise ConfigError(
                "setting is out of range: a sphere would reach the anchors of other classes",
                where="difair.radius_ratio",
                expected="above 0 and below 1",
                got=self.radius_ratio,
            )
        check_ranges(
            "difair",
            self,
            above="features anchor radius_ratio std_target",
            least="pull tuplet_weight correlation_weight decorrelation_weight std_weight "
            "reconstruction_weight noise_images",
        )


class Difair(Classifier):
    """Differentiated image representation with fixed class anchors.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Difair(Signature(("cat", "dog"), (28, 28, 1)))
    >>> [axis.name for axis in model.axes], model.axes[1].indices
    (['cat', 'dog'], (5, 6, 7, 8, 9))
    >>> codes = model(torch.rand(3, 1, 28, 28))
    >>> codes.shape, round(model.radius, 3)
    (torch.Size([3, 10]), 18.974)
    """

    info = MethodInfo(
        name="difair",
        title="DIFAIR: each class owns axes of the representation",
        paper="DIFAIR: Towards learning DIFferenciAted Image Representations",
        venue="public code",
        year=2024,
        link="https://openreview.net/forum?id=SGQ9aDvObu",
        reference_code="qchristoffel/DIFAIR",
        reference_licence="MIT",
        consumes=("images", "labels"),
        capabilities=("encode", "logits", "axes", "axis_maps", "unknown_score"),
        not_for=(
            "the best AUROC at any price: logits of a softmax classifier are often as good or better",
            "using the radius as a rejection threshold: nearly all unknowns lie inside some sphere",
            "reading k distinct sub-features from one class: the k axes usually move together",
        ),
    )
    Settings = DifairSettings
    # First the one that was ahead on folds of pseudo-unknown classes.
    scores = and_generic("mahalanobis", "relative_block_sum", "one_sided", "block_sum", "distance", "mos")
    anchors: Anchors
    settings: DifairSettings
    head: PooledHead
    anchor_rows: Tensor

    def _build(self) -> None:
        super()._build()
        s = self.settings
        self.anchors = Anchors(self.n_classes, s.features, s.anchor)
        self.head = PooledHead(self.body_channels, self.anchors.width, s.activation, s.batch_norm)
        # One row more than classes: the anchor of noise is the origin.
        rows = torch.zeros(self.n_classes + 1, self.anchors.width)
        rows[:-1] = torch.from_numpy(self.anchors.matrix())
        self.register_buffer("anchor_rows", rows, persistent=False)
        if s.reconstruction_weight:
            self._check_map_size()
            self.rebuild = nn.ConvTranspose2d(
                self.anchors.width, self.anchors.width, 3, stride=4, output_padding=1
            )

    def _check_map_size(self) -> None:
        height, width, channels = self.signature.image_shape
        with torch.no_grad():
            size = tuple(self.body(torch.zeros(2, channels, height, width)).shape[2:])
        if size != (4, 4):
            raise ConfigError(
                "the reconstruction penalty needs a 4×4 feature map",
                where="difair.reconstruction_weight",
                expected="such as network vgg32 on images of 32×32",
                got=f"{size[0]}×{size[1]}",
            )

    @property
    def radius(self) -> float:
        """Radius R of the sphere around each anchor: a training tolerance, not a rejection threshold."""
        return self.settings.radius_ratio * self.anchors.spacing

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One block of k dimensions for each known class."""
        k = self.settings.features
        return tuple(
            Axis(name, "class", tuple(range(c * k, c * k + k)), f"evidence for the class '{name}'")
            for c, name in enumerate(self.signature.class_names)
        )

    def block_sums(self, codes: Tensor) -> Tensor:
        """Return S_c, shape B×K."""
        return codes.view(len(codes), self.n_classes, self.settings.features).sum(dim=2)

    def logits(self, codes: Tensor) -> Tensor:
        """Return block means S_c/k, B×K; their argmax is the nearest anchor."""
        return self.block_sums(codes) / self.settings.features

    def distances(self, codes: Tensor) -> Tensor:
        """Return Euclidean distances to the anchors of the known classes, B×K."""
        gaps = codes[:, None, :] - self.anchor_rows[None, :-1]
        return (gaps.square().sum(dim=2) + _EPSILON).sqrt()

    def unknown_score(self, codes: Tensor) -> Tensor:
        """Return the distance to the nearest anchor, B; larger is more unknown."""
        return self.distances(codes).min(dim=1).values

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return the training images, followed by uniform noise as one more class if settings ask for it."""
        train = super().training_data(train, seed)
        count = self.settings.noise_images
        if not count:
            return train
        name = "noise"
        while name in train.class_names:
            name += "_"
        noise = generator(seed, "noise images").integers(0, 256, (count, *train.image_shape), dtype=np.uint8)
        return replace(
            train,
            inputs=np.concatenate([train.inputs, noise]),
            labels=np.concatenate([train.labels, np.full(count, self.n_classes)]),
            class_names=(*train.class_names, name),
            factors=None,
            factor_names=(),
            concepts=None,
            concept_names=(),
            ids=np.concatenate([np.asarray(train.ids), np.full(count, -1)]),
            parts={},
        )

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the anchor term, the tuplet term and the penalties that are switched on."""
        s = self.settings
        features = self.feature_map(images)
        maps = self.head.maps(features)
        codes = maps.mean(dim=(2, 3))
        terms = {"anchor": self._anchor_term(codes, labels)}
        if s.tuplet != "none" and s.tuplet_weight:
            logits = self.logits(codes) if s.tuplet == "block_sum" else -self.distances(codes)
            # Noise has no class among the K: the tuplet term passes over it.
            total = functional.cross_entropy(logits, labels, ignore_index=self.n_classes, reduction="sum")
            terms["tuplet"] = s.tuplet_weight * total / len(labels)
        if s.correlation_weight and s.features > 1:
            terms["correlation"] = s.correlation_weight * correlation_penalty(self._class_filters())
        if s.decorrelation_weight and s.features > 1:
            known = labels < self.n_classes  # noise has no block of its own
            own = self._own_blocks(codes[known], labels[known])
            terms["decorrelation"] = s.decorrelation_weight * activation_correlation(own, labels[known])
        if s.std_penalty != "none" and s.features > 1:
            terms["std"] = s.std_weight * std_penalty(self._class_filters(), s.std_penalty, s.std_target)
        if s.reconstruction_weight:
            rebuilt = self.head.activation(self.rebuild(codes[:, :, None, None]))
            terms["reconstruction"] = s.reconstruction_weight * functional.mse_loss(rebuilt, maps)
        return terms

    def _anchor_term(self, codes: Tensor, labels: Tensor) -> Tensor:
        distance = ((codes - self.anchor_rows[labels]).square().sum(dim=1) + _EPSILON).sqrt()
        pull = self.settings.pull if self.settings.loss == "smooth" else 0.0
        return (pull * distance + functional.relu(distance - self.radius)).mean()

    def _own_blocks(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return each example's block of its own class, B×k."""
        blocks = codes.view(len(codes), self.n_classes, self.settings.features)
        return blocks[torch.arange(len(codes), device=codes.device), labels]

    def _class_filters(self) -> Tensor:
        """Return the filters of the last convolution by class, K×k×(C'·3·3)."""
        weight = self.head.last_conv.weight
        return weight.reshape(self.n_classes, self.settings.features, -1)
