"""Feature visualisation: the image that a unit, a class or an expert responds to most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator, torch_generator
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.inputs import check_batch, check_slope, encode
from lightwell.explain.targets import Target


@dataclass(frozen=True)
class Climb:
    """How an image is changed until a target is large.

    Attributes
    ----------
    form : {"fourier", "pixel"}
        What is optimised: waves, whose long ones move as easily as short ones, or pixels.
    steps : int
        Of Adam, 1 or more.
    learning_rate : float
        Above 0.
    jitter : int
        Most pixels that the image moves by between steps, >= 0.
    smoothness : float
        Price of the mean total variation, in standard deviations of the target over real images, >= 0.
    limits : tuple of float
        Smallest and largest value of a pixel, or of a series.

    Raises
    ------
    ConfigError
        If one is out of range.

    Examples
    --------
    >>> Climb(limits=(-5.0, 5.0)).form
    'fourier'
    """

    form: Literal["fourier", "pixel"] = "fourier"
    steps: int = 256
    learning_rate: float = 0.05
    jitter: int = 1
    smoothness: float = 1.0
    limits: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        wrong = {
            "form": (self.form in ("fourier", "pixel"), "fourier or pixel"),
            "steps": (self.steps >= 1, "1 or more"),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "jitter": (self.jitter >= 0, "0 or more"),
            "smoothness": (self.smoothness >= 0, "0 or more"),
            "limits": (self.limits[0] < self.limits[1], "a rising pair"),
        }
        for name, (fits, expected) in wrong.items():
            if not fits:
                got = getattr(self, name)
                raise ConfigError("out of range", where=f"Climb.{name}", expected=expected, got=got)


@dataclass(frozen=True, eq=False)
class Visualisation:
    """What was found, best first, beside the best of the images that exist.

    Attributes
    ----------
    target : str
        What was asked for.
    images : array of float32, shape starts×C×H×W
        Found images.
    values : array of float64, shape (starts,)
        What the target is for each of them, as they are.
    best : int
        Which of the real images has the largest value.
    best_value : float
        That value: the null. A search that stays below it failed.
    """

    target: str
    images: NDArray[np.float32] = field(repr=False)
    values: NDArray[np.float64]
    best: int
    best_value: float


def visualise(
    encoder: Encoder,
    target: Target,
    images: Tensor,
    climb: Climb | None = None,
    *,
    starts: int = 4,
    max_rows: int = 256,
    seed: int = 0,
) -> Visualisation:
    """Look for images that make a target large (Olah, Mordvintsev, Schubert, Distill 2017).

    From several random starts, none of which depends on how many there are. For small images of any number of
    channels, and for series.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D.
    target : Target
        What needs no anchor of each example: ``Units((3,))``, ``Units.of(axis)``, ``Corpus(anchor[None])``,
        ``Norm()``.
    images : Tensor
        Real ones, N×C×H×W, to compare with; they give the size.
    climb : Climb, optional
        How; series need its ``limits``.
    starts : int
        1 or more.
    max_rows : int
        Images through the encoder at once.
    seed : int
        Of starts and moves.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If images or codes are not what they should be, or no gradient comes back.

    Examples
    --------
    >>> from lightwell.explain.targets import Units
    >>> found = visualise(lambda x: x.flatten(1), Units((0,)), torch.zeros(1, 1, 2, 2), Climb(jitter=0))
    >>> found.images.shape, bool(found.values[0] > 0.9), found.best_value
    ((4, 1, 2, 2), True, 0.0)
    """
    real, how = check_batch(images, max_rows), climb or Climb()
    if starts < 1:
        raise ConfigError("nothing to start from", where="starts", expected="1 or more", got=starts)
    latents = torch.stack([_start(how, real.shape[1:], seed, number) for number in range(starts)]).to(real)
    with borrowed(encoder) as ask:
        at_real = _values(encode(ask, real, max_rows), target)
        price = how.smoothness * (at_real.std(correction=0).item() or 1.0)
        parts = torch.split(latents, max_rows)
        made = torch.cat([_climbed(ask, target, part, real.shape[1:], how, price, seed) for part in parts])
        values = _values(encode(ask, made, max_rows), target)
    order = values.argsort(descending=True, stable=True)
    return Visualisation(
        target.name,
        made[order].float().cpu().numpy(),
        values[order].double().cpu().numpy(),
        int(at_real.argmax()),
        float(at_real.max()),
    )


def _start(how: Climb, shape: torch.Size, seed: int, number: int) -> Tensor:
    channels, height, width = shape
    own = (channels, height, width) if how.form == "pixel" else (channels, height, width // 2 + 1, 2)
    return 0.1 * torch.randn(own, generator=torch_generator(seed, "visualise", number))


def _climbed(
    ask: Encoder, target: Target, starts: Tensor, shape: torch.Size, how: Climb, price: float, seed: int
) -> Tensor:
    latent = starts.clone().requires_grad_()
    climber = torch.optim.Adam([latent], lr=how.learning_rate)
    moves = generator(seed, "jitter").integers(-how.jitter, how.jitter + 1, (how.steps, 2)).tolist()
    for move in moves:
        made = _decoded(latent, shape, how)
        codes = ask(torch.roll(made, move, dims=(2, 3)))
        value = target(codes, target.anchors(codes))
        check_slope(value)
        steps = (made.diff(dim=axis).abs() for axis in (2, 3) if made.shape[axis] > 1)
        rough = torch.stack([step.mean(dim=(1, 2, 3)) for step in steps] or [value.detach() * 0]).sum(dim=0)
        # A sum keeps starts apart: each has its own gradient, and Adam a scale for each number.
        (latent.grad,) = torch.autograd.grad((price * rough - value).sum(), latent)
        climber.step()
    return _decoded(latent, shape, how).detach()


def _decoded(latent: Tensor, shape: torch.Size, how: Climb) -> Tensor:
    low, high = how.limits
    if how.form == "pixel":
        return low + (high - low) * torch.sigmoid(latent)
    height, width = shape[1:]
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    speeds = (rows.square() + columns.square()).sqrt().clamp(min=1 / max(height, width))
    waves = torch.view_as_complex(latent.contiguous()) / speeds.to(latent)
    return low + (high - low) * torch.sigmoid(torch.fft.irfft2(waves, s=(height, width), norm="ortho"))


def _values(codes: Tensor, target: Target) -> Tensor:
    return target(codes, target.anchors(codes)).detach()
