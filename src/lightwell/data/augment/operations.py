"""Changes of a batch of images, each a pure function of the images and its strength.

Images are float32 B×C×H×W in [0, 1]. Where Pillow has the operation, the result is Pillow's on the image
rounded to 256 levels, except that nothing is rounded afterwards. Results may leave [0, 1]; the caller clamps.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def invert(images: torch.Tensor) -> torch.Tensor:
    """Turn black into white."""
    return 1 - images


def autocontrast(images: torch.Tensor) -> torch.Tensor:
    """Stretch each channel from black to white; a channel of one colour stays.

    Examples
    --------
    >>> autocontrast(torch.tensor([[[[0.25, 0.5]]]]))
    tensor([[[[0., 1.]]]])
    """
    low = images.amin(dim=(2, 3), keepdim=True)
    span = images.amax(dim=(2, 3), keepdim=True) - low
    return torch.where(span > 0, (images - low) / torch.where(span > 0, span, 1), images)


def equalize(images: torch.Tensor) -> torch.Tensor:
    """Spread the levels of each channel evenly (Pillow's rule, in whole numbers)."""
    levels = _levels(images).flatten(2).long()
    counts = torch.zeros(*levels.shape[:2], 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    brightest = counts.gather(2, levels.amax(dim=2, keepdim=True))
    step = (levels.shape[2] - brightest) // 255
    before = counts.cumsum(dim=2) - counts
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=255)
    # With too few pixels to spread, Pillow leaves a channel alone.
    spread = torch.where(step > 0, table.gather(2, levels), levels)
    return spread.view(images.shape).to(images.dtype) / 255


def posterize(images: torch.Tensor, bits: int) -> torch.Tensor:
    """Keep the ``bits`` highest of the 8 bits of each level, 1 <= bits <= 8.

    Examples
    --------
    >>> (posterize(torch.tensor([[[[1.0, 0.4]]]]), bits=1) * 255).tolist()
    [[[[128.0, 0.0]]]]
    """
    return (_levels(images) & (256 - (1 << (8 - bits)))).to(images.dtype) / 255


def solarize(images: torch.Tensor, threshold: int) -> torch.Tensor:
    """Invert the pixels at or above a level in [0, 256]."""
    return torch.where(_levels(images) < threshold, images, 1 - images)


def solarize_add(images: torch.Tensor, addition: int) -> torch.Tensor:
    """Brighten the pixels below the middle level, 128, by a number of levels."""
    return torch.where(_levels(images) < 128, (images + addition / 255).clamp(max=1), images)


def color(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Blend with the grey image: 0 is grey, 1 the image. Images of one channel stay."""
    if images.shape[1] != 3:
        return images
    return _blend(_grey(images), images, factor)


def contrast(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Blend with the mean grey of the image: 0 is flat, 1 the image."""
    return _blend(_grey(images).mean(dim=(2, 3), keepdim=True), images, factor)


def brightness(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Blend with black: 0 is black, 1 the image."""
    return images * factor


def sharpness(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Blend with a smoothed image: 0 is smooth, 1 the image. The outermost pixels stay."""
    channels, height, width = images.shape[1:]
    if min(height, width) < 3:
        return images
    kernel = images.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    inner = functional.conv2d(images, kernel.expand(channels, 1, 3, 3), groups=channels)
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = inner
    return _blend(smooth, images, factor)


def cutout(images: torch.Tensor, centre_x: torch.Tensor, centre_y: torch.Tensor, half: int) -> torch.Tensor:
    """Cover a square of side 2·half with grey (128 of 255), centres in pixels, one an image."""
    height, width = images.shape[2:]
    columns = torch.arange(width, device=images.device) - centre_x[:, None]
    rows = torch.arange(height, device=images.device) - centre_y[:, None]
    inside_x, inside_y = ((places >= -half) & (places < half) for places in (columns, rows))
    covered = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    return torch.where(covered, 128 / 255, images)


def warp(
    images: torch.Tensor, matrices: torch.Tensor, mode: str = "bilinear", padding: str = "zeros"
) -> torch.Tensor:
    """Look every pixel up at another place.

    Parameters
    ----------
    images : torch.Tensor
        B×C×H×W.
    matrices : torch.Tensor
        B×2×3: from a place in the result to the place to read, (x, y) in pixels from the image's centre.
    mode : {"bilinear", "nearest"}
        How to read between pixels.
    padding : {"zeros", "reflection"}
        What lies outside: black, or the image mirrored about its edges (``d c b a | a b c d | d c b a``).

    Returns
    -------
    torch.Tensor
        B×C×H×W.

    Examples
    --------
    >>> shift = torch.tensor([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]])
    >>> warp(torch.tensor([[[[1.0, 2.0, 3.0]]]]), shift)
    tensor([[[[0., 1., 2.]]]])
    """
    height, width = images.shape[2:]
    # grid_sample measures in half widths and half heights.
    half = images.new_tensor([width / 2, height / 2])
    to_unit = torch.cat((half, half.new_ones(1))) / half[:, None]
    theta = matrices.to(images.device, images.dtype) * to_unit
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode=mode, padding_mode=padding, align_corners=False)


def crop_padded(images: torch.Tensor, left: torch.Tensor, top: torch.Tensor, padding: int) -> torch.Tensor:
    """Pad with black on every side, then cut one window of the old size an image, corners in pixels."""
    channels, height, width = images.shape[1:]
    padded = functional.pad(images, [padding] * 4)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    picture = torch.arange(len(images), device=images.device)[:, None, None, None]
    channel = torch.arange(channels, device=images.device)[:, None, None]
    return padded[picture, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _levels(images: torch.Tensor) -> torch.Tensor:
    """Round to the 256 levels of an 8-bit image."""
    # Through uint8, so that a NaN becomes a level too; out of it again, because 256 is a threshold.
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).short()


def _grey(images: torch.Tensor) -> torch.Tensor:
    """Luma of an RGB image (ITU-R 601, as Pillow), the mean of any other number of channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def _blend(start: torch.Tensor, end: torch.Tensor, factor: float) -> torch.Tensor:
    return start + factor * (end - start)
