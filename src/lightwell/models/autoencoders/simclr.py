"""SimCLR: two random views of an image are alike, views of different images are not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.errors import ConfigError
from lightwell.core.method import MethodInfo
from lightwell.core.seeds import torch_generator
from lightwell.models.autoencoders.views import random_views
from lightwell.models.body import body_of
from lightwell.models.model import Model
from lightwell.models.ranges import check_ranges


@dataclass(frozen=True)
class SimclrSettings:
    """Settings of SimCLR.

    Attributes
    ----------
    hidden, projection : int
        Widths of the projector's two layers; it is used in training only.
    temperature : float
        Divides the cosine similarities.
    smallest_crop, jitter, mirror
        How views differ, see :func:`lightwell.models.autoencoders.views.random_views`; of digits choose
        ``mirror=False``.
    """

    hidden: int = 2048
    projection: int = 128
    temperature: float = 0.5
    smallest_crop: float = 0.08
    jitter: float = 0.4
    mirror: bool = True

    def __post_init__(self) -> None:
        check_ranges(
            "simclr",
            self,
            above="temperature smallest_crop",
            shares="smallest_crop jitter",
            counts="hidden projection",
        )


class Simclr(Model):
    """A body trained by contrast; its codes are the pooled maps.

    The model draws both views itself: in training from torch's global generator, else always the same. What
    the training augments besides is done to the image before.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> model = Simclr(Signature((), (32, 32, 3), "resnet8", (0.5,) * 3, (0.25,) * 3))
    >>> model(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 64])
    """

    info = MethodInfo(
        name="simclr",
        title="SimCLR: contrastive learning of two views (NT-Xent)",
        paper="A Simple Framework for Contrastive Learning of Visual Representations",
        venue="ICML",
        year=2020,
        link="https://arxiv.org/abs/2002.05709",
        reference_code="google-research/simclr",
        reference_licence="Apache-2.0",
        consumes=("images",),
        capabilities=("encode", "axes", "axis_maps"),
        not_for=(
            "what the views change: colour, place and size are learnt to be ignored",
            "example importance by gradients of a loss: the loss is of pairs, an example has none of its own",
            "small batches: the other images of a batch are all there is to differ from",
        ),
    )
    Settings = SimclrSettings
    criterion = "nt_xent"
    fields: tuple[str, ...] = ()
    settings: SimclrSettings

    def _build(self) -> None:
        if self.signature.image_shape[1] == 1:
            raise ConfigError(
                "the views of SimCLR are of images", where="simclr", expected="images", got="series"
            )
        s = self.settings
        self.body = body_of(self.signature)
        self.projector = nn.Sequential(
            nn.Linear(self.body.out_channels, s.hidden), nn.ReLU(), nn.Linear(s.hidden, s.projection)
        )

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One opaque axis: nothing gives a dimension a meaning."""
        return (Axis("features", "opaque", tuple(range(self.body.out_channels)), "features without names"),)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the body's feature map B×D×h×w of images B×C×H×W in [0, 1]."""
        return cast("Tensor", self.body(self.standardised(images)))

    def axis_maps(self, images: Tensor) -> Tensor:
        """Return the maps B×D×h×w before pooling; their mean over h and w is the code."""
        return self.feature_map(images)

    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D of images B×C×H×W in [0, 1]."""
        return self.feature_map(images).mean(dim=(2, 3))

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Return NT-Xent of two views of the images."""
        s = self.settings
        # One call for both views: batch norm sees them together.
        chance = None if self.training else torch_generator(0, "views", device=images.device.type)
        views = random_views(
            torch.cat((images, images)), chance, smallest=s.smallest_crop, jitter=s.jitter, mirror=s.mirror
        )
        first, second = self.projector(self(views)).chunk(2)
        return {"nt_xent": nt_xent(first, second, s.temperature)}


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the normalised temperature-scaled cross-entropy of B pairs.

    Each of the 2B rows is to be found by its partner among all others, by cosine similarity. No similarity is
    clamped, as some implementations do.

    Parameters
    ----------
    first, second : Tensor, B×P
        Row i of both belongs to one image.
    temperature : float
        Above 0.

    Returns
    -------
    Tensor
        One number, the mean over 2B rows; 0 for a single pair, which has nothing to be told from.

    References
    ----------
    Chen et al., ICML 2020, equation 1.

    Examples
    --------
    >>> rows = torch.eye(2)
    >>> round(float(nt_xent(rows, rows, 1.0)), 4)  # log(e + 2) - 1
    0.5514
    """
    rows = functional.normalize(torch.cat((first, second)), dim=1)
    alike = rows @ rows.T / temperature
    alike = alike.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), -math.inf)
    return functional.cross_entropy(alike, torch.arange(len(rows), device=rows.device).roll(len(first)))
