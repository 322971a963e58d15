"""From settings to the function that changes a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lightwell.core.errors import DataError
from lightwell.data.augment import operations
from lightwell.data.augment.randaugment import randaugment
from lightwell.data.augment.settings import AugmentSettings

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def make_augment(settings: AugmentSettings) -> Augmentation:
    """Make the function that changes a batch as the settings say.

    The function takes images, floating point B×C×H×W in [0, 1], and a ``torch.Generator``, and returns
    images of the same shape, type and device in [0, 1]; its argument is left alone. The same generator
    state gives the same images; a generator on the CPU draws the same changes for every device. Settings
    that change nothing give the batch back itself.

    Parameters
    ----------
    settings : AugmentSettings
        What to do, and how strongly.

    Returns
    -------
    callable
        ``augment(batch, generator) -> batch``. It raises ``DataError`` where the batch is no such tensor.

    Examples
    --------
    >>> augment = make_augment(AugmentSettings(rotate_degrees=10, shift_pixels=2, scale=0.1))
    >>> augment(torch.rand(8, 1, 28, 28), torch.Generator().manual_seed(0)).shape
    torch.Size([8, 1, 28, 28])
    """
    steps = _steps(settings)

    def augment(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if batch.ndim != 4 or not batch.is_floating_point():
            raise DataError(
                "not a batch of images to augment",
                expected="floating point B×C×H×W in [0, 1]",
                got=f"{batch.dtype} of shape {tuple(batch.shape)}",
            )
        if settings.changes_nothing or not batch.numel():
            return batch
        # Half precision has too few bits for positions, and the CPU lacks some operations in it.
        images = batch.to(torch.float32)
        for step in steps:
            images = step(images, settings, generator).clamp(0, 1)
        return images.to(batch.dtype)

    return augment


_Step = Callable[[torch.Tensor, AugmentSettings, torch.Generator], torch.Tensor]


def _steps(settings: AugmentSettings) -> list[_Step]:
    """List what is switched on, in the order of the seed."""
    wanted: list[tuple[float, _Step]] = [
        (settings.rotate_degrees or settings.shift_pixels or settings.scale, _move),
        (settings.randaugment_operations, randaugment),
        (settings.contrast, _change_contrast),
        (settings.brightness, _change_brightness),
        (settings.pad_crop, _crop),
        (settings.flip, _flip),
    ]
    return [step for strength, step in wanted if strength]


def _within(limit: float, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw one number in ± limit an image."""
    draws = torch.rand(len(images), generator=generator, device=generator.device)
    return ((2 * draws - 1) * limit).to(images.device)


def _move(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    angle = torch.deg2rad(_within(settings.rotate_degrees, images, generator))
    shrink = 1 / (1 + _within(settings.scale, images, generator))
    shift_x = _within(settings.shift_pixels, images, generator)
    shift_y = _within(settings.shift_pixels, images, generator)
    cosine, sine = shrink * angle.cos(), shrink * angle.sin()
    # Written for reading, so it is the inverse of the move: shifts are undone before the turn.
    rows = (
        torch.stack((cosine, -sine, -cosine * shift_x + sine * shift_y), dim=1),
        torch.stack((sine, cosine, -sine * shift_x - cosine * shift_y), dim=1),
    )
    return operations.warp(images, torch.stack(rows, dim=1))


def _change_contrast(
    images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator
) -> torch.Tensor:
    factor = 1 + _within(settings.contrast, images, generator)[:, None, None, None]
    mean = images.mean(dim=(2, 3), keepdim=True)
    return mean + factor * (images - mean)


def _change_brightness(
    images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator
) -> torch.Tensor:
    return images + _within(settings.brightness, images, generator)[:, None, None, None]


def _crop(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    corners = torch.randint(
        2 * settings.pad_crop + 1, (2, len(images)), generator=generator, device=generator.device
    )
    left, top = corners.to(images.device)
    return operations.crop_padded(images, left, top, settings.pad_crop)


def _flip(images: torch.Tensor, _: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    mirrored = torch.rand(len(images), generator=generator, device=generator.device) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)
