"""RandAugment on a batch: every image draws an operation, every operation runs once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from lightwell.data.augment import operations
from lightwell.data.augment.settings import OPERATION_NAMES, AugmentSettings

Operation = Callable[[torch.Tensor, AugmentSettings, torch.Generator], torch.Tensor]


def randaugment(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Send every image through N operations drawn evenly from those allowed and the identity.

    The maxima are those of DIFAIR on the scale 10. The scale 30 reads the same maxima at M/30, as Vaze et
    al. do, with a cutout square of M/30·40 pixels, half as wide as DIFAIR's at the same share. Choices of
    this house on both scales: as in DIFAIR, uncovered pixels are filled by reflection, cutout with grey,
    SolarizeAdd brightens dark pixels only, and the identity is among the draws (Vaze et al.: black, a
    brownish grey, all pixels and then solarized, no identity); posterize keeps at least one bit; contrast
    turns about the image's mean grey, as in Pillow (DIFAIR: about the number of pixels over 256, a level
    near black that has nothing to do with the image).

    Parameters
    ----------
    images : torch.Tensor
        B×C×H×W in [0, 1].
    settings : AugmentSettings
        N, M, the scale, and what never to draw.
    generator : torch.Generator
        Where the draws come from.

    Returns
    -------
    torch.Tensor
        B×C×H×W in [0, 1].

    References
    ----------
    Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", 2019.
    Maxima: ``qchristoffel/DIFAIR``, ``datasets/randaugment``; ``sgvaze/osr_closed_set_all_you_need``,
    ``data/augmentations/randaugment.py``.

    Examples
    --------
    >>> settings = AugmentSettings(randaugment_operations=2, randaugment_magnitude=9)
    >>> images = torch.rand(4, 3, 32, 32)
    >>> randaugment(images, settings, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 32, 32])
    """
    allowed = [OPERATIONS[name] for name in OPERATION_NAMES if name not in settings.randaugment_without]
    for _ in range(settings.randaugment_operations):
        drawn = torch.randint(len(allowed) + 1, (len(images),), generator=generator, device=generator.device)
        # Images sorted by what they drew: one look at the counts instead of one an operation.
        order = drawn.argsort(stable=True).to(images.device)
        counts = drawn.bincount(minlength=len(allowed) + 1).tolist()
        changed = images.clone()
        for operation, rows in zip(allowed, torch.split(order, counts), strict=False):
            if len(rows):
                changed[rows] = operation(images[rows], settings, generator).clamp(0, 1)
        images = changed
    return images


def _of(settings: AugmentSettings, maximum: float) -> float:
    """M on its scale, as a part of the maximum. Multiplied first, so that whole numbers stay whole."""
    return settings.randaugment_magnitude * maximum / settings.randaugment_scale


def _enhancing(change: Callable[[torch.Tensor, float], torch.Tensor]) -> Operation:
    return lambda images, settings, _: change(images, _of(settings, 1.8) + 0.1)


def _levelling(
    change: Callable[[torch.Tensor, int], torch.Tensor], maximum: int, least: int = 0
) -> Operation:
    return lambda images, settings, _: change(images, max(least, int(_of(settings, maximum))))


def _plain(change: Callable[[torch.Tensor], torch.Tensor]) -> Operation:
    return lambda images, *_: change(images)


def _warping(maximum: float, matrix: Callable[[float, int, int], list[list[float]]]) -> Operation:
    """Read through the matrix of (strength, height, width), one way or the other by the toss of a coin."""

    def change(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
        strength = _of(settings, maximum)
        ways = images.new_tensor([matrix(way * strength, *images.shape[2:]) for way in (1, -1)])
        coins = torch.randint(2, (len(images),), generator=generator, device=generator.device)
        return operations.warp(images, ways[coins.to(images.device)], mode="nearest", padding="reflection")

    return change


def _rotated(degrees: float, *_: int) -> list[list[float]]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [[cosine, -sine, 0], [sine, cosine, 0]]


def _cut(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    half = int(_of(settings, 40 if settings.randaugment_scale == 10 else 20))
    height, width = images.shape[2:]
    centre_x, centre_y = (
        torch.randint(size, (len(images),), generator=generator, device=generator.device).to(images.device)
        for size in (width, height)
    )
    return operations.cutout(images, centre_x, centre_y, half)


OPERATIONS: dict[str, Operation] = {
    "AutoContrast": _plain(operations.autocontrast),
    "Equalize": _plain(operations.equalize),
    "Invert": _plain(operations.invert),
    "Rotate": _warping(30, _rotated),
    "Posterize": _levelling(operations.posterize, 4, least=1),
    "Solarize": _levelling(operations.solarize, 256),
    "Color": _enhancing(operations.color),
    "Contrast": _enhancing(operations.contrast),
    "Brightness": _enhancing(operations.brightness),
    "Sharpness": _enhancing(operations.sharpness),
    # Sheared about the upper left corner, as in both repositories.
    "ShearX": _warping(0.3, lambda by, height, _: [[1, by, by * height / 2], [0, 1, 0]]),
    "ShearY": _warping(0.3, lambda by, _, width: [[1, 0, 0], [by, 1, by * width / 2]]),
    "TranslateX": _warping(100, lambda by, *_: [[1, 0, by], [0, 1, 0]]),
    "TranslateY": _warping(100, lambda by, *_: [[1, 0, 0], [0, 1, by]]),
    "Cutout": _cut,
    "SolarizeAdd": _levelling(operations.solarize_add, 110),
}
"""RandAugment's operations by name: images, settings and generator in, images out."""
