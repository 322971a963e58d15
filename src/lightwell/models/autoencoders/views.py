"""Random views of images, as contrastive learning wants them: crop, mirror, change colours, drop colours."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.299, 0.587, 0.114)
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
_JITTERED, _GREY = 0.8, 0.2  # shares of the images


def random_views(
    images: Tensor,
    generator: torch.Generator | None = None,
    *,
    smallest: float = 0.08,
    jitter: float = 0.4,
    mirror: bool = True,
) -> Tensor:
    """Return one random view of each image; each draws its own numbers.

    Parameters
    ----------
    images : Tensor, B×C×H×W in [0, 1]
        Colours are changed in images of three channels only; brightness and contrast in all.
    generator : torch.Generator, optional
        By default torch's global one.
    smallest : float
        A crop has a share of the area between this and 1, in (0, 1], and sides of 3:4 to 4:3.
    jitter : float
        Brightness, contrast and saturation are multiplied by 1 ± this, hue is turned by ± a quarter of it
        (1 is the whole circle), of four images in five; 0 also keeps the colours of all.
    mirror : bool
        Whether every second image is mirrored, left to right.

    Returns
    -------
    Tensor
        Views of the same shape in [0, 1].

    References
    ----------
    Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020,
    appendix A, with the strengths of Label-Free XAI. Changes here come in one order, hue turns in YIQ, crops
    are bilinear at any position.

    Examples
    --------
    >>> random_views(torch.rand(4, 3, 32, 32)).shape
    torch.Size([4, 3, 32, 32])
    """
    draws = torch.rand(len(images), 11, generator=generator, device=images.device, dtype=images.dtype)
    views = _cropped(images, draws[:, :5], smallest, mirror)
    return _coloured(views, draws[:, 5:], jitter) if jitter else views


def _cropped(images: Tensor, draws: Tensor, smallest: float, mirror: bool) -> Tensor:
    area = smallest + (1 - smallest) * draws[:, 0]
    aspect = ((2 * draws[:, 1] - 1) * math.log(4 / 3)).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    x, y = (2 * draws[:, 2] - 1) * (1 - width), (2 * draws[:, 3] - 1) * (1 - height)  # its centre, in ± 1
    turned = torch.where(draws[:, 4] < 0.5, -width, width) if mirror else width
    zero = torch.zeros_like(x)
    rows = (torch.stack((turned, zero, x), dim=1), torch.stack((zero, height, y), dim=1))
    places = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, places, padding_mode="border", align_corners=False)


def _coloured(images: Tensor, draws: Tensor, jitter: float) -> Tensor:
    factor = (1 + (2 * draws[:, :3] - 1) * jitter)[:, :, None, None, None]
    changed = (images * factor[:, 0]).clamp(0, 1)
    mean = _grey(changed).mean(dim=(1, 2, 3), keepdim=True)
    changed = (mean + (changed - mean) * factor[:, 1]).clamp(0, 1)
    if images.shape[1] == 3:
        grey = _grey(changed)
        changed = (grey + (changed - grey) * factor[:, 2]).clamp(0, 1)
        changed = _hue_turned(changed, (2 * draws[:, 3] - 1) * jitter / 4).clamp(0, 1)
    changed = torch.where((draws[:, 4] < _JITTERED)[:, None, None, None], changed, images)
    dropped = (draws[:, 5] < _GREY)[:, None, None, None]
    return (
        torch.where(dropped, _grey(changed).expand_as(changed), changed) if images.shape[1] == 3 else changed
    )


def _grey(images: Tensor) -> Tensor:
    """Return the brightness, B×1×H×W."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    return (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _hue_turned(images: Tensor, share: Tensor) -> Tensor:
    """Turn the colours of B×3×H×W by shares (B,) of the circle; the brightness stays."""
    cosine, sine = (2 * math.pi * share).cos(), (2 * math.pi * share).sin()
    one, zero = torch.ones_like(cosine), torch.zeros_like(cosine)
    turn = torch.stack((one, zero, zero, zero, cosine, -sine, zero, sine, cosine), dim=1).view(-1, 3, 3)
    to_yiq = images.new_tensor(_TO_YIQ)
    return torch.einsum("bij,bjhw->bihw", torch.linalg.inv(to_yiq) @ turn @ to_yiq, images)
